# The stages of the Python handler and of programs that have it in them. Sourced by test.sh.
# shellcheck shell=bash

# The oldest Python from 3.8 on that is in PATH or pyenv's, as a program's name.
oldest_python() {
	local minor program
	for minor in {8..20}; do
		for program in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python; do
			"$program" -c 'import sqlite3, ssl, venv' 2>/dev/null || continue
			printf '%s\n' "$program"
			return
		done
	done
	printf 'python3\n'
}

# client_tests FOLDER PYTHON: a new environment, with the wheel alone and pytest in it; the tests import
# what is installed. The report is FOLDER/junit.xml.
client_tests() {
	local folder=$1 python=$2 wheel
	local -a tools
	wheel=$(ls build/client/wheel/*.whl) || return 1
	mapfile -t tools < <(grep '^pytest' tests/requirements.txt)
	"$python" --version
	"$python" -m venv --clear "$folder" &&
		"$folder/bin/pip" install --quiet --disable-pip-version-check \
			"$wheel" "${tools[@]}" &&
		(cd clients/python && PBU_INSTALLED=1 "$folder/bin/python" -m pytest -q \
			--junitxml="$folder/junit.xml" tests)
}

stage_client() {
	local status=0 oldest
	(cd clients/python && ../../.venv/bin/ruff check --quiet --no-cache . &&
		../../.venv/bin/ruff format --quiet --no-cache --check . &&
		../../.venv/bin/mypy --no-error-summary --cache-dir=/dev/null)
	count_step $? || status=1
	# Of a copy: setuptools builds in the folder of the sources.
	rm -rf build/client
	mkdir -p build/client && cp -R clients/python build/client/source &&
		.venv/bin/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/client/wheel \
			build/client/source
	count_step $? || return 1
	# They mostly wait, so both run at once.
	client_tests "$tree/build/client/oldest" "$(oldest_python)" >build/client/oldest.log 2>&1 &
	oldest=$!
	client_tests "$tree/build/client/default" python3
	count_pytest $? build/client/default/junit.xml || status=1
	wait "$oldest"
	count_pytest $? build/client/oldest/junit.xml || status=1
	cat build/client/oldest.log
	return "$status"
}

# A disk that can be filled is a mount: without root its tests are skipped.
programs_in() {
	if ! packages_install openssl=program:openssl; then
		echo "$packages_error" >&2
		return 1
	fi
	pytest_in client build "$1" env
}

stage_programs() { programs_in 'not slow'; }

stage_programs_slow() { programs_in slow; }
