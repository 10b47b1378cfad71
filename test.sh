#!/usr/bin/env bash
# Installs what the tests need and runs them. The last line says how many passed and failed.
set -u

usage() {
	cat <<'EOF'
Usage: ./test.sh [all | STAGE...]

Without arguments: packages, python, build, unit, integration. `all` adds the slow stages. Stages may
be named one by one:

  packages     install what is missing
  python       .venv, with what tests/requirements.txt pins
  build        build/
  unit         make check
  integration  tests/integration without those marked slow
  slow         tests/integration, those marked slow
  deploy       tests/deploy: the package, systemd, compose, TLS, in containers; as root
  fault        tests/fault: disks, memory and clocks that fail; as root
  power        tests/power: power cuts, in QEMU; as root
  scripts      shellcheck
  format       clang-format
  static       clang-tidy, cppcheck, gcc -fanalyzer
  gcc, clang   a build that takes warnings for errors
  asan, tsan   unit and integration, built with sanitizers
  fuzz         each fuzz target for FUZZ_SECONDS (60), two at a time
  distcheck    make distcheck

Exit status: 0 when nothing failed. With CI=true, a skipped test counts as a failure.
EOF
}

quick=(packages python build unit integration)
all=("${quick[@]}" slow deploy fault power scripts format static gcc clang asan tsan fuzz distcheck)

tree=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P) || exit 1
cd "$tree" || exit 1
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# shellcheck source=tools/packages.sh
. tools/packages.sh

test_needs=(
	libcmocka-dev=library:cmocka
	libfaketime=file:/usr/share/doc/libfaketime
	faketime=program:faketime
	clang=program:clang
	clang-format=program:clang-format
	shellcheck=program:shellcheck
	tzdata=file:/usr/share/zoneinfo/Europe/Berlin
	xz-utils=program:xz
	libseccomp-dev=library:libseccomp
	libsystemd-dev=library:libsystemd
	binutils=program:readelf
	slowhttptest=program:slowhttptest
	python3=program:python3
	python3-venv=python:ensurepip
)

# Containers of our own making, and what goes into them.
deploy_needs=(
	debootstrap=program:debootstrap
	podman=program:podman
	runc=program:runc
	docker.io=program:dockerd
	docker-compose=program:docker-compose
	podman-compose=program:podman-compose
	containernetworking-plugins=file:/usr/lib/cni/bridge
	iptables=program:iptables
	iproute2=program:ip
	openssl=program:openssl
	git=program:git
	testssl.sh=program:testssl
	libsystemd-dev=library:libsystemd
	debhelper=program:dh
	dpkg-dev=program:dpkg-buildpackage
	systemd=program:systemd-analyze
	systemd=library:systemd
	binutils=program:readelf
	lintian=program:lintian
	mandoc=program:mandoc
	logrotate=program:logrotate
)

passed=0
failed=0
skipped=0

# One thing that is not a test suite: it went well or not.
count_step() {
	if (($1 == 0)); then ((++passed)); else ((++failed)); fi
	return "$1"
}

# --- building ---

# build_in FOLDER OPTION...: configures, unless it is, and builds.
build_in() {
	local folder=$1
	shift
	mkdir -p "$folder" &&
		if [[ ! -e configure ]]; then autoreconf -fi; fi &&
		# One that was configured before cmocka was there can't run the unit tests.
		if ! grep -qs '"HAVE_CMOCKA_TRUE"\]=""' "$folder/config.status"; then
			(cd "$folder" && ../configure --quiet "$@")
		fi &&
		make -s -j "$(nproc)" -C "$folder" all
}

# --- suites ---

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
	((status == 0 && PASS == 0)) && echo "make check ran no test" && ((++failed)) && return 1
	return "$status"
}

# pytest_in TESTS FOLDER MARKS PREFIX...: pytest of a folder in tests/ against the build in another.
pytest_in() {
	local tests=$1 folder=$2 marks=$3 status report counts
	shift 3
	report=$tree/$folder/pytest.xml
	rm -f "$report"
	(cd "tests/$tests" && BUILD_DIR=$folder "$@" timeout --kill-after=60 1800 \
		"$tree/.venv/bin/python" -m pytest -q -m "$marks" --junitxml="$report" -o cache_dir="$tree/$folder/.pytest_cache")
	status=$?
	# <testsuite ... errors="0" failures="0" skipped="0" tests="5" ...>
	counts=$(grep -o '<testsuite [^>]*>' "$report" 2>/dev/null)
	count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counts"; }
	local total errors failures skips
	total=$(count tests) errors=$(count errors) failures=$(count failures) skips=$(count skipped)
	if [[ -z $total ]]; then
		echo "pytest gave no report"
		((++failed))
		return 1
	fi
	((skipped += skips, failed += errors + failures, passed += total - skips - errors - failures))
	# 5: no test has these marks.
	((status == 5)) && return 0
	((status != 0 && errors + failures == 0)) && ((++failed))
	return "$status"
}

# --- stages ---

stage_packages() {
	packages_install "${build_needs[@]}" "${run_needs[@]}" "${test_needs[@]}" && return
	echo "$packages_error" >&2
	((++failed))
	return 1
}

stage_python() {
	if ! cmp -s tests/requirements.txt .venv/requirements.txt; then
		{ python3 -m venv --clear .venv &&
			.venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt &&
			cp tests/requirements.txt .venv/; } || { ((++failed)); return 1; }
	fi
}

stage_build() {
	build_in build || { ((++failed)); return 1; }
}

stage_unit() { unit_in build env; }

stage_integration() { pytest_in integration build 'not slow' env; }

stage_slow() { pytest_in integration build slow env; }

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

stage_deploy() { as_root_in deploy "${deploy_needs[@]}"; }

stage_fault() {
	as_root_in fault tzdata=file:/usr/share/zoneinfo/America/Havana e2fsprogs=program:mkfs.ext4
}

stage_power() {
	as_root_in power qemu-system-x86=program:qemu-system-x86_64 cpio=program:cpio e2fsprogs=program:mkfs.ext4
}

stage_scripts() {
	shellcheck -x start.sh test.sh .ci/run nginx/container/start.sh tools/static.sh
	count_step $?
}

stage_format() {
	local files
	# Versions differ in what they make of the same rules: the one the code was formatted with counts.
	if [[ $(clang-format --version) != *'version 14.'* ]]; then
		echo "not clang-format 14: skipped"
		((++skipped))
		return
	fi
	mapfile -t files < <(find src tests -name '*.[ch]')
	clang-format --dry-run --Werror "${files[@]}"
	count_step $?
}

stage_static() {
	if ! packages_install clang-tidy=program:clang-tidy cppcheck=program:cppcheck; then
		echo "$packages_error" >&2
		return 1
	fi
	tools/static.sh
	count_step $?
}

# Everything, the unit tests' programs too, without running them.
warnings_in() {
	build_in "$@" && make -s -j "$(nproc)" -C "$1" check TESTS=
	count_step $?
}

stage_gcc() { warnings_in build-gcc CC=gcc --enable-werror; }

stage_clang() { warnings_in build-clang CC=clang --enable-werror; }

# sanitized FOLDER SANITIZERS PREFIX...
sanitized() {
	local folder=$1 sanitizers=$2 status=0
	shift 2
	build_in "$folder" "--enable-sanitizers=$sanitizers" CFLAGS='-g -O1' || { ((++failed)); return 1; }
	unit_in "$folder" "$@" || status=1
	pytest_in integration "$folder" 'not slow' "$@" || status=1
	return "$status"
}

stage_asan() {
	# The order of libraries is not that of a program of its own under libfaketime.
	sanitized build-asan address,undefined env \
		ASAN_OPTIONS=verify_asan_link_order=0:detect_stack_use_after_return=1:strict_string_checks=1 \
		UBSAN_OPTIONS=print_stacktrace=1
}

stage_tsan() {
	# Some kernels place things at random where ThreadSanitizer has its shadow.
	local fixed=(env)
	setarch -R true 2>/dev/null && fixed=(setarch -R env)
	sanitized build-tsan thread "${fixed[@]}" \
		TSAN_OPTIONS=second_deadlock_stack=1:history_size=4 RACE_SECONDS="${RACE_SECONDS:-60}"
}

# One target on a copy of its corpus; what it finds is left in build-fuzz.
fuzz_one() {
	local name=$1 log=build-fuzz/fuzz_$1.log
	rm -rf "build-fuzz/corpus/$name"
	mkdir -p build-fuzz/corpus
	cp -r "tests/fuzz/corpus/$name" build-fuzz/corpus/
	if "build-fuzz/tests/fuzz/fuzz_$name" -max_total_time="${FUZZ_SECONDS:-60}" -max_len=2048 -timeout=10 \
		-dict=tests/fuzz/dictionary -artifact_prefix="build-fuzz/found_${name}_" "build-fuzz/corpus/$name" \
		>"$log" 2>&1; then
		printf '%s: %s\n' "$name" "$(grep '^Done' "$log")"
	else
		tail -n 30 "$log"
		printf '%s: see build-fuzz/found_%s_*\n' "$name" "$name"
		return 1
	fi
}

stage_fuzz() {
	local name job before=$failed
	local -a jobs=()
	if ! packages_install "libclang-rt-dev=clang:libclang_rt.fuzzer-$(uname -m).a"; then
		echo "$packages_error" >&2
		return 1
	fi
	build_in build-fuzz CC=clang --enable-sanitizers=address,undefined,fuzzer-no-link CFLAGS='-g -O1' &&
		make -s -j "$(nproc)" -C build-fuzz fuzz || return 1
	for name in json record pyformat render handler auth fcgi_guard; do
		fuzz_one "$name" &
		jobs+=($!)
		((${#jobs[@]} < 2)) && continue
		wait "${jobs[0]}"
		count_step $?
		jobs=("${jobs[1]}")
	done
	for job in "${jobs[@]}"; do
		wait "$job"
		count_step $?
	done
	((failed == before))
}

stage_distcheck() {
	build_in build && make -s -C build distcheck
	count_step $?
}

# --- in order ---

run_stage() {
	local started=$SECONDS before=$failed status
	printf '\n=== %s\n' "$1"
	"stage_$1"
	status=$?
	# Whatever fails is counted.
	((status != 0 && failed == before)) && ((++failed))
	printf '=== %s: %s, %d s\n' "$1" "$( ((status == 0)) && echo "done" || echo "FAILED")" "$((SECONDS - started))"
	return "$status"
}

main() {
	local stages=("$@") stage
	((${#stages[@]} == 0)) && stages=("${quick[@]}")
	case ${1:-} in
	-h | --help)
		usage
		exit 0
		;;
	all) stages=("${all[@]}") ;;
	esac
	for stage in "${stages[@]}"; do
		if ! declare -F "stage_$stage" >/dev/null; then
			echo "test.sh: unknown stage: $stage (--help names them)" >&2
			exit 2
		fi
	done
	trap release_services EXIT

	for stage in "${stages[@]}"; do
		run_stage "$stage"
		# Without these three there is nothing to test.
		case $stage:$? in
		packages:[!0]* | python:[!0]* | build:[!0]*) break ;;
		esac
	done

	printf '\n%d passed, %d failed' "$passed" "$failed"
	((skipped > 0)) && printf ', %d skipped' "$skipped"
	printf '\n'
	[[ ${CI:-} == true ]] && ((skipped > 0)) && exit 1
	((failed == 0))
}

main "$@"
