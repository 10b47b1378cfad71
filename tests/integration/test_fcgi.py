"""The edges of libfcgi, each met by a peer that is not nginx."""

import json
import struct

import pytest

from fcgi_peer import (ABORT, DATA, GET_VALUES, PARAMS, STDIN, Responder, assert_quick, begin, pair, params, record, request)


@pytest.fixture(scope="module")
def responder(tmp_path_factory):
    r = Responder(tmp_path_factory.mktemp("fcgi"))
    yield r
    r.stop()


def body(text):
    return json.dumps({"msg": text}).encode()


@pytest.fixture(autouse=True)
def still_answers(responder):
    """After each test the next good request is answered, and nothing else was written by it."""
    yield
    with responder.connect() as c:
        c.send(request(body("good")))
        assert c.status() == 200
    assert responder.lines()[-1] == "good"


def test_a_kept_connection_serves_many_requests(responder):
    with responder.connect() as c:
        for n in range(50):
            c.send(request(body(f"kept {n}")))
            assert c.status() == 200
    assert [f"kept {n}" for n in range(50)] == [x for x in responder.lines() if x.startswith("kept")]


def test_a_connection_is_closed_when_it_is_not_to_be_kept(responder):
    with responder.connect() as c:
        c.send(request(body("once"), keep=False))
        assert c.status() == 200
        c.socket.shutdown(1)
        assert c.is_closed()


@pytest.mark.parametrize("length", [0, 5, 100])
def test_a_body_of_another_length_is_refused(responder, length):
    before = responder.lines()
    with responder.connect() as c:
        c.send(request(body("length"), length=length))
        assert c.status() == 400
        c.send(request(body("after")))
        assert c.status() == 200
    assert responder.lines() == before + ["after"]


@pytest.mark.parametrize("values, status", [
    ({"DOCUMENT_URI": "/nowhere"}, 404),
    ({"REQUEST_METHOD": "PUT"}, 405),
    ({"CONTENT_TYPE": "text/plain"}, 415),
    ({"CONTENT_LENGTH": ""}, 411),
    ({"CONTENT_LENGTH": "x"}, 400),
    ({"CONTENT_LENGTH": "-1"}, 400),
    ({"CONTENT_LENGTH": "99999999999999999999999"}, 413),
])
def test_an_unread_body_is_never_taken_for_a_request(responder, values, status):
    """A refused body that holds a whole forged request must not be answered or written."""
    before = responder.lines()
    forged = request(body("forged"))
    with responder.connect() as c:
        # More than libfcgi reads at a time: what it has read it forgets by itself.
        c.send(request(forged * 200, **values))
        assert c.status() == status
        c.send(request(body("after")))
        assert c.status() == 200
    assert responder.lines() == before + ["after"]


def test_hanging_up_at_every_byte_writes_nothing(responder):
    before = responder.lines()
    whole = request(body("half"))
    for n in range(len(whole) - 1):
        with responder.connect() as c:
            c.send(whole[:n])
    with responder.connect() as c:
        c.send(request(body("whole")))
        assert c.status() == 200
    assert responder.lines() == before + ["whole"]


def test_pieces_of_a_request_may_come_slowly(responder):
    """Each piece is reported to some thread, and none of the reports may be lost or kept."""
    with responder.connect() as c:
        for number in range(5):
            whole = request(body(f"in pieces {number}"))
            for n in range(len(whole)):
                c.send(whole[n:n + 1])
            assert c.status() == 200
    assert responder.lines()[-5:] == [f"in pieces {n}" for n in range(5)]


def test_truncated_parameters_are_no_request(responder):
    """They get no answer at all: nobody knows what was asked."""
    before = responder.lines()
    values = params(REQUEST_METHOD="GET", DOCUMENT_URI="/api/health", REMOTE_ADDR="192.0.2.1")
    huge = struct.pack(">I", 0x80000000 | 50_000_000)
    for cut in (
        record(PARAMS, values[:-3]) + record(PARAMS), record(PARAMS, values + huge) + record(PARAMS),
        record(PARAMS, values)[:-3], record(PARAMS, values), record(PARAMS, values) + record(PARAMS)[:5],
    ):
        with responder.connect() as c:
            c.send(begin() + cut)
            c.socket.shutdown(1)
            assert c.answer() is None, cut
    assert responder.lines() == before


@pytest.mark.parametrize("junk", [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(64), b"\xff" * 64,
    record(77, b"what"), record(GET_VALUES, pair(b"FCGI_MAX_CONNS", b""), request=0),
    record(STDIN, b"no begin"), begin(role=9), record(DATA, b"x"), record(ABORT),
])
def test_junk_harms_nobody(responder, junk):
    with responder.connect() as c:
        c.send(junk)
        c.socket.shutdown(1)
        assert c.is_closed()


def test_idle_connections_do_not_starve_a_waiting_one(tmp_path):
    """Many more kept connections than threads: a new one is served at once."""
    responder = Responder(tmp_path, THREADS=2)
    kept = []
    for n in range(40):
        c = responder.connect()
        c.send(request(body(f"idle {n}")))
        assert c.status() == 200
        kept.append(c)
    silent = [responder.connect() for _ in range(40)]
    assert_quick([responder.good(f"new {n}") for n in range(40)])
    for c in kept:
        c.send(request(body("again")))
        assert c.status() == 200
    for c in kept + silent:
        c.socket.close()
    assert len(responder.lines()) == 120
    responder.stop()


@pytest.mark.parametrize("attempt", range(10))
def test_a_stop_answers_what_is_under_way(tmp_path, attempt):
    """What came before the signal is served, also on a connection that is just being handed over."""
    responder = Responder(tmp_path)
    with responder.connect() as c:
        c.send(request(body("first")))
        assert c.status() == 200
        c.send(request(body("under way")))
        responder.stop()
        assert c.status() == 200
    assert responder.lines() == ["first", "under way"]


def test_what_is_refused_is_said_and_no_token(tmp_path):
    """Once a second for each status, so that nobody can fill a disk with it."""
    responder = Responder(tmp_path, AUTH_TOKEN="open sesame")
    with responder.connect() as c:
        for _ in range(5):
            for values, status in (({"HTTP_AUTHORIZATION": "a wrong one"}, 401), ({"DOCUMENT_URI": "/no\x1b\nwhere"}, 404),
                                   ({"HTTP_AUTHORIZATION": "open sesame", "CONTENT_LENGTH": "x"}, 400)):
                c.send(request(body("refused"), **values))
                assert c.status() == status
        c.send(request(body("taken"), HTTP_AUTHORIZATION="open sesame"))
        assert c.status() == 200
    responder.stop()
    said = responder.errors.read_text()
    refused = [x for x in said.splitlines() if "refused with" in x]
    assert [x.split(": \"")[0] for x in refused[:3]] == [
        f"pbu-log-server: warning: refused with {status}" for status in (401, 404, 400)]
    assert refused[1].endswith(r': "there is nothing at /no\u001b\nwhere" (from 192.0.2.1)')
    # The machine may be so busy that a second passes.
    assert len(refused) < 15
    assert "a wrong one" not in said and "sesame" not in said


def test_nginx_can_ask_for_the_token_alone(tmp_path):
    """By any method and without a body, before it receives one (auth_request)."""
    responder = Responder(tmp_path, AUTH_TOKEN="open sesame")
    with responder.connect() as c:
        for method in ("GET", "POST", "PATCH"):
            for values, answer in (({}, 401), ({"HTTP_AUTHORIZATION": "a wrong one"}, 401),
                                   ({"HTTP_AUTHORIZATION": "Bearer open sesame"}, 200), ({"HTTP_AUTHENTICATION": "open sesame"}, 200)):
                c.send(request(b"", **{"REQUEST_METHOD": method, "DOCUMENT_URI": "/_pbu_log_auth", "CONTENT_LENGTH": "",
                                       "CONTENT_TYPE": "", **values}))
                got = c.answer()
                assert int(got.split()[1]) == answer
                assert (b"WWW-Authenticate: Bearer\r\n" in got) == (answer == 401)
                assert got.endswith(b'{"status": true}') == (answer == 200)
    responder.stop()
    assert responder.lines() == []
