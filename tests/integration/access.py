"""A server that is read by tokens and sessions, and how it is asked."""

import base64
from http.cookies import SimpleCookie

import requests

WRITE = "the-token-that-writes-0815"
READ = "the-token-that-reads-4711"
FILE_TOKENS = ["first of the file", "s3cond-of-the-file", "third:of=the;file"]
WRONG = "wrong-and-nobodys-business-1234"

# What reads, and what it answers who may.
READING = ["/api/log/query", "/api/log/hits", "/api/log/raw", "/api/log/files", "/api/log/context", "/api/log/messages",
           "/api/login-check"]
TAIL = "/api/log/tail"
COOKIE = "pbu_log_session"


def guarded_server(start, folder):
    """It takes WRITE for writing, READ and FILE_TOKENS for reading, and has an entry of each level."""
    (folder / "tokens").write_text("\n".join(FILE_TOKENS) + "\n")
    server = start(AUTH_TOKEN=WRITE, READ_TOKEN=READ, READ_TOKEN_FILE="tokens", cwd=folder)
    for level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        assert server.post({"msg": f"an entry of {level}", "levelname": level}, {"Authorization": WRITE}).ok
    return server


def ask(server, path, *, token=None, cookie=None, site=None, method="GET", **options):
    """A request without what an earlier one left: no cookie but this, no kept connection."""
    headers = options.pop("headers", {})
    if token is not None:
        headers["Authorization"] = token
    if cookie is not None:
        headers["Cookie"] = cookie
    if site is not None:
        headers["Sec-Fetch-Site"] = site
    with requests.Session() as session:
        session.trust_env = False
        options.setdefault("timeout", 30)
        return session.request(method, server.url + path, headers=headers, **options)


def assert_refused(answer, status, words=""):
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert document["status"] is False and words in document["error"], answer.text
    assert answer.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answer.headers
    for token in (WRITE, READ, WRONG, *FILE_TOKENS):
        assert token not in answer.text


def log_in(server, token=READ, **options):
    answer = ask(server, "/api/login", method="POST", token=token, **options)
    assert answer.status_code == 200 and answer.json() == {"status": True}, answer.text
    return answer


def basic(name, password):
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def session_of(answer):
    """The cookie as a browser sends it back."""
    jar = SimpleCookie(answer.headers["Set-Cookie"])
    return f"{COOKIE}={jar[COOKIE].value}"
