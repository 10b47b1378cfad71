"""Roll-over by the clock, by size and from outside, with the real thing under load."""

import calendar
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import load
import stdlib_rollover
from fcgi_peer import SANITIZED
from measured import measured
from server import wait_for

CLIENTS = 8


def faketime():
    """The environment that moves the server's clock, but for FAKETIME itself."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "libfaketime is missing: ./test.sh installs it"
    # The address sanitizer wants to be loaded first otherwise.
    asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {"LD_PRELOAD": found[0], "FAKETIME_ONLY_CMDS": "pbu-log-server", "ASAN_OPTIONS": asan,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


def run_clients(server, seconds):
    """Runs the clients side by side, a process each; returns what they sent, and that was acknowledged."""
    clients = [
        subprocess.Popen([sys.executable, load.__file__, server.url, "--first", str(n), "--seconds", str(seconds), "--after", "again"],
                         stdout=subprocess.PIPE, text=True)
        for n in range(CLIENTS)
    ]
    sent = []
    for client in clients:
        out, _ = client.communicate(timeout=seconds + 60)
        assert client.returncode == 0
        sent += load.sent_by(out)
    return [s for s in sent if s.status == 200]


def test_midnight_under_load(start_server):
    midnight = calendar.timegm((2019, 12, 25, 0, 0, 0))
    for early in (7, 15, 60):
        offset = round(midnight - early - time.time(), 3)
        server = start_server(**faketime(), FAKETIME=f"{offset:.3f}", LOG_FORMAT="%(received)s %(message)s", LOG_FSYNC="no")
        # The clients have to start, too.
        if time.time() + offset < midnight - 4:
            break
    acknowledged = run_clients(server, midnight + 3 - (time.time() + offset))
    assert len(acknowledged) > 100

    days = {}
    for name, day in (("info.log.2019-12-24", "2019-12-24"), ("info.log", "2019-12-25")):
        lines = server.lines(name)
        assert lines, f"{name} is empty"
        for line in lines:
            received, text = line.split(" ", 1)
            assert text not in days, f"{text} is there twice"
            assert received.startswith(day), f"{name}: {line}"
            days[text] = day
    assert sorted(p.name for p in server.folder.iterdir() if "info" in p.name) == ["info.log", "info.log.2019-12-24"]
    missing = [s.key for s in acknowledged if load.short(s.key) not in days]
    assert not missing, f"{len(missing)} of {len(acknowledged)} lost"
    offset += time.time() - time.monotonic()
    for s in acknowledged:
        possible = {time.strftime("%Y-%m-%d", time.gmtime(t + offset)) for t in (s.begin, s.end)}
        assert days[load.short(s.key)] in possible, s.key
    print(f"{len(acknowledged)} records of {CLIENTS} clients across midnight: none lost, none twice")


@pytest.mark.once
def test_the_standard_library_loses_most(tmp_path, capsys):
    written, found = stdlib_rollover.measure(tmp_path)
    with capsys.disabled():
        print(f" [{written} written by TimedRotatingFileHandler, {100 * (written - found) / written:.0f}% lost] ", end="")
    assert found < written * 0.7


def test_a_start_rolls_yesterdays_file_over(start_server, tmp_path):
    folder = tmp_path / "_logs"
    folder.mkdir()
    old = folder / "info.log"
    old.write_text("yesterday's, without its newline")
    os.utime(old, (1577180000, 1577180000))  # 2019-12-24 in UTC
    (folder / "info.log.2019-12-24").write_text("taken\n")
    server = start_server(cwd=tmp_path)
    server.post({"msg": "today's"})
    assert (folder / "info.log.2019-12-24").read_text() == "taken\n"
    assert (folder / "info.log.2019-12-24.1").read_text() == "yesterday's, without its newline"
    assert [x.split()[-1] for x in server.lines("info.log")] == ["today's"]


def test_a_file_that_ends_mid_line_gets_its_newline(start_server, tmp_path):
    (tmp_path / "_logs").mkdir()
    (tmp_path / "_logs" / "info.log").write_text("torn by a power lo")
    server = start_server(cwd=tmp_path, LOG_FORMAT="%(message)s")
    server.post({"msg": "next"})
    assert server.lines("info.log") == ["torn by a power lo", "next"]


def test_rolls_over_at_a_size_and_keeps_so_many(start_server):
    server = start_server(LOG_MAX_BYTES=1000, LOG_BACKUP_COUNT=3, LOG_FORMAT="%(message)s", LOG_ROTATE="never")
    (server.folder / "info.log.mine").write_text("x")
    (server.folder / "info.log.2001-01-01.gz").write_text("x")
    for n in range(100):
        assert server.post({"msg": f"{n:04d} " + "x" * 94}).status_code == 200
    def rolled():
        return sorted((p for p in server.folder.iterdir() if re.fullmatch(r"info\.log\.\d{4}-\d\d-\d\d(\.\d+)?", p.name)),
                      key=lambda p: int(p.suffix[1:]) if p.suffix[1:].isdigit() and p.name.count(".") == 3 else 0)

    # Housekeeping prunes, soon.
    files = wait_for(lambda: len(rolled()) == 3 and rolled(), "the oldest are deleted")
    kept = [line for p in files for line in p.read_text().splitlines()] + server.lines("info.log")
    assert [int(line[:4]) for line in kept] == list(range(100 - len(kept), 100))
    for p in files + [server.folder / "info.log"]:
        assert p.stat().st_size <= 1000
    # A batch is split where it must be.
    server.post([{"msg": f"b{n:03d} " + "y" * 94} for n in range(25)])
    for p in server.folder.glob("info.log*"):
        with contextlib.suppress(FileNotFoundError):  # pruned meanwhile
            assert p.stat().st_size <= 1000
    assert (server.folder / "info.log.mine").exists() and (server.folder / "info.log.2001-01-01.gz").exists()


def until_there(path):
    """Waits for a new file; the seconds it took."""
    start = time.monotonic()
    wait_for(path.exists, "a new file", pause=0.001)
    return time.monotonic() - start


@measured
def test_a_renamed_and_a_deleted_file_are_noticed(start_server):
    server = start_server(LOG_FORMAT="%(message)s")
    log, took = server.folder / "info.log", {"renamed": [], "deleted": []}
    for n in range(3):
        server.post({"msg": "one"})
        log.rename(server.folder / f"kept.{n}")
        took["renamed"].append(until_there(log))
        server.post({"msg": "two"})
        assert server.lines("info.log") == ["two"] and server.lines(f"kept.{n}") == ["one"]
        log.unlink()
        took["deleted"].append(until_there(log))
        server.post({"msg": "three"})
        assert server.lines("info.log") == ["three"]
        log.unlink()
        until_there(log)
    # Within a second, unless the machine is busy with something else.
    assert all(min(times) < 1 for times in took.values()), took


@measured
def test_sighup_reopens_at_once(start_server):
    server = start_server(LOG_FORMAT="%(message)s")
    took = []
    for n in range(20):
        (server.folder / "info.log").rename(server.folder / f"kept.{n}")
        server.kill(signal.SIGHUP)
        took.append(until_there(server.folder / "info.log"))
        server.post({"msg": str(n)})
        assert server.lines("info.log") == [str(n)]
    # By itself it would be noticed within half a second, a quarter on the average.
    assert sorted(took)[10] < (0.2 if SANITIZED else 0.05), took


def test_copytruncate_is_safe(start_server):
    server = start_server(LOG_FORMAT="%(message)s")
    server.post({"msg": "one"})
    os.truncate(server.folder / "info.log", 0)
    server.post({"msg": "two"})
    assert server.read_bytes("info.log") == b"two\n"


def test_a_removed_folder_comes_back(start_server):
    server = start_server(LOG_FORMAT="%(message)s")
    server.post({"msg": "one"})

    def removed():
        # The server may notice that a file is gone, and make it again, before all of them are.
        with contextlib.suppress(OSError):
            for p in server.folder.iterdir():
                p.unlink()
            server.folder.rmdir()
            return True

    wait_for(removed, "the folder is removed")
    wait_for(lambda: (server.folder / "info.log").exists(), "the folder is made again")
    assert server.post({"msg": "two"}).status_code == 200
    assert server.lines("info.log") == ["two"]


def test_many_clients_lose_nothing(start_server):
    server = start_server(LOG_FORMAT=load.FORMAT)
    acknowledged = run_clients(server, 3)
    assert len(acknowledged) > 100
    load.Outcome(acknowledged, [server.folder], text=load.short).check()


def test_a_second_server_on_a_folder_says_who_has_it(start_server):
    server = start_server()
    program = os.readlink(f"/proc/{server.pid}/exe")
    socket = server.cwd / "s"
    done = subprocess.run([program, "--socket", socket], env={**os.environ, "LOG_FOLDER": str(server.folder)},
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert f"process {server.pid}" in done.stderr and str(server.folder) in done.stderr, done.stderr
    assert not socket.exists()
