"""Who is let in: AUTH_TOKEN, AUTH_TOKEN_FILE and 401."""

import base64
import os

import pytest

from refusals import JSON, LOG, assert_error, files
from server import wait_for

TOKEN = "s3cret-token_+/="


def basic(name, password, scheme="Basic"):
    return f"{scheme} {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


@pytest.fixture(scope="module")
def guarded(start_module_server):
    return start_module_server(AUTH_TOKEN=TOKEN)


@pytest.mark.parametrize("headers", [
    {"Authorization": TOKEN},
    {"Authorization": f"Bearer {TOKEN}"},
    {"Authorization": f"bearer {TOKEN}"},
    {"Authentication": TOKEN},
    {"Authorization": "Basic eDp5", "Authentication": TOKEN},
    # As logging.handlers.HTTPHandler(credentials=("", TOKEN)) sends it, and curl -u.
    {"Authorization": basic("", TOKEN)},
    {"Authorization": basic("name", TOKEN)},
    {"Authorization": basic(TOKEN, "")},
    {"Authorization": basic(TOKEN, "a:b", "bASIC  ")},
])
def test_token_taken(guarded, headers):
    assert guarded.post({"msg": "x"}, headers).json() == {"status": True}


@pytest.mark.parametrize("headers", [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer "},
    {"Authorization": "wrong"},
    {"Authorization": TOKEN[:-1]},
    {"Authorization": TOKEN + "x"},
    {"Authorization": TOKEN.upper()},
    {"Authorization": f"Token {TOKEN}"},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": basic("", TOKEN[:-1])},
    {"Authorization": basic("", TOKEN + "x")},
    {"Authorization": basic("name", f"x:{TOKEN}")},
    {"Authorization": basic("", TOKEN).rstrip("=")},
    {"Authorization": basic("", TOKEN) + "="},
    {"Authorization": basic("", TOKEN) + ", Basic eDp5"},
    {"Authorization": f"Basic {base64.b64encode(TOKEN.encode()).decode()}"},
    {"Authorization": basic("", TOKEN, "Digest")},
    {"Authorization": "Basic"},
    {"Authorization": "Basic Og=="},
    {"Authentication": basic("", TOKEN)},
    {"Authorization": f"Bearer{TOKEN}"},
    {"Authorization": "Bearer wrong"},
    {"Authentication": "wrong"},
    {"Authentication": ""},
    {"X-Authorization": TOKEN},
    {"Proxy-Authorization": TOKEN},
    {"Cookie": f"Authorization={TOKEN}"},
])
def test_token_refused(guarded, headers):
    before = files(guarded)
    answer = guarded.post({"msg": "must not be written"}, headers)
    assert_error(answer, 401, "token")
    # Never Basic: a browser would ask for a password, keep it, and send it with whatever page asks for something.
    assert TOKEN not in answer.text and answer.headers["WWW-Authenticate"] == "Bearer"
    assert files(guarded) == before


def test_token_is_asked_before_the_body_is_looked_at(guarded):
    assert_error(guarded.post(b"no JSON"), 401)
    assert_error(guarded.post(b"x" * 100000, {"Content-Type": "text/plain"}), 401)


def test_token_in_the_query_does_not_count(guarded):
    answer = guarded.request("POST", f"{LOG}?token={TOKEN}&HTTP_AUTHORIZATION={TOKEN}", data=b'{"msg": "x"}', headers=JSON)
    assert_error(answer, 401)


def test_health_and_metrics_need_no_token(guarded):
    assert guarded.get("/api/health").json() == {"status": True}
    assert guarded.get("/metrics").status_code == 200


def test_token_is_said_nowhere(guarded):
    assert TOKEN not in guarded.stdout and TOKEN not in guarded.stderr
    assert TOKEN not in guarded.get("/metrics").text


def test_empty_token_is_none(start_server):
    assert start_server(AUTH_TOKEN="").post({"msg": "x"}).json() == {"status": True}


def test_token_file(start_server, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("first\n\n  second  \r\nthird")
    server = start_server(AUTH_TOKEN_FILE=tokens, AUTH_TOKEN="zeroth")

    def status(token):
        return server.post({"msg": token}, {"Authorization": token}).status_code

    assert [status(t) for t in ("zeroth", "first", "second", "third")] == [200] * 4
    assert [status(t) for t in ("", "fourth", "first\tsecond", str(tokens))] == [401] * 4

    # Changed while running, by writing into it and by putting another in its place.
    tokens.write_text("second\nfourth\n")
    wait_for(lambda: status("fourth") == 200, "a new token is taken")
    assert [status(t) for t in ("zeroth", "first", "second", "third")] == [200, 401, 200, 401]
    (tmp_path / "new").write_text("fifth\n")
    os.replace(tmp_path / "new", tokens)
    wait_for(lambda: status("fifth") == 200, "a file put in its place is read")
    assert status("fourth") == 401

    # Gone or empty: the old tokens stay, with a warning; never "no authentication".
    tokens.unlink()
    wait_for(lambda: str(tokens) in server.stderr and "old tokens stay" in server.stderr, "a warning")
    assert [status(t) for t in ("fifth", "fourth", "")] == [200, 401, 401]
    said = server.stderr.count("old tokens stay")
    tokens.write_text("\n \n")
    wait_for(lambda: server.stderr.count("old tokens stay") > said, "a warning about the empty file")
    assert [status(t) for t in ("fifth", "fourth", "")] == [200, 401, 401]
    tokens.write_text("sixth\n")
    wait_for(lambda: status("sixth") == 200, "a good file is read again")
    assert status("fifth") == 401
