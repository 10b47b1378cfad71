"""./start-cluster.sh: a whole cluster on one machine, started, broken, ended."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from server import RUN_BASE, TREE, clean_environment, command_line, descendants, free_port, process_table, start_time, wait_for

SCRIPT = TREE / "start-cluster.sh"
PARTS = ("kafka-1", "kafka-2", "kafka-3", "server-1", "server-2", "writer-1", "writer-2", "reader-1", "reader-2")
START_SECONDS = 300.0


def free_ports(count: int) -> int:
    """The first of so many in a row that are free."""
    for _ in range(1000):
        first = free_port()
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                s = stack.enter_context(socket.socket())
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
            return first
    raise AssertionError("no ports are free")


class Started:
    """start-cluster.sh, and all that is below it."""

    def __init__(self, cwd: Path, *arguments: str, **settings: object) -> None:
        self.cwd = cwd
        cwd.mkdir(exist_ok=True, parents=True)
        self.port, self.first = free_port(), free_ports(7)
        self.url = f"http://127.0.0.1:{self.port}"
        environment = clean_environment(**{"PORT": self.port, "CLUSTER_PORT": self.first, **settings})
        with open(cwd / "stdout", "wb") as out, open(cwd / "stderr", "wb") as err:
            self.process = subprocess.Popen([str(SCRIPT), *arguments], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=err, start_new_session=True)
        # What the first reader calls itself, and the second.
        self.readers = {"writer-1", f"127.0.0.1:{self.first + 6}"}
        self.seen: dict[int, str] = {}

    @property
    def stdout(self) -> str:
        return (self.cwd / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.cwd / "stderr").read_text()

    @property
    def run_folder(self) -> Path:
        return Path(self.stdout.split("kill -9 `cat ")[1].split("/kafka-2/pid")[0])

    def note(self) -> dict[int, str]:
        below = descendants(self.process.pid)
        for pid in below:
            when = start_time(pid)
            if when is not None:
                self.seen[pid] = when
        return below

    def wait(self) -> "Started":
        def ready() -> bool:
            assert self.process.poll() is None, self.stdout + self.stderr
            return "  break " in self.stdout

        wait_for(ready, "it is ready", START_SECONDS, 0.1)
        self.note()
        return self

    def pid(self, part: str) -> int:
        """Waits for it: a new life has just begun to write it, perhaps."""
        return int(wait_for((self.run_folder / part / "pid").read_text, f"{part} notes its id"))

    def left(self) -> dict[int, list[str]]:
        return {pid: command_line(pid) for pid, when in self.seen.items() if start_time(pid) == when}

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.note()
        self.process.send_signal(number)
        status = self.process.wait(120)
        assert not self.left(), self.left()
        return status

    def abandon(self) -> None:
        self.note()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def post(self, what: object) -> int:
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{self.url}/api/log", json=what, timeout=40).status_code

    def messages(self, query: str = "") -> list[tuple[str, str]]:
        """All that is read, of both writers: the server and the message of each."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{self.url}/api/log/query?limit=1000{query}", timeout=40)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        return [(line["server"], line["message"]) for line in lines if "message" in line]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []
    before = set(RUN_BASE.glob("pbu-log.*"))

    def one(*arguments: str, name: str = "cwd", **settings: object) -> Started:
        started.append(Started(tmp_path / name, *arguments, **settings))
        return started[-1]

    yield one
    for cluster in started:
        cluster.abandon()
    assert set(RUN_BASE.glob("pbu-log.*")) <= before or any(c.process.returncode == -signal.SIGKILL for c in started)


def test_as_the_ready_line_says(begin):
    """What is posted is read by the one reader, whichever writer has it; each part may be killed; nothing is left."""
    cluster = begin(name="Wälder").wait()
    assert len(cluster.stderr.splitlines()) < 20, cluster.stderr
    for number in range(40):
        assert cluster.post({"msg": f"before {number}", "name": f"logger-{number}"}) == 200
    expected = {f"before {number}" for number in range(40)}
    wait_for(lambda: {message for _, message in cluster.messages()} == expected, "all are read")
    assert {server for server, _ in cluster.messages()} == cluster.readers
    for number in (1, 2):
        assert "before " in (cluster.cwd / f"_cluster/writer-{number}/info.log").read_text()
    for part in PARTS:
        pid = cluster.pid(part)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda part=part, pid=pid: cluster.pid(part) != pid, f"{part} is started again", 60)
        assert f"{part} has ended; it is started again" in cluster.stderr
        # A client would send it again.
        wait_for(lambda part=part: cluster.post({"msg": f"after {part}", "name": part}) == 200, f"it takes records: {part}", 90)
        expected.add(f"after {part}")
        cluster.note()

    def all_read() -> bool:
        with contextlib.suppress(requests.RequestException, KeyError, ValueError):
            return {message for _, message in cluster.messages()} == expected
        return False

    wait_for(all_read, "all are read", 90, 0.2)
    run_folder = cluster.run_folder
    assert cluster.stop() == 0, cluster.stderr
    assert not run_folder.exists()

    # What is stored stays: the same folder, once more.
    again = begin(name="Wälder").wait()
    assert again.post({"msg": "once more"}) == 200
    wait_for(lambda: {message for _, message in again.messages()} == {*expected, "once more"}, "all are read, and the new one")
    assert again.stop(signal.SIGINT) == 0


def test_tokens(begin):
    """The reader asks the other with the token, which is in no command line and no file."""
    cluster = begin(AUTH_TOKEN="t0ken-to-write", READ_TOKEN="t0ken-to-read").wait()
    try:
        with requests.Session() as session:
            session.trust_env = False
            ask = {"Authorization": "t0ken-to-read"}
            sent = session.post(f"{cluster.url}/api/log", json=[{"msg": "x", "name": f"n{n}"} for n in range(20)], timeout=40,
                                headers={"Authorization": "t0ken-to-write"})
            assert sent.status_code == 200
            assert session.get(f"{cluster.url}/api/log/query", timeout=40).status_code == 401

            def both() -> bool:
                text = session.get(f"{cluster.url}/api/log/query?limit=100", headers=ask, timeout=40).text
                return all(name in text for name in cluster.readers) and text.count('"message": "x"') == 20

            wait_for(both, "both writers' entries are read")
        for pid in cluster.note():
            assert not [word for word in command_line(pid) if "t0ken" in word]
        for path in cluster.run_folder.rglob("*"):
            if path.is_file() and path.name != "authorization":
                assert "t0ken" not in path.read_text(errors="replace"), path
    finally:
        assert cluster.stop() == 0, cluster.stderr


def test_two_in_one_folder(begin):
    first = begin().wait()
    second = begin(name="other", CLUSTER_FOLDER=first.cwd / "_cluster")
    assert second.process.wait(60) == 1
    assert second.stderr == f"start-cluster.sh: another start-cluster.sh runs in {first.cwd}/_cluster\n"
    assert first.stop() == 0


def test_ports_in_use(begin):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        cluster = begin(CLUSTER_PORT=port - 4)
        assert cluster.process.wait(60) == 1
        assert cluster.stderr == f"start-cluster.sh: port {port} is in use; CLUSTER_PORT says where seven others begin\n"
        cluster = begin(PORT=port)
        assert cluster.process.wait(60) == 1
        assert f"nginx could not start on port {port}" in cluster.stderr


@pytest.mark.parametrize("port", ["0", "65530", "x", "08"])
def test_wrong_ports(begin, port):
    cluster = begin(CLUSTER_PORT=port)
    assert cluster.process.wait(60) == 2 and len(cluster.stderr.splitlines()) == 1 and "CLUSTER_PORT" in cluster.stderr


def stub(folder: Path, name: str, script: str) -> str:
    """A PATH with that program before all others."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_no_java(begin, tmp_path):
    """It would install it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for path in Path("/usr/bin").iterdir():
        if path.name not in ("java", "mvn"):
            (programs / path.name).symlink_to(path)
    cluster = begin("--no-install", PATH=programs)
    assert cluster.process.wait(60) == 1
    assert cluster.stdout == "Missing packages: default-jre-headless\n"
    assert "apt-get install default-jre-headless" in cluster.stderr and len(cluster.stderr.splitlines()) == 1


def test_old_java(begin, tmp_path):
    cluster = begin(PATH=stub(tmp_path / "bin", "java", """echo 'openjdk version "1.8.0_392"' >&2"""))
    assert cluster.process.wait(60) == 1
    assert cluster.stderr == "start-cluster.sh: Kafka needs Java 11 or later; this is 8\n"


def test_too_little_memory(begin, tmp_path):
    script = 'case $1 in *MemAvailable*) echo 700 ;; *) exec /usr/bin/awk "$@" ;; esac'
    cluster = begin(PATH=stub(tmp_path / "bin", "awk", script))
    assert cluster.process.wait(60) == 1
    assert cluster.stderr == "start-cluster.sh: 700 MiB of memory are available, and three brokers take 1200\n"


def test_a_broker_that_can_not_start(begin, tmp_path):
    """It says why."""
    cwd = tmp_path / "cwd"
    (cwd / "_cluster/kafka-2/data").mkdir(parents=True)
    (cwd / "_cluster/kafka-2/data/meta.properties").write_text("version=1\ncluster.id=another\nnode.id=2\n")
    cluster = begin()
    assert cluster.process.wait(120) == 1
    assert "kafka-2 could not start" in cluster.stderr and "INCONSISTENT_CLUSTER_ID" in cluster.stderr, cluster.stderr


def test_settings_that_can_not_be_used(begin):
    cluster = begin(LOG_ROTATE="weekly", QUERY_TIMEOUT="soon", MAX_BODY_BYTES="x")
    assert cluster.process.wait(60) == 2
    for name in ("LOG_ROTATE", "QUERY_TIMEOUT", "MAX_BODY_BYTES"):
        assert sum(name in line for line in cluster.stderr.splitlines()) == 1, cluster.stderr


def below(pid: int) -> int:
    table = process_table()
    return sum(1 for p in descendants(pid) if table.get(p, (0, "Z", ""))[1] != "Z")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", [1, 10, 18])
def test_ended_at_any_moment(begin, moment, number):
    """While brokers start, the topic is made, servers begin: SIGTERM leaves nothing; nor does SIGKILL, but for its folder."""
    cluster = begin()
    # Moments by how much there is of it: a clock would tell nothing on a busy machine.
    wait_for(lambda: below(cluster.process.pid) >= moment or "  break" in cluster.stdout, "the moment", 120)
    cluster.note()
    if number == signal.SIGTERM:
        assert cluster.stop() in (0, 1), cluster.stderr
    else:
        cluster.process.kill()
        cluster.process.wait()
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not cluster.left(), "all of it is gone", 60)
        assert not cluster.left(), cluster.left()
