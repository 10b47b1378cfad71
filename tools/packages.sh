# Debian packages: which are missing, and their installation. Sourced by start.sh and test.sh.
# ` ` and not $( ): start.sh, which says why, traps signals meanwhile.
# shellcheck shell=bash disable=SC2006

# What is asked for is a list of needs, each `package=kind:name`: a program in PATH, a library that
# pkg-config knows, a module of Python's, a file that clang brings, any other file. Looked for by what
# the package holds, not in dpkg's records: a library of one's own will do as well.
build_needs=(
	autoconf=program:autoreconf
	automake=program:automake
	make=program:make
	gcc=program:gcc
	libc6-dev=file:/usr/include/stdio.h
	pkg-config=program:pkg-config
	libfcgi-dev=library:fcgi
	libcjson-dev=library:libcjson
	libpcre2-dev=library:libpcre2-8
	libsodium-dev=library:libsodium
	zlib1g-dev=library:zlib
)
# For start-cluster.sh, beside those.
cluster_build_needs=(
	librdkafka-dev=library:rdkafka
	libcurl4-openssl-dev=library:libcurl
)
run_needs=(
	nginx=program:nginx
	perl=program:perl
	spawn-fcgi=program:spawn-fcgi
	multiwatch=program:multiwatch
	curl=program:curl
)

as_root() {
	if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}

# packages_missing NEED... prints the packages that have to be installed.
packages_missing() {
	local need what
	for need in "$@"; do
		what=${need#*=}
		case $what in
		program:*) command -v "${what#*:}" ;;
		library:*) pkg-config --exists "${what#*:}" ;;
		python:*) python3 -c "import ${what#*:}" ;;
		# clang names a folder only when the file is there: asked anew after the installation.
		clang:*) [[ -e `clang -print-file-name="${what#*:}"` ]] ;;
		*) [[ -e ${what#*:} ]] ;;
		esac >/dev/null 2>&1 || echo "${need%%=*}"
	done
}

# Installing nginx must not start Debian's own nginx service, which would take port 80. The file
# that says so to invoke-rc.d is there for as long as the installation takes.
policy=
hold_services() {
	local script mark='Put here while the PBU Log Server installs packages'
	# Somebody else's stays as it is; one of ours, left by an installation that was killed, is ours.
	if [[ -e /usr/sbin/policy-rc.d ]]; then
		grep -q "$mark" /usr/sbin/policy-rc.d && policy=1
		return 0
	fi
	script=`mktemp` || return
	printf '#!/bin/sh\n# %s.\nexit 101\n' "$mark" >"$script"
	policy=1
	as_root install -m 0755 "$script" /usr/sbin/policy-rc.d
	local status=$?
	rm -f "$script"
	return "$status"
}

release_services() {
	[[ $policy ]] && as_root rm -f /usr/sbin/policy-rc.d
	policy=
}

# packages_install NEED... installs what is missing, and says so first. When that fails, it says why
# in packages_error and returns 1. Whoever calls it calls release_services when it is interrupted.
packages_error=
packages_forbidden= # set: nothing is installed, it is an error when something is missing
packages_install() {
	local missing=() install=(apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends)
	# ` ` and not <( ): bash waits for it before it heeds a signal, so that nothing is left running.
	read -r -d '' -a missing <<<"`packages_missing "$@"`"
	((${#missing[@]} == 0)) && return
	echo "Missing packages: ${missing[*]}"
	if [[ $packages_forbidden ]]; then
		packages_error="nothing is installed, as --no-install says; as root: apt-get install ${missing[*]}"
	elif ! command -v apt-get >/dev/null; then
		packages_error="there is no apt-get here; install what these Debian packages hold: ${missing[*]}"
	elif ((EUID != 0)) && ! command -v sudo >/dev/null; then
		packages_error="neither root nor sudo; as root: apt-get install ${missing[*]}"
	fi
	[[ $packages_error ]] && return 1

	echo "Installing them with apt-get."
	if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update; then
		packages_error="apt-get update failed"
		return 1
	fi
	local packages=("${missing[@]}") nginx=
	if [[ " ${missing[*]} " == *' nginx '* ]]; then
		nginx=1
		# Ubuntu 22.04's smallest nginx is another package than the one of that name.
		apt-cache show nginx-light >/dev/null 2>&1 && packages=("${packages[@]/#%nginx/nginx-light}")
	fi
	hold_services &&
		as_root env DEBIAN_FRONTEND=noninteractive "${install[@]}" "${packages[@]}" >/dev/null ||
		packages_error="apt-get install ${packages[*]} failed"
	release_services
	[[ $packages_error ]] && return 1

	# Nor at the next boot.
	if [[ $nginx ]] && command -v systemctl >/dev/null; then
		as_root systemctl disable nginx.service >/dev/null 2>&1
		echo "Debian's own nginx service is left switched off; it is not needed here."
	fi
	read -r -d '' -a missing <<<"`packages_missing "$@"`"
	((${#missing[@]} == 0)) || packages_error="still missing after the installation: ${missing[*]}"
	[[ -z $packages_error ]]
}
