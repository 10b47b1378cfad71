"""Fixtures: servers that are stopped, and looked at after each test. See server.py for their use."""

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from server import ALL_LEVELS, START, TREE, Server
from starting import AS_ROOT, run_folders


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
