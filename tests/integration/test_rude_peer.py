"""A FastCGI peer that breaks every rule of the protocol, on sockets of its own, beside a good one.

What must hold, whatever it sends: the server lives, the next good request on another connection is
answered at once, and exactly the requests that were answered 200 are in the file, whole.
"""

import signal
import socket
import struct

import pytest
from fcgi_peer import (ABORT, BEGIN, DATA, END, GET_VALUES, HEAD, PARAMS, STDERR, STDIN, STDOUT,
                       UNKNOWN, Responder, assert_quick, begin, body, pair, params, record, request)
from pausing import pause
from server import wait_for

TOKEN = "open sesame"
RUDE = "rude"


@pytest.fixture(scope="module")
def responder(tmp_path_factory):
    """Two threads only, so that one that is held is missed."""
    r = Responder(tmp_path_factory.mktemp("rude"), THREADS=2)
    yield r
    r.stop()


class Beside:
    """The good requests beside the rude ones, and what the file must hold in the end."""

    def __init__(self, responder):
        self.responder = responder
        self.before = len(responder.lines())
        self.times = []
        self.answered = 0  # rude requests that were answered 200

    def good(self):
        self.times.append(self.responder.good(f"good {len(self.times)}"))

    def converse(self, data):
        """Sends it, has a good request answered while the connection is open, and returns the answers."""
        with self.responder.connect() as c:
            try:
                c.send(data)
            except OSError:  # closed before all of it was sent
                pass
            self.good()
            records = c.rest()
        self.answered += sum(content.startswith(b"Status: 200") for kind, content in records if kind == STDOUT)
        return records

    def check(self):
        new = self.responder.lines()[self.before:]
        assert [x for x in new if x != RUDE] == [f"good {n}" for n in range(len(self.times))]
        assert new.count(RUDE) == self.answered
        assert_quick(self.times)


@pytest.fixture
def beside(responder):
    return Beside(responder)


def conversation(padding=0, **values):
    """A good request as a list of records. Those that libfcgi allows to be padded are."""
    text = body(RUDE)
    values = {**HEAD, "CONTENT_LENGTH": len(text), **values}
    return [begin(), record(PARAMS, params(**values), padding=padding), record(PARAMS),
            record(STDIN, text, padding=padding), record(STDIN)]


def close(c):
    c.socket.close()


def shut_both_ways(c):
    c.socket.shutdown(socket.SHUT_RDWR)


def shut_one_way(c):
    """What an orderly peer does; the server has the end of it, and can still answer."""
    c.socket.shutdown(socket.SHUT_WR)
    c.is_closed()


@pytest.mark.parametrize("padding", [0, 7, 255])
@pytest.mark.parametrize("hang_up", [close, shut_both_ways, shut_one_way])
def test_hanging_up_at_every_byte(responder, beside, hang_up, padding):
    whole = b"".join(conversation(padding))
    for n in range(len(whole)):
        with responder.connect() as c:
            c.send(whole[:n])
            hang_up(c)
        beside.good()
    beside.check()


@pytest.mark.parametrize("hang_up", [close, shut_both_ways, shut_one_way])
def test_hanging_up_after_the_last_byte(responder, hang_up):
    """All of it came: it is written, whole, though there is nobody to hear of it."""
    text = f"all of it, then {hang_up.__name__}"
    for n in range(20):
        with responder.connect() as c:
            c.send(request(body(text)))
            hang_up(c)
        responder.good()
        wait_for(lambda n=n: responder.lines().count(text) == n + 1, "it is written")


def test_hanging_up_at_every_byte_of_a_second_request(responder, beside):
    """The connection is kept by then, and what is left of the first request must not fill the second up."""
    whole = b"".join(conversation())
    for n in range(len(whole)):
        with responder.connect() as c:
            c.send(whole)
            assert c.status() == 200
            beside.answered += 1
            c.send(whole[:n])
        beside.good()
    beside.check()


def test_hanging_up_at_every_byte_of_the_answer(responder, beside):
    for n in range(140):
        with responder.connect() as c:
            c.send(b"".join(conversation()))
            # The record is written before the first byte of the answer is sent.
            assert c.socket.recv(n + 1, socket.MSG_WAITALL)
            beside.answered += 1
        beside.good()
    beside.check()


def test_an_end_that_comes_together_with_a_request(responder, beside):
    """The server learns of both at once: it answers, and closes what nothing more can come on."""
    for _ in range(5):
        # Stopped, so that the end is there before the request is looked at.
        pause(responder.process.pid)
        with responder.connect() as c:
            c.send(b"".join(conversation()))
            c.socket.shutdown(socket.SHUT_WR)
            responder.process.send_signal(signal.SIGCONT)
            assert c.status() == 200
            assert c.is_closed()
        beside.answered += 1
    beside.good()
    beside.check()


def in_every_phase(junk):
    """The junk before, between and after the records of a good request."""
    good = conversation()
    return [b"".join(good[:n]) + junk + b"".join(good[n:]) for n in range(len(good) + 1)]


def begins(**how):
    return record(BEGIN, struct.pack(">HB5x", 1, 1), **how)


@pytest.mark.parametrize("junk", [
    *(pytest.param(record(kind, b"what"), id=f"type {kind}") for kind in (0, UNKNOWN, 12, 77, 255)),
    *(pytest.param(record(kind, b"what"), id=f"an application's {kind}") for kind in (END, STDOUT, STDERR, DATA)),
    pytest.param(record(GET_VALUES, pair(b"FCGI_MAX_CONNS", b"") + pair(b"FCGI_MPXS_CONNS", b""), request=0),
                 id="values"),
    pytest.param(record(GET_VALUES, pair(b"FCGI_MAX_CONNS" * 4000, b"x" * 1000), request=0), id="long values"),
    pytest.param(record(GET_VALUES, b"\xff" * 12, request=0), id="broken values"),
    *(pytest.param(record(kind, b"what", request=0), id=f"management {kind}") for kind in (0, 1, 4, 5, 12, 255)),
    pytest.param(record(ABORT), id="abort"), pytest.param(record(ABORT, request=2), id="abort of another"),
    pytest.param(begin(), id="second begin"), pytest.param(begins(request=2), id="begin of another"),
    pytest.param(begins(request=0), id="begin of none"), pytest.param(begins(request=65535), id="begin of the last"),
    pytest.param(begin(role=2), id="authorizer"), pytest.param(begin(role=3), id="filter"),
    pytest.param(begin(role=0), id="role 0"), pytest.param(begin(role=65535), id="role 65535"),
    *(pytest.param(record(BEGIN, bytes(n)), id=f"begin of {n} bytes") for n in (0, 7, 9, 65535)),
    *(pytest.param(begins(version=v), id=f"version {v}") for v in (0, 2, 255)),
    *(pytest.param(record(kind, b"x" * n, request=2), id=f"type {kind} of another, {n} bytes")
      for kind in (PARAMS, STDIN) for n in (0, 1, 65535)),
    *(pytest.param(record(kind, b"x" * 65535), id=f"type {kind}, 65535 bytes") for kind in (PARAMS, STDIN, 77)),
    *(pytest.param(record(kind, b"", padding=255), id=f"type {kind}, padding alone") for kind in (PARAMS, STDIN, 77)),
    pytest.param(begins(padding=255), id="padded begin"),
    pytest.param(record(PARAMS), id="empty params"), pytest.param(record(STDIN, body(RUDE)), id="stdin at any time"),
    pytest.param(b"\0", id="a zero"), pytest.param(b"\1\1\0\1\xff\xff\xff\0", id="half a record of 65535 bytes"),
    pytest.param(b"POST /api/log HTTP/1.1\r\nContent-Length: 9\r\n\r\n", id="HTTP"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 30, id="TLS"),
])
def test_junk_in_every_phase(beside, junk):
    for data in in_every_phase(junk):
        beside.converse(data)
    beside.check()


@pytest.mark.parametrize("kind", [*range(12), 77, 255])
@pytest.mark.parametrize("request_id", [0, 1, 2])
def test_every_type_of_record_alone(beside, kind, request_id):
    for content in (b"", bytes(8), b"\0", b"\xff" * 8, b"x" * 65535):
        beside.converse(record(kind, content, request=request_id, padding=len(content) % 256))
    assert beside.answered == 0
    beside.check()


@pytest.mark.parametrize("names", [1, 4, 100])
def test_management_records_are_hung_up_on(beside, names):
    """From four names on they would overflow libfcgi's stack. No web server of today asks."""
    for data in in_every_phase(record(GET_VALUES, pair(b"FCGI_MPXS_CONNS", b"") * names, request=0))[:-1]:
        assert beside.converse(data) == []
    beside.check()


@pytest.mark.parametrize("role", [0, 2, 3, 0x0101, 0xffff])
def test_another_role_is_hung_up_on(beside, role):
    """This is a responder; libfcgi would take the request of an authorizer, and wait for a filter's data."""
    assert beside.converse(begin(role=role) + b"".join(conversation()[1:])) == []
    assert beside.answered == 0
    beside.check()


def test_a_request_that_is_aborted_is_not_written(beside):
    """In every phase before its end. The peer hears nothing more, as the connection is closed."""
    good = conversation()
    for n in range(len(good)):
        beside.converse(b"".join(good[:n]) + record(ABORT))
        assert beside.answered == 0
    # With a body that has begun, or has nearly ended.
    text = body(RUDE)
    for n in range(len(text) + 1):
        beside.converse(b"".join(good[:3]) + record(STDIN, text[:n]) + record(ABORT))
        assert beside.answered == 0
    beside.check()


@pytest.mark.parametrize("length", [0, 1, 5, 14, 15, 16, 100, 65536, 1 << 24])
def test_a_content_length_that_lies(beside, length):
    """Shorter and longer than what comes, however much that is: only the whole is written."""
    text = body(RUDE)
    for sent in range(len(text) + 1):
        pieces = b"".join(record(STDIN, text[at:min(at + 7, sent)]) for at in range(0, sent, 7))
        records = beside.converse(b"".join(conversation(CONTENT_LENGTH=length)[:3]) + pieces + record(STDIN))
        status = b"Status: 200" if sent == len(text) == length else b"Status: 400"
        assert [content[:11] for kind, content in records if kind == STDOUT and content] == [status]
    beside.check()


# --- what is in a body must never be taken for a request ---

REFUSALS = [
    ({"HTTP_AUTHORIZATION": "wrong"}, 401), ({"HTTP_AUTHORIZATION": ""}, 401),
    ({"DOCUMENT_URI": "/nowhere"}, 404), ({"DOCUMENT_URI": "/metrics"}, 405), ({"REQUEST_METHOD": "GET"}, 405),
    ({"CONTENT_LENGTH": ""}, 411), ({"CONTENT_LENGTH": 10_000}, 413), ({"CONTENT_TYPE": "text/html"}, 415),
    ({"CONTENT_LENGTH": "0x10"}, 400), ({"CONTENT_LENGTH": 10}, 400), ({"CONTENT_LENGTH": 5000}, 400),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    r = Responder(tmp_path_factory.mktemp("guarded"), AUTH_TOKEN=TOKEN, MAX_BODY_BYTES=8000)
    yield r
    r.stop()


def guarded_request(text, **values):
    return request(text, **{"HTTP_AUTHORIZATION": TOKEN, **values})


@pytest.mark.parametrize("values, status", REFUSALS)
def test_no_request_is_smuggled_in_a_refused_body(guarded, values, status):
    """libfcgi reads 8192 bytes at a time: the forged requests stand at every place around its ends."""
    before = guarded.lines()
    forged = guarded_request(body("forged"))
    with guarded.connect() as c:
        for shift in range(len(forged)):
            text = bytes(shift) + forged * (20_000 // len(forged))
            c.send(guarded_request(text, **values))
            assert c.status() == status
        # Whatever had been taken for a request would have been answered before this one.
        c.send(guarded_request(body("after")))
        assert c.status() == 200
    assert guarded.lines() == before + ["after"]


@pytest.mark.parametrize("values", [{"HTTP_AUTHORIZATION": "wrong"}, {"DOCUMENT_URI": "/nowhere"}])
def test_a_refused_body_without_end_is_hung_up(guarded, values):
    """Nobody is read to his end for ever, and what comes after is not read as a request."""
    before = guarded.lines()
    forged = guarded_request(body("forged"))
    many = record(STDIN, (forged * (32_768 // len(forged) + 1))[:32_768])
    sent = 0
    with guarded.connect() as c:
        c.send(begin() + record(PARAMS, params(**{**HEAD, "CONTENT_LENGTH": 5, **values})) + record(PARAMS))
        with pytest.raises(ConnectionError):
            while sent < 200 << 20:
                c.send(many)
                sent += len(many)
        assert c.rest() == []
    print(f"hung up after {sent >> 20} MiB")
    with guarded.connect() as c:
        c.send(guarded_request(body("after")))
        assert c.status() == 200
    assert guarded.lines() == before + ["after"]


def test_a_second_request_that_is_not_waited_for(beside):
    """libfcgi would forget the part that it has read, and begin anew anywhere within the rest."""
    for count in (2, 40, 400):
        assert beside.converse(b"".join(conversation()) * count) == []
    beside.check()
