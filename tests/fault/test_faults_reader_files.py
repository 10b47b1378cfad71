"""What others do to the folder and its files while pbu-log-reader reads them."""

import os
import shutil
import subprocess
import threading
import time

import pytest

import faulty
from reading import Reader, Tail, answer_of
from server import wait_for

STAMP = "2026-11-24 10:00:00,000 INFO:app "
# Root may read whatever it likes, but for this.
NO_OVERRIDE = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
# A mount namespace that goes with the reader.
OWN_MOUNTS = ["unshare", "-m", "--propagation", "private"]


def write(folder, *texts, name="info.log", mode="a"):
    with open(folder / name, mode) as f:
        f.writelines(f"{STAMP}{text}\n" for text in texts)


def texts(answer):
    assert answer.status == 200 and not answer.cut and answer.end["why"] is None, answer.body[-500:]
    return [text.removeprefix(STAMP) for text in answer.texts]


def row(what, how, tries, whole, got):
    faulty.put_row(f"reader: {what}", how, tries, whole, 0, 0, got, "next request")


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(**settings):
        (tmp_path / "logs").mkdir(exist_ok=True)
        started.append(Reader(tmp_path, **settings))
        return started[-1]

    yield begin
    try:
        for reader in started:
            reader.stop()
    finally:
        for reader in started:
            reader.kill()


def test_the_folder_is_deleted_and_comes_again(start):
    reader = start()
    write(reader.folder, "one")
    tail = Tail(reader)
    for n in range(5):
        shutil.rmtree(reader.folder)
        assert texts(reader.query()) == []
        assert reader.get("/api/log/files").json() == {"files": []}
        assert reader.get("/api/log/hits").end["matched"] == 0
        assert reader.get("/api/log/raw").body == b""
        assert reader.get("/api/log/health").status == 200
        reader.folder.mkdir()
        write(reader.folder, f"again {n}")
        assert texts(reader.query()) == [f"again {n}"]
        wait_for(lambda: tail.texts == [f"{STAMP}again {i}" for i in range(n + 1)], f"the tail goes on, {tail.texts}")
    assert not tail.ended
    tail.close()
    row("the folder is deleted, and comes again", "rmtree, under a tail", 5, 5, "nothing, then what is there")


def test_permissions_are_taken_away(start):
    reader = start(wrap=NO_OVERRIDE)
    write(reader.folder, "old", name="info.log.2026-11-23")
    write(reader.folder, "new")
    assert texts(reader.query()) == ["new", "old"]
    for path, mode in ((reader.folder, 0o755), (reader.folder / "info.log", 0o644)):
        path.chmod(0)
        answer = reader.query()
        assert answer.status == 503, answer.body
        assert answer.error == "the log folder can't be read: Permission denied"
        raw = reader.get("/api/log/raw")
        assert raw.status == 503 or raw.cut
        assert reader.get("/api/log/files").status == 503
        path.chmod(mode)
        assert texts(reader.query()) == ["new", "old"]
    row("permissions are taken away", "chmod 0: the folder, a file", 6, 0, "503: 6")


def test_another_file_system_is_mounted_over_it(start):
    reader = start(wrap=OWN_MOUNTS)
    write(reader.folder, "below")
    tail = Tail(reader)
    inside = ["nsenter", "-t", str(reader.pid), "-m", "--"]
    subprocess.run([*inside, "mount", "-t", "tmpfs", "tmpfs", reader.folder], check=True)
    assert texts(reader.query()) == []
    subprocess.run([*inside, "sh", "-c", f"echo '{STAMP}above' >{reader.folder}/info.log"], check=True)
    assert texts(reader.query()) == ["above"]
    wait_for(lambda: tail.texts == [f"{STAMP}above"], f"the tail sees it, {tail.texts}")
    subprocess.run([*inside, "umount", "-l", reader.folder], check=True)
    assert texts(reader.query()) == ["below"]
    write(reader.folder, "below again")
    wait_for(lambda: f"{STAMP}below again" in tail.texts, "the tail comes back")
    tail.close()
    row("another file system is mounted over the folder", "tmpfs; umount -l", 3, 3, "what is there")


BIG = 50_000


@pytest.mark.parametrize("what", ["deleted", "truncated", "replaced", "written anew"])
def test_a_file_goes_away_while_a_query_reads_it(start, what):
    """What is left is given, or it says that it failed; no crash (which a mapped file would be)."""
    reader = start(QUERY_TIMEOUT=60)
    path = reader.folder / "info.log"
    got = []
    for direction in ("forward", "backward"):
        for request in ("/api/log/query", "/api/log/raw", "/api/log/hits"):
            write(reader.folder, *(f"entry {n} {'x' * 60}" for n in range(BIG)), mode="w")
            connection = reader.ask(request, {"limit": BIG * 2, "direction": direction} if "hits" not in request else "")
            first = answer_of(connection, 100_000)
            if what == "deleted":
                path.unlink()
            elif what == "truncated":
                os.truncate(path, 1000)
            elif what == "replaced":
                (reader.folder / "fresh").write_text(f"{STAMP}fresh\n")
                (reader.folder / "fresh").rename(path)
            else:
                write(reader.folder, *("anew" for _ in range(10)), mode="w")
            rest = answer_of(connection)
            connection.socket.close()
            assert first.status == 200
            got.append("cut" if first.cut and rest.cut else "whole")
            path.unlink(missing_ok=True)
            write(reader.folder, "after")
            assert texts(reader.query()) == ["after"]
            path.unlink()
    reader.settle()
    row(f"a file is {what} while it is read", "queries, downloads, histograms", len(got), got.count("whole"),
        "what is left of it")


@pytest.mark.parametrize("what", ["deleted", "truncated", "replaced", "written anew"])
def test_a_file_goes_away_under_a_tail(start, what):
    reader = start()
    path = reader.folder / "info.log"
    write(reader.folder, "before")
    tail = Tail(reader)
    for n in range(20):
        write(reader.folder, f"line {n}")
        wait_for(lambda: tail.texts[-1:] == [f"{STAMP}line {n}"], f"line {n}, {tail.texts[-3:]}")
        if what == "deleted":
            path.unlink()
        elif what == "truncated":
            os.truncate(path, 0)
        elif what == "replaced":
            (reader.folder / "fresh").write_text("")
            (reader.folder / "fresh").rename(path)
        else:
            write(reader.folder, f"anew {n}", mode="w")
            wait_for(lambda: tail.texts[-1:] == [f"{STAMP}anew {n}"], f"anew {n}, {tail.texts[-3:]}")
    tail.close()
    row(f"a file is {what} under a tail", "twenty times", 20, 20, "each line, once")


def test_the_folder_changes_all_the_time(start):
    """Files come, go, are renamed and cut, as fast as they can be, under queries of all kinds."""
    reader = start()
    over = threading.Event()

    def disturb():
        n = 0
        while not over.is_set():
            n += 1
            write(reader.folder, *(f"line {n} {i}" for i in range(50)))
            if n % 3 == 0:
                os.rename(reader.folder / "info.log", reader.folder / f"info.log.{n % 9}")
            if n % 7 == 0:
                for path in reader.folder.glob("info.log.*"):
                    path.unlink()
            if n % 5 == 0:
                write(reader.folder, mode="w")
            if n % 50 == 0:
                shutil.rmtree(reader.folder)
                reader.folder.mkdir()

    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    tail = Tail(reader)
    assert tail.head.startswith("Status: 200"), tail.head
    tries, end = 0, time.monotonic() + 5
    try:
        while time.monotonic() < end:
            for path, selection in (("query", {}), ("query", {"direction": "forward", "q": "line"}), ("hits", {}), ("files", {}),
                                    ("raw", {}), ("query", {"start": "2026-11-24", "limit": 1000})):
                answer = reader.get(f"/api/log/{path}", **selection)
                assert answer.status == 200, answer.body
                assert path in ("raw", "files") or answer.end["why"] in (None, "limit"), answer.end
                tries += 1
    finally:
        over.set()
        thread.join()
    write(reader.folder, "the last")

    def shows_the_last():
        nonlocal tail
        if tail.ended:
            # What it had not seen went with the folder, which it may notice only now. A browser comes again.
            tail.close()
            tail = Tail(reader)
            write(reader.folder, "the last")
        return tail.texts[-1:] == [f"{STAMP}the last"]

    wait_for(shows_the_last, "the tail is there still")
    tail.close()
    row("the folder changes all the time", "renamed, cut, deleted, made again", tries, tries, f"200: {tries}")
