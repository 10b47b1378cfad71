# The stages that build in other ways, and the package. Sourced by test.sh.
# shellcheck shell=bash

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
