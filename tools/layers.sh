#!/bin/sh
# Every #include of src/ leads down the layers or stays in its folder, none in a circle, and a library's
# header is one file's. Says what is wrong, and exits with 1. Run by make check.
cd "${1:-${srcdir:-.}/src}" || exit 2

wrong=$(
	grep -n '^#include "' -- */*.[ch] | grep -v '"config.h"' | tr '/:"' '   ' | awk '
		BEGIN { split("base json python record files web kafka server", layers); for (i in layers) rank[layers[i]] = i; rank["reader"] = rank["writer"] = rank["server"] }
		# files, web and kafka stand side by side on base.
		function may(from, to) { return from == to || to == "base" || (from !~ /^(files|web|kafka)$/ && to in rank && rank[to] < rank[from]) }
		# The reader takes no more of the files than how they are named, and how much of one is there for good.
		$1 == "reader" && $5 == "files" && $6 !~ /^(rollover|committed).h$/ { print "src/" $1 "/" $2 ":" $3 ": reader may not include files/" $6; next }
		# web takes of JSON how an error is answered, and no more.
		$1 == "web" && $5 == "json" && $6 == "json_error.h" { next }
		!($1 in rank) || !may($1, $5) { print "src/" $1 "/" $2 ":" $3 ": " $1 " may not include " $5 "/" $6 }'
	# A module is x.c, x.h and its parts x_*; its settings are for themselves.
	grep '^#include "' -- */*.[ch] | sed 's/_settings/-settings/g' | sed -n 's|^\([^._]*\)[^:]*:#include "\([^._]*/[^._]*\).*|\1 \2|p' | awk '$1 != $2' |
		tsort 2>&1 >/dev/null | sed 's/^tsort: -: .*/a circle:/; s/^tsort: /  src\//'
	grep -oE '^#include <(fcgi|fastcgi|cjson|systemd|seccomp|pcre2|sodium|zlib|curl|librdkafka)[^>]*>' -- */*.[ch] | awk -F '[:<>]' '
		{ users[$3] = users[$3] " src/" $1; count[$3]++; header[$3] += $1 ~ /\.h$/ }
		END { for (h in users) if (count[h] > 1 || header[h]) print "<" h "> is for one .c file, not for" users[h] }'
)
[ -z "$wrong" ] || { printf '%s\n' "$wrong" >&2; exit 1; }
