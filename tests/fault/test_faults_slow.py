"""A disk that is slow, and not a full one: what clients send meanwhile must not pile up in memory."""

import contextlib
import json
import select
import signal
import socket
import time

import pytest

from faulty import Course, Stalls, recovery_limit, within
from fcgi_peer import SANITIZED, request
from load import Load
from measured import measured
from server import wait_for

MAX_BODY = 512 * 1024
THREADS = 2
CLIENTS = 40

# What it may hold beyond a server without requests, in KiB (src/files/commit.h, src/server/handler.c): the bodies that are
# read, what is queued up with its entries, and what the decoder takes of as many bodies as there are threads.
INPUT_AND_QUEUE, DECODED = 2, 8
MOST = (INPUT_AND_QUEUE + DECODED) * THREADS * MAX_BODY // 1024


def slack():
    """More time, where others use the processors."""
    return recovery_limit() - 2


class LargeLoad(Load):
    """Records that just fit."""

    @staticmethod
    def text(key):
        return f"{key} {'x' * (MAX_BODY - 512 - int(key.rsplit('.', 1)[1]) % 100)} ;"

    def levels(self, number):
        return ("info",)

    def each_has(self, n):
        """Whether every client has so many answers: all have been on the way at once, then."""
        assert not self.trouble, self.trouble[0]
        return all(len(sent) >= n for sent in self.sent)


@pytest.mark.parametrize("point, sync", [("writev", "no"), ("fdatasync", "always")])
def test_a_slow_disk(start, point, sync):
    server = start(MAX_BODY_BYTES=MAX_BODY, THREADS=THREADS, LOG_FSYNC=sync)
    before = server.kib("VmHWM")
    server.control.on(point, delay=0.05)
    course = Course(server, CLIENTS, LargeLoad)
    wait_for(lambda: course.load.each_has(1), "an answer for each client", 60)
    assert server.control.hits(point) > 1
    server.control.off(point)
    course.over()
    course.end(f"{point} takes 50 ms, bodies of {MAX_BODY // 1024} KiB, {CLIENTS} clients", "LD_PRELOAD: " + point)
    assert course.load.count(200) == len(course.load.all())
    more = server.kib("VmHWM") - before
    print(f"{more} KiB more than at the start, of {MOST} allowed; {CLIENTS} clients had {CLIENTS * MAX_BODY // 1024} KiB on the way")
    # A sanitizer keeps what was freed.
    assert more < MOST or SANITIZED


class Manager:
    """What systemd is told: a datagram socket at NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.told = ""

    def count(self, state):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.told += self.socket.recv(4096).decode() + "\n"
        return self.told.count(state)


def status(server, body, **values):
    with server.connect() as c:
        c.send(request(body, **values))
        return c.status()


@measured
def test_a_disk_that_hangs_holds_nothing_else_up(start, tmp_path):
    """fdatasync(2) does not return: signals, tokens, health and records do not wait for it."""
    manager = Manager(tmp_path / "notify")
    tokens = tmp_path / "tokens"
    tokens.write_text("old\nkept\n")
    server = start(LOG_FSYNC="everysec", AUTH_TOKEN_FILE=tokens, NOTIFY_SOCKET=manager.path)
    wait_for(lambda: manager.count("READY=1") == 1, "READY")
    server.control.hold("fdatasync")
    record = json.dumps({"msg": "one"}).encode()
    assert status(server, record, HTTP_AUTHORIZATION=b"old") == 200
    wait_for(lambda: server.control.hits("fdatasync") > 0, "the sync")

    (tmp_path / "fresh").write_text("kept\nnew\n")
    (tmp_path / "fresh").rename(tokens)
    within(1.5 + slack(), lambda: status(server, b"[]", HTTP_AUTHORIZATION=b"old") == 401, "the old token is refused")
    assert status(server, b"[]", HTTP_AUTHORIZATION=b"new") == 200

    server.process.send_signal(signal.SIGHUP)
    within(1.5 + slack(), lambda: manager.count("RELOADING=1") == 1, "SIGHUP is noticed")
    # It is ready when the files are opened again, and they wait for the disk.
    assert manager.count("READY=1") == 1

    times = []
    with Stalls() as stalls:
        for n in range(50):
            since = time.monotonic()
            assert status(server, record, HTTP_AUTHORIZATION=b"kept") == 200
            times.append(time.monotonic() - since)
            since = time.monotonic()
            status(server, b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health")
            times.append(time.monotonic() - since)
    assert max(times) - stalls.seconds < 1 + slack()

    with server.connect() as c:
        def health():
            c.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health"))
            return c.answer()
        within(7 + slack(), lambda: b"the disk does not answer" in health(), "health says so")

    server.process.send_signal(signal.SIGTERM)
    took = within(3 + slack(), lambda: server.process.poll() is not None, "its end")
    print(f"stopped after {took:.2f} s")
    assert server.process.returncode == 0
    server.stopped = True
    server.check_said()
    assert "the disk does not answer" in server.said
    assert (server.folder / "info.log").read_text().count("one") == 51


@pytest.mark.parametrize("sync", ["no", "everysec"])
@measured
def test_a_roll_over_does_not_wait_for_a_disk_that_hangs(start, sync):
    server = start(LOG_FSYNC=sync, LOG_MAX_BYTES=10_000, LOG_BACKUP_COUNT=0)
    server.control.hold("fdatasync")
    times = []
    with Stalls() as stalls:
        for n in range(30):
            since = time.monotonic()
            assert status(server, json.dumps({"msg": f"{n} " + "x" * 4000}).encode()) == 200
            times.append(time.monotonic() - since)
    assert len(list(server.folder.glob("info.log.*"))) == 14
    assert max(times) - stalls.seconds < 1 + slack()
    server.control.off("fdatasync")


def test_ready_again_when_the_files_are_opened(start, tmp_path):
    manager = Manager(tmp_path / "notify")
    server = start(NOTIFY_SOCKET=manager.path)
    wait_for(lambda: manager.count("READY=1") == 1, "READY")
    (server.folder / "info.log").rename(server.folder / "away")
    server.process.send_signal(signal.SIGHUP)
    within(2 + slack(), lambda: manager.count("READY=1") == 2, "READY again")
    assert (server.folder / "info.log").exists()


def test_health_when_the_writer_hangs(start):
    """Health is answered from what is known, though a writer holds the role."""
    server = start(LOG_FSYNC="always", THREADS=3)
    server.control.hold("fdatasync")
    with server.connect() as c:
        c.send(request(json.dumps({"msg": "waits"}).encode()))
        wait_for(lambda: server.control.hits("fdatasync") > 0, "the writer syncs")
        assert status(server, b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health") == 200
        assert not select.select([c], [], [], 0)[0], "it has to wait"
        server.control.off("fdatasync")
        assert c.status() == 200
