"""What nginx does before the server hears of a request."""

import json
import os
import re
import signal
import socket

import pytest
from responses import assert_json_error, parse

from server import TREE, wait_for

JSON = {"Content-Type": "application/json"}
# A full request of one record, for those who write their own.
HEAD = b"POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"


@pytest.fixture(scope="module")
def server(start_module_server):
    """Two threads only, so that a slow client would be noticed; the client's address in each line."""
    return start_module_server(LOG_FORMAT="%(remote_addr)s %(message)s", THREADS=2)


@pytest.fixture
def untouched(server):
    """After the test, info.log is what it was before."""
    before = server.read_bytes("info.log")
    yield
    assert server.read_bytes("info.log") == before


# --- nginx's own errors ---


@pytest.mark.parametrize("request_bytes, status", [
    (b"nonsense\r\n\r\n", 400),
    (b"post /api/log HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"POST /api/log HTTP/1.1\r\n\r\n", 400),  # without Host
    (b"POST /api/log HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n", 400),
    (b"POST api/log HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /../x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n", 404),
    (b"GET /x.html HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n", 404),
    (b"TRACE /api/log HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n", 405),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    (b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40000 + b"\r\n\r\n", 431),
    (HEAD + b"Transfer-Encoding: gzip\r\n" + CLOSE + b"\r\n", 501),
    (b"GET /api/health HTTP/3.0\r\nHost: localhost\r\n\r\n", 505),
])
def test_error_pages_are_json(server, untouched, request_bytes, status):
    assert_json_error(server.raw(request_bytes), status)


def test_405_of_nginx_names_the_methods(server):
    for path, methods in (
            ("/api/log", "POST"), ("/api/health", "GET, HEAD"), ("/metrics", "GET, HEAD"), ("/api/log/query", "GET, HEAD"),
            ("/api/login", "POST"), ("/api/logout", "POST"), ("/api/login-check", "GET, HEAD"), ("/metrics/reader", "GET, HEAD"),
            ("/", "GET, HEAD"), ("/page/main.js", "GET, HEAD")):
        answer = server.raw(f"TRACE {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert assert_json_error(answer, 405)["allow"] == methods


def test_a_body_too_large_is_refused_by_its_head(server, untouched):
    with server.connect() as s:
        s.sendall(HEAD + b"Content-Length: 100000000\r\n" + CLOSE + b"\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_bad_gateway_is_json(start_server):
    """No server at all: the answers are JSON, and say when to come again."""
    server = start_server()
    (server.run_folder / "fcgi.sock").unlink()
    server.kill()
    for path, method in (("/api/log", "POST"), ("/api/health", "GET")):
        wait_for(
            lambda m=method, p=path: server.request(m, p, data=b'{"msg": "x"}', headers=JSON).status_code == 502,
            "nginx finds no server")
        headers = assert_json_error(server.request(method, path, data=b'{"msg": "x"}', headers=JSON), 502)
        assert headers["retry-after"] == "1"
    # The log can be read all the same.
    assert server.get("/api/log/query").status_code == 200
    server.stop()


def test_bad_gateway_of_the_reader_is_json(start_server):
    """And says so: nothing was to be written. Writing goes on."""
    server = start_server()
    (server.run_folder / "reader.sock").unlink()
    pid = server.reader_pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: server.get("/api/log/query").status_code == 502, "nginx finds no reader")
    for path in ("/api/log/query", "/api/log/tail", "/api/login-check", "/metrics/reader"):
        answer = server.get(path)
        assert assert_json_error(answer, 502)["retry-after"] == "1"
        assert "reader" in answer.json()["error"] and "written" not in answer.json()["error"]
    assert server.post({"msg": "x"}).status_code == 200
    server.stop()


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2", "[::2]"])
@pytest.mark.parametrize("path", ["/", "/api/log/query", "/api/log", "/api/health"])
def test_no_other_name_leads_here_without_a_token(server, untouched, path, host):
    """A page of another site, whose name was made to lead here, is of the same origin to its browser."""
    answer = server.get(path, headers={"Host": f"{host}:{server.port}"})
    assert answer.status_code == 421 and answer.json()["status"] is False and "localhost" in answer.json()["error"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
def test_its_own_names(server, host):
    assert server.get("/", headers={"Host": f"{host}:{server.port}"}).status_code == 200


def test_any_name_leads_here_with_a_token(start_server):
    server = start_server(AUTH_TOKEN="secret")
    assert server.get("/api/health", headers={"Host": "logs.example"}).status_code == 200


def test_metrics_are_for_this_machine_only(server, untouched):
    """127.0.0.2 stands for the rest of the world; both ends are on this machine."""
    with socket.create_connection(("127.0.0.1", server.port), 10, source_address=("127.0.0.2", 0)) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n" + CLOSE + b"\r\n")
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    assert_json_error(answer, 403)
    with socket.create_connection(("127.0.0.1", server.port), 10, source_address=("127.0.0.2", 0)) as s:
        s.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 200")
    assert server.get("/metrics").status_code == 200


# --- only whole requests are handed on ---


def test_slow_clients_hold_no_thread(server):
    """20 clients stop in the middle of their bodies; the server's two threads are free for others."""
    body = b'{"msg": "slow client"}'
    before = server.read("info.log").count("slow client")
    slow = [server.connect() for _ in range(20)]
    try:
        for s in slow:
            s.sendall(HEAD + CLOSE + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
        for i in range(50):
            assert server.post({"msg": f"quick {i}"}, timeout=5).status_code == 200
        assert server.read("info.log").count("slow client") == before
        for s in slow:
            s.sendall(body[10:])
        for s in slow:
            status, _, answer = parse(b"".join(iter(lambda s=s: s.recv(65536), b"")))
            assert (status, json.loads(answer)) == (200, {"status": True})
    finally:
        for s in slow:
            s.close()
    assert server.read("info.log").count("slow client") == before + 20


def test_clients_that_go_away_leave_nothing(server, untouched):
    body = b'{"msg": "half a request"}'
    for cut in (0, 1, 10, len(body) - 1):
        with server.connect() as s:
            s.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body[:cut])
    with server.connect() as s:
        s.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n")
    with server.connect() as s:
        s.sendall(HEAD[:40])
    # A later request went through all of it: what was handed on before would be in the file.
    assert server.healthy()


def test_idle_connections_hold_no_thread(server):
    idle = [server.connect() for _ in range(50)]
    try:
        for s in idle:
            s.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for s in idle:
            assert s.recv(65536).startswith(b"HTTP/1.1 200")
        for i in range(50):
            assert server.post({"msg": f"beside the idle {i}"}, timeout=5).status_code == 200
    finally:
        for s in idle:
            s.close()


# --- lengths ---


@pytest.mark.parametrize("length", [b"-1", b"+5", b"5x", b"0x5", b"5, 5", b"5 5", b"99999999999999999999", b"1e1"])
def test_odd_lengths(server, untouched, length):
    answer = server.raw(HEAD + CLOSE + b"Content-Length: " + length + b'\r\n\r\n{"msg": "odd length"}')
    assert_json_error(answer, 400, 413)


def test_two_lengths(server, untouched):
    body = b'{"msg": "x"}'
    answer = server.raw(HEAD + CLOSE + b"Content-Length: 12\r\nContent-Length: 500\r\n\r\n" + body)
    assert_json_error(answer, 400)


def test_length_and_chunks_hide_no_second_request(server):
    """Whichever of the two is believed, the second request in the body must not be taken."""
    hidden = HEAD + b"Content-Length: 19\r\n\r\n" + b'{"msg": "smuggled"}'
    body = b"0\r\n\r\n" + hidden
    answer = server.raw(
        HEAD + CLOSE + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(body) + body)
    assert_json_error(answer, 400)
    assert "smuggled" not in server.read("info.log")


def test_a_short_length_cuts_the_body(server, untouched):
    """What follows the announced length is another request, and no valid one."""
    answer = server.raw(HEAD + b'Content-Length: 5\r\n\r\n{"msg": "x"}')
    assert_json_error(answer[:answer.index(b"HTTP/1.1 400", 10)], 400)


@pytest.mark.parametrize("size", [1, 7, 100000])
def test_chunked_bodies(server, size):
    body = json.dumps({"msg": "chunked " + "x" * 300, "n": size}).encode()
    parts = (body[i:i + size] for i in range(0, len(body), size))
    answer = server.request("POST", "/api/log", data=parts, headers=JSON)
    assert answer.json() == {"status": True}
    assert server.lines("info.log")[-1] == "127.0.0.1 chunked " + "x" * 300


def test_pipelined_requests(server):
    one = HEAD + b'Content-Length: 20\r\n\r\n{"msg": "pipelined"}'
    last = HEAD + CLOSE + b'Content-Length: 20\r\n\r\n{"msg": "pipelined"}'
    before = server.read("info.log").count("pipelined")
    answer = server.raw(one * 9 + last)
    assert answer.count(b"HTTP/1.1 200") == 10
    assert server.read("info.log").count("pipelined") == before + 10


def test_expect_continue(server):
    with server.connect() as s:
        s.sendall(HEAD + CLOSE + b"Expect: 100-continue\r\nContent-Length: 19\r\n\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n")
        s.sendall(b'{"msg": "expected"}')
        status, _, body = parse(b"".join(iter(lambda: s.recv(65536), b"")))
    assert (status, json.loads(body)) == (200, {"status": True})


def test_http_1_0(server):
    answer = server.raw(b'POST /api/log HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n'
                        b'{"msg": "old"}\n')
    status, _, body = parse(answer)
    assert (status, json.loads(body)) == (200, {"status": True})


@pytest.mark.parametrize("size", [1_000_000, 1_300_000, 8_000_000])
def test_bodies_around_the_size_of_the_buffer(server, size):
    """Beyond client_body_buffer_size a body goes through a temporary file."""
    record = {"msg": "y" * 1000}
    count = size // (len(json.dumps(record)) + 2)
    before = len(server.lines("info.log"))
    assert server.post([record] * count).json() == {"status": True, "records": count}
    assert len(server.lines("info.log")) == before + count
    assert not any(p.is_file() for p in (server.run_folder / "client_body").rglob("*"))


# --- parameters ---


def test_no_header_becomes_a_parameter(server):
    """The address is what nginx saw, whatever headers, query or record say."""
    headers = {
        "Remote-Addr": "6.6.6.6", "Remote_Addr": "6.6.6.6", "REMOTE_ADDR": "6.6.6.6", "X-Forwarded-For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6", "Request-Method": "GET", "Document-Uri": "/metrics",
        "Content_Length": "3", "Content_Type": "text/plain", "HTTP_AUTHORIZATION": "x", "Proxy": "6.6.6.6",
        "Script-Filename": "/etc/passwd",
    }
    record = {"msg": "who am I", "remote_addr": "6.6.6.6", "REMOTE_ADDR": "6.6.6.6"}
    answer = server.request(
        "POST", "/api/log?REMOTE_ADDR=6.6.6.6&REQUEST_METHOD=GET", data=json.dumps(record).encode(),
        headers={**JSON, **headers})
    assert answer.json() == {"status": True}
    assert server.lines("info.log")[-1] == "127.0.0.1 who am I"


def test_address_of_the_client(server):
    with socket.create_connection(("127.0.0.1", server.port), 10, source_address=("127.0.0.7", 0)) as s:
        s.sendall(HEAD + CLOSE + b'Content-Length: 19\r\n\r\n{"msg": "from .7" }\n')
        assert s.recv(65536).startswith(b"HTTP/1.1 200")
    assert server.lines("info.log")[-1] == "127.0.0.7 from .7"


def test_the_parameters_are_a_fixed_list():
    text = (TREE / "nginx/pbu-log-server-locations.conf").read_text()
    names = re.findall(r"^\s*fastcgi_param\s+(\S+)", text, re.M)
    fixed = [
        "REQUEST_METHOD", "DOCUMENT_URI", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR", "HTTP_AUTHORIZATION",
        "HTTP_AUTHENTICATION",
    ]
    reading = ["QUERY_STRING", "HTTP_COOKIE", "HTTP_SEC_FETCH_SITE", "HTTP_LAST_EVENT_ID", "HTTPS"]
    writing = ["HTTP_CONTENT_ENCODING", "HTTP_IDEMPOTENCY_KEY"]
    # For all, for the question about a token, and for large bodies; and for the reader.
    assert names == 3 * (fixed + writing) + fixed + reading
    assert "fastcgi_pass_request_headers off;" in text
