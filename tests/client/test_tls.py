"""TLS: a server is heard only with a certificate of a trusted authority, for its name, that is not over. Until then
everything is kept, and nothing of it is shown to anybody; what somebody has to mend is said."""

import time

import pytest
from certificates import Authority
from outcome import outcome
from peer import Peer, Request
from program import TOKEN
from server import wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "trusted")


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "others")


def test_a_good_certificate(run, server, tmp_path, authority):
    with Peer(lambda peer: None, server.port, authority.context("IP:127.0.0.1")) as peer:
        peer.be_good()
        run("plain.py", "500", "2", "return", url=peer.url, env={"SSL_CERT_FILE": str(authority.ca)}).ends_well()
        # One connection is enough for them all.
        assert peer.met <= 3, peer.met
    outcome(server, tmp_path / "witness").check()


@pytest.mark.parametrize("what, complaint", [
    ("another authority", "certificate"), ("another name", "127.0.0.1"),
    pytest.param("over", "expired", marks=pytest.mark.slow), pytest.param("no TLS", "SSL", marks=pytest.mark.slow),
    pytest.param("a handshake a byte at a time", "", marks=pytest.mark.slow),
])
def test_bad_certificates(run, server, tmp_path, authority, others, what, complaint):
    heard = []

    def behave(peer):
        heard.append(Request(peer))

    def plain(peer):
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        Request(peer)

    def slowly(peer):
        for byte in b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(10_000):
            peer.sendall(bytes([byte]))
            time.sleep(0.05)

    context = {
        "another authority": lambda: others.context("IP:127.0.0.1"),
        "another name": lambda: authority.context("DNS:elsewhere.example"),
        "over": lambda: authority.context("IP:127.0.0.1", 0),
    }.get(what, lambda: None)()
    behave = {"no TLS": plain, "a handshake a byte at a time": slowly}.get(what, behave)
    spool = tmp_path / "spool"
    trusting = {"SSL_CERT_FILE": str(authority.ca)}
    with Peer(behave, server.port, context) as peer:
        url = f"https://127.0.0.1:{peer.port}"
        program = run("waiting.py", "300", url=url, spool=spool, env=trusting, timeout=1.0, shutdown_timeout=0.5)
        wait_for(lambda: peer.met >= 2 and complaint in program.stderr, "it has tried again, and complained", 30)
        program.say("end")
        program.ends_well(quiet=False)
        assert not heard
        assert TOKEN not in program.stderr
        assert len(program.stderr.splitlines()) <= 3, program.stderr
    assert not server.read("info.log")
    run("plain.py", "1", "1", "return", spool=spool).ends_well()
    outcome(server, tmp_path / "witness").check()
