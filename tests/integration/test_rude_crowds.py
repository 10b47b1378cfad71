"""FastCGI peers that take what there is: threads, descriptors, memory."""

import contextlib
import fcntl
import resource
import socket
import struct
import termios
import time

import pytest
from fcgi_peer import (BUSY, HEAD, PARAMS, SANITIZED, STDIN, Responder, assert_quick, begin, body, length, params, record,
                       request)
from measured import measured
from server import wait_for

THREADS = 3
# A peer that stops within a request is given up after so many seconds, and a tick or two (src/web/connections.h).
PEER_TIMEOUT = 10
CROWD = 60
# The longest body that is taken, and what a connection may have sent of it without a place among the large ones, with
# what the system keeps of it (src/web/request.h).
LONGEST_BODY = 16 << 20
SMALL = 8192

WHOLE = request(body("stuck"))
# Where a peer may stop: after the first byte, in the begin, the parameters, the body, and before its end.
STOPS = (1, 12, 40, len(WHOLE) - 20, len(WHOLE) - 1)

# What is hung up on as soon as it comes.
JUNK = {
    "a role that is none": begin(role=9),
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "truncated parameters": begin() + record(PARAMS, b"\5\5abc") + record(PARAMS),
}


@pytest.fixture
def responder(tmp_path):
    r = Responder(tmp_path, THREADS=THREADS)
    yield r
    r.stop()


def stays_quick(responder, count=20):
    assert_quick([responder.good() for _ in range(count)])


@pytest.fixture
def many():
    """As many descriptors as may be, for the servers started here, too: how many connections that allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield min(10_000, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- threads ---


@pytest.mark.parametrize("stop", STOPS)
def test_peers_that_stop_within_a_request_hold_no_thread(responder, stop):
    stuck = [responder.connect() for _ in range(CROWD)]
    for c in stuck:
        c.send(WHOLE[:stop])
    stays_quick(responder)
    # They may still go on.
    for c in stuck[::2]:
        c.send(WHOLE[stop:])
        assert c.status() == 200
    for c in stuck:
        c.socket.close()
    stays_quick(responder)
    assert responder.lines().count("stuck") == len(stuck[::2])


def test_peers_that_read_no_answers_hold_no_thread(responder):
    """They send the next request when the one before was taken; soon there is no room for its answer."""
    rude = [responder.connect() for _ in range(THREADS)]
    ask = request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/metrics")
    for c in rude:
        with pytest.raises(ConnectionError):
            for _ in range(10_000):
                c.send(ask)
                wait_for(lambda c=c: unread(c) == 0, "it was taken", 5)
        stays_quick(responder)


def unread(c):
    """Bytes sent that the server has not received."""
    return struct.unpack("i", fcntl.ioctl(c.socket, termios.TIOCOUTQ, bytes(4)))[0]


def large(text, of=1 << 20):
    """A request that is large, whole."""
    return request(body(text + " " * (of - len(text))), CONTENT_TYPE="application/json")


def send_what_goes(c, data):
    """As much as the server takes at once; returns the rest."""
    data = memoryview(data)
    c.socket.setblocking(False)
    try:
        while data:
            data = data[c.socket.send(data):]
    except BlockingIOError:
        pass
    c.socket.settimeout(20)
    return data


@pytest.mark.slow
@measured
def test_peers_that_stop_are_given_up(responder):
    """Wherever they have stopped. An idle connection is kept."""
    idle = responder.connect()
    idle.send(WHOLE)
    assert idle.status() == 200
    started = time.monotonic()
    stuck = [responder.connect() for _ in range(CROWD)]
    for n, c in enumerate(stuck):
        c.send(WHOLE[:STOPS[n % len(STOPS)]])
    halves = [responder.connect() for _ in range(THREADS)]
    for c in halves:
        send_what_goes(c, large("stuck")[:100_000])
    trickle = responder.connect()
    trickle.socket.settimeout(0.5)
    with pytest.raises(ConnectionError):  # a byte for half a second
        for n in range(len(WHOLE)):
            trickle.send(WHOLE[n:n + 1])
            with contextlib.suppress(TimeoutError):
                if trickle.socket.recv(1) == b"":
                    raise ConnectionError
            responder.good()
    for c in stuck + halves:
        assert c.is_closed()
    took = time.monotonic() - started
    print(f"given up within {took:.1f} s")
    assert PEER_TIMEOUT - 1 < took < PEER_TIMEOUT + BUSY
    idle.send(request(body("kept")))
    assert idle.status() == 200
    stays_quick(responder)
    assert responder.lines().count("stuck") == 1


def test_large_requests_wait_for_one_another_only(responder):
    """When as many as there are threads have stopped, the next waits for its place, and small ones don't."""
    stuck = [responder.connect() for _ in range(THREADS)]
    for c in stuck:
        send_what_goes(c, large("stuck")[:500_000])
    stays_quick(responder)
    waiting = [responder.connect() for _ in range(2 * THREADS)]
    rest = [send_what_goes(c, large("waited")) for c in waiting]
    for _ in range(10):
        stays_quick(responder)
        rest = [send_what_goes(c, data) for c, data in zip(waiting, rest)]
    assert all(rest), "more was taken of a large request than there is place for"
    for c in stuck:
        c.socket.close()
    for c, data in zip(waiting, rest):
        c.send(data)
        assert c.status() == 200
    texts = [x.split()[0] for x in responder.lines()]
    assert texts.count("waited") == len(waiting) and "stuck" not in texts


@measured
def test_peers_that_stop_do_not_hold_up_the_end(responder):
    """SIGTERM waits for no request that has come in part: nginx repeats it."""
    stuck = [responder.connect() for _ in range(CROWD)]
    for n, c in enumerate(stuck):
        send_what_goes(c, WHOLE[:STOPS[n % len(STOPS)]] if n % 2 else large("stuck")[:100_000])
    stays_quick(responder)
    started = time.monotonic()
    responder.stop()
    assert time.monotonic() - started < BUSY
    for c in stuck:
        assert c.is_closed()


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
def test_peers_that_are_hung_up_hold_no_thread(responder, junk):
    """They keep their side open."""
    rude = [responder.connect() for _ in range(3 * THREADS)]
    for c in rude:
        c.send(junk)
    stays_quick(responder)
    for c in rude:
        assert c.is_closed()


def test_peers_that_want_no_kept_connection_hold_no_thread(responder):
    rude = [responder.connect() for _ in range(3 * THREADS)]
    for n, c in enumerate(rude):
        c.send(request(body(f"once {n}"), keep=False))
    stays_quick(responder)
    for c in rude:
        assert c.status() == 200
        assert c.is_closed()
    assert sum(x.startswith("once") for x in responder.lines()) == len(rude)


# --- descriptors ---


def test_ten_thousand_connections(many, responder):
    assert many >= 1000, "the limit of descriptors is too low for this test"
    before, rss = responder.descriptors(), responder.kib("VmRSS")
    silent = []
    for n in range(many):
        silent.append(responder.connect())
        # A third has had a request answered, and is kept; the others have said nothing.
        if n % 3 == 0:
            silent[-1].send(request(body("kept")))
            assert silent[-1].status() == 200
    wait_for(lambda: responder.descriptors() == before + many, "all are accepted")
    stays_quick(responder, 100)
    print(f"{many} connections take {responder.kib('VmRSS') - rss} KiB")
    assert responder.kib("VmRSS") - rss < 8 * many or SANITIZED
    for c in silent:
        c.socket.close()
    wait_for(lambda: responder.descriptors() == before, "all are closed")
    stays_quick(responder)


def test_more_connections_than_descriptors(tmp_path):
    """Those beyond the limit wait, and are served as soon as there is room."""
    responder = Responder(tmp_path, THREADS=THREADS)
    resource.prlimit(responder.process.pid, resource.RLIMIT_NOFILE, (100, 100))
    before = responder.descriptors()
    silent = [responder.connect() for _ in range(200)]
    wait_for(lambda: responder.descriptors() >= 100, "no descriptor is left")
    waiting = responder.connect()
    waiting.send(request(body("waiting")))
    for c in silent:
        c.socket.close()
    assert waiting.status() == 200
    waiting.socket.close()
    wait_for(lambda: responder.descriptors() == before, "all are closed")
    stays_quick(responder)
    responder.stop()


# --- memory ---


def test_unfinished_requests_take_bounded_memory(responder):
    """Of a crowd that sends as much as it can, a few are listened to."""
    stays_quick(responder)
    before = responder.kib("VmRSS")
    text = begin() + record(PARAMS, params(**HEAD, CONTENT_LENGTH=LONGEST_BODY)) + record(PARAMS)
    text += record(STDIN, b" " * 32768) * (LONGEST_BODY // 32768)
    crowd = [[responder.connect(), memoryview(text)] for _ in range(10 * CROWD)]
    for _ in range(5):
        for one in crowd:
            one[1] = send_what_goes(*one)
    stays_quick(responder)
    grown = responder.kib("VmRSS") - before
    print(f"{len(crowd)} unfinished requests take {grown} KiB")
    # Each may have held twice as much, as its memory grows; and the memory of the connections themselves.
    assert grown < (2 * THREADS * LONGEST_BODY + len(crowd) * (2 * SMALL + 8192)) >> 10 or SANITIZED
    for c, _ in crowd:
        c.socket.close()
    wait_for(lambda: responder.kib("VmRSS") - before < 16 << 10 or SANITIZED, "the memory is given back")



@pytest.mark.parametrize("name, value", [
    (0x7FFFFFFF, 0x7FFFFFFF), (0x7FFFFFFF, 0), (0, 0x7FFFFFFF), (0x7FFFFFFD, 0), (0, 0x7FFFFFF0), (1 << 24, 1 << 24),
    (0x7FFFFFFE, 0), (0x3FFFFFFF, 0x3FFFFFFF), (0x60000000, 0x60000000), (0, 0x60000000),
])
def test_huge_lengths_of_parameters(responder, name, value):
    """libfcgi would ask for as much memory as they say, and end the process if there is not so much."""
    if not SANITIZED:  # it takes terabytes of addresses for itself
        resource.prlimit(responder.process.pid, resource.RLIMIT_AS, (1 << 29, 1 << 29))
    peak = responder.kib("VmHWM")
    for _ in range(5):
        with responder.connect() as c:
            c.send(begin() + record(PARAMS, length(name) + length(value) + b"x" * 1000) + record(PARAMS))
            c.socket.shutdown(socket.SHUT_WR)
            assert c.answer() is None
    stays_quick(responder)
    print(f"the peak has grown by {responder.kib('VmHWM') - peak} KiB")
    assert responder.kib("VmHWM") - peak < 8192
