#!/usr/bin/env bash
# Installs what the tests need and runs them. The last line says how many passed and failed.
set -u

usage() {
	cat <<'EOF'
Usage: ./test.sh [all | STAGE...]

Without arguments: packages, python, build, unit, client, integration, page. `all` adds the slow stages, and runs
those that only compute (scripts, format, static, gcc, clang, fuzz) beside them. Stages may be named one by one:

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
all=("${quick[@]}" slow programs programs_slow page_slow libfcgi deploy fault power cluster asan tsan distcheck)
# These only compute. With `all` they take what the others, which mostly wait, leave of the processors.
beside=(scripts format static gcc clang fuzz)

tree=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P) || exit 1
cd "$tree" || exit 1
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/kafka.sh
. tools/kafka.sh
# shellcheck source=tools/page_tools.sh
. tools/page_tools.sh

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
	librdkafka-dev=library:rdkafka
	libcurl4-openssl-dev=library:libcurl
	binutils=program:readelf
	lnav=program:lnav
	slowhttptest=program:slowhttptest
	python3=program:python3
	python3-venv=python:ensurepip
)

page_needs=(
	chromium=program:chromium
	chromium-driver=program:chromedriver
	fonts-dejavu-core=file:/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf
)
# For the types and axe: both are packages of npm's.
page_slow_needs=(
	"${page_needs[@]}"
	nodejs=program:node
	npm=program:npm
	openssl=program:openssl
)

# What the stages that only compute install, each for itself; all of it before they run beside others.
static_needs=(clang-tidy=program:clang-tidy cppcheck=program:cppcheck)
m32_needs=(gcc-multilib=file:/usr/lib32/crt1.o)
fuzz_needs=("libclang-rt-dev=clang:libclang_rt.fuzzer-$(uname -m).a")

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
	librdkafka-dev=library:rdkafka
	libcurl4-openssl-dev=library:libcurl
	maven=program:mvn
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

# --- building ---

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

# --- suites ---

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

# pytest_in TESTS FOLDER MARKS PREFIX...: pytest of a folder in tests/ against the build in another.
pytest_in() {
	local tests=$1 folder=$2 marks=$3 report
	shift 3
	report=$tree/$folder/pytest.xml
	rm -f "$report"
	(cd "tests/$tests" && BUILD_DIR=$folder "$@" timeout --kill-after=60 1800 \
		"$tree/.venv/bin/python" -m pytest -q -m "$marks" --junitxml="$report" -o cache_dir="$tree/$folder/.pytest_cache")
	count_pytest $? "$report"
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

# The oldest Python from 3.8 on that is in PATH or pyenv's, as a program's name.
oldest_python() {
	local minor program
	for minor in {8..20}; do
		for program in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python; do
			"$program" -c 'import sqlite3, ssl, venv' 2>/dev/null || continue
			printf '%s\n' "$program"
			return
		done
	done
	printf 'python3\n'
}

# client_tests FOLDER PYTHON: a new environment, with the wheel alone and pytest in it; the tests import
# what is installed.
client_tests() {
	local folder=$1 python=$2 wheel
	local -a tools
	wheel=$(ls build/client/wheel/*.whl) || return 1
	mapfile -t tools < <(grep '^pytest' tests/requirements.txt)
	"$python" --version
	"$python" -m venv --clear "$folder" &&
		"$folder/bin/pip" install --quiet --disable-pip-version-check \
			"$wheel" "${tools[@]}" || return 1
	(cd clients/python && PBU_INSTALLED=1 "$folder/bin/python" -m pytest -q \
		--junitxml="$folder/junit.xml" tests)
	count_pytest $? "$folder/junit.xml"
}

stage_client() {
	local status=0
	(cd clients/python && ../../.venv/bin/ruff check --quiet --no-cache . &&
		../../.venv/bin/ruff format --quiet --no-cache --check . &&
		../../.venv/bin/mypy --no-error-summary --cache-dir=/dev/null)
	count_step $? || status=1
	# Of a copy: setuptools builds in the folder of the sources.
	rm -rf build/client
	mkdir -p build/client && cp -R clients/python build/client/source &&
		.venv/bin/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/client/wheel \
			build/client/source
	count_step $? || return 1
	client_tests "$tree/build/client/default" python3 || status=1
	client_tests "$tree/build/client/oldest" "$(oldest_python)" || status=1
	return "$status"
}

stage_integration() { pytest_in integration build 'not slow' env; }

stage_slow() { pytest_in integration build slow env; }

stage_page() {
	if ! packages_install "${page_needs[@]}"; then
		echo "$packages_error" >&2
		return 1
	fi
	pytest_in page build 'not slow' env
}

stage_page_slow() {
	if ! packages_install "${page_slow_needs[@]}"; then
		echo "$packages_error" >&2
		return 1
	fi
	page_tools_get build/npm || return
	pytest_in page build slow env
}

# A disk that can be filled is a mount: without root its tests are skipped.
programs_in() {
	if ! packages_install openssl=program:openssl; then
		echo "$packages_error" >&2
		return 1
	fi
	pytest_in client build "$1" env
}

stage_programs() { programs_in 'not slow'; }

stage_programs_slow() { programs_in slow; }

# The distribution's libfcgi, built from source in two other ways; see tools/libfcgi.sh.
stage_libfcgi() {
	local how prefix status=0
	if ! packages_install dpkg-dev=program:dpkg-source libtool=program:libtoolize binutils=program:readelf; then
		echo "$packages_error" >&2
		return 1
	fi
	tools/libfcgi.sh build-libfcgi || return 1
	for how in shared static; do
		prefix=$tree/build-libfcgi/$how/lib
		PKG_CONFIG_PATH=$prefix/pkgconfig build_in "build-$how" || { ((++failed)); status=1; continue; }
		unit_in "build-$how" env LD_LIBRARY_PATH="$prefix" || status=1
		pytest_in integration "build-$how" "$other_build" env READ_SECONDS=10 LD_LIBRARY_PATH="$prefix" || status=1
	done
	return "$status"
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

stage_deploy() { as_root_in deploy "${deploy_needs[@]}"; }

stage_fault() {
	as_root_in fault tzdata=file:/usr/share/zoneinfo/America/Havana e2fsprogs=program:mkfs.ext4
}

stage_power() {
	as_root_in power qemu-system-x86=program:qemu-system-x86_64 cpio=program:cpio e2fsprogs=program:mkfs.ext4
}

stage_cluster() {
	as_root_in cluster "${kafka_needs[@]}" "${kafka_fetch_needs[@]}" "${cluster_build_needs[@]}" kcat=program:kcat \
		iproute2=program:ip openssl=program:openssl
}

stage_scripts() {
	shellcheck -x start.sh start-cluster.sh test.sh .ci/run nginx/container/start.sh tools/layers.sh tools/libfcgi.sh tools/page_tools.sh tools/runner.sh tools/static.sh tools/tied.sh
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
	if ! packages_install "${static_needs[@]}"; then
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

stage_gcc() {
	local status=0
	warnings_in build-gcc CC=gcc --enable-werror || status=1
	warnings_in build-alone CC=gcc --enable-werror --without-kafka --without-peers || status=1
	is_alone build-alone
	count_step $? || status=1
	[[ $(uname -m) == x86_64 ]] || return "$status"
	refuses_32_bits
	count_step $? && return "$status"
}

# is_alone FOLDER: nothing of librdkafka and libcurl was included or linked, and what needs them was not built.
is_alone() {
	local found
	found=$(grep -rlE 'librdkafka/|curl/curl.h' "$1/src" --include='*.Po')
	[[ $found ]] && echo "included by $found" && return 1
	readelf -d "$1"/pbu-log-{reader,server} | grep -E 'librdkafka|libcurl' && return 1
	[[ ! -e $1/pbu-log-writer ]] || { echo "pbu-log-writer was built"; return 1; }
	# --check says that a setting asks for what is not there, and doesn't take it in silence.
	LOG_FOLDER=$1/logs KAFKA_BROKERS=localhost:1 "$1/pbu-log-server" --check 2>&1 | grep -q 'built without Kafka' &&
		LOG_FOLDER=$1/logs READ_PEERS=http://localhost "$1/pbu-log-reader" --check 2>&1 | grep -q 'built without peers'
}

# configure says so, and not the compiler or a server that overflows.
refuses_32_bits() {
	local folder=build-gcc/m32
	if ! packages_install "${m32_needs[@]}"; then
		echo "$packages_error" >&2
		return 1
	fi
	rm -rf "$folder"
	mkdir -p "$folder" || return 1
	! (cd "$folder" && ../../configure --quiet CC='gcc -m32') 2>"$folder/said" &&
		grep 'a 64-bit system is needed' "$folder/said"
}

stage_clang() { warnings_in build-clang CC=clang --enable-werror; }

# sanitized FOLDER SANITIZERS PREFIX...
sanitized() {
	local folder=$1 sanitizers=$2 status=0
	shift 2
	build_in "$folder" "--enable-sanitizers=$sanitizers" CFLAGS='-g -O1' || { ((++failed)); return 1; }
	unit_in "$folder" "$@" || status=1
	pytest_in integration "$folder" "$other_build" "$@" READ_SECONDS=10 || status=1
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
		TSAN_OPTIONS="second_deadlock_stack=1:history_size=4:suppressions=$tree/tests/tsan.suppressions" RACE_SECONDS="${RACE_SECONDS:-60}"
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
	if ! packages_install "${fuzz_needs[@]}"; then
		echo "$packages_error" >&2
		return 1
	fi
	build_in build-fuzz CC=clang --enable-sanitizers=address,undefined,fuzzer-no-link CFLAGS='-g -O1' &&
		make -s -j "$(nproc)" -C build-fuzz fuzz || return 1
	# Each target has a corpus of its name.
	for name in tests/fuzz/corpus/*; do
		fuzz_one "${name##*/}" &
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

# All that is in the repository is in the package, but what is for the repository itself.
package_is_complete() {
	local missing
	git rev-parse 2>/dev/null || return 0
	rm -f build/pbu-log-server-*.tar.xz
	make -s -C build dist || return 1
	missing=$(comm -23 <(git ls-files -- . ':!.ci' ':!.gitignore' | LC_ALL=C sort) \
		<(tar -tf build/pbu-log-server-*.tar.xz | sed 's|^[^/]*/||' | LC_ALL=C sort))
	[[ -z $missing ]] && return
	printf 'not in the package (EXTRA_DIST):\n%s\n' "$missing"
	return 1
}

stage_distcheck() {
	# The results of a test, as `make check` leaves them: they are not to get into the package.
	build_in build && make -s -C build tools/layers.log && make -s -C build distcheck
	count_step $? || return
	package_is_complete
	count_step $?
}

# --- beside the others ---

beside_process=

# Starts them, with their output in a file: what is installed, and `configure`, must be there.
beside_start() {
	local needs=("${static_needs[@]}" "${fuzz_needs[@]}")
	[[ $(uname -m) == x86_64 ]] && needs+=("${m32_needs[@]}")
	if ! packages_install "${needs[@]}"; then
		echo "$packages_error" >&2
		((++failed))
		return 1
	fi
	# A group of its own, so that it can be ended whole.
	CI='' setsid chrt --idle 0 "$tree/test.sh" "${beside[@]}" >build/beside.log 2>&1 &
	beside_process=$!
}

# Waits for them, shows what they said, and adds their counts.
beside_finish() {
	local last
	[[ $beside_process ]] || return 0
	printf '\n=== beside: %s\n' "${beside[*]}"
	wait "$beside_process"
	beside_process=
	cat build/beside.log
	failures+=$(sed -n '/^failed: /,$p' build/beside.log | grep '^failed: \|^    ')$'\n'
	last=$(tail -n 1 build/beside.log)
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
		((passed += BASH_REMATCH[1], failed += BASH_REMATCH[2], skipped += ${BASH_REMATCH[4]:-0}))
	else
		echo "they did not come to their end"
		((++failed))
	fi
}

# At the end of this script, however it comes.
leave() {
	[[ $beside_process ]] && kill -- "-$beside_process" 2>/dev/null
	release_services
}

# --- in order ---

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
