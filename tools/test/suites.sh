# The stages that run tests of the programs, and those before them. Sourced by test.sh.
# shellcheck shell=bash

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

stage_integration() { integration_in build 'not slow' env; }

stage_slow() { integration_in build slow env; }

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
		# How peers and brokers are asked has nothing to do with it.
		not_waiting_in "build-$how" "$other_build" env READ_SECONDS=10 LD_LIBRARY_PATH="$prefix" || status=1
	done
	return "$status"
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

# sanitized FOLDER SANITIZERS PREFIX...
sanitized() {
	local folder=$1 sanitizers=$2 status=0
	shift 2
	build_in "$folder" "--enable-sanitizers=$sanitizers" CFLAGS='-g -O1' || { ((++failed)); return 1; }
	unit_in "$folder" "$@" || status=1
	integration_in "$folder" "$other_build" "$@" READ_SECONDS=10 || status=1
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
