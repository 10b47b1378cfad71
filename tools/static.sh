#!/usr/bin/env bash
# Static analysis of src/: clang-tidy (.clang-tidy), cppcheck, and gcc's -fanalyzer. Any finding is an
# error. Exit status: 0 when there is none.
# Functions that only step calls are not unreachable.
# shellcheck disable=SC2317
set -u

tree=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 1
cd "$tree" || exit 1
failed=0

build=$(mktemp -d) || exit 1
trap 'rm -rf "$build"' EXIT

# step NAME COMMAND...: runs it, says how long it took.
step() {
	local name=$1 started=$SECONDS status
	shift
	echo "--- $name"
	"$@"
	status=$?
	((status == 0)) || failed=1
	printf -- '--- %s: %s, %d s\n' "$name" "$( ((status == 0)) && echo clean || echo FINDINGS)" "$((SECONDS - started))"
}

# Every file with the flags it is built with; config.h says what was found on this machine.
flags=(-std=c11 -D_GNU_SOURCE -I"$tree/src" -I"$build")

tidy() {
	clang-tidy --version | grep -i version
	printf '%s\0' "${sources[@]}" | xargs -0 -P "$(nproc)" -I{} clang-tidy --quiet {} -- "${flags[@]}" 2>"$build/tidy.err"
	local status=$?
	# What is left of stderr, but for how many findings in others' headers were not shown.
	grep -v -E '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -' "$build/tidy.err"
	return "$status"
}

check() {
	cppcheck --version
	cppcheck --quiet -j "$(nproc)" --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 -D_GNU_SOURCE -DHAVE_SECCOMP -DHAVE_LIBSYSTEMD -I src -I "$build" src
}

# The programs, with the warnings of their usual build. Of leaks it is left out: gcc 12 loses sight of memory
# that is put into a list or given away by its first member; LeakSanitizer tells, in the stage asan.
analyze() {
	gcc --version | head -n 1
	make -s -j "$(nproc)" -C "$build" CFLAGS='-g -O2 -fanalyzer -Wno-analyzer-malloc-leak'
}

[[ -e configure ]] || autoreconf -fi || exit 1
(cd "$build" && "$tree/configure" --quiet CC=gcc --enable-werror) || exit 1
mapfile -t sources < <(find src -name '*.c' | sort)

step clang-tidy tidy
step cppcheck check
step 'gcc -fanalyzer' analyze
exit "$failed"
