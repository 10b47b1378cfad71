"""The live tail through the front door: what is written comes at once, each entry once and in order, whatever
happens to the files, the server, the reader, nginx and the connection in between."""

import calendar
import os
import random
import re
import selectors
import signal
import socket
import statistics
import threading
import time
from pathlib import Path

import pytest
import requests
from fcgi_peer import SANITIZED
from measured import measured
from sse import Viewer
from test_rollover import faketime

from server import descendants, wait_for

VIEWERS = 64

# A record every millisecond, in batches.
BATCH = 10

# Milliseconds from before the POST to the event: for half of them, and for 99 of 100.
P50, P99 = 10, 50


class Writer(threading.Thread):
    """A thousand records a second, numbered, one in fifty of them an error."""

    def __init__(self, server, seconds, size=0):
        super().__init__(daemon=True)
        self.server, self.seconds, self.filling = server, seconds, "x" * size
        self.sent = 0
        self.session = requests.Session()
        self.session.trust_env = False
        self.begun = time.monotonic()

    def run(self):
        while time.monotonic() < self.begun + self.seconds:
            batch = [self.record(n) for n in range(self.sent, self.sent + BATCH)]
            self.post(batch)
            self.sent += BATCH
            time.sleep(max(0.0, self.begun + self.sent / 1000 - time.monotonic()))

    def record(self, n):
        level = "ERROR" if n % 50 == 7 else "INFO"
        return {"levelname": level, "levelno": 40 if level == "ERROR" else 20, "name": "app",
                "msg": f"<{n}> {self.filling}" + ("\nand more" if n % 30 == 1 else "")}

    def post(self, batch):
        """Until it is accepted: while something restarts it may be written twice, and counts as often."""
        end = time.monotonic() + 30
        while True:
            try:
                if self.session.post(f"{self.server.url}/api/log", json=batch, timeout=30).status_code == 200:
                    return
            except requests.RequestException:
                pass
            assert time.monotonic() < end
            time.sleep(0.01)


def number(text):
    return int(re.search(r"<(\d+)>", text)[1])


def written(server, name):
    """The entries of a level over all its files, from the oldest to the newest."""
    files = [server.entries(p.name) for p in server.folder.glob(f"{name}*")]
    return [e for f in sorted((f for f in files if f), key=lambda f: number(f[0])) for e in f]


def assert_same(server, viewer, levels=("info", "error")):
    """It has had what is in the files, each entry once and in order."""
    for level in levels:
        expected = written(server, f"{level}.log")

        def is_there(level=level, expected=expected):
            viewer.check()
            return len(viewer.texts(level[0])) >= len(expected)

        wait_for(is_there, f"{len(expected)} of {level}, and not {len(viewer.texts(level[0]))}", 90 if SANITIZED else 30)
        got = viewer.texts(level[0])
        if got == expected:
            continue
        at = next((i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), len(expected))
        raise AssertionError(f"{level}, entry {at}: {got[at:at + 3]} and not {expected[at:at + 3]}")
    assert viewer.dropped == 0


def before_midnight(start_server, seconds, **settings):
    """A server that has so many seconds to midnight, which is to be there before half of them are over; and when that
    is, by the clock of this machine."""
    for spare in 0, 5, 20:
        midnight = time.time() + seconds + spare
        offset = calendar.timegm((2019, 12, 25, 0, 0, 0)) - midnight
        server = start_server(**faketime(), FAKETIME=f"{offset:.3f}", **settings)
        if time.time() < midnight - seconds / 2:
            time.sleep(max(0.0, midnight - seconds - time.time()))
            return server, midnight
        server.stop()
    raise AssertionError("the server takes too long to start")


@pytest.mark.parametrize("seconds", [16, pytest.param(60, marks=pytest.mark.slow)])
def test_no_gap_and_no_double(start_server, seconds):
    server, midnight = before_midnight(start_server, 0.35 * seconds, LOG_FSYNC="no", LOG_MAX_BYTES=8000 * seconds)
    viewers = [Viewer(server).start(), Viewer(server, "level=INFO,ERROR&q=app").start(), Viewer(server, "q=logger:app").start()]
    fickle, slow, *_ = viewers
    writer = Writer(server, seconds)
    writer.begun = time.monotonic()
    writer.start()
    wait_for(lambda: writer.sent > 0, "the first is written")
    assert time.time() < midnight - 0.5, "midnight has passed"

    def come_again(those, before):
        wait_for(lambda: all(v.connections > n for v, n in zip(those, before, strict=True)), "they come again", 30)

    def at(part):
        time.sleep(max(0.0, writer.begun + part * seconds - time.monotonic()))

    at(0.1)
    # As logrotate does it.
    (server.folder / "info.log").rename(server.folder / "info.log.1")
    server.kill(signal.SIGHUP)
    at(0.2)
    server.kill(signal.SIGTERM)
    at(0.3)
    for _ in range(5):
        before = fickle.connections
        fickle.cut()
        wait_for(lambda before=before: fickle.connections > before, "it comes again")
    # Midnight is at 0.35 at the latest.
    slow.pause()
    at(0.5)
    before, connections = server.reader_pid, [v.connections for v in viewers]
    os.kill(before, signal.SIGTERM)
    wait_for(lambda: server.reader_pid not in (None, before), "another reader")
    at(0.6)
    server.kill(program="pbu-log-reader")
    slow.resume()
    at(0.7)
    come_again(viewers, connections)
    connections = [v.connections for v in viewers]
    # nginx, without its master, which start.sh would miss.
    for pid, name in descendants(server.process.pid).items():
        if name == "nginx" and b"worker process" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    at(0.85)
    come_again(viewers, connections)
    connections = fickle.connections
    fickle.cut()
    come_again([fickle], [connections])
    writer.join(seconds + 60)
    assert not writer.is_alive()
    # On a machine with nothing else to do it is ten times that.
    assert writer.sent > 100 * seconds
    names = {p.name for p in server.folder.glob("info.log*")}
    assert {"info.log.1", "info.log", "info.log.2019-12-24"} < names, names  # and one by size
    for viewer in viewers:
        assert_same(server, viewer)
        # The reader's restarts, of which each may have missed one, and nginx's.
        assert viewer.connections >= 3
        viewer.stop()
    assert fickle.connections >= 9
    print(f"{writer.sent} records in {seconds} s, {len(names)} files, "
          f"{[v.connections for v in viewers]} connections: each entry once, in order")


def test_a_slow_viewer_loses_nothing_and_holds_up_nobody(start_server):
    server = start_server(LOG_FSYNC="no")
    slow, quick = Viewer(server).start(), Viewer(server).start()
    slow.pause()
    writer = Writer(server, 4, size=2000)
    writer.start()
    writer.join(60)
    assert_same(server, quick)
    assert len(slow.texts()) < len(quick.texts()) / 2
    # It is behind, and the reader has not kept that for it.
    rss = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.reader_pid}/status").read_text())[1])
    slow.resume()
    assert_same(server, slow)
    for viewer in slow, quick:
        assert viewer.connections == 1
        viewer.stop()
    wait_for(lambda: re.search(r"pbu_log_reader_tails 0\n", server.get("/metrics/reader").text), "nobody follows")
    if os.environ.get("BUILD_DIR", "build") == "build":
        assert rss < 24 * 1024, f"{rss} KiB"


def test_what_is_refused_is_said_before_it_begins(start_server):
    server = start_server(READ_TOKEN="may read", AUTH_TOKEN="may write")
    for query, last, token, status in (
        ("", None, None, 401),
        ("", None, "may write", 403),
        ("q=/(/", None, "may read", 400),
        ("level=../..", None, "may read", 400),
        ("", "nonsense", "may read", 400),
        ("cursor=nonsense", None, "may read", 400),
        ("", "i1.1.1", "may read", 410),
    ):
        headers = {k: v for k, v in (("Last-Event-ID", last), ("Authorization", token)) if v}
        answer = server.get(f"/api/log/tail?{query}", headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.json()["status"] is False


def test_a_reader_that_dies_is_noticed(start_server):
    """A tail ends, and a browser comes again; but a download that is not whole never looks like one that is."""
    server = start_server()
    tail = server.get("/api/log/tail", stream=True)
    assert tail.status_code == 200
    assert tail.headers["Content-Type"] == "text/event-stream"
    assert tail.headers["Cache-Control"] == "no-store"
    lines = tail.iter_lines()
    assert next(lines).startswith(b"retry: ")
    line = "2026-11-24 08:21:46,035 INFO app: " + "x" * 900 + "\n"
    (server.folder / "info.log.2019-12-24").write_text(line * 30_000)
    download = requests.get(f"{server.url}/api/log/raw", stream=True, timeout=30)
    assert download.status_code == 200
    server.kill(program="pbu-log-reader")
    list(lines)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for _ in download.iter_content(1 << 16):
            pass


class Crowd:
    """Many viewers by one thread, which only looks for the number of a record in what comes."""

    def __init__(self, server, count):
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for _ in range(count):
            s = server.connect()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sendall(b"GET /api/log/tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.sockets.append(s)
            got = b""
            while b"id: " not in got:
                part = s.recv(65536)
                assert part, got
                got += part
            assert got.startswith(b"HTTP/1.1 200 "), got
            self.selector.register(s, selectors.EVENT_READ)

    def wait_for(self, token, seconds=20):
        """When it came to each of them."""
        times, end = {}, time.monotonic() + seconds
        while len(times) < len(self.sockets):
            assert time.monotonic() < end, f"{len(times)} of {len(self.sockets)} had {token}"
            for key, _ in self.selector.select(1):
                part = key.fileobj.recv(1 << 16)
                assert part, "it was ended"
                if token in part:
                    times[key.fd] = time.monotonic()
        return list(times.values())

    def close(self):
        for s in self.sockets:
            s.close()


@measured
def test_it_comes_at_once_to_all(start_server):
    server = start_server(LOG_FORMAT="%(asctime)s %(levelname)s %(name)s: %(message)s")
    crowd = Crowd(server, VIEWERS)
    metrics = server.get("/metrics/reader").text
    assert f"pbu_log_reader_tails {VIEWERS}\n" in metrics
    random.seed(1)
    for attempt in range(3):
        taken = []
        for n in range(60):
            token = f"[{attempt}.{n}]"
            begun = time.monotonic()
            assert server.post({"msg": token}).status_code == 200
            taken += [1000 * (t - begun) for t in crowd.wait_for(token.encode())]
            time.sleep(random.uniform(0, 0.02))
        p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
        print(f"to {VIEWERS} viewers: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        # The machine may have been busy with something else: but not three times.
        if p50 <= P50 and p99 <= P99:
            break
    scale = max(1, os.getloadavg()[0] / os.cpu_count())
    if os.environ.get("BUILD_DIR", "build") != "build":
        scale *= 10
    assert p50 <= scale * P50
    assert p99 <= scale * P99
    crowd.close()
    wait_for(lambda: "pbu_log_reader_tails 0\n" in server.get("/metrics/reader").text, "nobody follows")
