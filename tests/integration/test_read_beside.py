"""The reader beside the server, and queries beside others: none holds up what goes before it."""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest
import requests

from access import TAIL, ask
from fcgi_peer import SANITIZED
from measured import measured
from server import wait_for


def test_a_reader_that_dies_costs_writing_nothing(start_server):
    server = start_server()
    for n in range(20):
        pid = wait_for(lambda: server.reader_pid, "the reader runs")
        os.kill(pid, 9)
        assert server.post({"msg": f"number {n}"}, timeout=5).status_code == 200
        # It is started again, and who asks meanwhile waits for it.
        answer = ask(server, "/api/log/query?limit=1")
        assert answer.status_code == 200 and f"number {n}" in answer.text
    assert server.stderr.count("start.sh: pbu-log-reader has ended; it is started again") == 20
    assert len(server.lines("info.log")) == 20


def test_reading_gives_way(server):
    pid = server.reader_pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, server.pid) + 10
    assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) >= 500
    assert int(Path(f"/proc/{server.pid}/oom_score_adj").read_text()) < 500


@pytest.fixture
def stalled(start_server):
    """A server with a log that is longer than any buffer, and a function that asks for it and takes nothing."""
    server = start_server(QUERY_TIMEOUT=60)
    with open(server.folder / "info.log.2026-01-01", "w") as f:
        for n in range(200_000):
            f.write(f"2026-01-01 00:00:00,000 INFO:root entry {n:06} {'x' * 80}\n")
    connections = []

    def stall(path):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(20)
        s.connect(("127.0.0.1", server.port))
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        connections.append(s)
        return s

    yield server, stall
    for s in connections:
        s.close()


@measured
def test_downloads_hold_up_no_query(stalled):
    server, stall = stalled
    for _ in range(12):
        assert stall("/api/log/raw").recv(12) == b"HTTP/1.1 200"
    started = time.monotonic()
    assert ask(server, "/api/log/query?limit=1").status_code == 200
    assert ask(server, "/api/login-check").status_code == 200
    assert server.post({"msg": "x"}).status_code == 200
    assert time.monotonic() - started < 2


def test_a_bounded_number_of_queries(stalled):
    server, stall = stalled

    def refused():
        # Sixteen are under way, and 32 wait; of those that take nothing one after the other is ended, to make room.
        for _ in range(60):
            stall("/api/log/query?limit=1000000")
        with contextlib.suppress(requests.ReadTimeout):
            answer = ask(server, "/api/log/query?limit=1", timeout=1)
            return answer.status_code == 503 and "too many queries" in answer.json()["error"]

    wait_for(refused, "no more queries are taken", 5)
    assert server.post({"msg": "x"}, timeout=5).status_code == 200
    assert ask(server, "/api/login-check").status_code == 200
    # Those who take nothing have to make room, one after the other.
    patience = 90 if SANITIZED else 20
    wait_for(lambda: ask(server, "/api/log/query?limit=1", timeout=patience).status_code == 200, "a query has its turn", patience)


def test_the_end_waits_for_no_query(stalled):
    """What is under way is cut short, so that who reads it can tell."""
    server, stall = stalled
    connections = [stall("/api/log/raw"), stall("/api/log/query?limit=1000000"), stall(TAIL)]
    for s in connections:
        assert s.recv(12) == b"HTTP/1.1 200"
    reader = server.reader_pid
    server.note_processes()
    server.send(signal.SIGTERM)
    wait_for(lambda: server.reader_pid != reader, "the reader ends", 8)
    assert server.wait() == 0
    server.check_gone()
    for s, end in zip(connections, (b"\r\n0\r\n\r\n", b'"end": true', b"data:"), strict=True):
        rest = b""
        with s, contextlib.suppress(ConnectionError):
            while chunk := s.recv(65536):
                rest = rest[-1000:] + chunk
        assert end not in rest[-1000:]
