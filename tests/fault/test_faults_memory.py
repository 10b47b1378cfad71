"""malloc(3), calloc(3) and realloc(3) fail, at each call of a request in turn."""

import json
import re

import pytest

import faulty
from fcgi_peer import request
from load import check_answer

# More allocations than any of these requests has.
MANY = 500

RECORD = {
    "name": "memory", "msg": "%s of %r: %(x", "args": ["one", {"a": [1, 2.5, None, "\u00e9\n"]}], "levelno": 20, "levelname": "INFO",
    "created": 1600000000.25, "msecs": 250.0, "lineno": 17, "process": 4711, "threadName": "T\u2028",
    "exc_text": "Traceback\n  File x", "stack_info": "Stack\n\tmore", "trace": ["one", 2, ["three", 4.0], {"five": 6}],
    "own": {"deep": [[[["x"]]]]}, "request_id": "r-1",
}
FINE = {**RECORD, "msg": "%s of %r"}
BODIES = {
    "a record": FINE,
    "a record whose arguments do not fit": RECORD,
    "a batch": [FINE, {**FINE, "levelno": 40}, {"msg": "x"}, {**FINE, "levelno": 10}, {**FINE, "levelno": 30}],
    "a large record": {**FINE, "args": ["y" * 300_000, {"a": list(range(20_000))}], "own": {str(n): n for n in range(3000)}},
}
FORMATS = {
    "text": "%(asctime)s %(levelname)s:%(name)s %(remote_addr)s %(lineno)5d %(process)s %(threadName)-9s %(own)s %(request_id)s "
            "%(missing)s %(message)s",
    "json": "json",
}


def sizes(server):
    return {p.name: p.stat().st_size for p in server.folder.glob("*.log")}


def added(server, before):
    """What was written since, without what differs from request to request."""
    new = {}
    for name, size in before.items():
        with open(server.folder / name, "rb") as f:
            f.seek(size)
            new[name] = re.sub(rb'"received":"[^"]*"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ INFO:root', b"", f.read())
    return new


def post(server, data, connection=None):
    """Posts on that connection, or a new one. (status, connection): (None, None) when it was closed."""
    try:
        connection = connection or server.connect()
        connection.send(request(data))
        answer = connection.answer()
    except ConnectionError:
        answer = None
    if answer is None:
        return None, None
    return check_answer(answer), connection


def healthy(server):
    """Its threads are there: a server that has no memory to begin with is another matter."""
    with server.connect() as c:
        c.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health"))
        assert check_answer(c.answer()) == 200


class Course:
    """The k'th allocation of a request fails, for one k after the other, until none fails any more."""

    def __init__(self, data):
        self.data = data
        self.expected = None
        self.got = []

    def learn(self, server):
        before = sizes(server)
        status, connection = post(server, self.data)
        assert status == 200
        connection.socket.close()
        self.expected = added(server, before)

    def step(self, server, k, connection):
        """One request with the fault, and one without on the same connection. False: none failed."""
        before = sizes(server)
        server.control.on("malloc", skip=k, count=1)
        status, connection = post(server, self.data, connection)
        server.control.off("malloc")
        assert server.process.poll() is None, f"allocation {k}: it ended\n{server.said}"
        self.got.append(status)
        assert status in (200, 503, None), (k, status)
        new = added(server, before)
        if status == 200:
            assert new == self.expected, f"allocation {k}: acknowledged, but not written as it should be"
        else:
            # Written and not acknowledged only when the answer itself had no memory.
            assert new == self.expected or not any(new.values()), f"allocation {k}: {new}"
            assert status is None or not any(new.values()), f"allocation {k}: 503, but written"
        failed = server.control.hits("malloc") > 0
        before = sizes(server)
        status, connection = post(server, self.data, connection)
        assert status == 200, f"allocation {k}: the next request got {status}"
        assert added(server, before) == self.expected, f"allocation {k}: the next request"
        if not failed:
            connection.socket.close()
            return None
        return connection

    def row(self, fault):
        got = {str(s): self.got.count(s) for s in (200, 503, None)}
        faulty.ROWS.append((fault, "LD_PRELOAD: malloc, calloc, realloc", len(self.got), got["200"], 0, 0,
                            f"200: {got['200']}, 503: {got['503']}, closed: {got['None']}", "next request"))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", BODIES)
def test_each_allocation_fails_once(start, name, form):
    """The first request of a server, where every buffer is new."""
    course = Course(json.dumps(BODIES[name]).encode())
    for k in range(MANY):
        server = start(LOG_FORMAT=FORMATS[form], THREADS=1)
        if k == 0:
            course.learn(server)
            server.stop()
            continue
        healthy(server)
        connection = course.step(server, k - 1, None)
        server.stop()
        if connection is None:
            break
        connection.socket.close()
    assert 3 < k < MANY - 1
    course.row(f"no memory, once, {name}, {form}: the first request")
    assert course.got.count(503) > 2


@pytest.mark.parametrize("name", BODIES)
def test_each_allocation_fails_on_a_kept_connection(start, name):
    """Buffers are reused here, and what failed must not stay failed."""
    course = Course(json.dumps(BODIES[name]).encode())
    server = start(LOG_FORMAT=FORMATS["text"], THREADS=1)
    course.learn(server)
    connection = server.connect()
    for k in range(MANY):
        connection = course.step(server, k, connection)
        if connection is None:
            break
    assert k < MANY - 1
    course.row(f"no memory, once, {name}: a kept connection")


@pytest.mark.parametrize("name", BODIES)
def test_there_is_no_memory_at_all(start, name):
    data = json.dumps(BODIES[name]).encode()
    course = Course(data)
    server = start(LOG_FORMAT=FORMATS["text"])
    course.learn(server)
    before = sizes(server)
    kept = [server.connect() for _ in range(15)]
    for connection in kept:
        connection.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health"))
        assert check_answer(connection.answer()) == 200
    server.control.on("malloc")
    for connection in [*kept, *[None] * 15]:
        course.got.append(post(server, data, connection)[0])
    server.control.off("malloc")
    assert set(course.got) <= {503, None}
    assert sizes(server) == before
    status, _ = post(server, data)
    assert status == 200
    assert added(server, before) == course.expected
    course.row(f"no memory at all, {name}")
