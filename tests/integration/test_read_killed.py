"""A reader that is killed, told to end, out of memory or mad: writing does not notice."""

import contextlib
import os
import re
import select
import signal
import threading
import time
from pathlib import Path

import pytest
import requests
from fcgi_peer import SANITIZED
from load import InfoLoad
from measured import measured
from reading import Reader, Tail, answer_of

from server import wait_for

STAMP = "2026-11-24 10:00:00,000 INFO:app "
# One takes terabytes of addresses, and its time for everything.
without_sanitizers = pytest.mark.slow if SANITIZED else lambda test: test
CLIENTS = 16
DEATHS = 3
ENTRIES = 20_000 if SANITIZED else 100_000


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(**settings):
        (tmp_path / "logs").mkdir(exist_ok=True)
        with open(tmp_path / "logs" / "info.log", "w") as f:
            f.writelines(f"{STAMP}entry {n} {'x' * 80}\n" for n in range(ENTRIES))
        started.append(Reader(tmp_path, **settings))
        return started[-1]

    yield begin
    for reader in started:
        reader.kill()


QUERIES = {"entries": ("/api/log/query", {"limit": 1_000_000}), "a download": ("/api/log/raw", {}),
           "a search": ("/api/log/query", {"q": "/y[^z]*q/"}), "an explosion": ("/api/log/query", {"q": "/(x+)+y/"})}


def busy(reader):
    """Queries of all kinds under way, of which some are not read, and tails."""
    connections = [reader.ask(path, selection) for path, selection in QUERIES.values() for _ in range(5)]
    tails = [Tail(reader) for _ in range(5)]
    wait_for(lambda: reader.metric("queries_running") > 3, "queries run", pause=0)
    return connections, tails


def has_pending(pid, number):
    """Whether a signal was sent to the process and not taken yet."""
    pending = re.search(r"(?m)^ShdPnd:\s+([0-9a-f]+)$", Path(f"/proc/{pid}/status").read_text())[1]
    return int(pending, 16) >> (number - 1) & 1


@measured
def test_the_end_comes_under_queries(start):
    reader = start()
    connections, tails = busy(reader)
    started = time.monotonic()
    reader.stop()
    took = time.monotonic() - started
    assert took < (30 if SANITIZED else 3), took
    for connection in connections:
        answer = answer_of(connection)
        assert answer.cut or answer.status == 503 or b'"end": true' in answer.body[-500:], answer.body[-500:]
    for tail in tails:
        wait_for(lambda: tail.ended, "the tail has ended")
        tail.close()


def test_hangups_change_nothing(start):
    reader = start(QUERY_TIMEOUT=300)  # the first is read when all else is done
    connections, tails = busy(reader)
    for _ in range(50):
        os.kill(reader.pid, signal.SIGHUP)
        wait_for(lambda: not has_pending(reader.pid, signal.SIGHUP), "the signal is taken", pause=0)
    with open(reader.folder / "info.log", "a") as f:
        f.write(f"{STAMP}after\n")
    for tail in tails:
        wait_for(lambda: tail.texts == [f"{STAMP}after"], "the line")
        tail.close()
    connections[0].socket.settimeout(90)
    assert answer_of(connections[0]).end["matched"] == ENTRIES
    for connection in connections:
        connection.socket.close()
    reader.settle()
    reader.stop()


@without_sanitizers
def test_a_limit_of_memory(start):
    """What has no memory says so, or is cut; and when there is some again, the next is right."""
    reader = start(wrap=["prlimit", f"--as={300 << 20}"], QUERY_TIMEOUT=20)
    with open(reader.folder / "error.log", "w") as f:
        f.write(STAMP + "x" * (15 << 20) + "\n")
    whole = reader.query(level="ERROR")
    assert whole.end["matched"] == 1
    before = reader.settle()
    # Each holds its window while it is not read: sixteen of them are under way at a time.
    connections = [reader.ask("/api/log/query", {"level": "ERROR"}) for _ in range(24)]
    wait_for(lambda: len(select.select([c.socket for c in connections], [], [], 0)[0]) >= 16, "sixteen answer")
    got = []
    threads = [threading.Thread(target=lambda c=c: got.append(answer_of(c))) for c in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kinds = {"cut" if a.cut else a.status if a.status != 200 else a.lines[-1].get("why") for a in got}
    print(kinds)
    assert kinds & {"cut", 503, "failed: Cannot allocate memory"}, "there was memory enough"
    assert kinds <= {"cut", 503, None, "failed: Cannot allocate memory", "deadline"}, kinds
    assert reader.query(level="ERROR").body.split(b'"end"')[0] == whole.body.split(b'"end"')[0]
    reader.settle(before)
    reader.stop()


def test_the_reader_dies_again_and_again_under_load(start_server):
    """As soon as it runs again, with queries and tails under way: start.sh starts it again, and no record is refused."""
    server = start_server(LOG_FORMAT="%(levelname)s %(name)s %(message)s")
    deaths, over = 0, threading.Event()

    def read():
        session = requests.Session()
        session.trust_env = False
        while not over.is_set():
            for path, seconds in (("query?limit=100000&q=/(x%2B)%2By|number/", 5), ("tail", 0.3)):
                with contextlib.suppress(requests.RequestException):
                    with session.get(f"{server.url}/api/log/{path}", stream=True, timeout=seconds) as answer:
                        assert answer.status_code in (200, 502, 503, 504)
                        for _ in answer.iter_content(1000):
                            if over.is_set():
                                return

    readers = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    with InfoLoad(server, CLIENTS, after="end") as clients:
        for thread in readers:
            thread.start()
        while deaths < DEATHS:
            pid = wait_for(lambda: server.reader_pid, "the reader runs again", 20)
            wait_for(lambda: re.search(r"(?m)^pbu_log_reader_(queries_running|tails) [1-9]", server.get("/metrics/reader").text), "it is read")
            os.kill(pid, (signal.SIGKILL, signal.SIGABRT, signal.SIGTERM)[deaths % 3])
            deaths += 1
            wait_for(lambda: server.reader_pid != pid, "it has ended")
        over.set()
        for thread in readers:
            thread.join(30)
    records = clients.check([server.folder])
    print(f"{records} records")
    assert records > CLIENTS
    # It is there again, and reads what was written.
    wait_for(lambda: server.get("/api/log/query?limit=1").status_code == 200, "it reads again")


@without_sanitizers
def test_writing_under_queries_and_tails(start_server):
    """Four full scans that do not end, expressions that explode, and 64 tails: nothing is refused."""
    server = start_server(LOG_FORMAT="%(levelname)s %(name)s %(message)s")
    server.folder.mkdir(exist_ok=True)
    with open(server.folder / "info.log.2026-11-23", "w") as f:
        f.writelines(f"{STAMP}{'x' * 200} {n}\n" for n in range(ENTRIES))
    over = threading.Event()

    def scan(q):
        session = requests.Session()
        session.trust_env = False
        while not over.is_set():
            answer = session.get(f"{server.url}/api/log/query", params={"q": q, "limit": 0}, timeout=60)
            assert answer.status_code == 200, answer.text

    scans = [threading.Thread(target=scan, args=(q,), daemon=True) for q in ("/a[^b]*zz/", "-never", "/(x+)+y/", "x 1 2 3")]
    tails = []
    for _ in range(64):
        s = server.connect()
        s.sendall(b"GET /api/log/tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert s.recv(12) == b"HTTP/1.1 200"
        tails.append(s)
    with InfoLoad(server, CLIENTS, after="end") as clients:
        for thread in scans:
            thread.start()
        end = time.monotonic() + 3
        while time.monotonic() < end:  # half of the tails are read
            for s in tails[::2]:
                s.setblocking(False)
                with contextlib.suppress(OSError):
                    s.recv(65536)
            time.sleep(0.01)
        over.set()
        for thread in scans:
            thread.join(90)
    (server.folder / "info.log.2026-11-23").unlink()
    records = clients.check([server.folder])
    print(f"{records} records")
    for s in tails:
        s.close()
