#!/usr/bin/env bash
# Runs the PBU Log Server in the foreground: nginx, and behind it pbu-log-server under spawn-fcgi and
# multiwatch. `./start.sh --help` says how to use it.
#
# Where signals are trapped, ` ` stands for $( ): bash 5.2 parses $( ) once more whenever it comes to
# one, and a trap that runs meanwhile is taken for a part of it ("unexpected EOF"): the signal is lost.
# Functions that only a trap calls are not unreachable.
# shellcheck disable=SC2006,SC2317
set -u

usage() {
	cat <<'EOF'
Usage: ./start.sh [--help]

Installs what is missing (Debian, Ubuntu), builds, and runs the PBU Log Server with an nginx of its
own in the foreground. Ctrl-C or SIGTERM stops it.

Settings come from the environment, then from .env in the current folder (KEY=VALUE lines). Those of
the server itself are described in README.md. The ones that matter most here:

  PORT             where nginx listens                             4999
  LOG_FOLDER       where the log files are written                 ./_logs
  AUTH_TOKEN       the token that clients must send                none: 127.0.0.1 only
  AUTH_TOKEN_FILE  a file of tokens, one a line, all valid         none
  BUILD_DIR        the folder to build in, seen from here; one     build
                   that is configured already stays as it is
  RUN_DIR          where the run folder (socket, nginx's files)    /run for root, else
                   is made, and removed at the end                 $XDG_RUNTIME_DIR or /tmp

Exit status: 0 after Ctrl-C or SIGTERM, 1 when something could not be started or ended by itself,
2 for a wrong setting.
EOF
}

tree=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P) || exit 1
# nginx lies in sbin, which an ordinary user of Debian has not in the path.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# shellcheck source=tools/packages.sh
. "$tree/tools/packages.sh"
# shellcheck source=tools/dotenv.sh
. "$tree/tools/dotenv.sh"

say() { printf '%s\n' "$*"; }
complain() { printf 'start.sh: %s\n' "$*" >&2; }

# --- the end, however it comes ---

run=          # the run folder
job=          # a process group that builds
nginx=        # nginx's master process, the leader of a process group
supervisor=   # multiwatch's, likewise
starting=     # set between the start of one of these and the note of its id
stopping=     # set when the end has begun, or a signal asked for it
ready=        # set when it has answered once

# Sends a signal to a process group; it is no error when it is gone.
signal_group() { kill "-$1" -- "-$2" 2>/dev/null; }

# Waits until none of a process group is left, at most so many tenths of a second.
group_ends() {
	local tenths=$2
	# Between fork and setsid there is the process, but not yet its group.
	while kill -0 -- "-$1" 2>/dev/null || kill -0 "$1" 2>/dev/null; do
		((tenths-- > 0)) || return 1
		sleep 0.1
	done
}

stop_nginx() {
	# QUIT lets requests in progress finish; but in its first moments nginx doesn't listen to it. If
	# the master is gone, its workers may be there still.
	if [[ $ready ]] && kill -QUIT "$nginx" 2>/dev/null; then :; else
		kill -TERM "$nginx" 2>/dev/null
		signal_group TERM "$nginx"
	fi
	if ! group_ends "$nginx" 150; then
		complain "nginx does not end; it is killed"
		signal_group KILL "$nginx"
	fi
	wait "$nginx" 2>/dev/null
	nginx=
}

stop_supervisor() {
	local tries=600
	# The first signal tells multiwatch not to start the server again; every further one it passes on.
	# (What it sends by itself at the first differs between its versions; with -s HUP, nothing that
	# the server minds.)
	while kill -TERM "$supervisor" 2>/dev/null && ((tries-- > 0)); do
		sleep 0.05
	done
	# The server outlives it only if multiwatch was killed; then the kernel has told it to end.
	if ! group_ends "$supervisor" 100; then
		complain "pbu-log-server does not end; it is killed"
		signal_group KILL "$supervisor"
		group_ends "$supervisor" 20
	fi
	wait "$supervisor" 2>/dev/null
	supervisor=
}

finish() {
	trap '' INT TERM HUP
	if [[ $job ]]; then
		signal_group TERM "$job" || kill -TERM "$job" 2>/dev/null
		wait "$job" 2>/dev/null
		# What the leader had started may take a moment longer.
		group_ends "$job" 50 || signal_group KILL "$job"
	fi
	# nginx first: what it has accepted still finds its server.
	[[ $nginx ]] && stop_nginx
	[[ $supervisor ]] && stop_supervisor
	[[ $run ]] && rm -rf -- "$run"
	release_services
}

# Ends at once: whoever only noted the signal could be about to wait for something else. But what has
# just been started must be known by its id, or it would be left behind; and no second signal disturbs
# the end.
on_signal() {
	[[ $stopping ]] && return
	stopping=1
	[[ $starting ]] || exit 0
}

# Behind the note of an id: a signal that came before it is heeded now.
started() {
	starting=
	[[ $stopping ]] && exit 0
}

fail() {
	stopping=1
	complain "$1"
	exit "${2:-1}"
}

# --- the build ---

# Runs a step of the build; says nothing unless it fails.
build_step() {
	local status
	starting=1
	setsid -- "$@" >"$build/start.log" 2>&1 </dev/null &
	job=$!
	started
	wait "$job"
	status=$?
	job=
	if ((status != 0)); then
		tail -n 40 "$build/start.log" >&2
		fail "the build failed; all of its output is in $build/start.log"
	fi
}

# make decides what there is to do; two starts from one tree take turns.
build_server() {
	local path changed='' unsafe=$'[ \t\n"#$&\'`\\\\]'
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
	# What to say, before make looks for itself. (make -q is of no use here: to automake's config.h
	# there is always something to do.)
	if [[ -x $server ]]; then
		changed=`find "$tree/src" "$tree/m4" "$tree/configure.ac" "$tree/Makefile.am" -type f \
			-newer "$server" -print -quit`
		[[ $changed ]] && say "Building what has changed in $build."
	fi
	if [[ -w $build ]]; then
		build_step make -s -j "`nproc`" -C "$build" all
		# Perhaps what has changed changes nothing in the program: it is up to date all the same.
		[[ $changed ]] && touch "$server"
	elif [[ $changed ]]; then
		# Somebody else's tree can be used as it is, but not brought up to date.
		fail "$build is out of date, and not yours to write"
	fi
	exec 9<&-
	[[ -x $server ]] || fail "the build left no $server"
}

# --- what is to be run ---

# Whether LOG_FOLDER is there and can be written into, or can be made. The server makes it, and tries
# for itself; this is for a short answer to the usual mistake.
check_folder() {
	local at
	folder=`realpath -m -- "${LOG_FOLDER:-./_logs}"`
	at=$folder
	until [[ -e $at ]]; do
		at=${at%/*}
		at=${at:-/}
	done
	[[ -d $at ]] || fail "LOG_FOLDER $folder can't be used: $at is not a folder"
	[[ -w $at && -x $at ]] || fail "LOG_FOLDER $folder can't be written: no permission in $at"
}

# Whether a port is taken for the addresses we want: /proc knows the listeners (state 0A).
port_is_taken() {
	local hex listeners local_address state address
	printf -v hex '%04X' "$port"
	# ` ` and not <( ): bash waits for it before it heeds a signal, so that nothing is left running.
	listeners=`cat /proc/net/tcp /proc/net/tcp6 2>/dev/null`
	while read -r _ local_address _ state _; do
		[[ $state == 0A && ${local_address##*:} == "$hex" ]] || continue
		address=${local_address%%:*}
		[[ $with_token ]] && return 0
		case $address in
		# 127.0.0.1 and 0.0.0.0; ::, and either of the two written as IPv6.
		0100007F | 7F000001 | 00000000) return 0 ;;
		00000000000000000000000000000000) return 0 ;;
		0000000000000000FFFF00000100007F | 0000000000000000FFFF000000000000) return 0 ;;
		esac
	done <<<"$listeners"
	return 1
}

# A private folder with a short path: a unix socket's is limited to 107 bytes. What a start.sh that
# was killed has left is removed; a folder in use is locked by every process that uses it.
make_run_folder() {
	local base left old usable='^/[A-Za-z0-9/._-]{1,70}$'
	if [[ ${RUN_DIR:-} ]]; then
		base=$RUN_DIR
		[[ -d $base && -w $base && $base =~ $usable ]] ||
			fail "RUN_DIR=$base: must be the path of a folder to write in, from / on, with no odd characters, and short" 2
	elif ((EUID == 0)); then
		# nginx's workers must be able to reach it: not a folder that is root's alone.
		base=/run
	else
		base=${XDG_RUNTIME_DIR:-/tmp}
	fi
	[[ -d $base && -w $base && $base =~ $usable ]] || base=/tmp
	left=`find "$base" -maxdepth 1 -name 'pbu-log.*' -type d -user "$EUID" -mmin +1 2>/dev/null`
	while IFS= read -r old; do
		[[ $old ]] && flock --nonblock "$old" true 2>/dev/null && rm -rf -- "$old"
	done <<<"$left"
	run=`mktemp -d "$base/pbu-log.XXXXXX"` || fail "can't make a folder in $base"
	exec 8<"$run"
	flock --nonblock 8
	if ((EUID == 0)); then
		chgrp www-data "$run" || fail "there is no group www-data for nginx's workers"
		chmod 0710 "$run"
	fi
}

# The configuration of nginx, from nginx/.
render_nginx() {
	local text user='' listen files connections
	((EUID == 0)) && user='user www-data;'
	if [[ $with_token ]]; then
		listen="		listen 0.0.0.0:$port;"
		# Files of /proc have no size; a line in this one is an address of IPv6.
		[[ -r /proc/net/if_inet6 && `</proc/net/if_inet6` ]] && listen+=$'\n'"		listen [::]:$port;"
	else
		listen="		listen 127.0.0.1:$port;"
	fi
	files=`ulimit -Hn`
	[[ $files == unlimited ]] && files=16384
	((files > 16384)) && files=16384
	connections=$((files / 4))
	text=`<"$tree/nginx/nginx.conf.in"`
	text=${text//@USER@/"$user"}
	text=${text//@RUN@/"$run"}
	text=${text//@FILES@/"$files"}
	text=${text//@CONNECTIONS@/"$connections"}
	text=${text//@LISTEN@/"$listen"}
	text=${text//@MAX_BODY_BYTES@/"${MAX_BODY_BYTES:-16777216}"}
	printf '%s\n' "$text" >"$run/nginx.conf"
	text=`<"$tree/nginx/pbu-log-server-http.conf"`
	printf '%s\n' "${text//'/run/pbu-log-server/fcgi.sock'/"$run/fcgi.sock"}" >"$run/pbu-log-server-http.conf"
	cp "$tree/nginx/pbu-log-server-locations.conf" "$run/"
}

# What multiwatch runs. Until the server is ready once, a second life is not tried: why the first
# ended has been said on stderr. Later it is started again at once, however often it is killed; only
# if it keeps ending within 0.2 s of its start, it gets a pause.
write_runner() {
	# Not by arguments: multiwatch takes ASCII only.
	printf 'run=%q server=%q\n' "$run" "$server" >"$run/runner"
	cat >>"$run/runner" <<'EOF'
exec 2>&7 7>&-
now=${EPOCHREALTIME/[.,]/}
last=0 quick=0
[[ -r $run/last-start ]] && read -r last quick <"$run/last-start"
if ((last > 0)); then
	if [[ ! -e $run/ready ]]; then
		: >"$run/ended"
		exec sleep infinity
	fi
	echo "start.sh: pbu-log-server has ended; it is started again" >&2
fi
if ((now - last < 200000)); then ((++quick)); else quick=0; fi
echo "$now $quick" >"$run/last-start"
((quick > 5)) && sleep 1
# If multiwatch is killed, the server is told to end: nobody would start it again.
exec setpriv --pdeathsig TERM -- "$server"
EOF
}

# The server: spawn-fcgi makes the socket and becomes multiwatch, which keeps it open whatever
# becomes of the server. Both process groups are told by the kernel if this script is killed.
# -r, -t: never give up. multiwatch looks for no program in PATH, and takes no options after its own.
# What it says about each new life is not for the user; descriptor 7 is the server's way to stderr.
start_server() {
	local mode=(-M 0600)
	((EUID == 0)) && mode=(-M 0660 -G www-data)
	write_runner
	starting=1
	setsid -- setpriv --pdeathsig KILL -- \
		spawn-fcgi -n -s "$run/fcgi.sock" "${mode[@]}" -b 1024 -- \
		"`command -v multiwatch`" -s HUP -r 2147483647 -t 1 "$BASH" "$run/runner" \
		</dev/null 7>&2 2>/dev/null &
	supervisor=$!
	started
}

start_nginx() {
	local options=(-p "$run/" -c "$run/nginx.conf")
	# Before it has read its configuration nginx would write to a file in /var/log. Older ones do.
	[[ `nginx -h 2>&1` == *'-e filename'* ]] && options+=(-e stderr)
	starting=1
	setsid -- setpriv --pdeathsig TERM -- nginx "${options[@]}" </dev/null &
	nginx=$!
	started
}

# Asks for /api/health through nginx; true when the answer is 200.
# A process of its own, for a connection that breaks is a SIGPIPE.
answers() (
	exec 2>/dev/null
	exec {connection}<>"/dev/tcp/127.0.0.1/$port" || exit 1
	printf 'GET /api/health HTTP/1.0\r\n\r\n' >&"$connection"
	IFS= read -r -t 0.5 line <&"$connection"
	[[ $line == 'HTTP/1.1 200'[[:space:]]* ]]
)

# Waits until the server answers, or it is clear that it won't.
wait_until_ready() {
	local end=$((SECONDS + 15))
	until answers; do
		[[ -e $run/ended ]] && fail "pbu-log-server could not start; the reason stands above"
		kill -0 "$supervisor" 2>/dev/null || fail "spawn-fcgi could not start pbu-log-server"
		kill -0 "$nginx" 2>/dev/null ||
			fail "nginx could not start on port $port; the reason stands above"
		((SECONDS < end)) || fail "/api/health on port $port did not answer 200 within 15 seconds"
		sleep 0.02
	done
	: >"$run/ready"
	ready=1
}

announce() {
	local address token header=''
	if [[ $with_token ]]; then
		address="http://127.0.0.1:$port (and every other address of this machine)"
		token='asked for'
		if [[ ${AUTH_TOKEN:-} ]]; then
			# From a file of the run folder, so that neither this line nor `ps` shows the token.
			(umask 077 && printf 'Authorization: %s\n' "$AUTH_TOKEN" >"$run/authorization")
			printf -v header ' -H @%q' "$run/authorization"
		else
			printf -v header '%q' "`realpath -- "$AUTH_TOKEN_FILE"`"
			header=" -H \"Authorization: \$(grep -m1 '[^[:space:]]' $header)\""
		fi
	else
		address="http://127.0.0.1:$port (this machine only, as there is no token)"
		token='not asked for'
	fi
	say "PBU Log Server is ready. Ctrl-C stops it."
	say "  address  $address"
	say "  folder   $folder"
	say "  token    $token"
	say "  try      curl$header -H 'Content-Type: application/json' -d '{\"msg\": \"hello\", \"levelname\": \"INFO\"}' http://127.0.0.1:$port/api/log"
}

# --- in order ---

main() {
	case ${1:-} in
	'') ;;
	-h | --help)
		usage
		exit 0
		;;
	*) fail "unknown argument: $1 (--help tells what there is)" 2 ;;
	esac

	if [[ -e .env ]]; then
		dotenv_read .env || fail "$dotenv_error" 2
	fi
	build=${BUILD_DIR:-build}
	[[ $build == /* ]] || build=$tree/$build
	server=$build/pbu-log-server

	trap finish EXIT
	trap on_signal INT TERM HUP

	packages_install "${build_needs[@]}" "${run_needs[@]}" || fail "$packages_error"
	build_server

	# The server knows best what its settings may be; it names every mistake.
	local mistakes
	if ! mistakes=`"$server" --check 2>&1 >/dev/null`; then
		printf '%s\n' "${mistakes:-start.sh: $server --check failed}" >&2
		exit 2
	fi
	port=${PORT:-4999}
	with_token=${AUTH_TOKEN:-}${AUTH_TOKEN_FILE:-}
	[[ $with_token ]] && with_token=1

	check_folder
	if port_is_taken; then
		[[ $with_token ]] && fail "port $port is in use"
		fail "port $port on 127.0.0.1 is in use"
	fi
	make_run_folder
	render_nginx
	start_server
	start_nginx
	wait_until_ready
	announce

	# Until a signal comes, or one of the two ends by itself.
	while true; do
		wait -n "$nginx" "$supervisor"
		kill -0 "$nginx" 2>/dev/null || fail "nginx has ended by itself"
		kill -0 "$supervisor" 2>/dev/null || fail "the supervisor of pbu-log-server has ended by itself"
	done
}

main "$@"
