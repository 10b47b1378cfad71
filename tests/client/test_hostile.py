"""Servers that mean ill: the program notices nothing, its memory stays small, no other host hears of the token, and every
record is kept until there is a real server."""

import gzip
import itertools
import re
import socket
import time
from pathlib import Path

import pytest
from measured import measured
from outcome import outcome
from peer import Peer, Request
from program import TOKEN
from server import wait_for

# That a program which logs so little may have at its peak.
PEAK_MIB = 64
TIMEOUT = 1.0

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TAKEN = b'{"status": true, "records": 1}'


def says(data):
    """The same answer to each request, and then the end."""

    def behave(peer):
        Request(peer)
        peer.sendall(data)

    return behave


def says_for_ever(head, data):
    def behave(peer):
        Request(peer)
        peer.sendall(head)
        while True:
            peer.sendall(data * 100)

    return behave


def says_slowly(head, data, pause=0.05):
    """A byte at a time: no single read times out."""

    def behave(peer):
        Request(peer)
        peer.sendall(head)
        for byte in itertools.cycle(data):
            peer.sendall(bytes([byte]))
            time.sleep(pause)

    return behave


def kept(data):
    """The same answer to each request of a kept connection."""

    def behave(peer):
        while True:
            Request(peer)
            peer.sendall(data)

    return behave


def status(line, headers=b"", body=b'{"status": false, "error": "no"}'):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (line, len(body), headers, body)


def bomb():
    """A body of 1 MiB that would be 1 GiB."""
    return gzip.compress(bytes(1 << 20)) * 1024


def never_reads(peer):
    """Until the other side is gone, or this one is shut."""
    while peer.recv(1, socket.MSG_PEEK):
        time.sleep(0.05)


BEHAVIOURS = {
    "closes at once": lambda peer: None,
    "closes after the request": lambda peer: Request(peer) and None,
    "never reads": never_reads,
    "endless headers": says_for_ever(OK, b"X-Header: value\r\n"),
    "an endless header": says_for_ever(OK + b"X: ", b"abcdefgh"),
    "an endless status line": says_for_ever(b"HTTP/1.1 200 ", b"OK"),
    "headers a byte at a time": says_slowly(OK, b"X: y\r\n"),
    "an endless body in chunks": says_for_ever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + bytes(1000) + b"\r\n"),
    "an endless body": says_for_ever(OK + b"\r\n", bytes(1000)),
    "a body of a length beyond all": says_for_ever(OK + b"Content-Length: 1000000000000000000\r\n\r\n", b"{" * 1000),
    "a body a byte at a time": says_slowly(OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "a gzip bomb": says(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb()) + bomb()),
    "a redirect without an address": kept(status(b"302 Found")),
    "HTTP/0.9": says(TAKEN),
    "HTTP/0.9 and HTML": says(b"<html>200 OK</html>"),
    "100 Continue for ever": says_for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue, slowly": says_slowly(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.005),
    "100 Continue, and no more": says(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "101 Switching Protocols": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + TAKEN),
    "103 Early Hints for ever": says_for_ever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"),
    "chunks of no number": says(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + TAKEN + b"\r\n0\r\n\r\n"),
    "a chunk of a negative length": says(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + TAKEN + b"\r\n0\r\n\r\n"),
    "a chunk beyond all": says(OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + TAKEN),
    "a chunk's endless extension": says_for_ever(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a=b;"),
    "endless trailers": says_for_ever(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "a body that is cut": says(OK + b"Content-Length: 1000\r\n\r\n" + TAKEN[:10]),
    "a negative length": says(OK + b"Content-Length: -1\r\n\r\n<html>"),
    "a length of letters": says(OK + b"Content-Length: many\r\n\r\n<html>"),
    "a portal's page": kept(status(b"200 OK", b"Content-Type: text/html\r\n", b"<html>Please log in</html>")),
    "200 without a body": kept(status(b"200 OK", b"", b"")),
    "200, but its status is false": kept(status(b"200 OK")),
    "200, JSON of another kind": kept(status(b"200 OK", b"", b"[true]")),
    "200, nested deep": kept(status(b"200 OK", b"", b"[" * 100_000)),
    "200, not UTF-8": kept(status(b"200 OK", b"", b'{"status": tru\xff')),
    "204": kept(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a status of four digits": says(b"HTTP/1.1 2000 OK\r\n\r\n" + TAKEN),
    "a status of no number": says(b"HTTP/1.1 abc OK\r\n\r\n" + TAKEN),
    "HTTP/2": says(b"HTTP/2 200 OK\r\n\r\n" + TAKEN),
    "another protocol": says(b"SSH-2.0-OpenSSH_9.2p1\r\n" + bytes(range(256)) * 4),
    "401": kept(status(b"401 Unauthorized", b"WWW-Authenticate: Basic realm=x\r\n")),
    "403": kept(status(b"403 Forbidden")),
    "404": kept(status(b"404 Not Found", b"", b"<html>")),
    "407": kept(status(b"407 Proxy Authentication Required", b"Proxy-Authenticate: Basic\r\n")),
    "418": kept(status(b"418 I'm a teapot")),
    "500": kept(status(b"500 Internal Server Error", b"", b"\x00\xff")),
    "503, Retry-After of a thousand years": kept(status(b"503 No", b"Retry-After: 31536000000\r\n")),
    "503, Retry-After beyond all": kept(status(b"503 No", b"Retry-After: " + b"9" * 5000 + b"\r\n")),
    "503, a negative Retry-After": kept(status(b"503 No", b"Retry-After: -5\r\n")),
    "503, Retry-After of no number": kept(status(b"503 No", b"Retry-After: nan\r\n")),
    "503, Retry-After of infinity": kept(status(b"503 No", b"Retry-After: inf\r\n")),
    "503, Retry-After as a date": kept(status(b"503 No", b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n")),
    "503, Retry-After as an impossible date": kept(status(b"503 No", b"Retry-After: Fri, 99 Dec 99999 99:99:99 GMT\r\n")),
    "429": kept(status(b"429 Too Many Requests")),
}


def peak(program):
    """MiB, while it runs."""
    return int(re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{program.process.pid}/status").read_text())[1]) / 1024


def course(run, server, tmp_path, peer, tries=2):
    """A program that logs to the peer, is not disturbed, and ends while the peer is still as it was. What it had then is
    sent by the next one, to the real server behind the same address."""
    spool = tmp_path / "spool"
    program = run("waiting.py", "300", spool=spool, timeout=TIMEOUT, shutdown_timeout=0.5, url=peer.url)
    wait_for(lambda: peer.met >= tries, "the handler has tried, and given up", 30)
    program.say("more")
    wait_for(lambda: "done" in program.stdout, "the program has logged more")
    assert peak(program) < PEAK_MIB
    ended = time.monotonic()
    program.say("end")
    program.ends_well(quiet=False)
    assert time.monotonic() - ended < 10
    # Complaints are few, and show no secret.
    assert len(program.stderr.splitlines()) <= 5, program.stderr
    assert TOKEN not in program.stderr
    slowest = float(re.search(r"slowest call: ([\d.]+)", program.stdout)[1])
    assert slowest < 0.5, f"a call took {slowest} s"
    peer.be_good()
    run("plain.py", "1", "1", "return", spool=spool, url=peer.url).ends_well()
    outcome(server, tmp_path / "witness").check()
    return program


QUICK = (
    "headers a byte at a time", "an endless body in chunks", "HTTP/0.9", "100 Continue for ever", "a portal's page",
    "503, Retry-After of a thousand years",
)


def tries_of(name):
    """Where it is told to come much later, it does."""
    return 1 if name in ("503, Retry-After of a thousand years", "503, Retry-After beyond all", "503, Retry-After as a date") else 2


@pytest.mark.parametrize("name", QUICK)
@measured
def test_nothing_is_lost(run, server, tmp_path, name):
    with Peer(BEHAVIOURS[name], server.port) as peer:
        course(run, server, tmp_path, peer, tries_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BEHAVIOURS.keys() - set(QUICK)))
@measured
def test_nothing_is_lost_either(run, server, tmp_path, name):
    with Peer(BEHAVIOURS[name], server.port) as peer:
        course(run, server, tmp_path, peer, tries_of(name))


@pytest.mark.parametrize("code", [pytest.param(b"302 Found", marks=pytest.mark.slow), b"307 Temporary Redirect"])
@measured
def test_redirects_are_not_followed(run, server, tmp_path, code):
    heard = []

    def other(peer):
        heard.append(peer.recv(65536))

    with Peer(other, server.port) as elsewhere:
        location = b"Location: http://127.0.0.1:%d/api/log\r\n" % elsewhere.port
        with Peer(kept(status(code, location)), server.port) as peer:
            course(run, server, tmp_path, peer)
    assert not heard
