# The stage of the fuzz targets. Sourced by test.sh.
# shellcheck shell=bash

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
