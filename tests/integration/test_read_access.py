"""Who may read: READ_TOKEN, READ_TOKEN_FILE; and what is refused, however it is asked for."""

import json
import os
import socket
import time
from pathlib import Path

import pytest
import requests
from responses import parse

from access import COOKIE, FILE_TOKENS, READ, READING, TAIL, WRITE, WRONG, ask, assert_refused, basic, guarded_server, log_in, session_of
from server import command_line, wait_for

EVERYBODYS = ["/api/log/health", "/api/health", "/metrics", "/metrics/reader", "/", "/page/main.js"]


@pytest.fixture(scope="module")
def guarded(start_module_server, tmp_path_factory):
    return guarded_server(start_module_server, tmp_path_factory.mktemp("reading"))


@pytest.fixture(scope="module")
def session(guarded):
    return session_of(log_in(guarded))


# --- tokens ---


@pytest.mark.parametrize("path", READING)
def test_who_has_a_token_for_reading_may_read(guarded, path):
    query = {"cursor": cursor(guarded), "level": "INFO", "date": time.strftime("%Y-%m-%d")}
    wanted = {"/api/log/context": ("cursor",), "/api/log/messages": ("level", "date")}.get(path, ())
    query = {name: query[name] for name in wanted}
    for token in (READ, f"Bearer {READ}", f"bearer {READ}", basic("", READ), basic(FILE_TOKENS[1], ""), *FILE_TOKENS):
        answer = ask(guarded, path, token=token, params=query)
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store", answer.text
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ask(guarded, path, headers={"Authentication": READ}, params=query).status_code == 200
    assert_refused(ask(guarded, path, params=query), 401, "log in")
    assert_refused(ask(guarded, path, token="", params=query), 401, "log in")
    for wrong in (WRONG, READ[:-1], READ + "x", READ.upper(), f"Token {READ}", f"Basic {READ}", f"{READ}, {READ}",
                  basic("", WRONG), basic("x", f"x:{READ}"), basic("", READ) + "="):
        answer = ask(guarded, path, token=wrong, params=query)
        assert_refused(answer, 401, "not a valid token")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert_refused(ask(guarded, path, token=WRITE, params=query), 403, "for writing")
    assert_refused(ask(guarded, path, token=basic("", WRITE), params=query), 403, "for writing")
    assert_refused(ask(guarded, path, headers={"Authentication": WRITE}, params=query), 403, "for writing")


@pytest.mark.parametrize("path", READING)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_password_counts_on_its_own_site_only(guarded, path, site):
    """A browser that has one for this site (of a proxy before it, say) sends it with whatever page asks."""
    for token in basic("", READ), basic(READ, ""):
        assert_refused(ask(guarded, path, token=token, site=site), 403, "another site")
    assert_refused(ask(guarded, "/api/login", method="POST", token=basic("", READ), site=site), 403, "another site")
    # Nor does any answer ask a browser for one.
    for token in None, WRONG, basic("", WRONG):
        assert ask(guarded, path, token=token, site=site).headers["WWW-Authenticate"] == "Bearer"


def test_who_has_a_token_for_reading_may_follow(guarded, session):
    assert_refused(ask(guarded, TAIL), 401, "log in")
    assert_refused(ask(guarded, TAIL, token=WRONG), 401, "not a valid token")
    assert_refused(ask(guarded, TAIL, token=WRITE), 403, "for writing")
    assert_refused(ask(guarded, TAIL, cookie=session, site="cross-site"), 403, "another site")
    assert_refused(ask(guarded, f"{TAIL}?level=../..", token=READ), 400)
    assert_refused(ask(guarded, f"{TAIL}?cursor=../../x", token=READ), 400)
    assert_refused(ask(guarded, TAIL, token=READ, headers={"Last-Event-ID": "../../x"}), 400)
    for by in ({"token": READ}, {"cookie": session, "site": "same-origin"}):
        with ask(guarded, TAIL, stream=True, **by) as answer:
            assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
            assert answer.headers["Cache-Control"] == "no-store"
            assert next(answer.iter_content(None))


def lines_of(answer):
    """Without those of progress, which a slow machine may have."""
    return [line for line in map(json.loads, answer.text.splitlines()) if "progress" not in line]


def cursor(server):
    return lines_of(ask(server, "/api/log/query?limit=1", token=READ))[0]["cursor"]


def test_reading_shows_what_was_written(guarded):
    lines = lines_of(ask(guarded, "/api/log/query", token=READ))
    assert [line["message"] for line in lines[:-1]] == [f"an entry of {x}" for x in ("ERROR", "WARNING", "INFO", "DEBUG")]
    assert lines[-1]["end"] and lines[-1]["complete"]
    check = ask(guarded, "/api/login-check", token=READ)
    assert check.json() == {"logLevels": ["DEBUG", "INFO", "WARNING", "ERROR"]}


@pytest.mark.parametrize("path", EVERYBODYS)
def test_what_is_no_log_needs_no_token(guarded, path):
    answer = ask(guarded, path)
    assert answer.status_code == 200
    assert "an entry of" not in answer.text


def test_metrics_are_for_this_machine_only(guarded):
    with socket.create_connection(("127.0.0.1", guarded.port), 10, source_address=("127.0.0.2", 0)) as s:
        s.sendall(b"GET /metrics/reader HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: close\r\n\r\n")
        status, _, body = parse(b"".join(iter(lambda: s.recv(65536), b"")))
    assert status == 403 and b"pbu_log" not in body


def test_a_token_in_the_address_does_not_count(guarded):
    assert_error_of_nginx(ask(guarded, f"/api/log/query?token={READ}"), 401)
    assert_refused(ask(guarded, f"/api/log/query?q={READ}"), 401)
    assert_error_of_nginx(ask(guarded, f"/api/log/query?HTTP_AUTHORIZATION={READ}"), 401)


def assert_error_of_nginx(answer, status):
    assert answer.status_code == status and answer.json()["status"] is False, answer.text


def test_a_token_that_reads_does_not_write(guarded):
    before = guarded.read("info.log")
    for token in (READ, *FILE_TOKENS):
        assert guarded.post({"msg": "must not be written"}, {"Authorization": token}).status_code == 401
    assert guarded.read("info.log") == before


def test_without_any_token_everybody_reads(server):
    server.post({"msg": "for everybody"})
    assert "for everybody" in ask(server, "/api/log/query").text
    assert ask(server, "/api/login-check", token=WRONG).status_code == 200
    answer = ask(server, "/api/login", method="POST", token=WRONG)
    assert answer.json() == {"status": True} and "Set-Cookie" not in answer.headers
    # But not by way of somebody else's page.
    assert_refused(ask(server, "/api/log/query", site="cross-site"), 403, "another site")
    assert ask(server, "/api/log/query", site="same-origin").status_code == 200


def test_a_token_for_writing_alone_closes_it(start_server):
    server = start_server(AUTH_TOKEN=WRITE)
    for path in [*READING, TAIL]:
        for token in (None, WRITE, WRONG):
            assert_refused(ask(server, path, token=token), 403, "set READ_TOKEN or READ_TOKEN_FILE")
    assert_refused(ask(server, "/api/login", method="POST", token=WRITE), 403, "READ_TOKEN")
    assert "closed: READ_TOKEN" in server.stdout
    assert ask(server, "/api/log/health").status_code == 200


def test_one_token_for_both_is_somebodys_choice(start_server):
    server = start_server(AUTH_TOKEN=WRITE, READ_TOKEN=WRITE)
    assert server.post({"msg": "x"}, {"Authorization": WRITE}).status_code == 200
    assert ask(server, "/api/log/query", token=WRITE).status_code == 200
    assert ask(server, "/api/log/query").status_code == 401


def test_tokens_for_reading_without_one_for_writing(start_server, tmp_path):
    """And they are read again; what can't be used leaves those that were there."""
    file = tmp_path / "readers"
    file.write_text("one\ntwo\n")
    server = start_server(READ_TOKEN_FILE=file)
    assert server.post({"msg": "x"}).status_code == 200
    assert ask(server, "/api/log/query").status_code == 401

    def status(token):
        return ask(server, "/api/log/query", token=token).status_code

    assert (status("one"), status("two"), status("three")) == (200, 200, 401)
    session = session_of(log_in(server, "two"))
    assert ask(server, "/api/log/query", cookie=session).status_code == 200
    file.write_text("two\nthree\n")
    wait_for(lambda: status("three") == 200, "the file is read again")
    assert (status("one"), status("two")) == (401, 200)
    assert ask(server, "/api/log/query", cookie=session).status_code == 200
    # A session ends with its token, and so does what is followed by it.
    with requests.get(f"{server.url}/api/log/tail", headers={"Cookie": session}, stream=True, timeout=30) as followed:
        assert followed.status_code == 200 and next(followed.iter_content(None))
        file.write_text("three\n")
        wait_for(lambda: status("two") == 401, "the file is read again")
        assert b"data:" not in b"".join(followed.iter_content(None))
    assert_refused(ask(server, "/api/log/tail", cookie=session), 401)
    assert_refused(ask(server, "/api/log/query", cookie=session), 401)
    file.write_text("\n")
    wait_for(lambda: f"READ_TOKEN_FILE {file} holds no token (one a line); the old tokens stay" in server.stderr, "it is said")
    assert status("three") == 200


@pytest.mark.parametrize("settings, said", [
    ({"READ_TOKEN_FILE": "/nowhere/tokens"}, "READ_TOKEN_FILE /nowhere/tokens cannot be read"),
    ({"READ_TOKEN": " x"}, "READ_TOKEN: has white space around it"),
    ({"QUERY_TIMEOUT": "0"}, "QUERY_TIMEOUT=0: must be a whole number from 1 to 3600"),
])
def test_wrong_settings_end_the_start(tmp_path, settings, said):
    from starting import run_start
    done = run_start(tmp_path, LOG_FOLDER="logs", **settings)
    assert done.returncode == 2 and done.stderr.count(said) == 1 and len(done.stderr.splitlines()) == 1, done.stderr


# --- whatever is asked ---


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_reading_is_asked_for_by_get(guarded, method):
    for path in [*READING, TAIL, "/api/log/health", "/metrics/reader", "/", "/page/main.js"]:
        answer = ask(guarded, path, method=method, token=READ)
        assert_error_of_nginx(answer, 405)
        assert answer.headers["Allow"] == "GET, HEAD"
    for path in ("/api/login", "/api/logout"):
        if method != "POST":
            answer = ask(guarded, path, method=method, token=READ)
            assert_error_of_nginx(answer, 405)
            assert answer.headers["Allow"] == "POST"
    assert ask(guarded, "/api/log", token=READ).status_code == 405


@pytest.mark.parametrize("path", [*READING, "/api/log/health", "/", "/page/main.js"])
def test_head_has_no_body(guarded, path):
    query = {"cursor": cursor(guarded)} if path.endswith("context") else \
        {"level": "INFO", "date": "2026-01-01"} if path.endswith("messages") else {}
    answer = ask(guarded, path, method="HEAD", token=READ, params=query)
    assert answer.status_code == 200 and answer.content == b""


@pytest.mark.parametrize("path", ["/api/log/", "/api/log/nothing", "/api/logs", "/api/login/", "/api/log/query/", "/api/log/../log/query/x",
                                  "/metrics/reader/", "/api/log/query;x", "/api/log/%00", "/api/log/query%00"])
def test_there_is_nothing_else(guarded, path):
    answer = ask(guarded, path, token=READ)
    assert answer.status_code in (400, 404) and answer.json()["status"] is False


HOSTILE = [
    "level=../..", "level=INFO/../../../etc/passwd", "level=info.log", "level=%00", "level=INFO%00", "level=", "level=,",
    "level=INFO,../..", "level=" + "INFO," * 1000, "cursor=../../../../etc/passwd", "cursor=/etc/passwd", "cursor=i1.1.1",
    "cursor=" + "i" * 5000, "cursor=i-1.-1.-1", "cursor=iffffffffffffffff.ffffffffffffffff.ffffffffffffffff",
    "cursor=i0.0.0-d0.0.0", "date=../../x", "date=2026-13-45", "q=%00", "q=%ff%fe", "q=%", "q=%zz", "q=/(/", "q=/(a+)+$/",
    "q=" + "(" * 4000, "q=" + "a%20" * 1500, "q=/" + "a?" * 1500 + "/", "q=/(?R)/", "q=/\\C/", "q=/(*LIMIT_MATCH=9)x/",
    "q=%22", "limit=-1", "limit=99999999999999999999999", "limit=1e3", "limit=%0a", "start=%0a", "start=9999999999999999999",
    "start=-9999999999999999d", "start=nan", "end=2026-02-30", "timezone=../../etc/passwd", "timezone=/etc/passwd",
    "timezone=" + "A" * 3000, "direction=sideways", "before=999999999999", "after=-1", "buckets=0", "buckets=9999999999",
    "buckets=1000&start=1&end=2", "x=y", "=", "&&&&", "q=a&q=b", "limit=1&limit=2", "cursor=x&cursor=y", "%00=1", "a" * 7000,
    "&" * 7000, "level=INFO;level=ERROR", "q=<script>alert(1)</script>&level=<img>",
]


@pytest.mark.parametrize("query", HOSTILE, ids=[x[:30] for x in HOSTILE])
def test_hostile_queries(guarded, query):
    """Each is answered, in words where it is refused, and with no more than the log holds."""
    reader = guarded.reader_pid
    for path in READING[:-1]:
        with requests.Session() as s:
            s.trust_env = False
            request = requests.Request("GET", guarded.url + path, headers={"Authorization": READ}).prepare()
            request.url += "?" + query
            try:
                answer = s.send(request, timeout=30)
            except requests.exceptions.ChunkedEncodingError:
                # Text that is not complete is cut short, so that one can tell.
                assert path == "/api/log/raw"
                continue
        assert answer.status_code in (200, 400, 404, 410), (path, answer.status_code, answer.text)
        assert "root:" not in answer.text
        if answer.status_code != 200:
            assert answer.json()["status"] is False and answer.json()["error"]
        elif answer.headers["Content-Type"] == "application/x-ndjson":
            assert json.loads(answer.text.splitlines()[-1])["end"]
    assert guarded.reader_pid == reader


def test_too_long_for_an_address(guarded):
    assert_error_of_nginx(ask(guarded, "/api/log/query?q=" + "x" * 9000, token=READ), 414)


# --- nothing of a token anywhere ---


def test_no_token_is_said_anywhere(guarded, session):
    """Last of those that use this server: neither in what is logged, nor where processes can be looked at."""
    ask(guarded, "/api/log/query", token=WRONG)
    ask(guarded, "/api/log/query", cookie=f"{COOKIE}={WRONG}")
    ask(guarded, "/api/login", method="POST", json={"token": WRONG})
    ask(guarded, f"/api/log/query?token={WRONG}")
    texts = [guarded.stdout, guarded.stderr, ask(guarded, "/metrics/reader").text, ask(guarded, "/metrics").text]
    for process, name in guarded.note_processes().items():
        texts.append(" ".join(command_line(process)))
        if name in ("pbu-log-reader", "pbu-log-server") and os.geteuid() == 0:
            texts.append(Path(f"/proc/{process}/environ").read_text(errors="replace"))
    texts += [file.read_text(errors="replace") for file in guarded.folder.rglob("*")]
    for secret in (READ, WRITE, WRONG, *FILE_TOKENS, session.partition("=")[2]):
        assert not any(secret in text for text in texts), secret
