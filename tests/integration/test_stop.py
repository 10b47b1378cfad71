"""How start.sh ends: by a signal at any moment, because a part of it died, or killed itself."""

import os
import select
import signal
import subprocess
import time

import pytest

from measured import measured
from server import START, Server, clean_environment, command_line, descendants, free_port, start_time, wait_for
from starting import listening

pytestmark = pytest.mark.once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@measured
def test_signals(start_server, number, nothing_left):
    server = start_server()
    server.post({"msg": "before the end"})
    started = time.monotonic()
    server.stop(number)
    assert time.monotonic() - started < 5
    assert server.lines("info.log")[-1].endswith("before the end")
    assert listening(server.port) == set()


def test_ctrl_c_in_a_terminal(tmp_path, nothing_left):
    """Ctrl-C goes to the whole foreground group of a terminal; the terminal is given back."""
    port, master, slave = free_port(), *os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "bash", "-c", f"{START}; echo status=$?; stty -a | head -n 1"], cwd=tmp_path,
        env=clean_environment(PORT=port), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said = b""

    def read_until(mark):
        nonlocal said
        while mark not in said:
            assert select.select([master], [], [], 60)[0], said
            said += os.read(master, 4096)

    try:
        read_until(b"/api/log\r\n")
        below = {p: start_time(p) for p in descendants(process.pid)}
        os.write(master, b"\x03")
        read_until(b"status=")
        read_until(b"speed")
        assert b"status=0" in said, said
        left = [command_line(p) for p, t in below.items() if t is not None and start_time(p) == t]
        # The shell around it may be in its last line yet.
        assert not [line for line in left if line and line[0] not in ("bash", "setsid")], left
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_signal_before_the_wait(tmp_path, nothing_left):
    """Bash runs a trap before it waits, too: then it must not wait for another signal."""
    # Read by bash before a script: sends the signal between two commands, the second of which waits.
    (tmp_path / "before").write_text("""
        before() {
            [[ $1 == "wait -n "* ]] || return 0
            trap - DEBUG
            kill -TERM $$
        }
        set -o functrace
        trap 'before "$BASH_COMMAND"' DEBUG
    """)
    server = Server(tmp_path, BASH_ENV=tmp_path / "before")
    server.launch()
    try:
        assert server.wait() == 0, server.stderr
    finally:
        server.abandon()
    assert "is ready" in server.stdout


def test_requests_in_progress_are_finished(start_server):
    """SIGTERM while a body is on its way: nginx waits for it, and the server for nginx."""
    server = start_server()
    body = b'{"msg": "in progress"}'
    with server.connect() as s:
        s.sendall(
            b"POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body) + body[:9])
        # A second connection that was accepted later shows that the first has been, too.
        assert server.healthy()
        server.note_processes()
        server.send(signal.SIGTERM)
        wait_for(lambda: listening(server.port) == set(), "nginx accepts no more")
        s.sendall(body[9:])
        answer = s.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert server.wait() == 0
    server.check_gone()
    assert server.lines("info.log")[-1].endswith("in progress")


def test_stopped_while_starting(tmp_path, nothing_left):
    """At any moment of the start: exit 0, and nothing is left behind."""
    for milliseconds in range(0, 600, 60):
        server = Server(tmp_path / str(milliseconds))
        server.launch()
        # Not a wait for something to happen, but the moment that the test is about.
        end = time.monotonic() + milliseconds / 1000
        while time.monotonic() < end:
            server.note_processes()
        server.note_processes()
        server.send(signal.SIGTERM)
        status = server.wait()
        # Before bash has set its traps, SIGTERM is what it is to everybody.
        assert status in (0, -signal.SIGTERM), server.stderr
        if status != 0:
            # A subshell that it was waiting for then ends by itself.
            wait_for(lambda s=server: not s.left(), "its subshell ends")
        server.check_gone()


def test_killed_start_leaves_no_process(start_server, tmp_path):
    server = start_server()
    server.note_processes()
    server.process.kill()
    server.wait()

    def gone():
        return not server.left()

    wait_for(gone, "everything below a killed start.sh ends")
    # Its run folder stays until a later start finds it.
    assert server.run_folder.exists()
    old = time.time() - 300
    os.utime(server.run_folder, (old, old))
    start_server().stop()
    assert not server.run_folder.exists()


def test_folder_of_a_running_one_is_left_alone(start_server):
    server = start_server()
    old = time.time() - 300
    os.utime(server.run_folder, (old, old))
    start_server().stop()
    assert server.run_folder.exists() and server.post({"msg": "x"}).status_code == 200


@pytest.mark.parametrize("name", ["nginx", "multiwatch"])
def test_a_part_that_is_killed_ends_all(start_server, name):
    server = start_server()
    parts = [p for p, n in server.note_processes().items() if n == name]
    # Of nginx, the master: the one that the others are below.
    os.kill(min(parts, key=lambda p: len(descendants(p)) == 0), signal.SIGKILL)
    assert server.wait() == 1
    assert "ended by itself" in server.stderr
    server.check_gone()
