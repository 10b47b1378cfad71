# The nginx of start.sh: its configuration, its life, what it says. Sourced by start.sh, which says why ` `
# and not $( ).
# shellcheck shell=bash disable=SC2006,SC2154

nginx=    # its master process, the leader of a process group
messages= # the process that reads what it says, likewise

# In the run folder: the sockets of the servers, which take turns, and of the reader that it asks.
server_sockets=(fcgi.sock)
reader_socket=reader.sock

# Sets ${addresses[@]}, where it listens: on 127.0.0.1 only; with a token, everywhere.
addresses_of_nginx() {
	addresses=("127.0.0.1:$port")
	[[ $with_token ]] || return 0
	addresses=("0.0.0.0:$port")
	# Files of /proc have no size; a line in this one is an address of IPv6.
	[[ -r /proc/net/if_inet6 && `</proc/net/if_inet6` ]] && addresses+=("[::]:$port")
	return 0
}

# nginx_render FOLDER ADDRESS... makes the configuration in a folder, listening on these. The sockets of server
# and reader are there, too, and the page: the workers need not be able to read $tree.
nginx_render() {
	local run=$1 user='' listen files others=1 servers=''
	shift
	# In place of each line with the one socket.
	printf -v servers '\\1server unix:%s\\2\\n' "${server_sockets[@]/#/$run/}"
	servers=${servers%'\n'}
	[[ $with_token ]] && others=0
	((EUID == 0)) && user='user www-data;'
	printf -v listen 'listen %s; ' "$@"
	files=`ulimit -Hn`
	[[ $files == unlimited ]] && files=16384
	((files > 16384)) && files=16384
	sed -e "s|@USER@|$user|; s|@RUN@|$run|g; s|@LISTEN@|$listen|; s|@MAX_BODY_BYTES@|${MAX_BODY_BYTES:-16777216}|" \
		-e "s|@OTHERS@|$others|; s|@FILES@|$files|; s|@CONNECTIONS@|$((files / 4))|" "$tree/nginx/nginx.conf.in" >"$run/nginx.conf"
	sed -E -e "s|^(.*)server unix:/run/pbu-log-server/fcgi.sock(.*)\$|$servers|" \
		-e "s|/run/pbu-log-reader/fcgi.sock|$run/$reader_socket|" \
		"$tree/nginx/pbu-log-server-http.conf" >"$run/pbu-log-server-http.conf"
	sed "s|/usr/share/pbu-log-server/page|$run/page|" "$tree/nginx/pbu-log-server-locations.conf" \
		>"$run/pbu-log-server-locations.conf"
	if [[ -d $tree/page ]]; then
		cp -R --preserve=timestamps -- "$tree/page" "$run/page" && chmod -R u+rwX,go+rX "$run/page"
	fi
}

# nginx_render_reader FOLDER NUMBER ADDRESS SOCKET: one more reader, on an address of its own, for another that asks it.
nginx_render_reader() {
	mkdir -p "$1/readers"
	sed "s|pbu_log_reader;|pbu_log_reader_$2;|" "$1/pbu-log-server-locations.conf" >"$1/readers/$2-locations"
	cat >"$1/readers/$2.conf" <<EOF
upstream pbu_log_reader_$2 {
	server unix:$1/$4 max_fails=0;
	server unix:$1/$4 max_fails=0;
	server unix:$1/$4 max_fails=0;
	server unix:$1/$4 max_fails=0;
	keepalive 16;
	keepalive_timeout 60s;
}
server {
	listen $3;
	client_max_body_size 1k;
	include readers/$2-locations;
}
EOF
}

# Returns when it listens. What it writes to stderr and what it refuses goes through
# tools/nginx_messages.pl, which ends when all of nginx has ended. The kernel tells nginx to end if this
# script is killed.
nginx_start() {
	local options=(-p "$run/" -c "$run/nginx.conf")
	# Before it has read its configuration nginx would write to a file in /var/log. Older ones do.
	[[ `nginx -h 2>&1` == *'-e filename'* ]] && options+=(-e stderr)
	mkfifo -m 0600 "$run/messages"
	# So that neither waits for the other to open it.
	exec 6<>"$run/messages"
	starting=1
	setsid -- perl "$tree/tools/nginx_messages.pl" "$run" <"$run/messages" 6>&- &
	messages=$!
	setsid -- setpriv --pdeathsig TERM -- "$BASH" "$tree/tools/tied.sh" $$ nginx "${options[@]}" </dev/null 2>"$run/messages" 6>&- &
	nginx=$!
	exec 6>&-
	started
	# There is its pid file when it listens.
	until [[ -e $run/nginx.pid ]]; do
		if ! kill -0 "$nginx" 2>/dev/null; then
			group_ends "$messages" 20
			fail "nginx could not start on port $port; the reason stands above"
		fi
		sleep 0.02
	done
}

nginx_stop() {
	# QUIT lets requests in progress finish; but in its first moments nginx doesn't listen to it. If
	# the master is gone, its workers may be there still.
	if [[ $ready ]] && kill -QUIT "$nginx" 2>/dev/null; then :; else
		kill -TERM "$nginx" 2>/dev/null
		signal_group TERM "$nginx"
	fi
	end_group "$nginx" 150 nginx
	end_group "$messages" 20 "what reads nginx's messages"
}
