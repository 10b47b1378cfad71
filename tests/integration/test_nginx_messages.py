"""What nginx says of refusals, as start.sh passes it on: in few lines, and nobody waits for whoever reads them."""

import contextlib
import os
import pty
import re
import shutil
import signal
import termios
import time

import pytest

from server import wait_for

pytestmark = pytest.mark.once


def refusals(server, said=None):
    """The lines about what nginx has refused, and for how many requests they stand."""
    lines = [x for x in (server.stderr if said is None else said).splitlines() if x.startswith("nginx: refused with")]
    return lines, sum(1 + int((re.search(r"\[and (\d+) more like it\]$", x) or [0, 0])[1]) for x in lines)


def test_each_kind_of_refusal_is_said(start_server):
    server = start_server(MAX_BODY_BYTES=5000)
    server.get("/nothing")
    server.get("/api/log?token=secret")
    server.post({"msg": "x" * 6000})
    server.request("PUT", "/api/log")
    # The log server's own, and what went well, are not nginx's.
    server.post({"msg": "x"})
    server.post(b"not JSON")
    # Each kind is said at once, however many of another there are.
    wait_for(lambda: len(refusals(server)[0]) == 4, "four kinds of refusals")
    said = "\n".join(refusals(server)[0])
    for words in ("404: no such resource (asked: GET (another) from 127.0.0.1)",
                  "401: a token belongs in the Authorization header, never in the address (asked: GET /api/log from",
                  "413: the body is larger than this server takes (asked: POST /api/log from",
                  '405: a record is sent by POST: with logging.handlers.HTTPHandler, say method="POST" (asked: PUT /api/log from'):
        assert f"nginx: refused with {words}" in said
    assert "secret" not in server.stderr


def test_many_refusals_are_few_lines(start_server):
    """And none of them is uncounted, also when no other comes."""
    server = start_server()
    started = time.monotonic()
    for _ in range(500):
        server.get("/nothing")
    wait_for(lambda: refusals(server)[1] == 500, "all are counted")
    # One in each second of the clock, the first and the last of which are not whole.
    assert len(refusals(server)[0]) <= time.monotonic() - started + 2, server.stderr


@pytest.mark.parametrize("delay", [0.04, 0.05, 0.06])
def test_a_start_that_takes_its_time_refuses_nobody(start_server, tmp_path, delay):
    """start.sh itself asks until there is an answer: nothing is said of that, also when a socket comes late."""
    late = tmp_path / "spawn-fcgi"
    late.write_text(f'#!/bin/sh\nsleep {delay}\nexec {shutil.which("spawn-fcgi")} "$@"\n')
    late.chmod(0o755)
    server = start_server(PATH=f"{tmp_path}:{os.environ['PATH']}")
    server.get("/nothing")
    wait_for(lambda: any("404" in line for line in refusals(server)[0]), "what comes after the start is said")
    assert refusals(server)[1] == 1, server.stderr


def test_what_is_said_last_is_not_lost(start_server):
    server = start_server()
    for _ in range(100):
        server.get("/nothing")
    server.stop()
    assert refusals(server)[1] == 100


def test_nginx_outlives_what_reads_its_messages(start_server):
    server = start_server()
    os.kill(next(p for p, n in server.note_processes().items() if n == "perl"), signal.SIGKILL)
    for _ in range(2000):
        assert server.get("/nothing").status_code == 404
    assert server.post({"msg": "x"}).status_code == 200
    server.stop()


def stopped_pipe():
    """Whom to read from, and stderr; functions that stop it and let it go on."""
    reader, writer = os.pipe()

    def stop():
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"." * 4095 + b"\n")
        os.set_blocking(writer, True)

    return reader, writer, stop, lambda: None


def stopped_terminal():
    """The same, as Ctrl-S and Ctrl-Q do it."""
    reader, writer = pty.openpty()
    return reader, writer, lambda: termios.tcflow(writer, termios.TCOOFF), lambda: termios.tcflow(writer, termios.TCOON)


@pytest.mark.parametrize("stderr", [stopped_pipe, stopped_terminal])
def test_nobody_waits_for_whoever_reads_stderr(start_server, stderr):
    """And it says later how much was not said meanwhile."""
    reader, writer, stop, go_on = stderr()
    server = start_server(AUTH_TOKEN="secret", THREADS=1, stderr_to=writer)
    stop()
    for _ in range(100):
        assert server.post({"msg": "refused"}, timeout=5).status_code == 401
    for _ in range(2000):
        assert server.get("/nothing", timeout=5).status_code == 404
    assert server.post({"msg": "taken"}, headers={"Authorization": "secret"}, timeout=5).status_code == 200
    go_on()
    os.set_blocking(reader, False)
    said = b""

    def all_is_said():
        nonlocal said
        server.post({"msg": "refused"}, timeout=5)
        with contextlib.suppress(BlockingIOError):
            while True:
                said += os.read(reader, 65536)
        text = said.decode()
        return refusals(server, text)[1] == 2000 and "pbu-log-server: warning: messages lost before this one" in text

    wait_for(all_is_said, "what could not be said is counted")
    server.stop()
    os.close(reader)
    os.close(writer)
