# .env: KEY=VALUE lines, which are read, not executed. Sourced by start.sh.
# shellcheck shell=bash

# Which names are taken. Others in the file belong to somebody else, and some would upset this script.
dotenv_names_setting() {
	case $1 in
	LOG_* | AUTH_* | READ_* | QUERY_* | KAFKA_* | METRICS_FILE | ENABLED_LOG_LEVELS | PORT | MAX_* | THREADS | TZ | BUILD_DIR | RUN_DIR | CLUSTER_*) return 0 ;;
	*) return 1 ;;
	esac
}

# dotenv_read FILE exports the settings in it. When it can't, it says why in dotenv_error and returns 1.
dotenv_error=
dotenv_read() {
	local file=$1 line name value number=0
	local -A from_file=()
	local form='^(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$'
	local quoted='^"(([^"\\]|\\.)*)"[[:space:]]*(#.*)?$'
	local literal="^'([^']*)'[[:space:]]*(#.*)?\$"
	if ! [[ -r $file ]]; then
		dotenv_error="can't read $file"
		return 1
	fi
	while IFS= read -r line || [[ $line ]]; do
		((++number))
		line=${line%$'\r'}
		line=${line#"${line%%[![:space:]]*}"}
		[[ -z $line || $line == '#'* ]] && continue
		if ! [[ $line =~ $form ]]; then
			dotenv_error="$file, line $number: not KEY=VALUE"
			return 1
		fi
		name=${BASH_REMATCH[2]}
		value=${BASH_REMATCH[3]}
		if [[ $value =~ $literal ]]; then
			value=${BASH_REMATCH[1]}
		elif [[ $value =~ $quoted ]]; then
			value=${BASH_REMATCH[1]}
			# \" \\ \$ and \` stand for the second character, as in a shell.
			value=${value//\\\\/$'\001'}
			value=${value//\\\"/\"}
			value=${value//\\\$/\$}
			value=${value//\\\`/\`}
			value=${value//$'\001'/\\}
		elif [[ $value == [\"\']* ]]; then
			dotenv_error="$file, line $number: the quote is not closed, or something follows it"
			return 1
		else
			# A comment begins at a # after white space.
			[[ $value == '#'* ]] && value=
			value=${value%%[[:space:]]#*}
			value=${value%"${value##*[![:space:]]}"}
		fi
		dotenv_names_setting "$name" || continue
		# The environment wins, also where it says "empty".
		[[ ${!name+set} ]] && ! [[ ${from_file[$name]+set} ]] && continue
		from_file[$name]=1
		export "$name=$value"
	done <"$file"
	return 0
}
