#!/bin/sh
# The first process of the nginx container: makes a certificate if there is none, and becomes nginx.
set -eu
tls=/etc/pbu-log-server/tls

# TLS_NAMES, `log.example.org,192.0.2.7`, as the subjectAltName wants them. This machine's own always.
alternative_names() {
	names=DNS:localhost,IP:127.0.0.1,IP:::1
	for name in $(printf %s "${TLS_NAMES:-}" | tr ',' ' '); do
		case $name in
		localhost) ;;
		*:*) names=$names,IP:$name ;;
		*[!0-9.]*) names=$names,DNS:$name ;;
		*) names=$names,IP:$name ;;
		esac
	done
	printf %s "$names"
}

# Neither is there, or this was killed between the last two steps below: a new one. If only one of an
# operator's own is there, nginx will say so.
if [ ! -e "$tls/cert.pem" ] && { [ ! -e "$tls/key.pem" ] || [ -e "$tls/cert.new" ]; }; then
	if [ ! -w "$tls" ]; then
		echo "start: there is no cert.pem and key.pem in TLS_FOLDER, or user 4998 can't read it" >&2
		exit 1
	fi
	# For servers only, and no CA: who trusts it trusts this key for nothing else.
	cat >/tmp/certificate.cnf <<EOF
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = PBU Log Server
[extensions]
subjectAltName = $(alternative_names)
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
EOF
	umask 077
	openssl req -x509 -new -config /tmp/certificate.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 3650 -keyout "$tls/key.new" -out "$tls/cert.new" 2>/tmp/openssl.log || {
		cat /tmp/openssl.log >&2
		exit 1
	}
	chmod 0644 "$tls/cert.new"
	mv "$tls/key.new" "$tls/key.pem"
	mv "$tls/cert.new" "$tls/cert.pem"
	umask 022
	echo "start: made a self-signed certificate for $(alternative_names)"
fi

{
	echo "client_max_body_size ${MAX_BODY_BYTES:-16777216};"
	# Files of /proc have no size; a line in this one is an address of IPv6.
	if grep -q . /proc/net/if_inet6 2>/dev/null; then echo "listen [::]:8443 ssl http2;"; fi
} >/tmp/settings.conf

# -e: before it has read its configuration nginx would write to a file in /var/log.
exec nginx -e stderr
