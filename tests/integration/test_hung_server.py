"""What a client gets, and when, from a log server that hangs or dies: and how often the server is asked."""

import os
import re
import signal
import threading
import time

import pytest

from fake_server import CLOSE, GOOD, HANG, FakeServer, Front
from measured import measured
from pausing import pause
from refusals import assert_error
from server import TREE, wait_for

LOG, AUTH = "/api/log", "/_pbu_log_auth"
LARGE = b'{"msg": "' + b"x" * 100_000 + b'"}'
# 25 s are long for a test; test_within_thirty_seconds takes them.
SOON = {f"fastcgi_read_timeout {seconds}s;": "fastcgi_read_timeout 1s;" for seconds in (25, 15)}
TOKEN_SOON = {"fastcgi_read_timeout 4s;": "fastcgi_read_timeout 1s;"}
# Where it is the number of tries that counts, and this machine may be slow.
PATIENT = {f"fastcgi_next_upstream_timeout {seconds}s;": "fastcgi_next_upstream_timeout 30s;" for seconds in (1, 2, 5)}


def hangs_but_for_tokens(request):
    return GOOD if request["DOCUMENT_URI"] == AUTH else HANG


@pytest.mark.parametrize("body", [b'{"msg": "x"}', LARGE], ids=["small", "large"])
def test_a_server_that_hangs_is_asked_once(body):
    with FakeServer(hangs_but_for_tokens) as server, Front(server, SOON) as front:
        answer = front.post(body)
        assert_error(answer, 504, "may be written", "twice")
        assert answer.headers["Retry-After"] == "1"
        assert server.asked_for(LOG) == 1


def test_a_server_that_says_nothing_about_a_token():
    """The body was not even read: nothing is written, and that is said."""
    with FakeServer(lambda _: HANG) as server, Front(server, TOKEN_SOON) as front:
        answer = front.post(LARGE)
        assert_error(answer, 503, "nothing is written")
        assert answer.headers["Retry-After"] == "1"
        assert server.asked_for(LOG) == 0 and server.asked_for(AUTH) == 1
        # No body goes with the question.
        assert server.requests[0]["CONTENT_LENGTH"] == ""


@pytest.mark.parametrize("body", [b'{"msg": "x"}', LARGE], ids=["small", "large"])
def test_a_server_that_dies_is_asked_again(body):
    """For each of the two questions of a large body, too."""
    asked = {LOG: 0, AUTH: 0}

    def dies_nineteen_times(request):
        asked[request["DOCUMENT_URI"]] += 1
        return GOOD if asked[request["DOCUMENT_URI"]] == 20 else CLOSE

    with FakeServer(dies_nineteen_times) as server, Front(server, PATIENT) as front:
        assert front.post(body).status_code == 200
        assert asked == {LOG: 20, AUTH: 20 if body is LARGE else 0}


def test_a_server_that_dies_for_ever():
    with FakeServer(lambda _: CLOSE) as server, Front(server, PATIENT) as front:
        answer = front.post()
        assert_error(answer, 502, "may be written")
        assert answer.headers["Retry-After"] == "1"
        assert server.asked_for(LOG) == 20
        answer = front.post(LARGE)
        assert_error(answer, 503, "nothing is written")


@pytest.mark.slow
@pytest.mark.parametrize("body", [b'{"msg": "x"}', LARGE], ids=["small", "large"])
@measured
def test_within_thirty_seconds(body):
    """With the real times, whatever happened before: a slow answer about the token, a try that broke late. They come in
    the middle of what they may take, which is 30 s in all."""
    conf = (TREE / "nginx/pbu-log-server-locations.conf").read_text()
    parts = [conf[:conf.index("location = /api/log {")], conf[conf.index("location = /_pbu_log_auth {"):conf.index("location = /api/health")]]
    small, large = (
        sum(map(int, re.findall(r"^\s*fastcgi_(?:next_upstream|send|read)_timeout (\d+)s;", part, re.M))) for part in parts)
    # Small ones are sent at once: there is room for them in the socket.
    assert small - int(re.search(r"fastcgi_send_timeout (\d+)s;", parts[0])[1]) <= 30 and large <= 30
    tries = []

    def breaks_late_then_hangs(request):
        if request["DOCUMENT_URI"] == AUTH:
            threading.Event().wait(2)
            return GOOD
        tries.append(time.monotonic())
        if len(tries) == 1:
            threading.Event().wait(1 if body is LARGE else 2.5)
            return CLOSE
        return HANG

    with FakeServer(breaks_late_then_hangs) as server, Front(server) as front:
        started = time.monotonic()
        assert_error(front.post(body), 504)
        took = time.monotonic() - started
        print(f"504 after {took:.1f} s")
        assert took < 30 and len(tries) == 2


def test_a_record_of_a_stopped_server_is_written_once(start_server):
    """SIGSTOP, a time-out, SIGCONT: by the real server."""
    server = start_server()
    conf = server.run_folder / "pbu-log-server-locations.conf"
    shipped = conf.read_text()
    assert "fastcgi_read_timeout 25s;" in shipped
    # Long enough for a server that goes on.
    conf.write_text(shipped.replace("fastcgi_read_timeout 25s;", "fastcgi_read_timeout 3s;"))
    workers = {p for p, n in server.note_processes().items() if n == "nginx"}
    master = int((server.run_folder / "nginx.pid").read_text())
    os.kill(master, signal.SIGHUP)
    wait_for(lambda: not (workers - {master}) & set(server.note_processes()), "nginx has new workers")
    pause(server.pid)
    try:
        assert_error(server.post({"msg": "while it hung"}), 504)
    finally:
        server.kill(signal.SIGCONT)
    wait_for(lambda: server.lines("info.log"), "it is written")
    assert server.post({"msg": "after that"}).status_code == 200
    assert [x.rpartition("root ")[2] for x in server.lines("info.log")] == ["while it hung", "after that"]
    # For an operator to see.
    wait_for(lambda: "nginx: refused with 504: " in server.stderr, "it is said")
