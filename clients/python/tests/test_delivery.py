"""What is logged arrives, once and in order, whatever the server does."""

from __future__ import annotations

import email.utils
import gzip
import json
import logging
import socket
import threading
import time
from typing import Any

import pytest

from fake_server import (
    Behaviour,
    FakeServer,
    answer,
    cut_answer,
    drip,
    endless,
    half_answer,
    hang,
    raw,
    refuse,
    refuse_records,
    status,
    too_large,
)
from pbu_log_handler.sender import Waiter

# A time of its own is held against a promise: measured once more where others on the machine spoil it.
measured = pytest.mark.flaky(reruns=1)

CapSys = pytest.CaptureFixture[str]


def numbers(log: logging.Logger, first: int, last: int) -> list[str]:
    for i in range(first, last):
        log.info("n %d", i)
    return [f"n {i}" for i in range(first, last)]


def test_batches_over_one_connection(server: FakeServer, make_log: Any) -> None:
    log = make_log(batch=100, interval=10)
    said = numbers(log, 0, 1000)
    assert log.handlers[0].flush(20)
    assert server.messages() == said
    assert server.connections == 1
    assert max(len(r.records) for r in server.requests) <= 100
    assert all(r.gzipped for r in server.requests if len(r.text) > 1024)
    assert all(r.headers["content-type"] == "application/json" for r in server.requests)
    keys = [r.key.rsplit("-", 1) for r in server.requests]
    assert len({client for client, _ in keys}) == 1
    assert [int(n) for _, n in keys] == list(range(1, len(keys) + 1))


def last_answer(server: FakeServer, sock: socket.socket, request: Any) -> bool:
    server.take(request)
    sock.sendall(answer(200, b'{"status": true}', "Connection: close"))
    return False


def answer_without_length(server: FakeServer, sock: socket.socket, request: Any) -> bool:
    server.take(request)
    sock.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"status": true}')
    return False


@pytest.mark.parametrize("behaviour", [last_answer, answer_without_length], ids=lambda f: f.__name__)
def test_answers_that_end_their_connection(server: FakeServer, make_log: Any, behaviour: Behaviour) -> None:
    """As nginx ends each after a thousand requests."""
    server.always(behaviour)
    log = make_log(batch=10, interval=10)
    said = numbers(log, 0, 50)
    assert log.handlers[0].flush(20)
    assert server.messages() == said
    assert len(server.requests) == server.connections == len(server.taken)


def test_a_batch_goes_after_the_interval(server: FakeServer, make_log: Any) -> None:
    log = make_log(interval=0.05)
    log.info("x")
    server.wait_for(lambda: server.messages() == ["x"])


def test_a_complete_batch_waits_for_no_interval(server: FakeServer, make_log: Any) -> None:
    log = make_log(interval=3600, batch=10)
    numbers(log, 0, 10)
    server.wait_for(lambda: len(server.messages()) == 10)


def test_large_records_make_batches_of_a_mebibyte(server: FakeServer, make_log: Any) -> None:
    log = make_log(interval=3600)
    for _ in range(12):
        log.info("x" * 200_000)
    server.wait_for(lambda: len(server.messages()) >= 5)
    log.handlers[0].flush(20)
    assert len(server.messages()) == 12
    assert max(len(r.text) for r in server.requests) <= 1 << 20


FAILURES = {
    "refused": refuse,
    "cut": cut_answer,
    "half an answer": half_answer,
    "429": status(429),
    "500": status(500),
    "502": raw(answer(502, b"<html>")),
    "503": status(503, "busy", "Retry-After: 0"),
    "504": status(504),
    "408": status(408),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "no JSON": raw(answer(200, b"OK"), keep=True),
    "a portal": raw(answer(200, b'{"login": true}'), keep=True),
    "status false": raw(answer(200, b'{"status": false}'), keep=True),
    "status 1": raw(answer(200, b'{"status": 1}'), keep=True),
    "204": raw(b"HTTP/1.1 204 No\r\n\r\n", keep=True),
    "302": raw(answer(302, b"", "Location: http://127.0.0.1:1/")),
    "401": status(401),
    "403": status(403),
    "404": status(404),
    "405": status(405),
    "411": status(411),
    "deep": raw(answer(200, b"[" * 60000)),
    "headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
    "a long line": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    "an odd length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    "chunks": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_is_sent_again_in_order(server: FakeServer, make_log: Any, name: str) -> None:
    failure: Behaviour = FAILURES[name]
    log = make_log(batch=10)
    server.do(failure, failure, failure)
    said = numbers(log, 0, 35)
    assert log.handlers[0].flush(20)
    assert server.messages() == said
    first = [r.key for r in server.requests[:4]]
    assert len(set(first)) == 1, "the same key, when it is sent again"


@pytest.mark.parametrize("failure", [hang, drip, endless], ids=lambda f: f.__name__)
def test_a_server_that_never_ends(server: FakeServer, make_log: Any, failure: Behaviour) -> None:
    log = make_log(timeout=0.3)
    server.do(failure)
    said = numbers(log, 0, 5)
    assert log.handlers[0].flush(20)
    assert server.messages() == said


def test_an_endless_answer_is_not_read(server: FakeServer, make_log: Any) -> None:
    log = make_log(timeout=5)
    server.do(endless)
    log.info("x")
    assert log.handlers[0].flush(20)
    # What the kernel takes.
    assert server.endless_bytes < 16 << 20


def test_no_server_then_one(server: FakeServer, make_log: Any) -> None:
    port = server.port
    server.stop()
    log = make_log(server.url)
    said = numbers(log, 0, 5)
    assert not log.handlers[0].flush(0.3)
    again = FakeServer(port)
    try:
        assert log.handlers[0].flush(20)
        assert again.messages() == said
    finally:
        log.handlers[0].close()
        again.stop()


@measured
def test_a_connection_that_was_closed_meanwhile(server: FakeServer, make_log: Any) -> None:
    log = make_log()
    log.info("one")
    assert log.handlers[0].flush(20)
    server.drop_connections()
    started = time.monotonic()
    log.info("two")
    assert log.handlers[0].flush(20)
    assert time.monotonic() - started < 20
    assert server.messages() == ["one", "two"] and server.connections == 2
    assert len(server.requests) == 2, "it is noticed, not tried"


def test_a_kept_connection_that_is_cut_is_tried_again_at_once(
    server: FakeServer, make_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbu_log_handler.sender.PAUSE_FIRST", 60.0)
    log = make_log()
    log.info("one")
    assert log.handlers[0].flush(20)
    server.do(cut_answer)
    log.info("two")
    assert log.handlers[0].flush(20)
    assert server.messages() == ["one", "two"]
    assert server.requests[1].key == server.requests[2].key


@pytest.mark.parametrize("date", [False, True])
def test_retry_after(server: FakeServer, make_log: Any, date: bool) -> None:
    log = make_log()
    started = time.monotonic()
    # A date is a second's.
    value = email.utils.formatdate(time.time() + 2, usegmt=True) if date else "1"
    server.do(status(503, "busy", f"Retry-After: {value}"))
    log.info("x")
    server.wait_for(server.messages)
    assert time.monotonic() - started >= 0.9


def test_pauses_grow(server: FakeServer, make_log: Any) -> None:
    times: list[float] = []

    def note(_server: FakeServer, sock: socket.socket, _request: Any) -> bool:
        times.append(time.monotonic())
        sock.sendall(answer(503, b"{}"))
        return True

    server.always(note)
    make_log().info("x")
    server.wait_for(lambda: len(times) >= 6)
    pauses = [b - a for a, b in zip(times, times[1:])]
    # Any may last longer on a busy machine, none may be shorter.
    assert all(pause > 0.5 * 0.1 * 2**i for i, pause in enumerate(pauses)), pauses
    assert min(pauses[:3]) < pauses[4], pauses


def test_several_servers_in_turn(server: FakeServer, make_log: Any) -> None:
    other = FakeServer()
    try:
        log = make_log(f"http://127.0.0.1:1, {server.url},{other.url}")
        log.info("one")
        assert log.handlers[0].flush(20)
        server.always(status(503, "busy", "Retry-After: 60"))
        log.info("two")
        assert log.handlers[0].flush(20), "another is asked at once"
        log.info("three")
        assert log.handlers[0].flush(20)
        assert (server.messages(), other.messages()) == (["one"], ["two", "three"])
        assert server.requests[-1].key == other.requests[0].key
    finally:
        other.stop()


def is_bad(record: Any) -> bool:
    return "bad" in record["msg"]


@pytest.mark.parametrize("named", [True, False])
def test_a_refused_record_is_left_out(server: FakeServer, make_log: Any, capsys: CapSys, named: bool) -> None:
    log = make_log(interval=10)
    server.always(refuse_records(is_bad, named))
    for i in range(20):
        log.info("bad %d" if i in (0, 7, 8, 19) else "n %d", i)
    assert not log.handlers[0].flush(20), "not all is sent"
    assert server.messages() == [f"n {i}" for i in range(20) if i not in (0, 7, 8, 19)]
    said = capsys.readouterr().err
    assert said.count("a record was refused") == 4 and '"bad %d", "args": [8]' in said
    if named:
        assert len(server.requests) == 5
        assert '"levelno" must be an integer' in said
        keys = [r.key for r in server.requests]
        assert len(set(keys)) == len(keys), "what is another batch has another key"
    log.info("after")
    assert log.handlers[0].flush(20)


def test_a_refused_record_alone(server: FakeServer, make_log: Any, capsys: CapSys) -> None:
    log = make_log()
    server.do(status(400, "not JSON"))
    log.info("bad")
    log.handlers[0].flush(20)
    log.info("good")
    assert log.handlers[0].flush(20)
    assert server.messages() == ["good"] and "not JSON" in capsys.readouterr().err


def test_too_large_is_halved(server: FakeServer, make_log: Any, capsys: CapSys) -> None:
    server.always(too_large(3000))
    log = make_log(interval=10)
    said = numbers(log, 0, 50)
    log.info("x" * 3000)
    said += numbers(log, 50, 60)
    log.handlers[0].flush(20)
    assert server.messages() == said
    assert "too large" in capsys.readouterr().err


def test_a_server_that_can_not_read_gzip(server: FakeServer, make_log: Any) -> None:
    def old(server: FakeServer, sock: socket.socket, request: Any) -> bool:
        if request.gzipped:
            sock.sendall(answer(400, b'{"status": false, "error": "not JSON: no value, at byte 0"}'))
            return True
        server.take(request)
        sock.sendall(answer(200, b'{"status": true}'))
        return True

    server.always(old)
    log = make_log(batch=100, interval=10)
    said = numbers(log, 0, 300)
    assert log.handlers[0].flush(20)
    assert server.messages() == said
    assert sum(r.gzipped for r in server.requests) == 1, "it is asked once"


def test_warnings_once_a_minute(server: FakeServer, make_log: Any, capsys: CapSys) -> None:
    server.do(*[status(401, "no valid token")] * 4)
    log = make_log()
    log.info("x")
    assert log.handlers[0].flush(20)
    said = capsys.readouterr().err
    assert said.count("401 no valid token") == 1 and server.url in said


def test_silent_when_logging_is(
    server: FakeServer, make_log: Any, capsys: CapSys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    server.do(status(401), status(400))
    log = make_log()
    log.info("x")
    log.handlers[0].flush(20)
    assert capsys.readouterr().err == ""


def test_beyond_capacity_the_oldest_go_and_the_log_says_so(server: FakeServer, make_log: Any) -> None:
    log = make_log(interval=3600, capacity=100, batch=1000)
    # The thread comes at half of it: it must not.
    log.handlers[0]._pipeline._ready = lambda: None
    log.handlers[0]._pipeline.buffer._on_ready = lambda: None
    said = numbers(log, 0, 1304)
    log.handlers[0].flush(20)
    assert server.messages() == ["1,204 records were dropped here", *said[1204:]]
    note = server.records()[0]
    assert (note["levelname"], note["name"]) == ("WARNING", "pbu_log_handler")


def test_memory_is_bounded_in_bytes(server: FakeServer, make_log: Any, capsys: CapSys) -> None:
    log = make_log(interval=3600, batch=100_000)
    log.handlers[0]._pipeline.buffer._on_ready = lambda: None
    for _ in range(50):
        log.info("x" * (1 << 20))
    assert len(log.handlers[0]._pipeline.buffer) == 15
    log.info("y" * (17 << 20))
    assert "too long" in capsys.readouterr().err
    assert len(log.handlers[0]._pipeline.buffer) == 15


def test_what_waits_in_memory_is_bounded(server: FakeServer, make_log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbu_log_handler.backlog.MEMORY_BYTES", 4000)
    server.always(status(503))
    log = make_log(batch=10, interval=10)
    said: list[str] = []
    for i in range(40):
        said += numbers(log, 10 * i, 10 * i + 10)
        log.handlers[0].flush(0.01)
        server.wait_for(lambda: server.requests, "the first is sent")
    server.wait_for(lambda: not len(log.handlers[0]._pipeline.buffer))
    server.always(None)
    log.handlers[0].flush(20)
    got = server.messages()
    note = [m for m in got if "dropped" in m]
    assert len(note) == 1
    at = got.index(note[0])
    dropped = int(note[0].split()[0])
    # The first was being sent, and stays.
    assert got[:at] + got[at + 1 :] == said[:at] + said[at + dropped :]
    assert 300 < dropped < 390


@measured
def test_no_call_waits_for_the_server(server: FakeServer, make_log: Any) -> None:
    server.always(hang)
    log = make_log(timeout=30, capacity=100_000)
    longest = 0.0
    for i in range(20_000):
        started = time.thread_time()
        log.info("n %d", i)
        longest = max(longest, time.thread_time() - started)
    assert longest < 0.1


def test_records_of_its_own_threads_are_ignored(
    server: FakeServer, make_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pbu_log_handler.sender
    import pbu_log_handler.transport

    log = make_log()
    real = pbu_log_handler.transport.judge
    pack = pbu_log_handler.sender.pack

    def judge(*args: Any) -> Any:
        log.warning("from the thread that sends")
        return real(*args)

    def chatty(texts: Any) -> bytes:
        log.warning("from the thread that packs")
        return pack(texts)

    monkeypatch.setattr(pbu_log_handler.transport, "judge", judge)
    monkeypatch.setattr(pbu_log_handler.sender, "pack", chatty)
    log.info("one")
    assert log.handlers[0].flush(20)
    log.info("two")
    assert log.handlers[0].flush(20)
    assert server.messages() == ["one", "two"]


def test_the_thread_goes_on_whatever_happens(
    server: FakeServer, make_log: Any, monkeypatch: pytest.MonkeyPatch, capsys: CapSys
) -> None:
    import pbu_log_handler.backlog
    import pbu_log_handler.transport

    log = make_log()
    for place in (pbu_log_handler.transport.Transport, pbu_log_handler.backlog.Backlog):
        name = "_exchange" if place is pbu_log_handler.transport.Transport else "head"
        real = getattr(place, name)
        failures = [3]

        def broken(*args: Any, real: Any = real, failures: list[int] = failures) -> Any:
            failures[0] -= 1
            if failures[0] >= 0:
                raise MemoryError("broken")
            return real(*args)

        monkeypatch.setattr(place, name, broken)
    log.info("x")
    assert log.handlers[0].flush(20)
    assert server.messages() == ["x"]
    assert "MemoryError: broken; going on" in capsys.readouterr().err


def test_many_threads(server: FakeServer, make_log: Any) -> None:
    log = make_log(capacity=100_000)

    def run(n: int) -> None:
        for i in range(1000):
            log.info("%d %d", n, i)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.handlers[0].flush(20)
    got = [tuple(map(int, m.split())) for m in server.messages()]
    for n in range(8):
        assert [i for m, i in got if m == n] == list(range(1000))


def test_a_filter(server: FakeServer, make_log: Any) -> None:
    log = make_log()
    log.handlers[0].addFilter(lambda record: "no" not in record.msg)
    log.info("no")
    log.info("yes")
    assert log.handlers[0].flush(20)
    assert server.messages() == ["yes"]


def test_after_close_it_begins_again(server: FakeServer, make_log: Any) -> None:
    log = make_log(shutdown_timeout=30)
    log.info("one")
    log.handlers[0].close()
    assert server.messages() == ["one"]
    log.info("two")
    log.handlers[0].close()
    assert server.messages() == ["one", "two"]
    assert not [t for t in threading.enumerate() if t.name == "pbu-log-handler"]


@measured
def test_close_says_how_many_are_lost(server: FakeServer, make_log: Any, capsys: CapSys) -> None:
    server.always(hang)
    log = make_log(timeout=30, shutdown_timeout=0.2)
    numbers(log, 0, 1234)
    started = time.monotonic()
    log.handlers[0].close()
    assert time.monotonic() - started < 10
    assert "1,234 records could not be sent, and are lost" in capsys.readouterr().err


@pytest.mark.parametrize("late", [0.0, 0.8])
@measured
def test_shutdown_waits_once(server: FakeServer, make_log: Any, monkeypatch: pytest.MonkeyPatch, late: float) -> None:
    """Also where a busy machine wakes it up late."""

    class LateEvent(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            came = super().wait(timeout)
            time.sleep(late)
            return came

    class LateWaiter(Waiter):
        def __init__(self) -> None:
            super().__init__()
            self.done = LateEvent()

    monkeypatch.setattr("pbu_log_handler.pipeline.Waiter", LateWaiter)
    server.always(hang)
    log = make_log(timeout=60, shutdown_timeout=3.0)
    log.info("x")
    started = time.monotonic()
    log.handlers[0].flush()
    log.handlers[0].close()
    assert 2.9 < time.monotonic() - started < 5.9


def test_where_no_thread_can_be_started(server: FakeServer, make_log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def refuse_thread(thread: threading.Thread) -> None:
        if thread.name.startswith("pbu-log-handler"):
            raise RuntimeError("can't start new thread")
        start(thread)

    log = make_log(shutdown_timeout=5)
    server.do(status(503))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse_thread)
        said = numbers(log, 0, 700)
        assert server.messages() == []
        server.always(hang)
        assert not log.handlers[0].flush(0.1), "and nothing is lost by that"
        server.always(None)
        assert log.handlers[0].flush(20)
        assert server.messages() == said
        log.info("last")
        log.handlers[0].close()
    assert server.messages() == [*said, "last"]


def test_bodies_are_what_other_programs_read(server: FakeServer) -> None:
    from pbu_log_handler.batches import pack, unpack

    texts = [json.dumps({"msg": "x,\n" * 300}), "{}"]
    assert json.loads(gzip.decompress(pack(texts))) == [{"msg": "x,\n" * 300}, {}]
    assert unpack(pack(texts)) == texts
    assert unpack(pack(["{}"])) == ["{}"]
