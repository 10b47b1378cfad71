"""Logging in and out, and what a session counts for."""

import re
import socket
import time

import pytest
from fcgi_peer import PARAMS, STDIN, Connection, begin, params, record
from responses import parse
from test_rollover import faketime

from access import COOKIE, FILE_TOKENS, READ, WRITE, WRONG, ask, assert_refused, basic, guarded_server, log_in, session_of

HALF_A_DAY = 12 * 60 * 60


@pytest.fixture(scope="module")
def guarded(start_module_server, tmp_path_factory):
    return guarded_server(start_module_server, tmp_path_factory.mktemp("reading"))


@pytest.fixture(scope="module")
def session(guarded):
    return session_of(log_in(guarded))


def figures(server):
    text = server.get("/metrics/reader").text
    return {name: int(value) for name, value in re.findall(r"^(pbu_log_reader_\w+(?:\{.*?\})?) (\d+)$", text, re.M)}


def test_log_in(guarded):
    """By either way that a token may come."""
    before = figures(guarded)
    for answer in (
        log_in(guarded), log_in(guarded, f"Bearer {READ}"), log_in(guarded, FILE_TOKENS[2]),
        log_in(guarded, None, json={"token": READ}), log_in(guarded, None, json={"user": [1], "token": FILE_TOKENS[0]}),
        log_in(guarded, "Basic eDp5", json={"token": READ}), log_in(guarded, basic("", READ)),
        log_in(guarded, basic(READ, "x")), log_in(guarded, None, headers={"Authentication": READ}),
    ):
        value, *attributes = answer.headers["Set-Cookie"].split("; ")
        assert re.fullmatch(rf"{COOKIE}=\d{{10}}\.[0-9a-f]{{64}}", value)
        assert sorted(attributes) == ["HttpOnly", f"Max-Age={HALF_A_DAY}", "Path=/api", "SameSite=Strict"]
        assert abs(int(re.search(r"=(\d+)", value)[1]) - time.time() - HALF_A_DAY) < 60
        assert answer.headers["Cache-Control"] == "no-store"
        for path in ("/api/log/query", "/api/log/files", "/api/login-check"):
            assert ask(guarded, path, cookie=session_of(answer)).status_code == 200
    assert figures(guarded)["pbu_log_reader_logins_total"] == before["pbu_log_reader_logins_total"] + 9


def test_over_tls_the_cookie_is_for_tls_only(guarded):
    """As nginx says it to the reader."""
    values = {"REQUEST_METHOD": "POST", "DOCUMENT_URI": "/api/login", "HTTP_AUTHORIZATION": READ}
    for https, secure in (("on", True), ("", False)):
        with Connection(guarded.run_folder / "reader.sock") as c:
            c.send(begin() + record(PARAMS, params(**values, HTTPS=https)) + record(PARAMS) + record(STDIN))
            cookie = re.search(rb"^Set-Cookie: (.*)\r$", c.answer(), re.M)[1]
        assert (b"; Secure" in cookie) == secure


def test_refused_log_ins(start_server):
    """Counted; and nothing of what was sent is said."""
    server = start_server(AUTH_TOKEN=WRITE, READ_TOKEN=READ)

    def post(**options):
        return ask(server, "/api/login", method="POST", **options)

    assert_refused(post(), 401)
    assert_refused(post(token=WRONG), 401)
    assert_refused(post(token=WRITE), 403, "for writing")
    assert_refused(post(json={"token": WRONG}), 401)
    assert_refused(post(json={"token": WRITE}), 403)
    assert_refused(post(json={"token": ""}), 401)
    assert figures(server)["pbu_log_reader_refused_logins_total"] == 6
    for body in ({"token": [READ]}, {"token": None}, {}, [{"token": READ}], {"Token": READ}):
        assert_refused(post(json=body), 400, "token")
    for body in (b"{", b"token", READ.encode(), b'{"token": "' + READ.encode() + b'"', b"\x00" * 20):
        assert_refused(post(data=body, headers={"Content-Type": "application/json"}), 400)
    assert_refused(post(data={"token": READ}), 415)
    answer = post(json={"token": READ, "x": "y" * 2000})
    assert answer.status_code == 413 and "Set-Cookie" not in answer.headers
    # A page elsewhere that would log somebody in or out.
    for site in ("cross-site", "same-site"):
        assert_refused(post(token=READ, site=site), 403, "another site")
        assert_refused(ask(server, "/api/logout", method="POST", site=site), 403, "another site")
    for secret in (READ, WRITE, WRONG):
        assert secret not in server.stderr + server.stdout


def test_log_ins_are_limited_for_each_address(start_server):
    server = start_server(AUTH_TOKEN=WRITE, READ_TOKEN=READ)
    statuses = [ask(server, "/api/login", method="POST", token=f"{WRONG}{i}").status_code for i in range(60)]
    assert statuses[:20] == [401] * 20 and statuses.count(429) >= 30
    # One in two seconds is let in, which this may be.
    for _ in range(20):
        answer = ask(server, "/api/login", method="POST", token=READ)
        if answer.status_code == 429:
            break
        assert answer.status_code == 200
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "1" and "Set-Cookie" not in answer.headers
    # Nobody else waits for it: neither from another address, nor who asks something else.
    with socket.create_connection(("127.0.0.1", server.port), 10, source_address=("127.0.0.9", 0)) as s:
        s.sendall(f"POST /api/login HTTP/1.1\r\nHost: localhost\r\nAuthorization: {READ}\r\nContent-Length: 0\r\n"
                  "Connection: close\r\n\r\n".encode())
        assert parse(b"".join(iter(lambda: s.recv(65536), b"")))[0] == 200
    assert ask(server, "/api/log/query", token=READ).status_code == 200
    assert server.post({"msg": "x"}, {"Authorization": WRITE}).status_code == 200


def test_log_out(guarded, session):
    answer = ask(guarded, "/api/logout", method="POST", cookie=session)
    assert answer.json() == {"status": True}
    value, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert value == f"{COOKIE}=" and sorted(attributes) == ["HttpOnly", "Max-Age=0", "Path=/api", "SameSite=Strict"]
    assert_refused(ask(guarded, "/api/log/query", cookie=value), 401)


@pytest.mark.parametrize("site, status", [
    (None, 200), ("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("nonsense", 403),
])
def test_a_session_counts_for_its_own_site(guarded, session, site, status):
    assert ask(guarded, "/api/log/query", cookie=session, site=site).status_code == status


def test_a_session_never_counts_for_writing(guarded, session):
    """nor the server's figures for who may: the server is not even shown it."""
    before = guarded.read("info.log")
    answer = guarded.post({"msg": "must not be written"}, {"Cookie": session, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 401
    assert guarded.read("info.log") == before


def test_forged_sessions(guarded, session):
    name, _, value = session.partition("=")
    end, _, code = value.partition(".")
    later = str(int(end) + 1)
    for forged in (
        "", ".", value[:-1], value + "0", value[1:], value.upper(), f"{later}.{code}", f"{end}.{'0' * 64}", f"{end}.",
        f"{end}", f".{code}", f"{end}.{code[:-1]}{'0' if code[-1] != '0' else '1'}", f"0{value}", f"+{value}", f" {value}",
        f'"{value}"', f"{value}, {value}", f"{end}.{code}.{code}", f"-{value}", f"99999999999999999999.{code}", "%00" + value,
        READ, WRITE,
    ):
        assert_refused(ask(guarded, "/api/log/query", cookie=f"{name}={forged}"), 401)
    # Twice, even if both are good; under another name; in another header.
    for cookie in (f"{session}; {session}", f"{session}; {name}=x", f"{name}=x; {session}", f"x{session}", f"{name}x={value}",
                   value, f"a={session}"):
        assert_refused(ask(guarded, "/api/log/query", cookie=cookie), 401)
    assert_refused(ask(guarded, "/api/log/query", token=value), 401)
    assert_refused(ask(guarded, "/api/log/query", headers={"X-Cookie": session}), 401)
    # Among others of the same host it is found.
    assert ask(guarded, "/api/log/query", cookie=f"a=b; {session}; c=d").status_code == 200


def test_a_session_ends_after_half_a_day(guarded, session, start_server):
    """The same token, at other times: a session counts for every reader that has its token."""
    clock = {**faketime(), "FAKETIME_ONLY_CMDS": "pbu-log-reader"}

    def at(shift):
        return start_server(AUTH_TOKEN=WRITE, READ_TOKEN=READ, FAKETIME=shift, **clock)

    assert ask(at("+39600s"), "/api/log/query", cookie=session).status_code == 200
    late = at("+43500s")
    assert_refused(ask(late, "/api/log/query", cookie=session), 401)
    # One that was begun while the clock was ahead is not good for longer.
    assert_refused(ask(guarded, "/api/log/query", cookie=session_of(log_in(late))), 401)


def test_a_session_of_another_token(guarded, start_server):
    other = start_server(AUTH_TOKEN=WRITE, READ_TOKEN=READ + "x")
    assert_refused(ask(guarded, "/api/log/query", cookie=session_of(log_in(other, READ + "x"))), 401)
