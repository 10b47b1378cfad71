"""Idempotency-Key: what was taken is answered 200 once more, and not written; whatever was not taken is written."""

import collections
import concurrent.futures
import gzip
import json
import random
import re
import resource
import socket
import struct
import threading
import urllib.parse
import uuid
from pathlib import Path

import pytest

from fcgi_peer import SANITIZED
from refusals import JSON, assert_error, files
from server import wait_for

GOOD = {"status": True}
FORM = ("Idempotency-Key must be <id>-<number>: 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\", "
        "then a decimal up to 9223372036854775807")
# What a server remembers (src/server/repeats.h).
CLIENTS, WINDOW = 10_000, 64


@pytest.fixture(scope="module")
def server(start_module_server):
    return start_module_server(LOG_FORMAT="%(message)s")


@pytest.fixture
def client():
    """An id, as clients/python makes one for each start."""
    return uuid.uuid4().hex


def post(server, what, key, **headers):
    return server.post(what, headers={**headers, "Idempotency-Key": key})


def repeated(server):
    return int(re.search(r"(?m)^pbu_log_repeated_requests_total (\d+)$", server.get("/metrics").text)[1])


def count(server, text):
    return server.lines("info.log").count(text)


# --- again ---

def one(text):
    return json.dumps({"msg": text}).encode()


def batch(text):
    return json.dumps([{"msg": text}, {"msg": "%s", "args": ["and another"]}, {"msg": text, "levelno": 1}]).encode()


def lines(text):
    return one(text) + b"\n" + one("and another") + b"\n"


def form(text):
    return urllib.parse.urlencode({"msg": text, "levelno": 20}).encode()


# Each kind of body that is taken: what makes one of a text, and its Content-Type. To add one is a line here.
BODIES = {
    "object": (one, "application/json"),
    "array": (batch, "application/json"),
    "lines": (lines, "application/x-ndjson"),
    "form": (form, "application/x-www-form-urlencoded"),
}


def same(body):
    return body


# And each encoding.
ENCODINGS = {"identity": same, "gzip": gzip.compress}


@pytest.mark.parametrize("size", [30, 100_000, 2_000_000])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", BODIES)
def test_again_after_200(server, client, kind, encoding, size):
    """Above 64 KiB nginx passes it on by another location, and above 1 MiB by a file; what is packed is random text."""
    make, content_type = BODIES[kind]
    headers = {"Content-Type": content_type, "Content-Encoding": encoding}
    text = f"{client} {random.Random(size).randbytes(size // 2).hex()}"
    content = ENCODINGS[encoding](make(text))
    before = repeated(server)
    first = post(server, content, f"{client}-1", **headers)
    assert first.status_code == 200
    written = files(server)
    for n in range(1, 4):
        again = post(server, content, f"{client}-1", **headers)
        assert (again.status_code, again.content) == (200, first.content)
        assert repeated(server) == before + n
    assert files(server) == written and count(server, text) == 1
    # Another number, or another client, is another request.
    assert post(server, content, f"{client}-2", **headers).status_code == 200
    assert post(server, content, f"{client}.2-1", **headers).status_code == 200
    assert count(server, text) == 3
    # The key alone is what counts: the same record, sent another way.
    assert post(server, one(text), f"{client}-2").json() == GOOD
    assert count(server, text) == 3


def test_a_body_of_unknown_length(server, client):
    """In chunks: nginx counts them, and passes the key on."""
    for _ in range(2):
        answer = server.request("POST", "/api/log", data=iter([b'{"msg": ', one(client)[8:]]),
                                headers={**JSON, "Idempotency-Key": f"{client}-1"})
        assert answer.json() == GOOD
    assert count(server, client) == 1


def test_without_a_key_it_is_written_each_time(server, client):
    for headers in ({}, {"Idempotency-Key": ""}):
        for _ in range(2):
            assert server.post(one(client), headers=headers).status_code == 200
    assert count(server, client) == 4


def test_again_after_400(server, client):
    """What was refused may come again, put right, with its number; and before or after later ones."""
    for n in (7, 6, 8):
        assert_error(post(server, b'[{"msg": "never"}, {"msg":]', f"{client}-{n}"), 400, "not JSON")
        assert_error(post(server, [{"msg": "never"}, {"msg": "x", "levelno": "high"}], f"{client}-{n}"), 400, "levelno")
    assert count(server, "never") == 0
    for n in (8, 7, 6, 6, 7, 8):
        assert post(server, one(f"{client} {n}"), f"{client}-{n}").json() == GOOD
    assert [x for x in server.lines("info.log") if client in x] == [f"{client} {n}" for n in (8, 7, 6)]


def test_again_after_503(server, client):
    """The disk takes nothing for a while: a limit on the size of the server's files."""
    pid = server.pid
    limit = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        for _ in range(2):
            assert_error(post(server, one(client), f"{client}-1"), 503, "could not be written now")
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
    for _ in range(2):
        assert post(server, one(client), f"{client}-1").json() == GOOD
    assert count(server, client) == 1
    assert server.pid == pid


def test_the_token_comes_first(start_server, client):
    """Who has none learns nothing, and nothing is remembered of it."""
    server = start_server(LOG_FORMAT="%(message)s", AUTH_TOKEN="sesame")
    assert_error(post(server, one(client), f"{client}-1"), 401)
    assert_error(post(server, one(client), "no key"), 401)
    for _ in range(2):
        assert post(server, one(client), f"{client}-1", Authorization="sesame").json() == GOOD
        assert_error(post(server, one(client), f"{client}-1"), 401)
    assert server.lines("info.log") == [client]


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("key", ["x", "7", "x-", "-7", "x-y", "x 7", "x-7 8", "x-+7", '"x-7"', "x-7,x-8", "x/y-7",
                                 "x\u00e4-7", "x-9223372036854775808",
                                 "x" * 65 + "-1", "x-" + "0" * 19 + "7", "-" * 100, "x" * 4000])
def test_what_is_no_key(server, key, large):
    before = files(server)
    answer = post(server, one("x" * 100_000 if large else "x"), key.encode())
    assert assert_error(answer, 400) == FORM
    assert files(server) == before


# --- what is remembered ---

def test_the_window(server, client):
    """Of the last 64 numbers it is known whether they were taken; one below them is written. Twice is better than never."""
    for n in [*range(1, 200, 2), 198]:
        assert post(server, one(f"{client} {n}"), f"{client}-{n}").json() == GOOD
    for n in range(1, 200):
        assert post(server, one(f"{client} {n}"), f"{client}-{n}").json() == GOOD
    written = collections.Counter(x for x in server.lines("info.log") if client in x)
    assert written == {f"{client} {n}": 2 if n <= 199 - WINDOW and n % 2 else 1 for n in range(1, 200)}


def test_a_server_that_was_started_again_knows_nothing(start_server, client):
    """Twice at most, for each time: what it was told, and what its successor was."""
    server = start_server(LOG_FORMAT="%(message)s")
    for n in (1, 2):
        for _ in range(3):
            assert post(server, one(client), f"{client}-1").json() == GOOD
        assert server.lines("info.log") == [client] * n
        pid = server.pid
        server.kill()
        wait_for(lambda pid=pid: server.pid not in (None, pid) and server.healthy(), "its next life")


def pipelined(server, requests):
    """So many answers of 200 to requests that are sent at once, on one connection."""
    with server.connect() as s:
        threading.Thread(target=s.sendall, args=(b"".join(requests),)).start()
        answers = b""
        while chunk := s.recv(1 << 20):
            answers += chunk
    return answers.count(b"HTTP/1.1 200 OK\r\n")


def request(key, text, last):
    content = one(text)
    return (f"POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n"
            f"Connection: {'close' if last else 'keep-alive'}\r\nContent-Length: {len(content)}\r\n\r\n").encode() + content


def resident(pid):
    return int(re.search(r"(?m)^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text())[1])


def test_twenty_thousand_clients(start_server):
    """The last 10,000 are known, and the memory is what those take: 1.3 MiB."""
    server = start_server(LOG_FORMAT="%(message)s")
    ids = [uuid.uuid4().hex for _ in range(2 * CLIENTS)]
    step = 500

    def send(some):
        for at in range(0, len(some), step):
            part = some[at:at + step]
            assert pipelined(server, [request(f"{x}-1", x, x is part[-1]) for x in part]) == len(part)

    send([f"warm.{n}" for n in range(step)])
    before = resident(server.pid)
    send(ids)
    more = resident(server.pid) - before
    print(f"{more} KiB more for {len(ids)} clients")
    assert more < 3 * 1024 or SANITIZED
    assert server.lines("info.log")[step:] == ids
    # In the order in which they are remembered, so that none is forgotten for another's sake.
    send(ids[CLIENTS:])
    assert len(server.lines("info.log")) == step + len(ids)
    assert repeated(server) == CLIENTS
    send(ids[:step])
    assert server.lines("info.log")[step + len(ids):] == ids[:step]


# --- at once ---

def test_a_hundred_at_once(start_server, client):
    """One key, a hundred clients, a disk that takes its time: written once, and all of them are told."""
    server = start_server(LOG_FORMAT="%(message)s", LOG_FSYNC="always")
    at_once = threading.Barrier(100)

    def send(_):
        at_once.wait()
        return pipelined(server, [request(f"{client}-{n}", f"{client} {n}", n == 9) for n in range(10)])

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        assert list(pool.map(send, range(100))) == [10] * 100
    assert sorted(server.lines("info.log")) == [f"{client} {n}" for n in range(10)]
    assert repeated(server) == 990


def test_clients_that_hang_up_and_come_again(server):
    """Each sends what it has no answer for until it has one, and hangs up at any moment: all is there, once."""
    ids = [uuid.uuid4().hex for _ in range(8)]
    numbers = range(150)

    def send(x):
        moments = random.Random(x)
        for n in numbers:
            data = request(f"{x}-{n}", f"{x} {n}", True)
            answer = b""
            while b"HTTP/1.1 200 OK" not in answer:
                with server.connect() as s:
                    # Before its end, at once after it, or after some of the answer, by a reset.
                    end = moments.choice([len(data), len(data), len(data) - 1])
                    s.sendall(data[:end])
                    if end == len(data) and moments.random() < 0.5:
                        answer = s.recv(100)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    before = repeated(server)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(send, ids))
    again = repeated(server) - before
    print(f"{again} of {len(ids) * len(numbers)} came again after they were taken")
    assert again > len(ids)
    for x in ids:
        assert [line for line in server.lines("info.log") if line.startswith(f"{x} ")] == [f"{x} {n}" for n in numbers]


def test_clients_do_not_disturb_each_other(server):
    """Eight, each of which sends everything on three connections at once: no more than a window."""
    ids = [uuid.uuid4().hex for _ in range(8)]

    def send(x):
        return pipelined(server, [request(f"{x}-{n}", f"{x} {n}", n == WINDOW) for n in range(1, WINDOW + 1)])

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        assert list(pool.map(send, ids * 3)) == [WINDOW] * 24
    for x in ids:
        written = [line.split()[1] for line in server.lines("info.log") if line.startswith(f"{x} ")]
        assert sorted(written, key=int) == [str(n) for n in range(1, WINDOW + 1)]
