"""start.sh: what it says, where it listens, and what it is made of."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import requests

from server import START, TREE, Server, clean_environment, descendants, free_port, start_time, wait_for
from starting import ANY, AS_NOBODY, AS_ROOT, LOOPBACK, listening, run_folders, run_start


# --- help, and what it says when it is ready ---


def test_help(tmp_path):
    for option in ("--help", "-h"):
        done = run_start(tmp_path, option)
        assert done.returncode == 0 and done.stdout.startswith("Usage: ./start.sh") and not done.stderr


def test_unknown_argument(tmp_path):
    done = run_start(tmp_path, "--nonsense")
    assert done.returncode == 2 and "--nonsense" in done.stderr


def test_says_where_it_is(start_server):
    server = start_server()
    assert f"http://127.0.0.1:{server.port} " in server.stdout
    assert str(server.folder) in server.stdout
    assert re.search(r"token +not asked for", server.stdout)
    assert listening(server.port) == LOOPBACK


def curl_line(server):
    return re.search(r"^\s+try\s+(curl .*)$", server.stdout, re.M)[1]


def paste(server, **environment):
    """What the printed curl line answers in a shell of the same folder that knows nothing else."""
    done = subprocess.run(
        ["bash", "-c", curl_line(server)], cwd=server.cwd, env=clean_environment(**environment),
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_curl_line(start_server):
    server = start_server()
    assert paste(server) == {"status": True}
    assert server.lines("info.log")[-1].endswith(" INFO:root hello")


def test_curl_line_with_a_token(start_server):
    token = "it's \"quoted\" $HOME \\ *"
    server = start_server(AUTH_TOKEN=token)
    assert re.search(r"token +asked for", server.stdout)
    assert paste(server) == {"status": True}
    assert token not in server.stdout


def test_curl_line_with_a_token_of_dotenv(start_server, tmp_path):
    (tmp_path / ".env").write_text("export AUTH_TOKEN='a token'\n")
    server = start_server(cwd=tmp_path)
    assert paste(server) == {"status": True}
    assert "a token" not in server.stdout


def test_curl_line_with_a_token_file(start_server, tmp_path):
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    (folder / "tokens").write_text("\n  \nfirst token\nsecond\n")
    server = start_server(AUTH_TOKEN_FILE="tokens", cwd=folder)
    assert paste(server) == {"status": True}
    assert "first token" not in server.stdout


# --- where it listens ---


def test_with_a_token_on_all_addresses(start_server):
    for settings in ({"AUTH_TOKEN": "x"}, {"AUTH_TOKEN_FILE": None}):
        if "AUTH_TOKEN_FILE" in settings:
            file = Path(tempfile.mkdtemp()) / "tokens"
            file.write_text("x\n")
            settings = {"AUTH_TOKEN_FILE": file}
        server = start_server(**settings)
        expected = ANY if Path("/proc/net/if_inet6").exists() and Path("/proc/net/if_inet6").read_text() else {"0" * 8}
        assert listening(server.port) == expected
        assert server.post({"msg": "x"}).status_code == 401
        assert server.post({"msg": "x"}, {"Authorization": "x"}).status_code == 200


def test_two_at_once(start_server):
    one, two = start_server(), start_server()
    for server in (one, two):
        assert server.post({"msg": f"to {server.port}"}).status_code == 200
    for server in (one, two):
        assert [line.rpartition(" ")[2] for line in server.lines("info.log")] == [str(server.port)]
    assert one.run_folder != two.run_folder
    one.stop()
    assert two.post({"msg": "alone"}).status_code == 200


def test_two_started_at_the_same_moment(tmp_path):
    servers = [Server(tmp_path / name) for name in ("one", "two", "three")]
    for server in servers:
        server.launch()
    try:
        for server in servers:
            wait_for(server._is_ready, "it is ready", 300)
            server.note_processes()
            assert server.post({"msg": "x"}).status_code == 200
    finally:
        with contextlib.ExitStack() as stack:
            for server in servers:
                stack.callback(server.stop)


# --- what it is made of ---


def test_everything_is_below_it(start_server):
    server = start_server()
    names = list(server.note_processes().values())
    assert names.count("multiwatch") == 1 and names.count("pbu-log-server") == 1 and names.count("nginx") >= 2
    # No helper stays beside them.
    assert set(names) == {"multiwatch", "pbu-log-server", "nginx"}


def test_run_folder_of_its_own_choice(start_server):
    server = start_server(RUN_DIR=None)
    places = [Path("/run")] if AS_ROOT else [Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp"), Path("/tmp")]
    assert server.run_folder.parent in places


def test_socket_is_private(start_server):
    server = start_server()
    socket_mode = (server.run_folder / "fcgi.sock").stat().st_mode & 0o777
    folder_mode = server.run_folder.stat().st_mode & 0o777
    assert (socket_mode, folder_mode) == ((0o660, 0o710) if AS_ROOT else (0o600, 0o700))


def test_as_an_ordinary_user(nobodys_folder, nobodys_start):
    """Everything belongs to that user, and works the same."""
    port, out = free_port(), nobodys_folder / "out"
    with open(out, "wb") as f:
        process = subprocess.Popen(
            [*AS_NOBODY, str(nobodys_start)], cwd=nobodys_folder, env=clean_environment(PORT=port),
            stdin=subprocess.DEVNULL, stdout=f, stderr=f, start_new_session=True)
    before = run_folders()
    try:
        def ready():
            assert process.poll() is None, out.read_text()
            return "curl " in out.read_text()

        wait_for(ready, "it is ready", 60)
        below = {p: start_time(p) for p in descendants(process.pid)}
        owners = {Path(f"/proc/{p}").stat().st_uid for p in below}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"http://127.0.0.1:{port}/api/log", json={"msg": "as nobody"}, timeout=10)
        assert answer.json() == {"status": True}
        assert (nobodys_folder / "_logs/info.log").read_text().endswith("as nobody\n")
        assert owners == {65534 if AS_ROOT else os.geteuid()}
    finally:
        process.terminate()
        status = process.wait(40)
    assert status == 0, out.read_text()
    assert not [p for p, t in below.items() if t and start_time(p) == t]
    assert run_folders() <= before


def test_a_name_that_is_not_ascii(start_server, tmp_path):
    """In the path of the server and of the logs."""
    build = tmp_path / "Bäume 🌲"
    build.symlink_to(TREE / os.environ.get("BUILD_DIR", "build"))
    server = start_server(cwd=tmp_path / "Wälder", BUILD_DIR=build)
    assert server.post({"msg": "Blätter"}).status_code == 200
    assert server.lines("info.log")[0].endswith(" Blätter")
    first = server.pid
    server.kill()
    wait_for(lambda: server.pid not in (None, first), "it is started again")


def test_second_start_is_quick(start_server):
    start_server().stop()
    started = time.monotonic()
    server = start_server()
    assert time.monotonic() - started < 2
    server.stop()


def test_a_change_that_builds_nothing_is_built_once(start_server):
    """What is not compiled may be newer than the program, which is up to date nevertheless."""
    os.utime(TREE / "src/python/pyunicode.py")
    said = []
    for _ in range(2):
        server = start_server()
        said.append("Building what has changed" in server.stdout)
        server.stop()
    assert said == [True, False]
