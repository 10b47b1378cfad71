"""start.sh: what it says, where it listens, and what it is made of."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import requests

from measured import measured
from server import TREE, Server, clean_environment, descendants, free_port, start_time, wait_for
from starting import ANY, AS_NOBODY, AS_ROOT, LOOPBACK, listening, run_folders, run_start

pytestmark = pytest.mark.once


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
    assert re.search(rf"page +http://127\.0\.0\.1:{server.port}/ \(reading: not asked for\)", server.stdout)
    assert listening(server.port) == LOOPBACK


def test_the_page_is_where_it_says(start_server):
    server = start_server(AUTH_TOKEN="x", READ_TOKEN="y")
    address, reading = re.search(r"page +(\S+) \(reading: (.*)\)$", server.stdout, re.M).groups()
    assert reading == "asked for a token of READ_TOKEN or READ_TOKEN_FILE"
    assert requests.get(address, timeout=10).headers["Content-Type"] == "text/html; charset=utf-8"


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
    programs = ["pbu-log-server", "pbu-log-reader"]
    assert names.count("multiwatch") == 2 and [names.count(x) for x in programs] == [1, 1] and names.count("nginx") >= 2
    # No other helper stays beside them than what reads nginx's messages.
    assert set(names) == {"multiwatch", *programs, "nginx", "perl"} and names.count("perl") == 1


def test_run_folder_of_its_own_choice(start_server):
    server = start_server(RUN_DIR=None)
    places = [Path("/run")] if AS_ROOT else [Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp"), Path("/tmp")]
    assert server.run_folder.parent in places


def test_socket_is_private(start_server):
    server = start_server()
    socket_modes = {(server.run_folder / name).stat().st_mode & 0o777 for name in ("fcgi.sock", "reader.sock")}
    folder_mode = server.run_folder.stat().st_mode & 0o777
    assert (socket_modes, folder_mode) == (({0o660}, 0o710) if AS_ROOT else ({0o600}, 0o700))


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

        wait_for(ready, "it is ready", 300)
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


@measured
def test_second_start_is_quick(start_server):
    start_server().stop()
    took = []
    # The machine may be busy with something else: but not three times.
    while len(took) < 3 and (not took or took[-1] >= 2):
        started = time.monotonic()
        server = start_server()
        took.append(time.monotonic() - started)
        server.stop()
    assert took[-1] < 2, took


def test_a_change_that_builds_nothing_is_built_once(start_server):
    """What is not compiled may be newer than the program, which is up to date nevertheless."""
    def says_so():
        server = start_server()
        server.stop()
        return "Building what has changed" in server.stdout

    def change():
        os.utime(TREE / "src/python/pyunicode.py")
        return says_so()

    # A server of another test, beside this one, may come first: but not five times.
    assert any(change() for _ in range(5))
    assert not says_so()


# --- what it leaves to nobody else ---


def test_nobody_else_can_write_what_it_made(tmp_path):
    """What is in the run folder is executed as root, when root has started it."""
    server = Server(tmp_path)
    before = os.umask(0)
    try:
        server.launch()
    finally:
        os.umask(before)
    try:
        wait_for(server._is_ready, "it is ready", 300)
        server.note_processes()
        made = [server.run_folder, *server.run_folder.rglob("*"), server.folder, *server.folder.iterdir()]
        open_to_others = [x for x in made if not x.is_socket() and x.lstat().st_mode & 0o022]
        assert not open_to_others and (server.run_folder / "pbu-log-server/runner") in made
    finally:
        server.stop()


def test_no_install(tmp_path, nothing_left):
    """It says what is missing: here the libraries, which pkg-config is told not to find."""
    done = run_start(tmp_path, "--no-install", PKG_CONFIG_LIBDIR="/nowhere", PKG_CONFIG_PATH="")
    assert done.returncode == 1
    missing = "libfcgi-dev libcjson-dev libpcre2-dev libsodium-dev zlib1g-dev"
    assert done.stdout.splitlines() == [f"Missing packages: {missing}"]
    assert len(done.stderr.splitlines()) == 1 and f"apt-get install {missing}" in done.stderr


def test_no_install_when_nothing_is_missing(tmp_path):
    server = Server(tmp_path)
    server.launch("--no-install")
    try:
        wait_for(server._is_ready, "it is ready", 300)
    finally:
        server.stop()


# --- what never gets ready ---


@pytest.mark.slow
def test_a_server_that_never_answers_is_one_line(tmp_path, nothing_left):
    """It hangs up on every connection, as one did that was linked otherwise."""
    build = tmp_path / "build"
    build.mkdir()
    (build / "Makefile").write_text("all:\n")
    program = build / "pbu-log-server"
    program.write_text("#!/usr/bin/env python3\nimport socket, sys\nif sys.argv[1:]: sys.exit()\n"
                       "listener = socket.socket(fileno=0)\nwhile True: listener.accept()[0].close()\n")
    program.chmod(0o755)
    (build / "pbu-log-reader").symlink_to(program)
    done = run_start(tmp_path, BUILD_DIR=build)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert re.match(r"start\.sh: no 200 from /api/health on port \d+ within 15 seconds, but \{.*\} 502; nginx: .* while ",
                    done.stderr), done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not AS_ROOT, reason="only root can mount")
def test_a_full_disk_is_named(tmp_path, nothing_left):
    folder = tmp_path / "logs"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    try:
        with contextlib.suppress(OSError), open(folder / "large", "wb", buffering=0) as f:
            while True:
                f.write(b"x" * 4096)
        done = run_start(tmp_path, LOG_FOLDER=folder)
        assert done.returncode == 1
        said = [x for x in done.stderr.splitlines() if not x.startswith("pbu-log-server: ")]
        assert len(said) == 1 and said[0].endswith('No space left on device"} 503'), done.stderr
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
