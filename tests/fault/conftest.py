"""Fixtures: the library of faults, and servers with it in them; and the table of results."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE)]

import faulty  # noqa: E402 (it is found by the path above)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    out = tmp_path_factory.mktemp("fault") / "fault.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-Wall", "-shared", "-fPIC", "-o", out,
                    HERE / "fault.c", HERE / "fault_memory.c"], check=True)
    return out


@pytest.fixture
def start(library, tmp_path_factory):
    """start(wrap=[...], **settings) starts a server, which must be alive at the end and stop well."""
    started = []
    numbers = itertools.count()

    def begin(**settings):
        server = faulty.FaultyServer(tmp_path_factory.mktemp(f"s{next(numbers)}-"), library, **settings)
        started.append(server)
        return server

    yield begin
    trouble = None
    for server in started:
        try:
            server.stop()
        except AssertionError as e:
            trouble = trouble or e
        finally:
            server.kill()
    if trouble:
        raise trouble


def pytest_terminal_summary(terminalreporter):
    if faulty.ROWS:
        terminalreporter.write("\n" + faulty.table())
