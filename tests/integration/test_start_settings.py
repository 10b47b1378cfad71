"""start.sh: .env and the environment, and what it refuses to start with."""

import socket
import time

import pytest

from measured import measured
from server import Server, free_port
from starting import AS_NOBODY, run_folders, run_start

pytestmark = pytest.mark.once


# --- settings ---


def test_dotenv(start_server, tmp_path):
    port = free_port()
    (tmp_path / ".env").write_text(
        "# a comment\n\n"
        f"PORT={port}\n"
        "LOG_FOLDER = \"my \\\"logs\\\"\"  # quoted\n"
        "export LOG_FORMAT='%(levelname)s # %(message)s $(touch executed)'\r\n"
        "  ENABLED_LOG_LEVELS=INFO, ERROR   # with a space\n"
        "LOG_FSYNC=\n"
        "SOMETHING_ELSE=is not ours\nPATH=/nowhere\nUID=5\nrun=/\n"
        "MAX_BODY_BYTES=5000")
    # ENABLED_LOG_LEVELS is set by the fixture unless it is told otherwise.
    server = Server(tmp_path, PORT=None, LOG_FOLDER=None, ENABLED_LOG_LEVELS=None)
    server.port, server.url, server.folder = port, f"http://127.0.0.1:{port}", tmp_path / 'my "logs"'
    server.start()
    try:
        assert server.post({"msg": "hello"}).json() == {"status": True}
        assert server.lines("info.log") == ["INFO # hello $(touch executed)"]
        assert server.post({"msg": "debug", "levelno": 10}).json() == {"status": True}
        assert server.post({"msg": "x" * 6000}).status_code == 413
        assert not (tmp_path / "executed").exists()
        assert str(server.folder) in server.stdout
    finally:
        server.stop()


def test_environment_wins(start_server, tmp_path):
    (tmp_path / ".env").write_text("PORT=1\nLOG_FORMAT=dotenv %(message)s\nLOG_FOLDER=other\nAUTH_TOKEN=secret\n")
    server = start_server(cwd=tmp_path, LOG_FORMAT="environment %(message)s", AUTH_TOKEN="")
    assert server.post({"msg": "hello"}).json() == {"status": True}
    assert server.lines("info.log") == ["environment hello"]
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("line", ["no assignment", "=value", "1A=b", "AUTH_TOKEN='open", 'AUTH_TOKEN="a" b'])
def test_dotenv_mistakes(tmp_path, line, nothing_left):
    (tmp_path / ".env").write_text(f"# first\n{line}\n")
    done = run_start(tmp_path)
    assert done.returncode == 2
    assert ".env, line 2" in done.stderr and len(done.stderr.splitlines()) == 1


def test_wrong_settings(tmp_path, nothing_left):
    done = run_start(tmp_path, LOG_ROTATE="weekly", LOG_MAX_BYTES="12k", LOG_FSYNC="maybe")
    assert done.returncode == 2
    # All at once, a line each.
    for name in ("LOG_ROTATE", "LOG_MAX_BYTES", "LOG_FSYNC"):
        assert sum(name in line for line in done.stderr.splitlines()) == 1, done.stderr
    assert len(done.stderr.splitlines()) == 3 and not (tmp_path / "_logs").exists()


@pytest.mark.parametrize("zone", ["Europe/Berlni", "/nowhere", "CET-1CEST,M3.5.0"])
def test_wrong_time_zone(tmp_path, zone, nothing_left):
    """glibc would take it for UTC, without a word."""
    done = run_start(tmp_path, TZ=zone)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert f"TZ={zone}: is no time zone" in done.stderr and not (tmp_path / "_logs").exists()


@pytest.mark.parametrize("zone", ["", "UTC", "Asia/Kathmandu", ":Asia/Kathmandu", "/usr/share/zoneinfo/Asia/Kathmandu",
                                  "<+0545>-5:45", None])
def test_time_zone(start_server, zone):
    server = start_server(TZ=zone, LOG_FORMAT="%(asctime)s")
    assert server.post({"msg": "hello", "created": 1577188800, "msecs": 0}).status_code == 200
    if zone is not None:
        hour = "12:00" if zone in ("", "UTC") else "17:45"
        assert server.lines("info.log") == [f"2019-12-24 {hour}:00,000"]
    server.stop()


def test_too_little_memory(tmp_path, nothing_left):
    """Both settings are named, and what would do."""
    done = run_start(tmp_path, MAX_BODY_BYTES=8 << 20, MAX_MEMORY_BYTES=(256 << 20) - 1)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    for text in ("MAX_MEMORY_BYTES=268435455", "MAX_BODY_BYTES", "268435456"):
        assert text in done.stderr


def test_a_small_body_has_the_memory_that_it_takes(start_server):
    """What it may grow to is no multiple of its size."""
    server = start_server(MAX_BODY_BYTES=1024, LOG_FORMAT="%(message)s")
    assert server.post({"msg": "%200000d", "args": [1]}).status_code == 200
    server.stop()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "49 99", "$(id)"])
def test_wrong_port(tmp_path, port, nothing_left):
    done = run_start(tmp_path, PORT=port)
    assert done.returncode == 2 and "PORT" in done.stderr and len(done.stderr.splitlines()) == 1


def test_token_file_that_is_not_there(tmp_path, nothing_left):
    done = run_start(tmp_path, AUTH_TOKEN_FILE="nowhere")
    assert done.returncode == 2 and "nowhere" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("folder", ["nowhere", "/nowhere", "/tmp/a b"])
def test_wrong_run_dir(tmp_path, folder):
    done = run_start(tmp_path, RUN_DIR=folder)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and folder in done.stderr


# --- what can't be started ---


def test_busy_port(tmp_path, nothing_left):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        done = run_start(tmp_path, PORT=port)
        assert done.returncode == 1
        # nginx says it once, though it finds it five times; the server is not started at all.
        gives_up = f"start.sh: nginx could not start on port {port}; the reason stands above"
        said = f"nginx: bind() to 127.0.0.1:{port} failed (98: Address already in use)"
        assert done.stderr.splitlines() == [said, gives_up]
        done = run_start(tmp_path, PORT=port, AUTH_TOKEN="x")
        assert done.returncode == 1
        assert done.stderr.splitlines() == [said.replace("127.0.0.1", "0.0.0.0"), gives_up]
        assert not (tmp_path / "_logs").exists()


@measured
def test_folder_that_can_not_be_made(tmp_path, nothing_left):
    """Below a regular file not even root can make one."""
    (tmp_path / "file").write_text("")
    started = time.monotonic()
    done = run_start(tmp_path, LOG_FOLDER="file/logs")
    assert done.returncode == 1 and "file/logs" in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["a b", "a\tb", "a$b", "a'b", "a`b", 'a"b', "a#b", "a&b", "a\\b"])
def test_build_folder_that_configure_does_not_take(tmp_path, nothing_left, name):
    done = run_start(tmp_path, BUILD_DIR=tmp_path / name)
    assert done.returncode == 1 and "configure takes no path" in done.stderr and name in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / name).exists(), done.stderr


def test_unwritable_folder(nobodys_folder, nobodys_start, nothing_left):
    (nobodys_folder / "logs").mkdir(mode=0o555)
    (nobodys_folder / "logs").chmod(0o555)
    for folder in ("logs", "logs/below"):
        done = run_start(nobodys_folder, start=nobodys_start, before=AS_NOBODY, LOG_FOLDER=folder)
        assert done.returncode == 1 and folder in done.stderr.splitlines()[0]
        assert len(done.stderr.splitlines()) == 2, done.stderr


def test_folder_in_use(start_server, nothing_left):
    server = start_server()
    before = run_folders()
    done = run_start(server.cwd, LOG_FOLDER=server.folder)
    assert done.returncode == 1
    # The server says who has it; then start.sh, that it gives up.
    assert str(server.pid) in done.stderr.splitlines()[0], done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert run_folders() == before
    assert server.post({"msg": "still there"}).status_code == 200
    server.stop()
