# The stages that look at what is written: scripts, layout, static analysis. Sourced by test.sh.
# shellcheck shell=bash

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
