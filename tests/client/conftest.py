"""Fixtures: the real server of start.sh, and programs with the handler in them. The helpers of the integration tests
are used, too."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE / "programs"), str(HERE)]

import witness  # noqa: E402 (it is found by the path above)
from outcome import FILES, outcome  # noqa: E402
from program import TOKEN, Program  # noqa: E402
from server import ALL_LEVELS, Server  # noqa: E402

# A background job of a shell ignores SIGINT, and so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

SETTINGS = {"ENABLED_LOG_LEVELS": ALL_LEVELS, "AUTH_TOKEN": TOKEN, "LOG_FORMAT": witness.FORMAT, "LOG_ROTATE": "never"}


class SharedServer(Server):
    """Its files are what was written since begin()."""

    old: dict[str, int] = {}

    def begin(self) -> None:
        self.old = {name: len(super(SharedServer, self).read_bytes(name)) for name in FILES}

    def read_bytes(self, name: str) -> bytes:
        return super().read_bytes(name)[self.old[name]:]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    """One for all tests that can share it."""
    server = SharedServer(tmp_path_factory.mktemp("server"), **SETTINGS)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: SharedServer) -> Iterator[Server]:
    """The shared one, its files as new, alive after the test."""
    shared_server.begin()
    yield shared_server
    shared_server.check_alive()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """start_server(**settings): one of the test's own."""
    started = []

    def start(**settings: Any) -> Server:
        server = Server(tmp_path / f"server{len(started)}", **{**SETTINGS, **settings})
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        if server in Server.running:
            server.stop()


@pytest.fixture
def run(tmp_path: Path, server: Server) -> Iterator[Callable[..., Program]]:
    """run("threads.py", ..., **handler) starts a program whose handler sends to `server`."""
    started = []

    def begin(*command: str, **settings: Any) -> Program:
        program = Program(tmp_path, settings.pop("url", server.url), *command, **settings)
        started.append(program)
        return program

    yield begin
    for program in started:
        program.clear()


@pytest.fixture
def all_there(tmp_path: Path, server: Server) -> Callable[[], None]:
    """Checks: what the programs of the test logged is in the files, once, in order, as CPython writes it."""
    return lambda: outcome(server, tmp_path / "witness").check()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """begin(url, *command, **handler) starts a program with the handler in it; nothing is left of it after the test."""
    started = []

    def start(url: str, *command: str, **handler: Any) -> Program:
        program = Program(tmp_path, url, *command, **handler)
        started.append(program)
        return program

    yield start
    for program in started:
        program.clear()
