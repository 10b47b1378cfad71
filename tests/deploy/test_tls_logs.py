"""The logs of the shipped nginx sites: who was refused, and never a token."""

import json
import re

import pytest

from tls import HEAD, READ_TOKEN, TOKEN, Backend, Site, assert_json_error, wait_for


def test_the_log_of_refused_requests(backend, certificates):
    with Site(backend, certificates) as site:
        assert site.post("not in the log").status == 200
        assert site.curl("/api/log?a=query", "-H", "Authorization: wrong", "-d", "{}").status == 401
        assert site.curl("/some/path").status == 404
        wait_for(lambda: len(site.refused()) == 2, "two lines")
        first, second = site.refused()
        assert re.fullmatch(
            r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+\d\d:\d\d 127\.0\.0\.1 401 POST /api/log bytes=\d+ seconds=\d\.\d{3} '
            r'server="401" tls=TLSv1\.3 certificate="NONE"', first), first
        assert ' 404 GET (another) ' in second and ' server="-" ' in second


LOGIN = "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"

# What holds a token, and the status of the answer. Of each, the error log may say something.
SECRETS = [
    (f"{HEAD}Authorization: {TOKEN}x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}", 401),
    (f"{HEAD}Authorization: {TOKEN}\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n", 413),
    (f"POST /api/log?token={TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}", 401),
    (f"POST /api/log?token={TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n", 401),
    (f"POST /api/log?a=b&AUTH_TOKEN={TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 401),
    (f"GET /metrics?access-token={TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 401),
    (f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN}\r\nConnection: close\r\n\r\n", 403),
    (f"GET /api/log?token={TOKEN} HTTP/9.9\r\nHost: x\r\n\r\n", 505),
    (f"GET /api/log?token={TOKEN} and more HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (f"get /api/log?token={TOKEN} HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (f"Authorization: {TOKEN}\r\n\r\n", 400),
    (f"GET /api/log?token={TOKEN}{'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (f"GET /api/log?token={TOKEN} HTTP/1.1\r\n\r\n", 400),
    (f"GET /api/log?token={TOKEN} HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    (f"{HEAD}Authorization: {TOKEN}{'x' * 9000}\r\n\r\n", 431),
    (f"{HEAD}Authorization {TOKEN}\r\nContent-Length: 2\r\n\r\n{{}}", 400),
    (f"{HEAD}Author_ization: {TOKEN}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}", 401),
    (f"{HEAD}Author ization: {TOKEN}\r\nContent-Length: 2\r\n\r\n{{}}", 400),
    (f"{HEAD}Authorization: {TOKEN}\0\r\nContent-Length: 2\r\n\r\n{{}}", 400),
    (f"{HEAD}Author\0ization: {TOKEN}\r\nContent-Length: 2\r\n\r\n{{}}", 400),
    (f"{HEAD}Authorization: {TOKEN}\r\nAuthorization: {TOKEN}\r\nContent-Length: 2\r\n\r\n{{}}", 400),
    (f"GET /api/log/query HTTP/1.1\r\nHost: x\r\nAuthorization: {READ_TOKEN}x\r\nConnection: close\r\n\r\n", 401),
    (f"GET /api/log/query?token={READ_TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 401),
    (f"GET /api/log/query HTTP/1.1\r\nHost: x\r\nCookie: pbu_log_session={READ_TOKEN}\r\nConnection: close\r\n\r\n", 401),
    (f"GET /metrics/reader HTTP/1.1\r\nHost: x\r\nAuthorization: {READ_TOKEN}\r\nConnection: close\r\n\r\n", 403),
    (LOGIN + f"Content-Length: {len(READ_TOKEN) + 14}\r\n\r\n" + json.dumps({"token": READ_TOKEN + "x"}), 401),
    (LOGIN + "Content-Length: 99999\r\n\r\n" + json.dumps({"token": READ_TOKEN}), 413),
]


@pytest.mark.parametrize("kind", ["tls", "plain"])
def test_no_log_holds_a_token(backend, certificates, unwritten, kind):
    """At the level of `warn`, too. From 127.0.0.2: /metrics is refused, which nginx logs as an error."""
    level = {"pbu-log-server-error.log error;": "pbu-log-server-error.log warn;"}
    with Site(backend, certificates, kind, level) as site:
        for data, status in SECRETS:
            assert_json_error(site.raw(data.encode(), source="127.0.0.2"), status)
        for http in ("--http1.1", "--http2"):
            assert site.curl(f"/api/log?token={TOKEN}", http, "-d", "{}").status == 401
            assert site.curl("/api/log", http, "-H", f"Authorization: {TOKEN}x", "-d", "{}").status == 401
        # Larger than nginx's buffer: a warning.
        got = site.curl("/api/log", "-H", f"Authorization: {TOKEN}x", "-H", "Expect:", "-d", "x" * 100000)
        assert got.status == 401
        wait_for(lambda: len(site.refused()) == len(SECRETS) + 5, "all are in the log")
        assert "forbidden" in site.logged() and "too large body" in site.logged()
        assert TOKEN not in site.logged() and READ_TOKEN not in site.logged()


def test_no_log_holds_a_token_when_there_is_no_server(certificates):
    with Backend() as backend, Site(backend, certificates) as site:
        backend.socket.unlink()
        backend.reader_socket.unlink()
        assert_json_error(site.post("x"), 502)
        assert_json_error(site.read("/api/log/query"), 502)
        assert_json_error(site.curl(f"/api/log?token={TOKEN}", "-d", "{}"), 401)
        assert_json_error(site.curl(f"/api/health?api_key={TOKEN}"), 401)
        wait_for(lambda: len(site.refused()) == 4, "all are in the log")
        assert "failed (2: No such file" in site.logged()
        assert TOKEN not in site.logged() and READ_TOKEN not in site.logged()
