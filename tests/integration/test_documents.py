"""Every place that names settings names them all, with their defaults; each program's --check and --help are right."""

import re
import subprocess

import pytest

from kafka import BUILD, has_kafka
from server import SETTINGS, TREE

pytestmark = pytest.mark.once

SERVER, READER, WRITER = PROGRAMS = ("pbu-log-server", "pbu-log-reader", "pbu-log-writer")

# Where no value can be said: words for it, that the places have in common.
WORDS = {"AUTH_TOKEN": "none", "AUTH_TOKEN_FILE": "none", "READ_TOKEN": "none", "READ_TOKEN_FILE": "none",
         "READ_PEERS": "none", "KAFKA_BROKERS": "none", "KAFKA_CONFIG": "none",
         "KAFKA_INSTANCE": "host and folder", "METRICS_FILE": "none",
         "READ_PEERS_TOKEN": "none", "READ_PEERS_CA": "the system's", "READ_NAME": "the host's",
         "LOG_DATE_FORMAT": "Python's", "TZ": "the system's", "THREADS": "processors + 1, at least 3"}
# The same of --help, which says it where the value would be.
HELP_WORDS = {**WORDS, "MAX_MEMORY_BYTES": "32 times MAX_BODY_BYTES, at least 128 MiB", "TZ": ":/etc/localtime"}


def run(*command, **options):
    """What a command printed; it must succeed and have no complaints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=30, **options)
    assert (done.returncode, done.stderr) == (0, ""), f"{command}: {done.returncode}\n{done.stderr}"
    return done.stdout


def built(program):
    """A program of the build. What asks for the writer, alone or among all, is skipped in a build that has none."""
    if program == WRITER and not has_kafka():
        pytest.skip("built without Kafka")
    return BUILD / program


def checked(program, **settings):
    """What --check understands of an environment with these settings and no others."""
    needed = {"KAFKA_BROKERS": "localhost:9092"} if program == WRITER else {}
    lines = run(built(program), "--check", env={**settings, **needed}).splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines)
    return {**found, **dict.fromkeys(needed, "")}


def all_settings():
    """Of all programs. What several know has the same default."""
    found = {}
    for program in PROGRAMS:
        for name, value in checked(program).items():
            assert found.setdefault(name, value) == value, name
    return found


def manual_of(program):
    return (TREE / f"doc/{program}.8").read_text()


def readme():
    """With those that it leaves to doc/scale.md."""
    found = {}
    for page in "README.md", "doc/scale.md":
        section = (TREE / page).read_text().split("\n## Settings\n")[1].split("\n## ")[0]
        for name, text in re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.M):
            assert found.setdefault(name, text.replace("`", "")) == text.replace("`", ""), name
    return found


def manual(program):
    section = manual_of(program).split("\n.Sh ENVIRONMENT\n")[1].split("\n.Sh ")[0]
    items = re.findall(r"^\.It Ev (\w+) Pq (?:(?:Li|Pa) )?(.*)$", section, re.M)
    return {name: text.strip('"') for name, text in items}


def example():
    lines = (TREE / "doc/env").read_text().splitlines()
    found = [(number, line[1:].split("=", 1)) for number, line in enumerate(lines) if re.match(r"#\w+=", line)]
    assert all(lines[number - 1].startswith("# ") for number, _ in found), "each with a line of explanation"
    assert all(line == "" or line.startswith("#") for line in lines), "nothing is set"
    assert len(found) == len({pair[0] for _, pair in found})
    return {name: value for _, (name, value) in found}


def usage(program):
    """The settings in --help, with their whole text."""
    section = run(built(program), "--help").split("Settings are environment variables:\n")[1].split("\n\n")[0]
    return dict(re.findall(r"^  (\w+) +(.*(?:\n   .*)*)", section, re.M))


def compose(service, file="compose.yaml"):
    """What a container is given: the default of each variable, None where it has none."""
    service = re.search(rf"^  {service}:(?: &\w+)?\n((?:    .*\n|\n)+)", (TREE / file).read_text(), re.M)[1]
    section = re.search(r"^    environment:(?: &\w+)?\n((?:      .*\n)+)", service, re.M)[1]
    given = re.findall(r"^      (\w+):(.*)$", section, re.M)
    form = re.compile(r' "\$\{(\w+):?-(.*)\}"')
    matches = {name: form.fullmatch(text) for name, text in given}
    assert all(match is None or match[1] == name for name, match in matches.items())
    return {name: match and match[2] for name, match in matches.items()}


def same_defaults(named, real):
    assert set(named) == set(real)
    for name, text in named.items():
        default = WORDS.get(name) or real[name]
        assert text == default or text.startswith(f"{default}:"), name


def test_readme_names_every_setting_with_its_default():
    same_defaults(readme(), all_settings())


@pytest.mark.parametrize("program", PROGRAMS)
def test_manual_names_every_setting_with_its_default(program):
    same_defaults(manual(program), checked(program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_names_every_setting_with_its_default(program):
    named, real = usage(program), checked(program)
    assert list(named) == list(real)
    for name, text in named.items():
        default = HELP_WORDS.get(name) or real[name]
        if name.endswith("_TOKEN_FILE"):
            assert "(" not in text
        else:
            assert re.search(rf"\({re.escape(default)}(?: default)?[:)]", text), name
    assert max(map(len, run(built(program), "--help").splitlines())) <= 80


@pytest.mark.parametrize("program", PROGRAMS)
def test_manual_names_every_option(program):
    flags = r"-(\w), --(\w+)"
    options = re.findall(r"^\.It Fl (\w).*? , Fl -(\w+)", manual_of(program), re.M)
    assert options == re.findall(flags, run(built(program), "--help"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_example_environment_changes_nothing(program):
    """Every line taken in, a program has the settings that it has in its unit without."""
    unit = (TREE / f"systemd/{program}.service.in").read_text()
    real = checked(program, **dict(line.split("=", 1) for line in re.findall(r"^Environment=(.*)$", unit, re.M)))
    settings = example()
    assert set(settings) == set(all_settings())
    took = checked(program, **settings)
    if program == READER:
        # In its unit the server's token is taken for set: a line that says it is none opens the reading, too.
        assert real["AUTH_TOKEN"] != took["AUTH_TOKEN"]
        took["AUTH_TOKEN"] = real["AUTH_TOKEN"]
    assert took == real
    # An empty one is not set: then it can't be told from one that is forgotten here.
    assert {name for name, value in settings.items() if not value} == set(WORDS) - {"TZ", "METRICS_FILE"}


@pytest.mark.parametrize("program, service, own", [
    # Nginx's, the volume's and the secret's own.
    (SERVER, "server", {"LOG_FOLDER", "PORT", "AUTH_TOKEN_FILE"}),
    (READER, "reader", {"LOG_FOLDER", "AUTH_TOKEN_FILE", "READ_TOKEN_FILE"}),
])
def test_compose_passes_every_setting_on(program, service, own):
    given, real = compose(service), checked(program)
    assert set(given) - {"ADDRESS"} == set(real) - own
    for name, default in given.items():
        if name == "READ_TOKEN":
            # For podman-compose, which knows no empty default; the entrypoint takes it away.
            assert default == "none"
        # Those without are passed on if set; without AUTH_TOKEN nothing starts.
        elif name not in (*HELP_WORDS, "ADDRESS"):
            assert default == real[name], name
        elif name not in ("TZ", "ADDRESS"):
            assert default is None, name
    # A container has no time zone of the system's.
    assert given["TZ"] == "UTC"
    assert f"${{PORT:-{all_settings()['PORT']}}}" in (TREE / "compose.yaml").read_text()


@pytest.mark.parametrize("program, service, own", [
    # Tokens and Kafka's way come by no file, and the server writes none.
    (SERVER, "server1", {"LOG_FOLDER", "LOG_FORMAT", "LOG_DATE_FORMAT", "LOG_ROTATE", "LOG_MAX_BYTES", "LOG_BACKUP_COUNT",
                         "LOG_FSYNC", "PORT", "AUTH_TOKEN_FILE", "KAFKA_CONFIG"}),
    (WRITER, "writer1", {"LOG_FOLDER", "METRICS_FILE", "KAFKA_CONFIG"}),
    (READER, "reader1", {"LOG_FOLDER", "AUTH_TOKEN_FILE", "READ_TOKEN_FILE", "READ_PEERS_CA"}),
])
def test_composes_cluster_passes_every_setting_on(program, service, own):
    given, real = compose(service, "compose.cluster.yaml"), checked(program)
    assert set(given) == set(real) - own
    for name, default in given.items():
        assert default == ("UTC" if name == "TZ" else real[name]) or default is None, name


def test_dotenv_takes_every_setting():
    """And nothing that would upset start.sh."""
    real = list(all_settings())
    names = [*real, "PATH", "IFS", "HOME", "BASH_ENV", "LD_PRELOAD"]
    script = '. "$0"; for name; do dotenv_names_setting "$name" && echo "$name"; done; true'
    taken = run("bash", "-c", script, TREE / "tools/dotenv.sh", *names).split()
    assert taken == real


def test_tests_know_every_setting():
    """They take them out of the environment that they are started in, but TZ, which they set."""
    assert {*SETTINGS, "TZ"} == set(all_settings())
    pattern = re.search(r'^SETTINGS = re.compile\("(.*)"\)', (TREE / "tests/bench/stack.py").read_text(), re.M)[1]
    assert [name for name in SETTINGS if not re.match(pattern, name)] == []


def test_manual_names_every_metric():
    """Of the reader: those of its list, and those beside it; by their names and what they count."""
    rows = re.findall(r'X\(\w+, "\w+", "(\w+)",\s*"(.*?)"\)',
                      (TREE / "src/reader/metrics.h").read_text().replace("\\\n", ""))
    others = re.findall(r'(?:head|single)\(\s*out, "(\w+)"', (TREE / "src/reader/metrics.c").read_text())
    section = manual_of(READER).split("\n.Li GET /metrics/reader\n")[1].split("\n.Sh ")[0]
    named = dict(re.findall(r"^\.It Li (\w+)\n((?:[^.].*\n)+)", section, re.M))
    assert set(named) == {name for name, _ in rows} | set(others) and rows and others
    for name, text in rows:
        assert named[name].replace("\n", " ").strip() == text


def test_manual_names_every_figure_of_the_writer():
    text = re.sub(r'"\s*"', "", (TREE / "src/writer/writer_metrics.c").read_text())
    real = dict(re.findall(r'(?:head|single)\(\s*out, "(\w+)", "\w+",\s*"(.*?)"', text))
    section = manual_of(WRITER).split("\n.Ss The figures\n")[1].split("\n.Sh ")[0]
    named = dict(re.findall(r"^\.It Li pbu_log_writer_(\w+)\n((?:[^.].*\n)+)", section, re.M))
    assert {name: words.replace("\n", " ").strip() for name, words in named.items()} == real and real


def routes(source):
    """Path and methods of each row of the table of routes."""
    table = (TREE / source).read_text().split("routes[] = {")[1].split("\n};")[0]
    return re.findall(r'\{"(/[\w/-]+)",\s*"(\w+)"', table)


@pytest.mark.parametrize("program, source", [(SERVER, "src/server/handler.c"), (READER, "src/reader/handler.c")])
def test_manual_names_every_path(program, source):
    named = re.findall(r"^\.It Li (GET|POST) (/\S+)", manual_of(program).split("\n.Ss The requests\n")[1].split("\n.Ss ")[0], re.M)
    # What nginx alone asks is nobody's.
    real = {(method, path) for path, method in routes(source) if not path.startswith("/_")}
    assert set(named) == real
