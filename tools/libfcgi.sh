#!/usr/bin/env bash
# tools/libfcgi.sh FOLDER: builds the libfcgi of this machine's distribution from its source package, in
# two ways that the packages here may not be built in:
#
#   FOLDER/shared  linked with -Bsymbolic-functions, as Ubuntu links its packages
#   FOLDER/static  static, without a shared one
#
# The source comes by apt-get from where the packages come from, signed by the same keys. For that a list of
# sources is made in FOLDER: those of the machine, and what apt knows, stay as they are.
set -eu

folder=$(mkdir -p "$1" && cd "$1" && pwd -P)

# apt with lists, cache and sources of its own.
apt=(-qq -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts="$folder/apt/sources.list.d"
	-o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User=root)

# The machine's sources, of the source packages only.
list_sources() {
	local file
	mkdir -p apt/sources.list.d apt/lists/partial apt/cache/archives/partial
	: >apt/sources.list
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[[ -e $file ]] && sed -n 's/^deb[[:space:]]/deb-src /p' "$file" >>apt/sources.list
	done
	for file in /etc/apt/sources.list.d/*.sources; do
		[[ -e $file ]] && sed 's/^Types:.*/Types: deb-src/' "$file" >"apt/sources.list.d/${file##*/}"
	done
	return 0
}

fetch() {
	[[ -e source/configure.ac ]] && return
	list_sources
	apt-get "${apt[@]}" update
	rm -rf source libfcgi-*
	apt-get "${apt[@]}" source libfcgi
	mv libfcgi-*/ source
	(cd source && autoreconf -fi >autoreconf.log 2>&1) || { cat source/autoreconf.log >&2; exit 1; }
}

# build_one NAME OPTION...
build_one() {
	local name=$1
	shift
	[[ -e $name/lib/pkgconfig/fcgi.pc ]] && return
	rm -rf "build-$name"
	mkdir "build-$name"
	(cd "build-$name" && ../source/configure --quiet --prefix="$folder/$name" "$@" &&
		make -s -j "$(nproc)" && make -s install) >"build-$name.log" 2>&1 || { tail -n 30 "build-$name.log" >&2; exit 1; }
}

cd "$folder"
fetch
build_one shared --disable-static LDFLAGS=-Wl,-Bsymbolic-functions
build_one static --disable-shared

# Both are what they are meant to be: no function can be replaced from outside.
if readelf --wide -r shared/lib/libfcgi.so | grep -w OS_Read; then
	echo "libfcgi.sh: $folder/shared calls its own functions by name" >&2
	exit 1
fi
[[ -e static/lib/libfcgi.a && ! -e static/lib/libfcgi.so ]]
