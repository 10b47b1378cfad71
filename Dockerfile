# PBU Log Server as two images: `server`, the log server itself, and `nginx`, which does HTTPS in front
# of it. compose.yaml runs both; by hand: `docker build --target server .`
# Every program in them is Debian's, but for the one that is built here.

# --- the build: nothing of it but the program gets into an image that runs ---
FROM debian:bookworm-slim AS build
# What tools/packages.sh names in build_needs.
RUN apt-get -qq update \
	&& DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
		autoconf automake gcc libc6-dev libcjson-dev libfcgi-dev libseccomp-dev make pkg-config >/dev/null
WORKDIR /tree
COPY configure.ac Makefile.am ./
COPY m4 m4/
COPY src src/
RUN autoreconf -fi >/dev/null \
	&& mkdir /build && cd /build \
	&& /tree/configure --quiet --without-systemd --with-seccomp \
	&& make -s -j "$(nproc)" pbu-log-server && install -s -D pbu-log-server /out/usr/sbin/pbu-log-server

# --- what both images begin with ---
FROM debian:bookworm-slim AS base
# Numbers that stay: they are the owners of what is in the volumes. nginx is another user than the
# server, and reaches it by the group of its socket, which is mode 0660; it can't read the logs.
RUN groupadd -g 4999 pbu-log \
	&& useradd -u 4999 -g pbu-log -M -d / -s /usr/sbin/nologin pbu-log \
	&& useradd -u 4998 -g pbu-log -M -d / -s /usr/sbin/nologin pbu-nginx \
	# The same in both: whichever container is first gives the empty volume its owner and mode.
	&& install -d -o pbu-log -g pbu-log -m 0750 /run/pbu-log-server

# --- the server ---
FROM base AS server
# libfcgi-bin is for the health check; tzdata for TZ.
RUN apt-get -qq update \
	&& DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
		libcjson1 libfcgi-bin libfcgi0ldbl libseccomp2 tzdata >/dev/null \
	&& rm -rf /var/lib/apt/lists/* \
	&& install -d -o pbu-log -g pbu-log -m 0700 /logs \
	# A question to the server by the way that nginx takes. It answers 503 when /logs can't be written.
	&& printf '%s\n' '#!/bin/sh' \
		'env -i REQUEST_METHOD=GET DOCUMENT_URI=/api/health \' \
		'	/usr/bin/cgi-fcgi -bind -connect /run/pbu-log-server/fcgi.sock | grep -q "\"status\": true"' \
		>/usr/local/bin/healthy \
	&& chmod 0755 /usr/local/bin/healthy
COPY --from=build /out/usr/sbin/pbu-log-server /usr/sbin/
ENV LOG_FOLDER=/logs
# Numbers, so that whoever runs it can see that it is not root.
USER 4999:4999
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["healthy"]
# As the first process it gets SIGTERM itself: it answers what it has begun, and ends.
ENTRYPOINT ["pbu-log-server", "--socket", "/run/pbu-log-server/fcgi.sock"]

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
# COPY keeps the modes, and a tree that was cloned with `umask 077` is its owner's alone.
RUN chmod 0644 /etc/nginx/nginx.conf /etc/nginx/snippets/pbu-log-server-*.conf && chmod 0755 /usr/local/bin/start
USER 4998:4999
EXPOSE 8443
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["healthy"]
# QUIT lets requests in progress finish; TERM would cut them off.
STOPSIGNAL SIGQUIT
ENTRYPOINT ["start"]
