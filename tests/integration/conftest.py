"""Fixtures: servers that are stopped, and looked at after each test. See server.py for their use."""

import itertools
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asking import Asking, frames
from fake_peer import begin, end
from reading import Reader
from server import ALL_LEVELS, START, TREE, Server
from starting import AS_ROOT, run_folders
from writing import Writer

from kafka import Cluster


def _factory(tmp_path_factory, name):
    """A function that starts servers, and the list of those it started."""
    started = []
    numbers = itertools.count()

    def start(**settings):
        cwd = settings.pop("cwd", None) or tmp_path_factory.mktemp(f"{name}{next(numbers)}-")
        settings.setdefault("ENABLED_LOG_LEVELS", ALL_LEVELS)
        server = Server(cwd, **settings)
        server.start()
        started.append(server)
        return server

    return start, started


def _stop(started):
    """Stops all, and tells of the first that did not stop as it should."""
    trouble = None
    for server in reversed(started):
        if server in Server.running:
            try:
                server.stop()
            except AssertionError as e:
                server.abandon()
                trouble = trouble or e
    if trouble:
        raise trouble


@pytest.fixture
def start_server(tmp_path_factory):
    """start_server(**settings) starts a server that is stopped after the test."""
    start, started = _factory(tmp_path_factory, "server")
    yield start
    _stop(started)


@pytest.fixture(scope="module")
def start_module_server(tmp_path_factory):
    """The same, stopped after the last test of the module."""
    start, started = _factory(tmp_path_factory, "shared")
    yield start
    _stop(started)


@pytest.fixture(scope="module")
def server(start_module_server):
    """One server for the module: all four levels, no token."""
    return start_module_server()


@pytest.fixture
def nothing_left():
    """After the test no run folder is there that was not there before."""
    before = run_folders()
    yield
    assert run_folders() <= before


@pytest.fixture
def nobodys_folder():
    """A folder that an ordinary user may work in, if need be not the one who runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="pbu-nobody-"))
    if AS_ROOT:
        os.chown(folder, 65534, 65534)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def nobodys_start():
    """start.sh for that user: root's tree may be in a folder where nobody else may read, so it is a copy's."""
    if not AS_ROOT:
        yield START
        return
    copy, build = Path(tempfile.mkdtemp(prefix="pbu-tree-")), os.environ.get("BUILD_DIR", "build")
    for name in ("start.sh", "tools", "nginx", "page", "src", "m4", "configure.ac", "Makefile.am"):
        subprocess.run(["cp", "-a", TREE / name, copy], check=True)
    (copy / build).mkdir()
    for name in ("Makefile", "pbu-log-reader", "pbu-log-server"):
        subprocess.run(["cp", "-a", TREE / build / name, copy / build], check=True)
    subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
    yield copy / "start.sh"
    shutil.rmtree(copy)


@pytest.fixture(autouse=True)
def still_alive():
    """After each test, every server that should run still does."""
    yield
    for running in list(Server.running):
        running.check_alive()


@pytest.fixture(scope="module")
def zone_is_utc() -> Iterator[None]:
    """This process's as the servers': a time without one is theirs."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


# --- peers ---


@pytest.fixture(autouse=True)
def no_reader_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that fails half-way leaves no reader behind."""
    started: list[Reader] = []
    begin = Reader.__init__

    def noted(self: Reader, *arguments: Any, **settings: Any) -> None:
        begin(self, *arguments, **settings)
        started.append(self)

    monkeypatch.setattr(Reader, "__init__", noted)
    yield
    for reader in started:
        reader.kill()


@pytest.fixture(scope="module")
def shared_asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    asking = Asking(tmp_path_factory.mktemp("asking"))
    yield asking
    asking.stop()


@pytest.fixture
def asking(shared_asking: Asking) -> Asking:
    shared_asking.script = lambda ask: ask.good(begin(), *frames(), end(matched=10))
    shared_asking.peer.asked.clear()
    shared_asking.peer.headers.clear()
    return shared_asking


# --- pbu-log-writer, by writing.py; a module may have brokers of its own ---


@pytest.fixture(scope="module")
def brokers() -> Iterator[Cluster]:
    with Cluster(brokers=1, topics={}) as cluster:
        yield cluster


@pytest.fixture
def topic(brokers: Cluster, request: pytest.FixtureRequest) -> str:
    """A topic of this test's own, with two partitions."""
    name = "topic-" + re.sub(r"[^a-z0-9]", "-", request.node.name)
    brokers.topic(name, 2)
    return name


@pytest.fixture
def make(brokers: Cluster, topic: str, tmp_path: Path) -> Iterator[Callable[..., Writer]]:
    """make(name, **settings): a writer of the topic, with a folder of its own, which is killed after the test."""
    made: list[Writer] = []

    def make_one(name: str = "writer", cluster: Cluster = brokers, **settings: object) -> Writer:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        made.append(Writer(folder, cluster, **{"KAFKA_TOPIC": topic, "KAFKA_GROUP": topic, **settings}))
        return made[-1]

    yield make_one
    for writer in made:
        writer.kill()
