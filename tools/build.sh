# The build of the programs in $build, from $tree. Sourced by start.sh, which says why ` ` and not $( ).
# shellcheck shell=bash disable=SC2006,SC2154

# The process group of the step that runs, for the end of the script, and what it is.
job=
job_name=

# run_step WHAT LOG COMMAND...: runs it, with what it says in that file, and returns its status.
run_step() {
	local status log=$2
	job_name=$1
	shift 2
	starting=1
	setsid -- "$@" >"$log" 2>&1 </dev/null &
	job=$!
	started
	wait "$job"
	status=$?
	job=
	return "$status"
}

# Runs a step of the build; says nothing unless it fails.
build_step() {
	run_step "the build" "$build/start.log" "$@" && return
	tail -n 40 "$build/start.log" >&2
	fail "the build failed; all of its output is in $build/start.log"
}

# Set: the programs must know Kafka and peers.
with_kafka=
is_built_with_kafka() {
	grep -q '"WITH_KAFKA_TRUE"\]=""' "$build/config.status" && grep -q '"WITH_PEERS_TRUE"\]=""' "$build/config.status"
}

# Leaves up-to-date ${programs[@]}, or fails. make decides what there is to do; two starts take turns.
build_programs() {
	local path program changed='' unsafe=$'[ \t\n"#$&\'`\\\\]'
	exec 9<"$tree" || fail "can't read $tree"
	until flock --timeout 1 9; do :; done
	if [[ ! -e $build/Makefile ]]; then
		for path in "$tree" "$build"; do
			[[ $path =~ $unsafe ]] &&
				fail "configure takes no path with white space or one of \"#\$&'\`\\ in it: $path"
		done
		mkdir -p -- "$build" || fail "can't make the folder $build"
		say "Building in $build; this takes a moment."
		[[ -e $tree/configure ]] || build_step env -C "$tree" autoreconf -fi
		build_step env -C "$build" "$tree/configure"
	fi
	# Configured when the libraries were not there yet.
	if [[ $with_kafka ]] && ! is_built_with_kafka; then
		say "Building in $build once more, with Kafka and peers."
		build_step env -C "$build" ./config.status --recheck
		is_built_with_kafka ||
			fail "$build is configured --without-kafka or --without-peers, or this system's librdkafka is older than 2.0.2"
	fi
	# What to say, before make looks for itself. (make -q is of no use here: to automake's config.h
	# there is always something to do.)
	for program in "${programs[@]}"; do
		if [[ ! -x $program ]]; then
			# From before there was one of that name.
			changed=$program
		elif [[ ! $changed ]]; then
			changed=`find "$tree/src" "$tree/m4" "$tree/configure.ac" "$tree/Makefile.am" -type f \
				-newer "$program" -print -quit`
		fi
	done
	[[ $changed && -x $program ]] && say "Building what has changed in $build."
	if [[ -w $build ]]; then
		build_step make -s -j "`nproc`" -C "$build" all
		# Perhaps what has changed changes nothing in the program: it is up to date all the same.
		[[ $changed ]] && touch -c "${programs[@]}"
	elif [[ $changed ]]; then
		# Somebody else's tree can be used as it is, but not brought up to date.
		fail "$build is out of date, and not yours to write"
	fi
	exec 9<&-
	for program in "${programs[@]}"; do
		[[ -x $program ]] || fail "the build left no $program"
	done
}
