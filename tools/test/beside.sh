# The stages that only compute, run beside the others. Sourced by test.sh.
# shellcheck shell=bash

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
