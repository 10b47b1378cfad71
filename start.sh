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
# shellcheck source=tools/foreground.sh
. "$tree/tools/foreground.sh"

# --- the end, however it comes ---

# The reader first: nginx would wait for those who follow the log. Then nginx: what it has accepted still finds its
# server.
stop_programs() {
	supervise_stop pbu-log-reader
	[[ $nginx ]] && nginx_stop
	supervise_stop pbu-log-server
}

# --- what is to be run ---

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
	if [[ ${KAFKA_BROKERS:-} ]]; then
		say "  topic    ${KAFKA_TOPIC:-pbu-log}, at $KAFKA_BROKERS: pbu-log-writer writes the files"
	else
		say "  folder   $folder"
	fi
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
	local program found mistakes=''
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
	addresses_of_nginx
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

	wait_for_end
}

main "$@"
