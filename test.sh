#!/usr/bin/env bash
# Installs what the tests need and runs them. The last line says how many passed and failed.
set -u

usage() {
	cat <<'EOF'
Usage: ./test.sh [all | STAGE...]

Without arguments: packages, python, build, unit, client, integration, page. `all` adds the slow stages, and runs
those that only compute (scripts, format, static, gcc, clang, fuzz, distcheck) beside them. Stages may be named
one by one:

  packages     install what is missing
  python       .venv, with what tests/requirements.txt pins
  build        build/
  unit         make check
  client       clients/python: its types and style, its tests with the default Python and the oldest one
               there, and its wheel in an environment of its own
  integration  tests/integration without those marked slow
  page         tests/page without those marked slow: the page in Chromium
  slow         tests/integration, those marked slow
  programs     tests/client without those marked slow: real programs with the handler in them; as root
  programs_slow  tests/client, those marked slow
  page_slow    tests/page, those marked slow: axe and the types, too
  libfcgi      unit and integration with a libfcgi that is linked as Ubuntu's, and with a static one
  deploy       tests/deploy: the package, systemd, compose, TLS, in containers; as root
  fault        tests/fault: disks, memory and clocks that fail; as root
  power        tests/power: power cuts, in QEMU; as root
  cluster      tests/cluster: Kafka, servers and writers, and CLUSTER_FAULTS (20) faults; as root
  scripts      shellcheck
  format       clang-format
  static       clang-tidy, cppcheck, gcc -fanalyzer
  gcc, clang   a build that takes warnings for errors; with gcc also one without librdkafka and libcurl
  asan, tsan   unit and integration, built with sanitizers
  fuzz         each fuzz target for FUZZ_SECONDS (60), two at a time
  distcheck    make distcheck

What failed is told again before the last line. Exit status: 0 when nothing failed. With CI=true, a skipped test
counts as a failure.
EOF
}

quick=(packages python build unit client integration page)
all=("${quick[@]}" slow programs programs_slow page_slow libfcgi deploy fault power cluster asan tsan)
# These only compute. With `all` they take what the others, which mostly wait, leave of the processors.
beside=(scripts format static gcc clang fuzz distcheck)

tree=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P) || exit 1
cd "$tree" || exit 1
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/kafka.sh
. tools/kafka.sh
# shellcheck source=tools/page_tools.sh
. tools/page_tools.sh
# shellcheck source=tools/test/needs.sh
. tools/test/needs.sh
# shellcheck source=tools/test/counts.sh
. tools/test/counts.sh
# shellcheck source=tools/test/run.sh
. tools/test/run.sh
# shellcheck source=tools/test/suites.sh
. tools/test/suites.sh
# shellcheck source=tools/test/client.sh
. tools/test/client.sh
# shellcheck source=tools/test/checks.sh
. tools/test/checks.sh
# shellcheck source=tools/test/builds.sh
. tools/test/builds.sh
# shellcheck source=tools/test/fuzz.sh
. tools/test/fuzz.sh
# shellcheck source=tools/test/beside.sh
. tools/test/beside.sh

# At the end of this script, however it comes.
leave() {
	[[ $beside_process ]] && kill -- "-$beside_process" 2>/dev/null
	release_services
}

run_stage() {
	local started=$SECONDS before=$failed status
	stage=$1
	printf '\n=== %s\n' "$stage"
	"stage_$stage"
	status=$?
	# Whatever fails is counted.
	((status != 0 && failed == before)) && ((++failed))
	((failed > before)) && failures+="failed: $stage: $((failed - before))"$'\n'
	printf '=== %s: %s, %d s\n' "$stage" "$( ((status == 0)) && echo "done" || echo "FAILED")" "$((SECONDS - started))"
	return "$status"
}

main() {
	local stages=("$@") name
	((${#stages[@]} == 0)) && stages=("${quick[@]}")
	case ${1:-} in
	-h | --help)
		usage
		exit 0
		;;
	all) stages=("${all[@]}") ;;
	esac
	for name in "${stages[@]}"; do
		if ! declare -F "stage_$name" >/dev/null; then
			echo "test.sh: unknown stage: $name (--help names them)" >&2
			exit 2
		fi
	done
	trap leave EXIT

	for name in "${stages[@]}"; do
		run_stage "$name"
		# Without these three there is nothing to test.
		case $name:$? in
		packages:[!0]* | python:[!0]* | build:[!0]*) break ;;
		build:0) [[ ${1:-} == all ]] && beside_start ;;
		esac
	done
	beside_finish

	grep . <<<"$failures"
	printf '\n%d passed, %d failed' "$passed" "$failed"
	((skipped > 0)) && printf ', %d skipped' "$skipped"
	printf '\n'
	[[ ${CI:-} == true ]] && ((skipped > 0)) && exit 1
	((failed == 0))
}

main "$@"
