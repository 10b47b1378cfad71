"""The shipped nginx sites: TLS, client certificates, limits."""

import json
import os
import re
import resource
import shutil
import socket
import subprocess

import pytest

from starting import render_nginx
from server import TREE
from tls import CLIENT_CERTIFICATES, HEAD, READ_TOKEN, TOKEN, Site, answer, assert_json_error, free_port, wait_for

HSTS = "max-age=31536000"


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
        (200, "/api/health", ()), (200, "/", ()), (200, "/page/style.css", ()), (200, "/api/log/health", ()),
        (401, "/api/log/query", ()), (401, "/api/log", ("-d", "{}")), (404, "/nothing", ()),
        (405, "/api/log", ()), (413, "/api/log", ("-X", "POST", "-H", large)),
    ):
        # That no body follows is nothing to curl, as the answer comes before it.
        got = site.curl(path, "--http1.1", *options)
        assert (got.status, got.headers.get("strict-transport-security")) == (status, HSTS)


def test_no_hsts_without_tls(backend, certificates):
    with Site(backend, certificates, "plain") as site:
        assert site.post("plain").status == 200
        for got in (site.curl("/api/health"), site.curl("/nothing"), site.curl("/"), site.read("/api/log/files")):
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


# --- large bodies ---


@pytest.mark.parametrize("http, sized", [("--http1.1", True), ("--http1.1", False), ("--http2", True), ("--http2", False)])
@pytest.mark.parametrize("kilobytes", [1, 60, 70, 300, 2000])
def test_bodies_of_any_size_and_of_unknown_size(site, backend, tmp_path, http, sized, kilobytes):
    """From a file, or from what curl can't know the length of: in chunks, or with HTTP/2 without any length."""
    message = f"{http} {sized} {kilobytes}"
    body = json.dumps({"msg": message}).encode()
    (tmp_path / "body").write_bytes(body + b" " * (kilobytes * 1000 - len(body)))
    how = ("--data-binary", f"@{tmp_path}/body") if sized else ("-X", "POST", "-T", "-")
    known = ("-H", "Content-Type: application/json", "-H", "Expect:")
    with open(tmp_path / "body", "rb") as data:
        got = site.curl("/api/log", http, *known, "-H", f"Authorization: {TOKEN}", *how, stdin=data)
    assert got.status == 200 and backend.lines()[-1] == message
    with open(tmp_path / "body", "rb") as data:
        refused = site.curl("/api/log", http, *known, "-H", f"Authorization: {TOKEN}x", *how, stdin=data)
    assert_json_error(refused, 401, "a valid token is needed")
    assert refused.headers["www-authenticate"] == "Bearer"


# --- reading ---

TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_the_page(site, http):
    """Every file of it, of its own type, and with what keeps a log entry from running."""
    files = {f"/page/{x.relative_to(TREE / 'page')}": TYPES.get(x.suffix) for x in (TREE / "page").rglob("*") if x.is_file()}
    assert len(files) > 5 and files.pop("/page/index.html") == "text/html"
    for path, kind in {"/": "text/html", **files}.items():
        got = site.curl(path, http)
        assert (got.status, got.headers["content-type"].split(";")[0]) == (200, kind), path
        policy = got.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "require-trusted-types-for 'script'" in policy and "unsafe" not in policy
        assert (got.headers["x-content-type-options"], got.headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert "<html" in site.curl("/", http).body


@pytest.mark.parametrize("path, status", [
    ("/../site.conf", 400), ("/%2e%2e/site.conf", 400), ("/page/../site.conf", 404), ("/page/%2e%2e/site.conf", 404),
    ("/page../site.conf", 404), ("/page/", 404), ("/page/x.js", 404), ("/page/style.css/", 404), ("/site.conf", 404)])
def test_no_other_file(site, path, status):
    assert_json_error(site.curl(path, "--path-as-is"), status)


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_a_query_over_tls(site, http):
    assert site.post(f"to be found by {http}").status == 200
    got = site.read(f"/api/log/query?limit=1&q=%22by%20{http}%22", http)
    entry, end = map(json.loads, got.body.splitlines())
    assert entry["message"] == f"to be found by {http}" and end["end"] and got.headers["cache-control"] == "no-store"
    assert_json_error(site.curl("/api/log/query", http, "-H", f"Authorization: {TOKEN}"), 403, "for writing")


def test_a_session_over_tls(site, unwritten):
    """Over TLS only, no script sees it, no other site sends it; and it is none for writing."""
    got = site.curl("/api/login", "-H", f"Authorization: {READ_TOKEN}", "-X", "POST")
    cookie, *attributes = got.headers["set-cookie"].split("; ")
    assert got.status == 200 and {"Secure", "HttpOnly", "SameSite=Strict"} <= set(attributes)
    assert READ_TOKEN not in cookie
    with_it = ("-H", f"Cookie: {cookie}")
    assert site.curl("/api/log/files", *with_it).status == 200
    assert site.curl("/api/log/files", *with_it, "-H", "Sec-Fetch-Site: cross-site").status == 403
    assert site.curl("/api/log", "-H", "Content-Type: application/json", "-d", '{"msg": "x"}', *with_it).status == 401


# --- client certificates ---


def test_with_a_client_certificate(guarded, backend, certificates):
    own = ("--cert", certificates.client, "--key", certificates.key(certificates.client))
    for http in ("--http1.1", "--http2"):
        assert guarded.post(f"certified {http}", http, *own).status == 200
        assert backend.lines()[-1] == f"certified {http}"


@pytest.mark.parametrize("path", ["/api/log", "/api/health", "/metrics", "/api/log/query", "/api/login", "/", "/page/style.css"])
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


# --- limits ---


def half_sent(site, count):
    """Requests in progress: their bodies are not complete."""
    sockets = []
    for _ in range(count):
        sockets.append(site.connect())
        sockets[-1].sendall(f"{HEAD}Authorization: {TOKEN}\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{{".encode())
    return sockets


def test_many_clients_of_one_address(site, backend):
    """Far more than a busy cluster has in progress at a time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    sockets = half_sent(site, 900)
    try:
        assert site.post("beside the slow ones").status == 200
        # The last: of the first the time may be over (client_body_timeout).
        sockets[-1].sendall(b'"msg": "slow" }')
        assert b" 200 " in sockets[-1].recv(65536)
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
    render_nginx(tmp_path, f"127.0.0.1:{free_port()}")
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
    # / is the page, a file: nothing of a request and nothing secret is in it. What the log holds is not compressed.
    ("BREACH", "MEDIUM"): "potentially VULNERABLE, gzip HTTP compression detected  - only supplied '/' tested",
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
    "heartbleed": "not vulnerable", "BREACH": "only supplied '/' tested", "LUCKY13": "not vulnerable", "RC4": "not vulnerable",
}


def test_testssl_finds_nothing(site, certificates, tmp_path):
    """Everything but the simulation of browsers, which takes long and judges nothing."""
    program = shutil.which("testssl") or "testssl.sh"
    report = tmp_path / "findings.json"
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(
        [program, "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1",
         "-p", "-s", "-P", "-S", "-f", "-h", "-U", "--add-ca", certificates.ca, "--jsonfile", report, site.url],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, env=environment, cwd=tmp_path)
    findings = json.loads(report.read_text())
    found = {x["id"]: x["finding"] for x in findings}
    missing = {k: found.get(k) for k, v in REQUIRED.items() if v not in found.get(k, "")}
    assert not missing, f"{missing}\n{done.stdout}{done.stderr}"
    wrong = [x for x in findings if x["severity"] not in ("OK", "INFO") and not x["finding"].startswith(
        EXPLAINED.get((x["id"], x["severity"]), "\0"))]
    assert not wrong, wrong
