# PBU Log Server as images: `server`, which writes the logs, `reader`, which answers queries about them, and
# `nginx`, which does HTTPS in front of both and has the page. compose.yaml runs them; by hand:
# `docker build --target server .`
# With a Kafka cluster in between: `server-kafka`, `writer`, and `nginx-cluster` for two of each; see
# compose.cluster.yaml.
# Every program in them is Debian's, but for the three that are built here.

# --- the build: nothing of it but the programs gets into an image that runs ---
FROM debian:bookworm-slim AS build
# What tools/packages.sh names in build_needs and cluster_build_needs.
RUN apt-get -qq update \
	&& DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
		autoconf automake gcc libc6-dev libcjson-dev libcurl4-openssl-dev libfcgi-dev libpcre2-dev librdkafka-dev \
		libseccomp-dev libsodium-dev make pkg-config zlib1g-dev >/dev/null
WORKDIR /tree
COPY configure.ac Makefile.am ./
COPY m4 m4/
COPY src src/
RUN autoreconf -fi >/dev/null \
	&& mkdir /build && cd /build \
	&& /tree/configure --quiet --without-systemd --with-seccomp --with-peers --with-kafka \
	&& make -s -j "$(nproc)" pbu-log-reader pbu-log-server pbu-log-writer \
	&& install -s -D -t /out pbu-log-reader pbu-log-server pbu-log-writer

# --- what all images begin with ---
FROM debian:bookworm-slim AS base
# Numbers that stay: they are the owners of what is in the volumes. Three users of one group: nginx reaches
# the other two by their sockets, which are mode 0660, and has no volume of logs; the reader reads the
# logs, and owns nothing of them.
RUN groupadd -g 4999 pbu-log \
	&& useradd -u 4999 -g pbu-log -M -d / -s /usr/sbin/nologin pbu-log \
	&& useradd -u 4998 -g pbu-log -M -d / -s /usr/sbin/nologin pbu-nginx \
	&& useradd -u 4997 -g pbu-log -M -d / -s /usr/sbin/nologin pbu-reader \
	# The same in all: whichever container is first gives an empty volume its owner and mode.
	&& install -d -o pbu-log -g pbu-log -m 0750 /run/pbu-log-server /logs \
	&& install -d -o pbu-reader -g pbu-log -m 0750 /run/pbu-log-reader

# --- what the server and the reader need ---
FROM base AS programs
# libfcgi-bin is for the health check; tzdata for TZ.
RUN apt-get -qq update \
	&& DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
		libcjson1 libfcgi-bin libfcgi0ldbl libpcre2-8-0 libseccomp2 libsodium23 tzdata zlib1g >/dev/null \
	&& rm -rf /var/lib/apt/lists/* \
	# `healthy WHICH PATH`: a question to one of them by the way that nginx takes.
	&& printf '%s\n' '#!/bin/sh' \
		'env -i REQUEST_METHOD=GET "DOCUMENT_URI=$2" \' \
		'	/usr/bin/cgi-fcgi -bind -connect "/run/pbu-log-$1/fcgi.sock" | grep -q "\"status\": true"' \
		>/usr/local/bin/healthy \
	&& chmod 0755 /usr/local/bin/healthy
ENV LOG_FOLDER=/logs

# --- the server ---
FROM programs AS server
COPY --from=build /out/pbu-log-server /usr/sbin/
# Numbers, so that whoever runs it can see that it is not root.
USER 4999:4999
# 503 when /logs can't be written.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["healthy", "server", "/api/health"]
# As the first process it gets SIGTERM itself: it answers what it has begun, and ends.
ENTRYPOINT ["pbu-log-server", "--socket", "/run/pbu-log-server/fcgi.sock"]

# --- with a library that they load when they are told of a Kafka cluster ---
FROM programs AS programs-kafka
RUN apt-get -qq update \
	&& DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
		ca-certificates librdkafka1 >/dev/null \
	&& rm -rf /var/lib/apt/lists/*

# --- the server that hands over to Kafka ---
FROM programs-kafka AS server-kafka
COPY --from=build /out/pbu-log-server /usr/sbin/
USER 4999:4999
# 503 when the cluster can't take records.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["healthy", "server", "/api/health"]
ENTRYPOINT ["pbu-log-server", "--socket", "/run/pbu-log-server/fcgi.sock"]

# --- the writer of what is in Kafka: the server's user, whose the files are ---
FROM programs-kafka AS writer
COPY --from=build /out/pbu-log-writer /usr/sbin/
ENV METRICS_FILE=/tmp/pbu-log-writer.prom
# Nobody can ask it: it writes its figures every few seconds, whatever it waits for.
RUN printf '%s\n' '#!/bin/sh' 'find "$METRICS_FILE" -mmin -1 | grep -q .' >/usr/local/bin/healthy
USER 4999:4999
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["healthy"]
ENTRYPOINT ["pbu-log-writer"]

# --- the reader ---
FROM programs AS reader
# For peers: READ_PEERS.
RUN apt-get -qq update \
	&& DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
		ca-certificates libcurl4 >/dev/null \
	&& rm -rf /var/lib/apt/lists/*
COPY --from=build /out/pbu-log-reader /usr/sbin/
USER 4997:4999
# 503 when /logs can't be read.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["healthy", "reader", "/api/log/health"]
# As the server's; what a query still looks through is cut.
ENTRYPOINT ["pbu-log-reader", "--socket", "/run/pbu-log-reader/fcgi.sock"]

# --- nginx ---
FROM base AS nginx
# openssl makes the first certificate, and asks for the health.
RUN apt-get -qq update \
	&& DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends nginx openssl >/dev/null \
	&& rm -rf /var/lib/apt/lists/* \
	&& install -d -o pbu-nginx -g pbu-log -m 0700 /etc/pbu-log-server/tls \
	&& printf '%s\n' '#!/bin/sh' \
		'printf "GET /api/health HTTP/1.0\r\n\r\n" |' \
		'	openssl s_client -quiet -connect 127.0.0.1:8443 2>/dev/null | grep -q "^HTTP/1.1 200"' \
		>/usr/local/bin/healthy \
	&& chmod 0755 /usr/local/bin/healthy
COPY nginx/pbu-log-server-http.conf nginx/pbu-log-server-tls.conf nginx/pbu-log-server-locations.conf \
	/etc/nginx/snippets/
COPY nginx/container/nginx.conf /etc/nginx/nginx.conf
COPY nginx/container/start.sh /usr/local/bin/start
COPY page /usr/share/pbu-log-server/page/
# COPY keeps the modes, and a tree that was cloned with `umask 077` is its owner's alone.
RUN chmod 0644 /etc/nginx/nginx.conf /etc/nginx/snippets/pbu-log-server-*.conf && chmod 0755 /usr/local/bin/start \
	&& chmod -R a+rX /usr/share/pbu-log-server
USER 4998:4999
EXPOSE 8443
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["healthy"]
# QUIT lets requests in progress finish; TERM would cut them off.
STOPSIGNAL SIGQUIT
ENTRYPOINT ["start"]

# --- nginx for two servers and two readers, which are all in one place: each has a socket of its own ---
FROM nginx AS nginx-cluster
USER root
# Every second line of an upstream names the second.
RUN install -d -o pbu-log -g pbu-log -m 0750 /run/pbu-log-server-2 \
	&& install -d -o pbu-reader -g pbu-log -m 0750 /run/pbu-log-reader-2 \
	&& cd /etc/nginx/snippets \
	&& sed -i '/fcgi[.]sock/{n;s|/fcgi[.]sock|-2/fcgi.sock|}' pbu-log-server-http.conf \
	&& for number in 1 2; do \
		sed "s|pbu_log_reader;|pbu_log_reader_$number;|" pbu-log-server-locations.conf >pbu-log-reader-$number.conf; \
	done
COPY nginx/container/readers.conf /etc/nginx/conf.d/
RUN chmod 0644 /etc/nginx/conf.d/readers.conf
USER 4998:4999
