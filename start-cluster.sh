#!/usr/bin/env bash
# Runs a whole cluster of the PBU Log Server on this machine, in the foreground, to try it: three Kafka brokers, two
# pbu-log-server behind one nginx, two pbu-log-writer, and for each writer's folder a pbu-log-reader, of which the first
# asks the second. `./start-cluster.sh --help` says how to use it. What it shares with start.sh is in tools/.
#
# ` ` stands for $( ): start.sh says why. Functions that only a trap calls are not unreachable.
# shellcheck disable=SC2006,SC2317
set -u
umask go-w

usage() {
	cat <<'EOF'
Usage: ./start-cluster.sh [--no-install] [--help]

Installs what is missing (Debian, Ubuntu; Apache Kafka comes from Maven Central, once), builds, and runs a cluster
on this machine in the foreground: three Kafka brokers, two servers behind one nginx, two writers, and a reader for
each writer's files. Ctrl-C or SIGTERM stops all of it. Any part that is killed meanwhile is started again: try it.
With --no-install it installs nothing: it says what is missing, and ends.

Settings come from the environment, then from .env in the current folder, as start.sh's do. Besides:

  CLUSTER_FOLDER   where the brokers' and the writers' files are   ./_cluster
  CLUSTER_PORT     the first of seven ports on 127.0.0.1: the      19092
                   brokers', and that of the second reader
  PORT             where nginx listens                             4999

Exit status: 0 after Ctrl-C or SIGTERM, 1 when something could not be started or ended by itself,
2 for a wrong setting.
EOF
}

tree=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P) || exit 1
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
# shellcheck source=tools/kafka.sh
. "$tree/tools/kafka.sh"

topic=pbu-log
partitions=12
# Three brokers start at once, on whatever processors there are.
patience=60

# Who asks first, what takes next, what writes, what keeps: so each still has those that it needs. The brokers all at
# once.
stop_programs() {
	local name
	for name in reader-1 reader-2; do supervise_stop "$name"; done
	[[ $nginx ]] && nginx_stop
	for name in server-1 server-2 writer-1 writer-2; do supervise_stop "$name"; done
	for name in kafka-1 kafka-2 kafka-3; do
		[[ ${supervisors[$name]:-} ]] && kill -TERM "${supervisors[$name]}" 2>/dev/null
	done
	for name in kafka-1 kafka-2 kafka-3; do supervise_stop "$name"; done
}

# --- what is looked at before anything starts ---

look_at_java() {
	local version
	version=`kafka_java_version`
	[[ $version ]] || fail "there is a java, but it does not say its version: java -version"
	((version >= 11)) || fail "Kafka needs Java 11 or later; this is $version"
}

look_at_memory() {
	local available
	available=`kafka_memory_available`
	((available >= kafka_memory)) ||
		fail "$available MiB of memory are available, and three brokers take $kafka_memory"
}

# A port is taken where somebody answers. (nginx says it by itself.)
look_at_ports() {
	local taken
	if ! [[ $first =~ ^[1-9][0-9]{0,4}$ ]] || ((first > 65529)); then
		fail "CLUSTER_PORT=$first: must be a port, from 1 to 65529: seven of them are taken" 2
	fi
	for ((taken = first; taken < first + 7; ++taken)); do
		if answers "$taken"; then
			fail "port $taken is in use; CLUSTER_PORT says where seven others begin"
		fi
	done
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The folder, for this script alone; its brokers know each other by the name that is kept there.
take_folder() {
	folder=`realpath -m -- "${CLUSTER_FOLDER:-./_cluster}"`
	mkdir -p -- "$folder" || fail "can't make the folder $folder"
	exec 5<"$folder" || fail "can't read $folder"
	flock --nonblock 5 || fail "another start-cluster.sh runs in $folder"
	if ! [[ -s $folder/cluster ]]; then
		head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' >"$folder/cluster.new"
		[[ -s $folder/cluster.new ]] || fail "can't write in $folder"
		mv -- "$folder/cluster.new" "$folder/cluster"
	fi
}

get_kafka() {
	kafka_is_there "$jars" && return
	# Two starts take turns.
	exec 9<"$tree"
	until flock --timeout 1 9; do :; done
	packages_install "${kafka_fetch_needs[@]}" || fail "$packages_error"
	say "Fetching Apache Kafka from Maven Central into $jars."
	if kafka_fetch "$jars" run_step "fetching Kafka" "$build/start.log"; then
		exec 9<&-
		return
	fi
	tail -n 20 "$build/start.log" >&2
	fail "Kafka could not be fetched; all of what mvn said is in $build/start.log"
}

# The programs know best what their settings may be. What several name is said once.
check_settings() {
	local number found mistakes=''
	settings_of server 1
	found=`env "${settings[@]}" "$build/pbu-log-server" --check 2>&1 >/dev/null` || mistakes+=$found$'\n'
	for number in 1 2; do
		settings_of writer "$number"
		found=`env "${settings[@]}" "$build/pbu-log-writer" --check 2>&1 >/dev/null` || mistakes+=$found$'\n'
		settings_of reader "$number"
		found=`env "${settings[@]}" "$build/pbu-log-reader" --check 2>&1 >/dev/null` || mistakes+=$found$'\n'
	done
	settings=()
	if [[ $mistakes ]]; then
		printf %s "$mistakes" | awk '{ text = $0; sub(/^[^:]*: /, "", text) } !said[text]++' >&2
		exit 2
	fi
}

# --- the parts ---

# settings_of server|writer|reader NUMBER sets ${settings[@]}.
settings_of() {
	settings=("LOG_FOLDER=$folder/writer-$2")
	case $1 in
	server) settings=("KAFKA_BROKERS=$brokers" "KAFKA_TOPIC=$topic") ;;
	writer)
		settings+=("KAFKA_BROKERS=$brokers" "KAFKA_TOPIC=$topic" "KAFKA_INSTANCE=writer-$2"
			"METRICS_FILE=${run:-/tmp}/writer-$2.prom")
		;;
	reader)
		settings+=("READ_NAME=writer-$2")
		[[ $2 == 1 ]] && settings+=("READ_PEERS=http://127.0.0.1:$((first + 6))")
		;;
	esac
}

# supervise_as KIND NUMBER SOCKET
supervise_as() {
	settings_of "$1" "$2"
	supervise "$1-$2" "$3" "$build/pbu-log-$1"
	settings=()
}

# The brokers, by links in the run folder: Kafka takes no path that is not ASCII.
start_brokers() {
	local number cluster at
	local places=("127.0.0.1:$first:$((first + 3))" "127.0.0.1:$((first + 1)):$((first + 4))"
		"127.0.0.1:$((first + 2)):$((first + 5))")
	cluster=`<"$folder/cluster"`
	ln -s -- "$jars" "$run/jars"
	for number in 1 2 3; do
		at=$run/broker-$number
		mkdir -p -- "$folder/kafka-$number"
		ln -s -- "$folder/kafka-$number" "$at"
		kafka_render "$at" "$cluster" "$number" "${places[@]}" || fail "can't write in $folder/kafka-$number"
		# They end together: none could hand its partitions over.
		echo controlled.shutdown.enable=false >>"$at/broker.properties"
		kafka_java "$run/jars" 256 "$at/unpacked" kafka.Kafka "$at/broker.properties"
		# Its words are for a file; of the life before, too.
		# shellcheck disable=SC2016
		supervise "kafka-$number" - "$BASH" -c 'mv -f "$0" "$0.1" 2>/dev/null; exec "$@" >"$0" 2>&1' \
			"$at/broker.log" "${java[@]}"
	done
}

# brokers_live: none has ended, or the start has failed.
brokers_live() {
	local number
	for number in 1 2 3; do
		[[ -e $run/kafka-$number/ended ]] || continue
		grep -h -m 3 -E 'ERROR|Exception' "$folder/kafka-$number/broker.log" | cut -c 1-400 >&2
		fail "kafka-$number could not start; all that it said is in $folder/kafka-$number/broker.log"
	done
}

# The topic can be made when all three are there.
make_topic() {
	local end=$((SECONDS + 2 * patience)) number
	for number in 0 1 2; do
		until answers $((first + number)); do
			brokers_live
			((SECONDS < end)) || fail "kafka-$((number + 1)) does not listen within $((2 * patience)) seconds"
			sleep 0.1
		done
	done
	kafka_java "$run/jars" 64 "$run" org.apache.kafka.tools.TopicCommand --bootstrap-server "$brokers" --create --if-not-exists \
		--topic "$topic" --partitions "$partitions" --replication-factor 3 --config min.insync.replicas=2
	until run_step "making the topic" "$run/topic.log" timeout 30 "${java[@]}"; do
		brokers_live
		if ((SECONDS >= end)); then
			tail -n 5 "$run/topic.log" >&2
			fail "the topic $topic could not be made within $((2 * patience)) seconds"
		fi
		sleep 0.5
	done
}

# A writer has no port: what it says of itself is there once it has its partitions.
wait_for_writer() {
	local end=$((SECONDS + patience))
	until [[ -s $run/writer-$1.prom ]]; do
		has_not_ended "writer-$1"
		((SECONDS < end)) || fail "writer-$1 is not ready within $patience seconds"
		sleep 0.05
	done
}

announce() {
	local header='' token='not asked for' address reading='not asked for'
	address="http://127.0.0.1:$port (this machine only, as there is no token)"
	if [[ $with_token ]]; then
		address="http://127.0.0.1:$port (and every other address of this machine)"
		token='asked for'
		header=" -H \"Authorization: \$TOKEN\""
	fi
	if [[ $READ_PEERS_TOKEN ]]; then
		reading='asked for a token of READ_TOKEN or READ_TOKEN_FILE'
	elif [[ $with_token ]]; then
		reading='closed: READ_TOKEN or READ_TOKEN_FILE would open it'
	fi
	say "PBU Log Server is ready, as a cluster. Ctrl-C stops it."
	say "  address  $address"
	say "  token    $token"
	say "  brokers  $brokers"
	say "  folders  $folder/writer-1 and writer-2: a logger's records are in one of them"
	say "  page     http://127.0.0.1:$port/ (both writers' entries; reading: $reading)"
	say "  try      curl$header -H 'Content-Type: application/json' -d '{\"msg\": \"hello\", \"levelname\": \"INFO\"}' http://127.0.0.1:$port/api/log"
	say "  break    kill -9 \`cat $run/kafka-2/pid\` # or kafka-1, server-1, writer-2, reader-1: it is started again"
}

# --- in order ---

main() {
	local option number
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
	programs=("$build/pbu-log-server" "$build/pbu-log-writer" "$build/pbu-log-reader")
	jars=$build/kafka
	first=${CLUSTER_PORT:-19092}
	port=${PORT:-4999}
	with_token=${AUTH_TOKEN:-}${AUTH_TOKEN_FILE:-}
	[[ $with_token ]] && with_token=1
	# A secret: in no file, and no command line.
	export READ_PEERS_TOKEN=${READ_TOKEN:-}
	[[ ! $READ_PEERS_TOKEN && -r ${READ_TOKEN_FILE:-} ]] &&
		READ_PEERS_TOKEN=`grep -m1 '[^[:space:]]' "$READ_TOKEN_FILE"`
	# Those of another cluster.
	unset KAFKA_CONFIG READ_PEERS

	trap finish EXIT
	trap on_signal INT TERM HUP

	look_at_ports
	brokers=127.0.0.1:$first,127.0.0.1:$((first + 1)),127.0.0.1:$((first + 2))
	packages_install "${build_needs[@]}" "${cluster_build_needs[@]}" "${run_needs[@]}" "${kafka_needs[@]}" ||
		fail "$packages_error"
	look_at_java
	with_kafka=1
	build_programs
	get_kafka
	look_at_memory
	take_folder
	check_settings

	make_run_folder
	addresses_of_nginx
	server_sockets=(server-1.sock server-2.sock)
	reader_socket=reader-1.sock
	nginx_render "$run" "${addresses[@]}"
	nginx_render_reader "$run" 2 "127.0.0.1:$((first + 6))" reader-2.sock
	nginx_start
	start_brokers
	make_topic
	for number in 1 2; do
		supervise_as server "$number" "server-$number.sock"
	done
	for number in 1 2; do
		wait_for "server-$number" /api/health
	done
	for number in 1 2; do
		supervise_as writer "$number" -
	done
	for number in 1 2; do
		wait_for_writer "$number"
	done
	supervise_as reader 2 reader-2.sock
	wait_for reader-2 /api/log/health $((first + 6))
	supervise_as reader 1 reader-1.sock
	wait_for reader-1 /api/log/health
	[[ $early ]] && sleep 0.3
	: >"$run/ready"
	ready=1
	announce
	wait_for_end
}

main "$@"
