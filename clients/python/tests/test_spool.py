"""What can't be sent waits on disk: after the end, after kill -9, and whatever the disk does."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from fake_server import FakeServer, hang, refuse_records, status

PROGRAM = """
import logging, os, sys, time
from pbu_log_handler import LogServerHandler
handler = LogServerHandler(sys.argv[1], spool=sys.argv[2], interval=0.02, shutdown_timeout=float(sys.argv[5]), batch=10)
log = logging.getLogger("program")
log.addHandler(handler)
for i in range(int(sys.argv[4])):
    log.warning("%s %d", sys.argv[3], i)
if sys.argv[6:]:
    print("logged", flush=True)
    time.sleep(60)
"""

AWAY = "http://127.0.0.1:1"


def program(url: str, spool: Path, name: str, count: int, timeout: float = 30.0, *more: str) -> subprocess.Popen[str]:
    args = [sys.executable, "-c", PROGRAM, url, str(spool), name, str(count), str(timeout), *more]
    return subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*args: Any) -> str:
    process = program(*args)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def files(spool: Path, suffix: str = ".db") -> list[Path]:
    return sorted(p for p in spool.iterdir() if p.name.endswith(suffix)) if spool.exists() else []


def contents(spool: Path) -> dict[str, bytes]:
    found = {}
    for path in files(spool) + files(spool, "-journal"):
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = path.read_bytes()
    return found


def spooled(spool: Path) -> int:
    """How many records are on the disk: those of a copy, as a file is locked while its process lives. 0, too, while it
    is being written."""
    copied = contents(spool)
    time.sleep(0.05)
    if contents(spool) != copied:
        return 0
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, data in copied.items():
            (Path(folder) / name).write_bytes(data)
        for copy in files(Path(folder)):
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(str(copy))) as connection:
                total += connection.execute("SELECT coalesce(sum(records), 0) FROM batches").fetchone()[0]
    return total


def test_what_is_left_comes_with_the_next_start(server: FakeServer, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    assert run(AWAY, spool, "one", 25, 0.2) == ""
    (file,) = files(spool)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    run(server.url, spool, "two", 3)
    assert server.messages() == [f"one {i}" for i in range(25)] + [f"two {i}" for i in range(3)]
    assert list(spool.iterdir()) == []


def test_after_kill_9(server: FakeServer, tmp_path: Path) -> None:
    process = program(AWAY, tmp_path, "one", 500, 5.0, "wait")
    assert process.stdout is not None and process.stdout.readline() == "logged\n"
    server.wait_for(lambda: spooled(tmp_path) == 500)
    process.kill()
    process.communicate()
    run(server.url, tmp_path, "two", 3)
    assert server.messages() == [f"one {i}" for i in range(500)] + [f"two {i}" for i in range(3)]
    assert list(tmp_path.iterdir()) == []


def test_a_living_process_keeps_its_file(server: FakeServer, tmp_path: Path) -> None:
    process = program(AWAY, tmp_path, "one", 20, 0.0, "wait")
    assert process.stdout is not None and process.stdout.readline() == "logged\n"
    server.wait_for(lambda: spooled(tmp_path) == 20)
    run(server.url, tmp_path, "two", 3)
    assert server.messages() == [f"two {i}" for i in range(3)]
    process.send_signal(signal.SIGINT)
    process.communicate()
    run(server.url, tmp_path, "three", 1)
    assert server.messages()[3:] == [f"one {i}" for i in range(20)] + ["three 0"]


def test_keys_stay_the_same(server: FakeServer, tmp_path: Path) -> None:
    server.always(hang)
    process = program(server.url, tmp_path, "one", 20, 0.3, "wait")
    assert process.stdout is not None and process.stdout.readline() == "logged\n"
    server.wait_for(lambda: server.requests)
    process.send_signal(signal.SIGINT)
    process.communicate()
    server.always(None)
    run(server.url, tmp_path, "two", 1)
    assert server.requests[0].key == server.requests[1].key
    assert server.messages() == [f"one {i}" for i in range(20)] + ["two 0"]


def test_order_over_memory_and_disk(server: FakeServer, make_log: Any, tmp_path: Path) -> None:
    log = make_log(spool=tmp_path, batch=10)
    server.do(status(503), status(503), status(503))
    for i in range(2000):
        log.info("n %d", i)
        if i % 500 == 0:
            time.sleep(0.05)
    assert log.handlers[0].flush(20)
    assert server.messages() == [f"n {i}" for i in range(2000)]
    assert files(tmp_path) == [], "what is empty is removed"


def test_two_handlers_of_one_process(server: FakeServer, make_log: Any, tmp_path: Path) -> None:
    one, two = make_log(AWAY, spool=tmp_path), make_log(AWAY, spool=tmp_path)
    one.info("one")
    two.info("two")
    server.wait_for(lambda: len(files(tmp_path)) == 2)
    one.handlers[0].close()
    two.handlers[0].close()
    third = make_log(spool=tmp_path)
    third.info("three")
    assert third.handlers[0].flush(20)
    assert sorted(server.messages()) == ["one", "three", "two"] and server.messages()[-1] == "three"


def test_refused_records_in_a_spool(server: FakeServer, tmp_path: Path) -> None:
    run(AWAY, tmp_path, "one", 40, 0.2)
    server.always(refuse_records(lambda r: r["args"][1] in (3, 17, 39)))
    said = run(server.url, tmp_path, "two", 2)
    expected = [f"one {i}" for i in range(40) if i not in (3, 17, 39)]
    assert server.messages() == [*expected, "two 0", "two 1"]
    assert said.count("a record was refused") == 3
    assert list(tmp_path.iterdir()) == []


def test_halves_in_a_spool(server: FakeServer, tmp_path: Path) -> None:
    run(AWAY, tmp_path, "one", 40, 0.2)
    server.always(refuse_records(lambda r: r["args"][1] in (3, 17, 39), names=False))
    run(server.url, tmp_path, "two", 2)
    expected = [f"one {i}" for i in range(40) if i not in (3, 17, 39)]
    assert server.messages() == [*expected, "two 0", "two 1"]


def test_the_spool_is_bounded(
    server: FakeServer, make_log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbu_log_handler.backlog.SPOOL_BYTES", 4000)
    server.always(status(503))
    log = make_log(spool=tmp_path, batch=10, interval=10)
    said = [f"n {i}" for i in range(400)]
    for i in range(0, 400, 10):
        for j in range(i, i + 10):
            log.info("n %d", j)
        log.handlers[0].flush(0.01)
    pipeline = log.handlers[0]._pipeline
    server.wait_for(
        lambda: not len(pipeline.buffer) and not pipeline._sender._backlog.memory_bytes, "all are on the disk"
    )
    server.always(None)
    log.handlers[0].flush(20)
    got = server.messages()
    note = [m for m in got if "dropped" in m]
    assert len(note) == 1
    at = got.index(note[0])
    dropped = int(note[0].split()[0])
    assert got[:at] + got[at + 1 :] == said[:at] + said[at + dropped :]
    assert 300 < dropped < 390


def test_a_corrupt_file_is_set_aside(server: FakeServer, tmp_path: Path) -> None:
    run(AWAY, tmp_path, "one", 5, 0.2)
    (tmp_path / "bad.db").write_bytes(b"no database" * 1000)
    said = run(server.url, tmp_path, "two", 1)
    assert server.messages() == [f"one {i}" for i in range(5)] + ["two 0"]
    assert "set aside" in said
    assert [p.name for p in tmp_path.iterdir()] == ["bad.db.corrupt"]


def test_a_file_that_becomes_corrupt(server: FakeServer, tmp_path: Path) -> None:
    run(AWAY, tmp_path, "one", 500, 0.3)
    (file,) = files(tmp_path)
    size = file.stat().st_size
    with file.open("r+b") as f:
        f.seek(4096)
        f.write(os.urandom(size - 4096))
    said = run(server.url, tmp_path, "two", 5)
    assert server.messages()[-5:] == [f"two {i}" for i in range(5)]
    assert "set aside" in said and files(tmp_path) == []
    assert len(files(tmp_path, ".corrupt")) == 1


@pytest.mark.parametrize("how", ["no folder", "a file", "full"])
def test_a_spool_that_can_not_be_written(
    server: FakeServer,
    make_log: Any,
    tmp_path: Path,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "spool"
    if how == "no folder":
        folder = Path("/proc/nowhere")
    log = make_log(spool=folder, batch=10)
    if how == "a file":
        folder.write_text("")
    elif how == "full":
        monkeypatch.setattr("pbu_log_handler.spool_file._SCHEMA", "PRAGMA max_page_count=1")
    server.always(status(503))
    for i in range(100):
        log.info("n %d", i)
    said = ""

    def complains() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "memory is used until it can be written" in said

    server.wait_for(complains)
    assert not log.handlers[0].flush(0.3)
    said += capsys.readouterr().err
    assert said.count("memory is used until it can be written") == 1, said
    server.always(None)
    assert log.handlers[0].flush(20)
    assert server.messages() == [f"n {i}" for i in range(100)]


def test_a_disk_that_becomes_full(
    server: FakeServer, make_log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle, by SQLite's own bound; and has room again."""
    import pbu_log_handler.backlog
    import pbu_log_handler.spool_file as spool_file

    monkeypatch.setattr(pbu_log_handler.backlog, "RETRY_SECONDS", 0.05)
    pages = [6]
    real = spool_file.SpoolFile.put

    def put(self: Any, batches: Any) -> None:
        self._connection.execute(f"PRAGMA max_page_count={pages[0]}")
        real(self, batches)

    monkeypatch.setattr(spool_file.SpoolFile, "put", put)
    server.always(status(503))
    log = make_log(spool=tmp_path, batch=10)
    for i in range(600):
        log.info("n %d", i)
        if i == 20:
            log.handlers[0].flush(0.2)
        if i == 500:
            log.handlers[0].flush(0.2)
            pages[0] = 100_000
    log.handlers[0].flush(0.3)
    server.always(None)
    assert log.handlers[0].flush(20)
    assert server.messages() == [f"n {i}" for i in range(600)]


def test_a_folder_that_is_removed(server: FakeServer, make_log: Any, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    server.always(status(503))
    log = make_log(spool=folder, batch=10)
    for i in range(50):
        log.info("n %d", i)
    server.wait_for(lambda: spooled(folder) == 50)
    shutil.rmtree(folder)
    for i in range(50, 100):
        log.info("n %d", i)
    log.handlers[0].flush(0.2)
    server.always(None)
    assert log.handlers[0].flush(20)
    assert server.messages() == [f"n {i}" for i in range(100)]


def test_the_file_is_locked_while_its_process_lives(server: FakeServer, make_log: Any, tmp_path: Path) -> None:
    log = make_log(AWAY, spool=tmp_path)
    log.info("x")
    server.wait_for(lambda: files(tmp_path))
    (file,) = files(tmp_path)
    look = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM batches').fetchall()"
    server.wait_for(
        lambda: b"locked" in subprocess.run([sys.executable, "-c", look, str(file)], capture_output=True).stderr
    )
    log.handlers[0].close()
    assert sqlite3.connect(str(file)).execute("SELECT sum(records) FROM batches").fetchone() == (1,)
