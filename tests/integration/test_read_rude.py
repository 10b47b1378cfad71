"""Clients that go away, read nothing, crawl, or are very many, against pbu-log-reader: nobody else notices."""

import os
import select
import socket
import threading
import time

import pytest

from fcgi_peer import SANITIZED, Connection
from figures import note
from hostile import MANY, OTHERS, STAMP, Others, hostile_reader, quick, write
from measured import measured
from reading import Tail, answer_of, request, small_window
from server import wait_for

# A query whose client has gone ends within so many seconds.
GONE = 1.0 if SANITIZED else 0.1


@pytest.fixture
def reader(tmp_path):
    with hostile_reader(tmp_path) as reader:
        yield reader


def large_log(reader):
    write(reader, "info.log", *(STAMP + b"entry %d " % i + b"x" * 80 + b"\n" for i in range(200_000)))


ENDLESS = {
    "entries": ("/api/log/query", {"limit": 100_000_000, "level": "INFO"}),
    "a download": ("/api/log/raw", {"level": "INFO"}),
    "a count": ("/api/log/query", {"limit": 0, "level": "INFO", "q": "/entry.*x/"}),
    "a search": ("/api/log/query", {"q": "/y[^z]*q/", "level": "INFO"}),
    "a histogram": ("/api/log/hits", {"q": "/entry.*x/", "level": "INFO"}),
    "the day": ("/api/log/messages", {"date": "2026-11-24", "level": "INFO"}),
}


def under_way(reader, path, selection):
    """The connection of a query that runs. One that was over before anybody looked is asked for again."""
    for _ in range(20):
        before = reader.metric("queries_total")
        connection = reader.ask(path, selection)
        wait_for(lambda before=before: reader.metric("queries_running") == 1 or reader.metric("queries_total") > before,
                 "the query runs", pause=0)
        if reader.metric("queries_running") == 1:
            return connection
        connection.socket.close()
    raise AssertionError("the query is always over at once")


@pytest.mark.parametrize("what", ["entries", "a histogram"] if SANITIZED else ENDLESS)
@measured
def test_a_client_goes_away(reader, what):
    large_log(reader)
    for n in range(4):  # more than can be read in a moment
        write(reader, f"info.log.{n}", (reader.folder / "info.log").read_bytes())
    path, selection = ENDLESS[what]
    times = []
    for _ in range(3):
        connection = under_way(reader, path, selection)
        connection.socket.close()
        started = time.monotonic()
        wait_for(lambda: reader.metric("queries_running") == 0, "the query has ended", pause=0)
        times.append(time.monotonic() - started)
    print(f"{max(times) * 1000:.1f} ms")
    note("rude", len(times), max(times), what=f"a client goes away: {what} ends")
    assert sorted(times)[len(times) // 2] < GONE, times
    reader.settle()


def test_a_hundred_clients_that_never_read(reader):
    """Sixteen are under way and 32 wait; the others are refused with Retry-After. Those who take nothing make room."""
    large_log(reader)
    before = reader.settle()
    connections = []
    for n in range(100):
        connections.append(reader.connect())
        small_window(connections[-1])
        connections[-1].send(request("/api/log/query", {"limit": 100_000_000, "level": "INFO"}))
    started = time.monotonic()

    def served():
        answer = reader.query(level="ERROR")
        if answer.status == 503:
            assert "Retry-After: 1" in answer.head and "too many queries" in answer.error
        return answer.status == 200

    # Each makes room as soon as another waits, and has had its turn.
    wait_for(served, "a good query is served", 60 if SANITIZED else 25, pause=0.1)
    took = time.monotonic() - started
    print(f"served after {took:.1f} s")
    note("rude", 100, took, what="a hundred clients that never read: a good query is served after")
    assert reader.get("/api/log/health").status == 200
    assert quick(reader) < OTHERS * (5 if SANITIZED else 1)
    for connection in connections:
        connection.socket.close()
    reader.settle(before)


def test_downloads_that_crawl(reader):
    """They take a little, once in a while: no query waits for them."""
    large_log(reader)
    over = threading.Event()
    connections = [reader.ask("/api/log/raw", {"level": "INFO"}) for _ in range(20)]

    def crawl():
        while not over.wait(0.1):
            for connection in connections:
                try:
                    connection.socket.recv(2048, socket.MSG_DONTWAIT)
                except OSError:
                    pass

    thread = threading.Thread(target=crawl, daemon=True)
    thread.start()
    with Others(reader) as others:
        wait_for(lambda: others.over.is_set() or len(others.times) >= 100, "a hundred queries of others", 60)
    over.set()
    thread.join()
    for connection in connections:
        connection.socket.close()
    reader.settle()


@measured
def test_a_thousand_tails(reader):
    """Some follow, the others are told that there are too many; nobody else notices."""
    write(reader, "info.log", STAMP + b"entry\n")
    before = reader.settle()
    base = reader.kib()
    # (What each needs here is a descriptor.)
    connections = []
    for _ in range(1000 if not SANITIZED else 200):
        connections.append(reader.ask("/api/log/tail", {"level": "INFO"}))
    assert quick(reader) < OTHERS * (5 if SANITIZED else 1)
    # All are begun, or refused.
    answered = select.poll()
    for connection in connections:
        answered.register(connection, select.POLLIN)
    wait_for(lambda: len(answered.poll(0)) == len(connections), "each has its answer")
    tails = reader.metric("tails")
    refused = sum(b"503" in connection.socket.recv(4096) for connection in connections)
    assert tails + refused == len(connections)
    took = (reader.kib() - base) / max(tails, 1)
    print(f"{tails} tails, {refused} refused, {took:.0f} KiB each")
    assert tails >= 64
    if not SANITIZED:
        assert took <= 64, took
    # They never read, while much is written.
    with Others(reader) as others:
        for n in range(100):
            with open(reader.folder / "info.log", "ab") as f:
                f.write((STAMP + b"more %d " % n + b"x" * 1000 + b"\n") * 20)
            wait_for(lambda n=n: others.over.is_set() or len(others.times) > n, "another query of others")
    if not SANITIZED:
        assert (reader.kib() - base) / max(tails, 1) <= 128
    for connection in connections:
        connection.socket.close()
    wait_for(lambda: reader.metric("tails") == 0, "the tails have ended")
    reader.settle(before)


def test_a_tail_that_never_reads_loses_and_is_told(reader):
    """Nothing is kept for it; another viewer has all of it."""
    write(reader, "info.log", STAMP + b"entry\n")
    base = reader.kib()
    silent = reader.ask("/api/log/tail", {"level": "INFO"})
    good = Tail(reader, {"level": "INFO"})
    with open(reader.folder / "info.log", "ab") as f:
        for n in range(MANY):
            f.write(STAMP + b"more %d " % n + b"x" * 500 + b"\n")
            if n % 1000 == 0:
                f.flush()
                wait_for(lambda n=n: len(good.texts) + good.dropped > n, "the good one keeps up")
    wait_for(lambda: len(good.texts) + good.dropped >= MANY, f"the good one has all, {len(good.texts)}", 60)
    assert len(good.texts) == MANY
    if not SANITIZED:
        assert reader.kib() - base < 8 * 1024
    good.close()
    silent.socket.close()
    wait_for(lambda: reader.metric("tails") == 0, "the tails have ended")


def test_rude_requests(reader):
    """What is no request at all, and what goes away in the midst of one."""
    whole = request("/api/log/query", {"q": "x"})
    for data in (b"", b"\0" * 100, b"\xff" * 1000, whole[:10], whole[:40], whole[:-1], whole + b"\xff" * 100, os.urandom(5000)):
        with Connection(reader.path) as connection:
            try:
                connection.send(data)
            except ConnectionError:
                pass
    with Others(reader):
        for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "G" * 5000, ""):
            with reader.ask("/api/log/query", "", REQUEST_METHOD=method) as connection:
                answer = answer_of(connection)
                assert answer.status in (200, 405), answer.body
        for path in ("/api/log/query/", "/api/log/../etc", "/api/log/query%00", "/" + "x" * 10_000, "", "/api/log"):
            with reader.ask(path) as connection:
                assert answer_of(connection).status == 404
    reader.settle()
