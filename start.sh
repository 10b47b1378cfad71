#!/usr/bin/env bash
# Runs the PBU Log Server in the foreground: nginx, and for it pbu-log-server, which writes, and
# pbu-log-reader, which reads, each under spawn-fcgi and multiwatch. `./start.sh --help` says how to use it.
# The parts are in tools/: packages, .env, the build, nginx, the programs' supervision; here is what holds
# them together from the start to the end.
#
# Where signals are trapped, ` ` stands for $( ): bash 5.2 parses $( ) once more whenever it comes to
# one, and a trap that runs meanwhile is taken for a part of it ("unexpected EOF"): the signal is lost.
# Functions that only a trap calls are not unreachable.
# shellcheck disable=SC2006,SC2317
set -u
# Nobody else writes to what is made here; whoever wants it narrower keeps it so.
umask go-w

usage() {
	cat <<'EOF'
Usage: ./start.sh [--no-install] [--help]

Installs what is missing (Debian, Ubuntu), builds, and runs the PBU Log Server with an nginx of its
own in the foreground. Ctrl-C or SIGTERM stops it. With --no-install it installs nothing: it says what
is missing, and ends.

Settings come from the environment, then from .env in the current folder (KEY=VALUE lines). Those of
the server itself are described in README.md. The ones that matter most here:

  PORT             where nginx listens                             4999
  LOG_FOLDER       where the log files are written                 ./_logs
  AUTH_TOKEN       the token that clients must send                none: 127.0.0.1 only
  AUTH_TOKEN_FILE  a file of tokens, one a line, all valid         none
  READ_TOKEN       the token for reading the log, which with       none
  READ_TOKEN_FILE  a token for sending nobody can without
  BUILD_DIR        the folder to build in, relative to this        build
                   script's folder; one that is configured
                   already stays as it is
  RUN_DIR          where the run folder (socket, nginx's files)    /run for root, else
                   is made, and removed at the end                 $XDG_RUNTIME_DIR or /tmp

Exit status: 0 after Ctrl-C or SIGTERM, 1 when something could not be started or ended by itself,
2 for a wrong setting.
EOF
}

tree=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P) || exit 1
# nginx is in sbin, which is not in an ordinary user's PATH on Debian.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# shellcheck source=tools/packages.sh
. "$tree/tools/packages.sh"
# shellcheck source=tools/dotenv.sh
. "$tree/tools/dotenv.sh"
# shellcheck source=tools/build.sh
. "$tree/tools/build.sh"
# shellcheck source=tools/nginx.sh
. "$tree/tools/nginx.sh"
# shellcheck source=tools/supervise.sh
. "$tree/tools/supervise.sh"

say() { printf '%s\n' "$*"; }
complain() { printf 'start.sh: %s\n' "$*" >&2; }

# --- the end, however it comes ---

run=      # the run folder
starting= # set between the start of a process group and the note of its id
stopping= # set when the end has begun, or a signal asked for it
ready=    # set when both programs have answered once
early=    # set when one of them was asked before it could answer

finish() {
	trap '' INT TERM HUP
	if [[ $job ]]; then
		signal_group TERM "$job" || kill -TERM "$job" 2>/dev/null
		end_group "$job" 50 "the build"
	fi
	# The reader first: nginx would wait for those who follow the log. Then nginx: what it has accepted
	# still finds its server.
	supervise_stop pbu-log-reader
	[[ $nginx ]] && nginx_stop
	supervise_stop pbu-log-server
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

# wait_for NAME PATH waits until a program answers there, or it is clear that it won't.
wait_for() {
	local end=$((SECONDS + 15)) health='' why=''
	until [[ $health == *200 ]]; do
		[[ -e $run/$1/ended ]] && fail "$1 could not start; the reason stands above"
		kill -0 "${supervisors[$1]}" 2>/dev/null || fail "spawn-fcgi could not start $1"
		if ((SECONDS >= end)); then
			[[ -r $run/why ]] && why="; nginx: `<"$run/why"`"
			fail "no 200 from $2 on port $port within 15 seconds, but ${health/$'\n'/}$why"
		fi
		sleep 0.02
		# Before it is started there is no socket, and nginx would say that it refuses us.
		[[ -e $run/$1/last-start ]] || continue
		# The body and the status: 000 without an answer.
		health=`curl -qs --noproxy '*' -m 0.5 -w ' %{http_code}' "http://127.0.0.1:$port$2"`
		[[ $health == *200 ]] || early=1
	done
}

announce() {
	local address token folder header='' reading='not asked for'
	folder=`realpath -m -- "${LOG_FOLDER:-./_logs}"`
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
	if [[ ${READ_TOKEN:-}${READ_TOKEN_FILE:-} ]]; then
		reading='asked for a token of READ_TOKEN or READ_TOKEN_FILE'
	elif [[ $with_token ]]; then
		reading='closed: READ_TOKEN or READ_TOKEN_FILE would open it'
	fi
	say "PBU Log Server is ready. Ctrl-C stops it."
	say "  address  $address"
	say "  folder   $folder"
	say "  token    $token"
	say "  page     http://127.0.0.1:$port/ (reading: $reading)"
	say "  try      curl$header -H 'Content-Type: application/json' -d '{\"msg\": \"hello\", \"levelname\": \"INFO\"}' http://127.0.0.1:$port/api/log"
}

# --- in order ---

main() {
	local option
	for option; do
		case $option in
		--no-install) packages_forbidden=1 ;;
		-h | --help)
			usage
			exit 0
			;;
		*) fail "unknown argument: $option (--help tells what there is)" 2 ;;
		esac
	done

	if [[ -e .env ]]; then
		dotenv_read .env || fail "$dotenv_error" 2
	fi
	build=${BUILD_DIR:-build}
	[[ $build == /* ]] || build=$tree/$build
	programs=("$build/pbu-log-server" "$build/pbu-log-reader")

	trap finish EXIT
	trap on_signal INT TERM HUP

	packages_install "${build_needs[@]}" "${run_needs[@]}" || fail "$packages_error"
	build_programs

	# The programs know best what their settings may be; they name every mistake. What both name is said once.
	local program found mistakes='' addresses
	for program in "${programs[@]}"; do
		found=`"$program" --check 2>&1 >/dev/null` ||
			mistakes+=${found:-start.sh: $program --check failed}$'\n'
	done
	if [[ $mistakes ]]; then
		printf %s "$mistakes" | awk '{ text = $0; sub(/^[^:]*: /, "", text) } !said[text]++' >&2
		exit 2
	fi
	port=${PORT:-4999}
	with_token=${AUTH_TOKEN:-}${AUTH_TOKEN_FILE:-}
	[[ $with_token ]] && with_token=1

	make_run_folder
	if [[ $with_token ]]; then
		addresses=("0.0.0.0:$port")
		# Files of /proc have no size; a line in this one is an address of IPv6.
		[[ -r /proc/net/if_inet6 && `</proc/net/if_inet6` ]] && addresses+=("[::]:$port")
	else
		addresses=("127.0.0.1:$port")
	fi
	nginx_render "$run" "${addresses[@]}"
	# nginx first: where the port is in use, the server need not start.
	nginx_start
	supervise pbu-log-server fcgi.sock
	wait_for pbu-log-server /api/health
	supervise pbu-log-reader reader.sock
	wait_for pbu-log-reader /api/log/health
	# What nginx says of those tries comes a tenth of a second later, and is nothing to be told.
	[[ $early ]] && sleep 0.3
	: >"$run/ready"
	ready=1
	announce

	# Until a signal comes, or one of the three ends by itself.
	local name
	while true; do
		wait -n "$nginx" "${supervisors[@]}"
		kill -0 "$nginx" 2>/dev/null || fail "nginx has ended by itself"
		for name in "${!supervisors[@]}"; do
			kill -0 "${supervisors[$name]}" 2>/dev/null || fail "the supervisor of $name has ended by itself"
		done
	done
}

main "$@"
