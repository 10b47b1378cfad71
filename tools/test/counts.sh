# How many passed and failed, and what is told of those. Sourced by test.sh.
# shellcheck shell=bash

passed=0
failed=0
skipped=0

# What failed, as the last lines tell it again: of a long run, many keep only the end.
failures=
# The one that runs.
stage=

# tell_failures FILE: of pytest's report, or of make check's log.
tell_failures() {
	[[ -e $1 ]] && failures+=$(tools/failures.py "$stage" "$1" 2>&1)$'\n'
}

# One thing that is not a test suite: it went well or not.
count_step() {
	if (($1 == 0)); then ((++passed)); else ((++failed)); fi
	return "$1"
}

# count_pytest STATUS REPORT: what pytest said in its report, counted; its status, or what that should be.
count_pytest() {
	local status=$1 report=$2 counts
	# <testsuite ... errors="0" failures="0" skipped="0" tests="5" ...>
	counts=$(grep -o '<testsuite [^>]*>' "$report" 2>/dev/null)
	count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counts"; }
	local total errors broken skips
	total=$(count tests) errors=$(count errors) broken=$(count failures) skips=$(count skipped)
	if [[ -z $total ]]; then
		echo "pytest gave no report"
		((++failed))
		return 1
	fi
	((skipped += skips, failed += errors + broken, passed += total - skips - errors - broken))
	((errors + broken > 0)) && tell_failures "$report"
	# 5: no test has these marks.
	((status == 5)) && return 0
	((status != 0 && errors + broken == 0)) && ((++failed))
	return "$status"
}
