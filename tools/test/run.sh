# How a folder is built, and how the tests in one are run against it. Sourced by test.sh.
# shellcheck shell=bash

# is_configured FOLDER: with cmocka, without which no unit test can run, and with all that is optional.
is_configured() {
	local name
	for name in HAVE_CMOCKA WITH_KAFKA WITH_PEERS; do
		grep -qs "\"${name}_TRUE\"\\]=\"\"" "$1/config.status" || return 1
	done
}

# build_in FOLDER OPTION...: configures, unless it is, and builds.
build_in() {
	local folder=$1
	shift
	mkdir -p "$folder" &&
		if [[ ! -e configure ]]; then autoreconf -fi; fi &&
		if ! is_configured "$folder"; then
			(cd "$folder" && ../configure --quiet "$@")
		fi &&
		make -s -j "$(nproc)" -C "$folder" all
}

# Of the integration tests, those that say something of each build.
other_build='not slow and not once'

# make check in a folder, and its counts: automake sums up in lines like "# PASS:  12".
unit_in() {
	local log=$1/check.log status counts
	shift
	"$@" make -s -j "$(nproc)" -C "${log%/*}" check 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	counts=$(sed -n 's/^# \([A-Z]*\): *\([0-9]*\)$/\1=\2/p' "$log")
	local PASS=0 SKIP=0 XFAIL=0 FAIL=0 XPASS=0 ERROR=0 name value
	while IFS='=' read -r name value; do
		case $name in PASS | SKIP | XFAIL | FAIL | XPASS | ERROR) printf -v "$name" %s "$value" ;; esac
	done <<<"$counts"
	((passed += PASS + XFAIL, skipped += SKIP, failed += FAIL + XPASS + ERROR))
	# It did not get as far as its tests, or died outside of them.
	((status != 0 && FAIL + XPASS + ERROR == 0)) && ((++failed))
	((FAIL + XPASS + ERROR > 0)) && tell_failures "$log"
	((status == 0 && PASS == 0)) && echo "make check ran no test" && ((++failed)) && return 1
	return "$status"
}

# run_pytest TESTS FOLDER NAME MARKS PREFIX...: pytest of a folder in tests/ against the build in another, with its report in
# FOLDER/NAME.xml.
run_pytest() {
	local tests=$1 folder=$2 name=$3 marks=$4
	shift 4
	rm -f "$folder/$name.xml"
	(cd "tests/$tests" && BUILD_DIR=$folder "$@" timeout --kill-after=60 1800 "$tree/.venv/bin/python" -m pytest -q \
		-m "$marks" --junitxml="$tree/$folder/$name.xml" -o cache_dir="$tree/$folder/.${name}_cache")
}

# pytest_in TESTS FOLDER MARKS PREFIX...: and what came of it is counted.
pytest_in() {
	local tests=$1 folder=$2
	shift 2
	run_pytest "$tests" "$folder" pytest "$@"
	count_pytest $? "$folder/pytest.xml"
}

# Integration tests with these marks take hardly any processor time: they wait for groups to form, for sessions to end, and
# for peers that are silent. So they run beside the others, and many at a time.
waiting='(writer or kafka or peers)'

# integration_in FOLDER MARKS PREFIX...
integration_in() {
	local folder=$1 marks=$2 status=0 others
	shift 2
	run_pytest integration "$folder" waiting "$waiting and $marks" "$@" PYTEST_ADDOPTS='-n 6 --dist worksteal' \
		>"$folder/waiting.log" 2>&1 &
	others=$!
	not_waiting_in "$folder" "$marks" "$@" || status=1
	wait "$others"
	count_pytest $? "$folder/waiting.xml" || status=1
	cat "$folder/waiting.log"
	return "$status"
}

# The same without those that wait. Each file is run by one of two processes.
not_waiting_in() {
	local folder=$1 marks=$2
	shift 2
	pytest_in integration "$folder" "not $waiting and $marks" "$@" PYTEST_ADDOPTS='-n 2 --dist loadfile'
}

# as_root_in TESTS NEED...: pytest of a folder that only root can run.
as_root_in() {
	local tests=$1
	shift
	if ((EUID != 0)); then
		echo "tests/$tests makes containers, mounts or guests: run this stage as root" >&2
		return 1
	fi
	if ! packages_install "$@"; then
		echo "$packages_error" >&2
		return 1
	fi
	pytest_in "$tests" build '' env
}
