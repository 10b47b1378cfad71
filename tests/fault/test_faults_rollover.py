"""A request whose entries roll files over is written as a whole or not at all, whatever fails in between; and what was
acknowledged before is not pruned for it."""

import datetime
import errno
import json
import os
import subprocess

import pytest

from faulty import Course
from fcgi_peer import request
from load import LEVELS, Load, check_answer
from server import wait_for
from test_faults import NO_SPACE, SMALL_TMPFS

MAX_BYTES = 100_000

# What a batch is made of takes ten files of that size.
RECORDS = 120
TEXT = "x" * 8000


def post(server, records):
    with server.connect() as c:
        c.send(request(json.dumps(records).encode()))
        return check_answer(c.answer())


def record(text, level="info"):
    return {"msg": text, "levelname": level.upper(), "levelno": LEVELS[level]}


def batch(mark, last="info"):
    return [record(f"{mark} {TEXT}")] * RECORDS + [record(mark, last)]


def files(folder, level="info"):
    return sorted(p for p in folder.iterdir() if p.name.startswith(f"{level}.log"))


def count(folder, mark, level="info"):
    """The lines with that mark, in all the files of the level."""
    return sum(f"root {mark}" in line for p in files(folder, level) for line in p.read_text().splitlines())


def names(folder):
    """Without stat(2): a file may be deleted meanwhile."""
    return {entry.name: entry.inode() for entry in os.scandir(folder) if entry.name.startswith("info.log")}


def fill_but(folder, left):
    """Leaves so many bytes free in the file system."""
    filler = open(folder / "filler", "wb", buffering=0)
    try:
        while filler.write(bytes(65536)) == 65536:
            pass
    except OSError as e:
        assert e.errno == errno.ENOSPC
    filler.truncate(filler.tell() - left)
    return filler


def test_a_disk_that_fills_up_within_a_batch(start):
    server = start(wrap=SMALL_TMPFS, LOG_MAX_BYTES=MAX_BYTES)
    folder = server.inside(server.folder)
    wait_for(lambda: (folder / "info.log").exists(), "the mount")
    assert post(server, [record("before")] * 100) == 200
    before = names(folder)
    filler = fill_but(folder, 500_000)
    for _ in range(5):
        assert post(server, batch("refused")) == 503
        assert count(folder, "refused") == 0
        assert count(folder, "before") == 100
        assert names(folder) == before
    filler.truncate(0)
    filler.close()
    assert post(server, batch("taken")) == 200
    assert count(folder, "taken") == RECORDS + 1 and count(folder, "before") == 100
    assert all(p.stat().st_size <= MAX_BYTES for p in files(folder))
    assert NO_SPACE in server.said


def test_a_batch_that_always_fails_prunes_nothing(start):
    server = start(LOG_MAX_BYTES=MAX_BYTES)
    for _ in range(10):
        assert post(server, [record("before " + "y" * 2000)] * 100) == 200
    subprocess.run(["chattr", "+i", server.folder / "error.log"], check=True)
    try:
        for _ in range(16):
            assert post(server, batch("refused", "error")) == 503
    finally:
        subprocess.run(["chattr", "-i", server.folder / "error.log"], check=True)
    assert count(server.folder, "refused") == 0
    assert count(server.folder, "before") == 1000
    assert post(server, batch("taken", "error")) == 200
    assert count(server.folder, "taken") == RECORDS and count(server.folder, "taken", "error") == 1
    assert all(p.stat().st_size <= MAX_BYTES for p in files(server.folder))


@pytest.mark.parametrize("sync", ["no", "everysec", "always"])
@pytest.mark.parametrize("point", ["unlink", "rename_back", "ftruncate"])
def test_taking_a_roll_over_back_fails(start, point, sync):
    """The level takes nothing until what was begun is taken back; the others go on."""
    server = start(LOG_MAX_BYTES=MAX_BYTES, LOG_FSYNC=sync)
    assert post(server, [record("before")] * 10) == 200
    before = names(server.folder)
    server.control.on(point, errno.EIO)
    server.control.on("writev", errno.ENOSPC, skip=5)
    assert post(server, batch("refused")) == 503
    server.control.off("writev")
    assert server.control.hits(point) > 0
    for _ in range(3):
        assert post(server, record("refused")) == 503
        assert post(server, record("taken", "error")) == 200
    server.control.off(point)
    # By itself, with the next tick; it shows in the files before anything is written to them.
    wait_for(lambda: names(server.folder) == before and count(server.folder, "refused") == 0, "it is taken back")
    assert post(server, record("after")) == 200
    assert count(server.folder, "before") == 10 and count(server.folder, "after") == 1
    assert count(server.folder, "taken", "error") == 3


def test_the_new_file_cannot_be_opened(start):
    server = start(LOG_MAX_BYTES=MAX_BYTES)
    assert post(server, [record("before")] * 10) == 200
    before = names(server.folder)
    server.control.on("openat", errno.EMFILE)
    for _ in range(3):
        assert post(server, batch("refused")) == 503
        assert names(server.folder) == before and count(server.folder, "refused") == 0
        assert post(server, record("between")) == 200
    server.control.off("openat")
    assert post(server, batch("taken")) == 200
    assert count(server.folder, "before") == 10 and count(server.folder, "between") == 3


class BatchLoad(Load):
    """Batches that take several files of 10,000 bytes."""

    @staticmethod
    def text(key):
        return f"{key} {'x' * (4000 + int(key.rsplit('.', 1)[1]) * 37 % 3000)} ;"

    def levels(self, number):
        return tuple(LEVELS)


@pytest.mark.parametrize("point", ["writev", "rename", "openat"])
def test_roll_overs_under_load_that_fail_now_and_then(start, point):
    server = start(LOG_MAX_BYTES=10_000, LOG_BACKUP_COUNT=0)
    course = Course(server, load=BatchLoad)
    server.control.on(point, errno.ENOSPC, period=7, bytes=1000 if point == "writev" else 0)
    course.load.wait_for_more(200, 200)
    wait_for(lambda: server.control.hits(point) > 50, f"{point} failed")
    server.control.off(point)
    course.over()
    course.end(f"{point} fails every seventh time, files of 10,000 bytes", f"LD_PRELOAD: {point} ENOSPC")
    course.no_connection_closed()


def test_files_of_the_future_are_kept_and_not_counted(start):
    first = start()
    server = None
    first.stop()
    for n in range(30):
        (first.folder / ("info.log.2131-01-01" + (f".{n}" if n else ""))).write_text("of the future\n")
    today = datetime.datetime.now(datetime.timezone.utc).date()
    old = today - datetime.timedelta(days=3)
    for n in range(35):
        (first.folder / (f"info.log.{old}" + (f".{n}" if n else ""))).write_text("old\n")
    server = start(LOG_FOLDER=first.folder, LOG_MAX_BYTES=3000, LOG_ROTATE="never")
    # The oldest go, and each is named.
    wait_for(lambda: len(list(first.folder.glob(f"info.log.{old}*"))) == 30, "pruning")
    for name in (f"info.log.{old}", f"info.log.{old}.4"):
        wait_for(lambda: f"deleted {name}" in server.said, f"{name} is said, {server.said}")
    for n in range(20):
        assert post(server, record(f"kept {n} " + "x" * 2000)) == 200
    wait_for(lambda: len([p for p in files(first.folder) if "2131" not in p.name]) == 31, "pruning")
    assert count(first.folder, "kept") == 20
    assert len(list(first.folder.glob("info.log.2131*"))) == 30
    # Once, though it was pruned after each of the roll-overs.
    seen = server.count_said("warning: .*info.log.2131-01-01")
    assert seen == 1, server.said


def test_a_folder_that_cannot_be_read_to_its_end(start):
    """Nothing is pruned then: what is not listed might be older."""
    server = start(LOG_MAX_BYTES=3000, LOG_BACKUP_COUNT=2)
    server.control.on("readdir", errno.EIO, skip=3)
    for n in range(20):
        assert post(server, record(f"kept {n} " + "x" * 2000)) == 200
    wait_for(lambda: "can't delete the oldest of" in server.said, "it is said")
    assert count(server.folder, "kept") == 20
    assert "deleted" not in server.said
    server.control.off("readdir")
    wait_for(lambda: len(files(server.folder)) == 3, "pruning")


def test_a_roll_over_lists_nothing(start):
    """How many files there are does not matter for it: it opens the new file, and no folder."""
    server = start(LOG_MAX_BYTES=3000, LOG_BACKUP_COUNT=0, LOG_ROTATE="never")
    assert post(server, record("first " + "x" * 2000)) == 200
    opened, read = server.control.get("openat", "seen"), server.control.get("readdir", "seen")
    for n in range(20):
        assert post(server, record(f"{n} " + "x" * 2000)) == 200
    assert len(files(server.folder)) == 21
    assert server.control.get("openat", "seen") == opened + 20
    assert server.control.get("readdir", "seen") == read


def test_a_number_at_the_end_of_nine_digits(start):
    first = start()
    first.stop()
    today = datetime.datetime.now(datetime.timezone.utc).date()
    for name in (f"info.log.{today}.999999999", f"error.log.{today}.999999999999999999"):
        (first.folder / name).write_text("")
    server = start(LOG_FOLDER=first.folder, LOG_MAX_BYTES=3000, LOG_ROTATE="never", LOG_BACKUP_COUNT=0)
    for level in ("info", "error"):
        for n in range(6):
            assert post(server, record(f"kept {n} " + "x" * 2000, level)) == 200
    assert "can't roll over" not in server.said
    assert (first.folder / f"info.log.{today}.1000000004").exists()
    assert (first.folder / f"error.log.{today}.4").exists()
    assert count(first.folder, "kept") == 6 and count(first.folder, "kept", "error") == 6
