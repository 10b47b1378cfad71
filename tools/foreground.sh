# What runs in the foreground until a signal comes, and ends whole: its run folder, its end, the wait for what it
# starts. Sourced by start.sh, which says why ` ` and not $( ), and start-cluster.sh.
#
# The script has a function stop_programs, which ends what it has started, in its order.
# shellcheck shell=bash disable=SC2006,SC2034,SC2154,SC2317

me=${0##*/}

say() { printf '%s\n' "$*"; }
complain() { printf '%s: %s\n' "$me" "$*" >&2; }

# --- the end, however it comes ---

run=      # the run folder
starting= # set between the start of a process group and the note of its id
stopping= # set when the end has begun, or a signal asked for it
ready=    # set when all programs have answered once
early=    # set when one of them was asked before it could answer

finish() {
	trap '' INT TERM HUP
	if [[ $job ]]; then
		signal_group TERM "$job" || kill -TERM "$job" 2>/dev/null
		end_group "$job" 50 "$job_name"
	fi
	stop_programs
	[[ $run ]] && rm -rf -- "$run"
	release_services
}

# Ends at once: a signal that is only noted would be missed by a wait that is about to begin. But what has
# just been started must be known by its id, or it would be left running; and no second signal disturbs
# the end.
on_signal() {
	[[ $stopping ]] && return
	stopping=1
	[[ $starting ]] || exit 0
}

# After the note of an id: a signal that came before it is heeded now.
started() {
	starting=
	[[ $stopping ]] && exit 0
}

fail() {
	stopping=1
	complain "$1"
	exit "${2:-1}"
}

# --- what is to be run ---

# A private folder with a short path: a unix socket's is limited to 107 bytes. What a start.sh that
# was killed has left is removed; a folder in use is locked by every process that uses it.
make_run_folder() {
	local base usable='^/[A-Za-z0-9/._-]{1,70}$'
	# root's workers of nginx must be able to reach it: not a folder that is root's alone.
	if ((EUID == 0)); then base=/run; else base=${XDG_RUNTIME_DIR:-/tmp}; fi
	base=${RUN_DIR:-$base}
	if ! [[ -d $base && -w $base && $base =~ $usable ]]; then
		[[ ${RUN_DIR:-} ]] &&
			fail "RUN_DIR=$base: must be the path of a folder to write in, from / on, with no odd characters, and short" 2
		base=/tmp
	fi
	find "$base" -maxdepth 1 -name 'pbu-log.*' -type d -user "$EUID" -mmin +1 \
		-exec flock --nonblock {} rm -rf -- {} ';' 2>/dev/null
	run=`mktemp -d "$base/pbu-log.XXXXXX"` || fail "can't make a folder in $base"
	exec 8<"$run"
	flock --nonblock 8
	if ((EUID == 0)); then
		chgrp www-data "$run" || fail "there is no group www-data for nginx's workers"
		chmod 0710 "$run"
	fi
}

patience=15 # seconds that a program may take until it answers

# wait_for NAME PATH [PORT] waits until a program answers there, or it is clear that it won't.
wait_for() {
	local end=$((SECONDS + patience)) health='' why='' at=${3:-$port}
	until [[ $health == *200 ]]; do
		has_not_ended "$1"
		if ((SECONDS >= end)); then
			[[ -r $run/why ]] && why="; nginx: `<"$run/why"`"
			fail "no 200 from $2 on port $at within $patience seconds, but ${health/$'\n'/}$why"
		fi
		sleep 0.02
		# Before it is started there is no socket, and nginx would say that it refuses us.
		[[ -e $run/$1/last-start ]] || continue
		# The body and the status: 000 without an answer.
		health=`curl -qs --noproxy '*' -m 0.5 -w ' %{http_code}' "http://127.0.0.1:$at$2"`
		[[ $health == *200 ]] || early=1
	done
}

# has_not_ended NAME: else the start has failed.
has_not_ended() {
	[[ -e $run/$1/ended ]] && fail "$1 could not start; the reason stands above"
	kill -0 "${supervisors[$1]}" 2>/dev/null || fail "the supervisor of $1 could not start"
}

# Until a signal comes, or one of those that were started ends by itself.
wait_for_end() {
	local name
	while true; do
		wait -n "$nginx" "${supervisors[@]}"
		kill -0 "$nginx" 2>/dev/null || fail "nginx has ended by itself"
		for name in "${!supervisors[@]}"; do
			kill -0 "${supervisors[$name]}" 2>/dev/null || fail "the supervisor of $name has ended by itself"
		done
	done
}
