# Process groups, and a program in one: under spawn-fcgi and multiwatch, which start it again. Sourced by
# start.sh, which says why ` ` and not $( ).
# shellcheck shell=bash disable=SC2006,SC2154

# Sends a signal to a process group; it is no error when it is gone.
signal_group() { kill "-$1" -- "-$2" 2>/dev/null; }

# group_ends LEADER TENTHS waits until none of a process group is left, at most so many tenths of a second.
group_ends() {
	local tenths=$2
	# Between fork and setsid there is the process, but not yet its group.
	while kill -0 -- "-$1" 2>/dev/null || kill -0 "$1" 2>/dev/null; do
		((tenths-- > 0)) || return 1
		sleep 0.1
	done
}

# end_group LEADER TENTHS NAME waits for the end of a process group that was told to end, or kills it.
end_group() {
	if ! group_ends "$1" "$2"; then
		complain "$3 does not end; it is killed"
		signal_group KILL "$1"
		group_ends "$1" 20
	fi
	wait "$1" 2>/dev/null
}

# multiwatch's process for each program, by its name: the leader of a process group.
declare -A supervisors=()

# supervise NAME SOCKET COMMAND...: a command, on the socket of that name in $run, and $run/NAME for what is noted of it;
# without a command, $build/NAME; with - for a socket, without one. ${settings[@]}: NAME=VALUE, for its environment.
# spawn-fcgi makes the socket and becomes multiwatch, which keeps it open whatever becomes of the program.
# Both process groups are told by the kernel if this script is killed.
# -r, -t: never give up. multiwatch looks for no program in PATH, and takes no options after its own.
# What it says about each new life is not for the user; descriptor 7 is the program's way to stderr.
settings=()
supervise() {
	local name=$1 socket=$2 mode=(-M 0600) holder=()
	shift 2
	((EUID == 0)) && mode=(-M 0660 -G www-data)
	[[ $socket == - ]] || holder=(spawn-fcgi -n -s "$run/$socket" "${mode[@]}" -b 1024 --)
	(($#)) || set -- "$build/$name"
	mkdir "$run/$name"
	# multiwatch takes ASCII only: no path but that of the run folder.
	{
		printf 'tree=%q me=%q run=%q name=%q\n' "$tree" "$me" "$run" "$name"
		printf 'program=('
		printf '%q ' "$@"
		printf ')\n'
		((${#settings[@]})) && printf 'export %q\n' "${settings[@]}"
		cat "$tree/tools/runner.sh"
	} >"$run/$name/runner"
	starting=1
	setsid -- setpriv --pdeathsig KILL -- "$BASH" "$tree/tools/tied.sh" $$ "${holder[@]}" \
		"`command -v multiwatch`" -s HUP -r 2147483647 -t 1 "$BASH" "$run/$name/runner" \
		</dev/null 7>&2 2>/dev/null &
	supervisors[$name]=$!
	started
}

# supervise_stop NAME
supervise_stop() {
	local leader=${supervisors[$1]:-} tries=600
	[[ $leader ]] || return
	# The first signal tells multiwatch not to start the program again; every further one it passes on.
	# (What it sends by itself at the first differs between its versions; with -s HUP, nothing that
	# a program minds.)
	while kill -TERM "$leader" 2>/dev/null && ((tries-- > 0)); do
		sleep 0.05
	done
	# The program outlives it only if multiwatch was killed; then the kernel has told it to end.
	end_group "$leader" 100 "$1"
}
