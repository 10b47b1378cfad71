"""The shipped nginx sites: TLS, client certificates, limits, and logs that hold no token."""

import json
import os
import re
import resource
import shutil
import socket
import subprocess

import pytest

from tls import TOKEN, TREE, Backend, Certificates, Site, answer, free_port, wait_for

HSTS = "max-age=31536000"
HEAD = "POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CLIENT_CERTIFICATES = {"# ssl_client_certificate": "ssl_client_certificate", "# ssl_verify_client": "ssl_verify_client"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def backend():
    with Backend() as backend:
        yield backend


@pytest.fixture(scope="module")
def site(backend, certificates):
    with Site(backend, certificates) as site:
        yield site


@pytest.fixture(scope="module")
def guarded(backend, certificates):
    """The site that asks for client certificates."""
    with Site(backend, certificates, changes=CLIENT_CERTIFICATES) as site:
        yield site


@pytest.fixture
def unwritten(backend):
    """After the test no record has been written."""
    before = backend.lines()
    yield
    assert backend.lines() == before


def assert_json_error(got, status, *words):
    assert got.status == status, (got.headers, got.body)
    assert got.headers["content-type"] == "application/json"
    document = json.loads(got.body)
    assert document["status"] is False and all(word in document["error"] for word in words), document
    assert got.headers["server"] == "nginx"


# --- TLS ---


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("http, version", [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")])
def test_a_record_over_tls(site, backend, tls, http, version):
    got = site.post(f"TLS {tls} {http}", f"--tlsv{tls}", "--tls-max", tls, http)
    assert (got.status, got.version) == (200, version)
    assert json.loads(got.body) == {"status": True}
    assert backend.lines()[-1] == f"TLS {tls} {http}"


def handshake(site, *options):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", *options],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(site, version):
    """By the server: the client would do it, at security level 0."""
    status, said = handshake(site, version, "-cipher", "ALL:@SECLEVEL=0")
    assert status != 0 and "alert protocol version" in said, said


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA"])
def test_weak_ciphers_are_refused(site, cipher):
    """Without forward secrecy, without authenticated encryption."""
    status, said = handshake(site, "-tls1_2", "-cipher", cipher)
    assert status != 0 and "alert handshake failure" in said, said


@pytest.mark.parametrize("offered, chosen", [
    ("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"),
])
def test_the_order_of_ciphers(site, offered, chosen):
    assert f"Cipher is {chosen}" in handshake(site, "-tls1_2", "-cipher", offered)[1]


def test_sessions_are_resumed_without_tickets(site, tmp_path):
    session = str(tmp_path / "session")
    assert "TLS session ticket:" not in handshake(site, "-tls1_2", "-sess_out", session)[1]
    assert "Reused, TLSv1.2" in handshake(site, "-tls1_2", "-sess_in", session)[1]


def test_hsts_is_on_every_answer(site):
    large = "Content-Length: 100000000"
    for status, path, options in (
        (200, "/api/health", ()), (401, "/api/log", ("-d", "{}")), (404, "/nothing", ()),
        (405, "/api/log", ()), (413, "/api/log", ("-X", "POST", "-H", large)),
    ):
        # That no body follows is nothing to curl, as the answer comes before it.
        got = site.curl(path, "--http1.1", *options)
        assert (got.status, got.headers.get("strict-transport-security")) == (status, HSTS)


def test_no_hsts_without_tls(backend, certificates):
    with Site(backend, certificates, "plain") as site:
        assert site.post("plain").status == 200
        for got in (site.curl("/api/health"), site.curl("/nothing")):
            assert "strict-transport-security" not in got.headers


@pytest.mark.parametrize("path", ["/api/log", "/api/health", "/", f"/api/log?token={TOKEN}"])
def test_plain_http_is_refused_and_not_redirected(site, unwritten, path):
    body = '{"msg": "in the clear"}'
    request = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" \
              f"Authorization: {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with socket.create_connection(("127.0.0.1", site.port), 20) as s:
        refused = answer(s, request.encode())
    assert_json_error(refused, 400, "plain HTTP")
    assert "location" not in refused.headers and "strict-transport-security" not in refused.headers


# --- client certificates ---


def test_with_a_client_certificate(guarded, backend, certificates):
    own = ("--cert", certificates.client, "--key", certificates.key(certificates.client))
    for http in ("--http1.1", "--http2"):
        assert guarded.post(f"certified {http}", http, *own).status == 200
        assert backend.lines()[-1] == f"certified {http}"


@pytest.mark.parametrize("path", ["/api/log", "/api/health", "/metrics"])
@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_without_a_client_certificate(guarded, unwritten, path, http):
    token = ("-H", "Content-Type: application/json", "-H", f"Authorization: {TOKEN}", "-d", '{"msg": "x"}')
    got = guarded.curl(path, http, *token)
    assert_json_error(got, 403, "a client certificate is needed")
    assert got.headers["strict-transport-security"] == HSTS


def test_with_a_strangers_certificate(guarded, unwritten, certificates):
    own = ("--cert", certificates.stranger, "--key", certificates.key(certificates.stranger))
    assert_json_error(guarded.post("x", *own), 403, "the client certificate is not valid")
    wait_for(lambda: any('certificate="FAILED:' in x for x in guarded.refused()), "the reason is logged")


# --- logs ---


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
        assert TOKEN not in site.logged()


def test_no_log_holds_a_token_when_there_is_no_server(certificates):
    with Backend() as backend, Site(backend, certificates) as site:
        backend.socket.unlink()
        assert_json_error(site.post("x"), 502)
        assert_json_error(site.curl(f"/api/log?token={TOKEN}", "-d", "{}"), 401)
        assert_json_error(site.curl(f"/api/health?api_key={TOKEN}"), 401)
        wait_for(lambda: len(site.refused()) == 3, "all are in the log")
        assert "failed (2: No such file" in site.logged() and TOKEN not in site.logged()


# --- limits ---


def half_sent(site, count):
    """Requests in progress: their bodies are not complete."""
    sockets = [site.connect() for _ in range(count)]
    for s in sockets:
        s.sendall(f"{HEAD}Authorization: {TOKEN}\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{{".encode())
    return sockets


def test_many_clients_of_one_address(site, backend):
    """Far more than a busy cluster has in progress at a time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    sockets = half_sent(site, 900)
    try:
        assert site.post("beside the slow ones").status == 200
        sockets[0].sendall(b'"msg": "slow" }')
        assert b" 200 " in sockets[0].recv(65536)
    finally:
        for s in sockets:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_many_from_one_address(backend, certificates):
    five = {"limit_conn pbu_log_clients 1000;": "limit_conn pbu_log_clients 5;"}
    with Site(backend, certificates, changes=five) as site:
        sockets = half_sent(site, 5)
        wait_for(lambda: site.curl("/api/health").status != 200, "all five are in progress")
        refused = site.curl("/api/health")
        assert_json_error(refused, 429, "too many")
        assert (refused.headers["retry-after"], refused.headers["strict-transport-security"]) == ("1", HSTS)
        # Another address has a limit of its own.
        other = "GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert site.raw(other.encode(), source="127.0.0.2").status == 200
        for s in sockets:
            s.close()
        wait_for(lambda: site.curl("/api/health").status == 200, "the five have gone")
        assert "limiting" not in site.logged()


@pytest.mark.parametrize("name, shipped, sent", [
    ("client_header_timeout", "20s", HEAD),
    ("client_body_timeout", "30s", f"{HEAD}Authorization: {TOKEN}\r\nContent-Length: 16\r\n\r\n{{"),
    ("keepalive_timeout", "75s", "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"),
])
def test_slow_clients_are_cut_off(backend, certificates, unwritten, name, shipped, sent):
    with Site(backend, certificates, changes={f"{name} {shipped};": f"{name} 1s;"}) as site:
        with site.connect(timeout=8) as s:
            s.sendall(sent.encode())
            try:
                while s.recv(65536):
                    pass
            except (ConnectionResetError, BrokenPipeError):
                pass
        if name != "keepalive_timeout":
            wait_for(lambda: " 408 " in "".join(site.refused()), "it is in the log")


# --- the configurations ---


@pytest.mark.parametrize("kind, changes", [("tls", {}), ("tls", CLIENT_CERTIFICATES), ("plain", {})])
def test_the_sites_are_valid(backend, certificates, kind, changes):
    site = Site(backend, certificates, kind, changes)
    done = subprocess.run([*site.command, "-t"], capture_output=True, text=True)
    assert done.returncode == 0 and not re.search("warn|emerg", done.stderr + site.logged()), done.stderr
    site.temporary.cleanup()


def test_the_configuration_of_start_is_valid(tmp_path):
    words = {"USER": "", "RUN": tmp_path, "FILES": 1024, "CONNECTIONS": 256, "MAX_BODY_BYTES": 16777216,
             "LISTEN": f"listen 127.0.0.1:{free_port()};"}
    for source in ("nginx.conf.in", "pbu-log-server-http.conf", "pbu-log-server-locations.conf"):
        text = (TREE / "nginx" / source).read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        (tmp_path / source.removesuffix(".in")).write_text(text)
    done = subprocess.run(["nginx", "-t", "-p", f"{tmp_path}/", "-c", f"{tmp_path}/nginx.conf", "-e", "stderr"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- testssl.sh ---

# What it may find beside OK and INFO, and how the finding begins.
EXPLAINED = {
    # Of the test's certificate: a CA of its own has no list of revoked ones.
    ("cert_revocation", "HIGH"): "Neither CRL nor OCSP URI provided",
    # Headers for pages; see pbu-log-server-tls.conf.
    ("security_headers", "MEDIUM"): "--",
    # Of this machine's openssl.
    ("engine_problem", "WARN"): "No engine or GOST support",
    # TLS 1.3: the client that testssl.sh uses may have ended before the session came, and then there is
    # none to resume. test_sessions_are_resumed_without_tickets looks for itself.
    ("sessionresumption_ticket", "WARN"): "check failed because of connect problem",
}
# One of each part, and the last: so that a scan that broke off is not taken for a good one.
REQUIRED = {
    "TLS1": "not offered", "TLS1_1": "not offered", "TLS1_2": "offered", "TLS1_3": "offered", "ALPN_HTTP2": "h2",
    "cipher_order": "server", "PFS": "offered", "cert_chain_of_trust": "passed", "HSTS_time": "365 days",
    "heartbleed": "not vulnerable", "BREACH": "not vulnerable", "LUCKY13": "not vulnerable", "RC4": "not vulnerable",
}


def test_testssl_finds_nothing(site, certificates, tmp_path):
    """Everything but the simulation of browsers, which takes long and judges nothing."""
    program = shutil.which("testssl") or "testssl.sh"
    report = tmp_path / "findings.json"
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(
        [program, "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1",
         "-p", "-s", "-P", "-S", "-f", "-h", "-U", "--add-ca", certificates.ca, "--jsonfile", report, site.url],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, env=environment, cwd=tmp_path)
    findings = json.loads(report.read_text())
    found = {x["id"]: x["finding"] for x in findings}
    missing = {k: found.get(k) for k, v in REQUIRED.items() if v not in found.get(k, "")}
    assert not missing, f"{missing}\n{done.stdout}{done.stderr}"
    wrong = [x for x in findings if x["severity"] not in ("OK", "INFO") and not x["finding"].startswith(
        EXPLAINED.get((x["id"], x["severity"]), "\0"))]
    assert not wrong, wrong
