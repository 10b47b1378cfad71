"""The token is nowhere but in the server's memory, once."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from server import TREE, clean_environment, command_line

TOKEN = "Zk7-the-secret-of-this-test-0815"
FILE_TOKENS = [f"Qy4-secret-{n:03}-of-the-file-{n * 7919:08}" for n in range(300)]
# What a client sends is nobody's business either, also when it is wrong.
WRONG = "Wr0ng-and-still-a-secret-4711"

PROGRAM = TREE / os.environ.get("BUILD_DIR", "build") / "pbu-log-server"


@pytest.fixture(scope="module")
def guarded(start_module_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tokens").write_text("\n".join(FILE_TOKENS) + "\n")
    return start_module_server(AUTH_TOKEN=TOKEN, AUTH_TOKEN_FILE="tokens", cwd=folder)


def in_memory(pid, text):
    """How often a text stands in what a process can write to."""
    found = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if rights.startswith("rw") and "[v" not in line:
                memory.seek(int(start, 16))
                try:
                    found += memory.read(int(end, 16) - int(start, 16)).count(text.encode())
                except OSError:
                    pass
    return found


def assert_nowhere(secret, server, *texts):
    pid = server.pid
    texts += (Path(f"/proc/{pid}/environ").read_text(errors="replace") if os.access(f"/proc/{pid}/environ", os.R_OK) else "",)
    texts += (server.stdout, server.stderr, server.get("/metrics").text)
    for process in server.note_processes():
        texts += (" ".join(command_line(process)),)
    for file in server.folder.rglob("*"):
        texts += (file.read_text(errors="replace"),)
    for text in texts:
        assert secret not in text


def test_is_in_memory_once_and_not_in_the_environment(guarded):
    """Before any request that has it. /proc shows the memory to root alone: the server is not dumpable."""
    pid = guarded.pid
    if os.geteuid() == 0:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"LOG_FOLDER=_logs" in environment and TOKEN.encode() not in environment
        if "WITH_SANITIZERS" not in (PROGRAM.parent / "config.h").read_text().replace("undef WITH_SANITIZERS", ""):
            assert in_memory(pid, TOKEN) == 1
            assert [in_memory(pid, t) for t in (FILE_TOKENS[0], FILE_TOKENS[-1])] == [1, 1]
    else:
        with pytest.raises(PermissionError):
            Path(f"/proc/{pid}/environ").read_bytes()
    assert not any(TOKEN in word for word in command_line(pid))


def test_is_still_asked_for(guarded):
    record = {"msg": "with a token"}
    for token in (TOKEN, FILE_TOKENS[0], FILE_TOKENS[-1]):
        assert guarded.post(record, {"Authorization": token}).status_code == 200
        assert guarded.post(record, {"Authorization": f"Bearer {token}"}).status_code == 200
        assert guarded.post(record, {"Authentication": token}).status_code == 200
    assert guarded.post(record).status_code == 401
    assert guarded.post(record, {"Authorization": ""}).status_code == 401
    assert guarded.post(record, {"Authorization": "AUTH_TOKEN="}).status_code == 401


# What goes wrong with a request, in every way that has to do with who sends it.
ODD_REQUESTS = {
    "right token, broken body": (f"Authorization: {TOKEN}", b"{"),
    "right token, no record": (f"Authorization: {TOKEN}", b"[1]"),
    "wrong token": (f"Authorization: {WRONG}", b"{}"),
    "almost right": (f"Authorization: {TOKEN}x", b"{}"),
    "another scheme": (f"Authorization: Basic {TOKEN}", b"{}"),
    "twice": (f"Authorization: {WRONG}\r\nAuthorization: {TOKEN}", b"{}"),
    "control characters": (f"Authorization: {TOKEN}\x01\x7f", b"{}"),
    "a name with a space": (f"Authorization : {TOKEN}", b"{}"),
    "no colon": (f"Authorization {TOKEN}", b"{}"),
    "folded": (f"Authorization:\r\n {TOKEN}", b"{}"),
    "too long": (f"Authorization: {TOKEN * 2000}", b"{}"),
    "another type": (f"Authorization: {TOKEN}\r\nContent-Type: text/plain", b"{}"),
    "as the type": (f"Authorization: {WRONG}\r\nContent-Type: {TOKEN}", b"{}"),
    "as the host": (f"Host: {TOKEN}", b"{}"),
    "as a cookie": (f"Cookie: token={TOKEN}", b"{}"),
}


@pytest.mark.parametrize("headers, body", ODD_REQUESTS.values(), ids=ODD_REQUESTS.keys())
@pytest.mark.parametrize("target", ["POST /api/log", f"POST /api/log?token={TOKEN}", f"GET /{TOKEN}", "DELETE /metrics"])
def test_is_in_no_answer_and_no_log(guarded, target, headers, body):
    answer = guarded.raw(
        f"{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode("latin-1")
        + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    assert TOKEN.encode() not in answer and WRONG.encode() not in answer


def test_is_nowhere_after_all_that(guarded):
    for secret in (TOKEN, WRONG, FILE_TOKENS[0], FILE_TOKENS[-1]):
        assert_nowhere(secret, guarded)


def check_settings(tmp_path, **settings):
    return subprocess.run(
        [PROGRAM, "--check"], cwd=tmp_path, env=clean_environment(**settings), capture_output=True, text=True, timeout=30)


def test_check_does_not_print_it(tmp_path):
    (tmp_path / "tokens").write_text(FILE_TOKENS[0])
    good = check_settings(tmp_path, AUTH_TOKEN=TOKEN, AUTH_TOKEN_FILE="tokens")
    assert good.returncode == 0 and "AUTH_TOKEN=(set)" in good.stdout
    bad = check_settings(tmp_path, AUTH_TOKEN=TOKEN, AUTH_TOKEN_FILE="tokens", PORT="x", LOG_FORMAT="%", THREADS="0")
    assert bad.returncode == 2 and "PORT=x" in bad.stderr
    for done in (good, bad):
        assert TOKEN not in done.stdout + done.stderr
        assert FILE_TOKENS[0] not in done.stdout + done.stderr


def test_an_error_at_start_does_not_print_it(tmp_path):
    done = subprocess.run(
        [PROGRAM], cwd=tmp_path, env=clean_environment(AUTH_TOKEN=TOKEN), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=30)
    assert done.returncode == 1 and "descriptor 0" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
