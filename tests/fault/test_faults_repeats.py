"""The answer is lost, and the client sends again, with the same Idempotency-Key: it is there once."""

import concurrent.futures
import errno
import os
import re
import select
import signal
import socket
import struct
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from control import Control
from fcgi_peer import HEAD, SANITIZED, body, request
from load import check_answer
from server import Server, wait_for

KEY = "5b0c7a0e7c1d4a6c8a8f1d2e3c4b5a69-7"
GOOD = b'{"status": true}'
MESSAGE_ONLY = {"LOG_FORMAT": "%(message)s", "LOG_FSYNC": "always"}


def keyed(text, key=KEY, **values):
    return request(body(text), HTTP_IDEMPOTENCY_KEY=key, **values)


def figures(server, name):
    """A figure of a FaultyServer's metrics."""
    with server.connect() as c:
        c.send(request(b"", **{**HEAD, "REQUEST_METHOD": "GET", "DOCUMENT_URI": "/metrics"}))
        return int(re.search(rf"(?m)^pbu_log_{name} (\d+)$", c.answer().decode())[1])


def received(server, connection):
    """Whether the server has read all that was sent to it, and has done with it what can be done now: no thread runs."""
    if struct.unpack("i", ioctl(connection.socket, termios.TIOCOUTQ, bytes(4)))[0] > 0:
        return False
    return all(re.search(r"(?m)^State:\tS", path.read_text()) for path in Path(f"/proc/{server.pid}/task").glob("*/status"))


def send_held(server, count, text="once", **values):
    """Requests with one key, of which the first is in fdatasync(2): its connection comes first."""
    held = [server.connect() for _ in range(count)]
    held[0].send(keyed(text, **values))
    wait_for(lambda: server.control.hits("fdatasync") == 1, "the first is written, and not yet synced")
    for c in held[1:]:
        c.send(keyed(text, **values))
    for c in held[1:]:
        wait_for(lambda c=c: received(server, c), "the server has it")
    return held


def lines(server):
    return (server.folder / "info.log").read_text().splitlines()


def health(server):
    with server.connect() as c:
        c.send(request(b"", **{**HEAD, "REQUEST_METHOD": "GET", "DOCUMENT_URI": "/api/health"}))
        return c.status()


@pytest.fixture
def server(start):
    return start(**MESSAGE_ONLY, THREADS=3)


# --- several at once ---

def test_those_that_come_meanwhile_wait_and_hold_no_thread(server):
    """Twenty wait, with three threads, one of them at the disk."""
    server.control.hold("fdatasync")
    held = send_held(server, 20)
    assert health(server) in (200, 503)
    assert server.control.hits("fdatasync") == 1
    server.control.off("fdatasync")
    for c in held:
        assert c.answer().endswith(b"\r\n\r\n" + GOOD)
    assert lines(server) == ["once"]
    assert figures(server, "repeated_requests_total") == 19


@pytest.mark.parametrize("point, error, in_file", [("writev", errno.ENOSPC, 0), ("fdatasync", errno.EIO, 1)])
def test_those_that_wait_are_refused_as_the_first_is(server, point, error, in_file):
    """And may come again."""
    server.control.hold(point, error)
    first, second = server.connect(), server.connect()
    first.send(keyed("once"))
    wait_for(lambda: server.control.hits(point) == 1, "the first is at the disk")
    second.send(keyed("once"))
    wait_for(lambda: received(server, second), "the server has the second")
    server.control.release(point)
    for c in (first, second):
        assert check_answer(c.answer()) == 503
    server.control.off(point)
    assert figures(server, "repeated_requests_total") == 0
    # fdatasync(2) that failed says nothing about what the disk has.
    assert len(lines(server)) <= in_file
    for c in (second, first, second):
        c.send(keyed("once"))
        assert c.status() == 200
    assert lines(server)[-1] == "once" and len(lines(server)) <= 1 + in_file
    assert figures(server, "repeated_requests_total") == 2


def test_who_waits_and_goes_leaves_nothing(server):
    before = len(os.listdir(f"/proc/{server.pid}/fd"))
    for n in range(5):
        server.control.hold("fdatasync")
        held = send_held(server, 30, key=f"gone-{n}")
        for c in held:
            c.socket.close()
        server.control.off("fdatasync")
        wait_for(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) == before, "their connections are closed")
        with server.connect() as c:
            c.send(keyed("once", key=f"gone-{n}"))
            assert c.status() == 200
        wait_for(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) == before, "and this one")
    assert lines(server) == ["once"] * 5


def test_the_end_answers_those_that_wait(server):
    server.control.hold("fdatasync")
    held, threads = send_held(server, 20), server.threads()
    server.process.send_signal(signal.SIGTERM)
    # Of three threads one is at the disk; the others have nothing to wait for.
    wait_for(lambda: server.threads() == threads - 2, "the other threads have ended")
    server.control.off("fdatasync")
    for c in held:
        assert c.answer().endswith(GOOD)
    assert server.process.wait(30) == 0
    server.stopped = True
    assert lines(server) == ["once"]
    server.check_said()


@pytest.mark.parametrize("most", [64 << 10, 4 << 20])
def test_what_waits_is_bounded(start, most):
    """As long as a disk hangs, its clients come again and again: beyond what may wait they are refused at once."""
    threads, count = 3, 80
    server = start(**MESSAGE_ONLY, MAX_BODY_BYTES=most, THREADS=threads)
    before = server.kib("VmHWM")
    text = "x" * (most - len(body("")) if most > 64 << 10 else 100)
    server.control.hold("fdatasync")
    held = send_held(server, count, text)
    assert health(server) in (200, 503)
    wait_for(lambda: len(select.select(held, [], [], 0)[0]) >= count - 12, "those for whom there is no room are answered")
    server.control.off("fdatasync")
    statuses = [check_answer(c.answer()) for c in held]
    waited = statuses.count(200) - 1
    print(f"{waited} waited; {server.kib('VmHWM') - before} KiB more")
    assert statuses[0] == 200 and 1 <= waited < 12 and set(statuses) == {200, 503}
    assert figures(server, "repeated_requests_total") == waited
    # What waits, what is received and decoded at a time; and with a sanitizer what was freed.
    assert server.kib("VmHWM") - before < (1 + 2 + 8) * threads * most >> 10 or SANITIZED
    for c in held:
        c.send(keyed(text))
        assert c.status() == 200
    assert lines(server) == [text]


# --- through nginx ---

@pytest.fixture
def web(library, tmp_path):
    control = Control(tmp_path / "control")
    server = Server(tmp_path, LD_PRELOAD=library, FAULT_CONTROL=tmp_path / "control",
                    ASAN_OPTIONS="verify_asan_link_order=0", **MESSAGE_ONLY).start()
    server.control = control
    yield server
    if server in Server.running:
        server.stop()


def post(server, text="once", key=KEY):
    return server.post(text if isinstance(text, list) else {"msg": text}, headers={"Idempotency-Key": key})


def repeated(server):
    return int(re.search(r"(?m)^pbu_log_repeated_requests_total (\d+)$", server.get("/metrics").text)[1])


def send_raw(server, what=b'{"msg": "once"}'):
    """A connection that has sent a record, which is written and not yet synced."""
    client = server.connect()
    client.sendall(b"POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"Idempotency-Key: %s\r\nContent-Length: %d\r\n\r\n" % (KEY.encode(), len(what)) + what)
    wait_for(lambda: server.control.hits("fdatasync") == 1, "it is written, and not yet synced")
    return client


def reset(client):
    """Ends a connection in the rudest way."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def kill_workers(server):
    """SIGKILL for nginx's workers: whatever they were about to pass on is lost."""
    master = int((server.run_folder / "nginx.pid").read_text())
    workers = {p for p, name in server.note_processes().items() if name == "nginx"} - {master}
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not workers & set(server.note_processes()), "they are gone")


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("at_once", [True, False], ids=["meanwhile", "later"])
@pytest.mark.parametrize("where", ["nginx", "client"])
def test_the_answer_is_lost(web, where, at_once, large):
    """Between server and nginx, or nginx and client; the client comes again before the first is finished, or after."""
    text = "x" * 100_000 if large else "once"
    web.control.hold("fdatasync")
    client = send_raw(web, body(text))
    if where == "client":
        reset(client)
    else:
        kill_workers(web)
        assert client.recv(1) == b""
        client.close()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        # A worker is there again.
        wait_for(lambda: web.get("/api/health").status_code, "nginx answers")
        if at_once:
            again = pool.submit(post, web, text)
            concurrent.futures.wait([again], 0.2)
            assert not again.done()
        web.control.off("fdatasync")
        if not at_once:
            # What was held up has become something.
            wait_for(lambda: post(web, "other", "another-1").status_code == 200, "others are taken")
            again = pool.submit(post, web, text)
        assert again.result(20).text == GOOD.decode()
    assert [x for x in web.lines("info.log") if x != "other"] == [text]
    wait_for(lambda: repeated(web) == 1, "it is counted")
    # Without the key it would be there twice.
    assert web.post({"msg": text}).status_code == 200
    assert web.lines("info.log").count(text) == 2


def test_two_at_once_through_nginx(web):
    web.control.hold("fdatasync")
    batch = [{"msg": "one"}, {"msg": "two"}]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(post, web, batch)
        wait_for(lambda: web.control.hits("fdatasync") == 1, "the first is written, and not yet synced")
        second = pool.submit(post, web, batch)
        concurrent.futures.wait([first, second], 0.2)
        assert not first.done() and not second.done()
        web.control.off("fdatasync")
        for answer in (first.result(20), second.result(20)):
            assert answer.status_code == 200 and answer.json() == {"status": True, "records": 2}
    assert web.lines("info.log") == ["one", "two"]
    assert repeated(web) == 1


def test_the_server_is_killed_between_writing_and_answering(web):
    """What it knew is gone with it: nginx asks its successor, and the record is there twice. Never three times."""
    web.control.hold("fdatasync")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(post, web)
        wait_for(lambda: web.control.hits("fdatasync") == 1, "it is written, and not yet synced")
        pid = web.pid
        web.kill()
        wait_for(lambda: web.pid not in (None, pid), "its next life")
        web.control.off("fdatasync")
        assert first.result(20).status_code == 200
    assert web.lines("info.log") == ["once", "once"]
    for _ in range(3):
        assert post(web).status_code == 200
    assert web.lines("info.log") == ["once", "once"]
