"""Roll-over that fails, clocks that jump, and days that are not 24 hours long."""

import calendar
import errno
import os
import subprocess
import time

import pytest

from faulty import Course
from server import wait_for

DAY = 86400


def utc(*when):
    return calendar.timegm((*when, 0, 0, 0)[:6])


def mid_day():
    """A shift of the clock to the middle of a day, so that no midnight comes by itself."""
    return utc(2026, 6, 15, 12) - time.time()


def monotonic_of(seconds):
    """When time.time() is that, by time.monotonic(): of two looks that nothing came between."""
    while True:
        before, now, after = time.monotonic(), time.time(), time.monotonic()
        if after - before < 0.01:
            return before + seconds - now


def rolled(server):
    return sorted(p.name for p in server.folder.iterdir() if p.name.startswith("info.log."))


def test_renaming_fails_at_a_size(start):
    server = start(LOG_MAX_BYTES=100_000, LOG_BACKUP_COUNT=0)
    course = Course(server)
    server.control.on("rename", errno.EIO)
    course.until_said("can't roll over .*: Input/output error")
    assert (server.folder / "info.log").stat().st_size > 100_000
    before = rolled(server)
    server.control.off("rename")
    since = time.monotonic()
    wait_for(lambda: len(rolled(server)) > len(before), "a roll-over")
    by = time.monotonic() - since
    course.over()
    course.recovered = max(course.recovered, by)
    course.end("renaming fails at a roll-over by size", "LD_PRELOAD: renameat2 EIO")
    assert course.load.count(200) == len(course.load.all())


def test_a_file_system_that_cannot_keep_from_replacing(start):
    server = start(LOG_MAX_BYTES=100_000, LOG_BACKUP_COUNT=0)
    server.control.on("rename", errno.EINVAL)
    course = Course(server)
    wait_for(lambda: len(rolled(server)) > 3, "roll-overs by link and unlink")
    server.control.off("rename")
    course.over()
    course.end("no RENAME_NOREPLACE", "LD_PRELOAD: renameat2 EINVAL")
    assert course.load.count(200) == len(course.load.all())


@pytest.mark.parametrize("how", ["LD_PRELOAD: renameat2 ENOSPC", "chattr +i on the folder"])
def test_renaming_fails_at_midnight(start, how):
    server = start(clock=mid_day())
    course = Course(server)
    real = how.startswith("chattr")
    if real:
        subprocess.run(["chattr", "+i", server.folder], check=True)
    else:
        server.control.on("rename", errno.ENOSPC)
    try:
        server.control.shift_clock(server.clock + DAY)
        course.until_said("can't roll over .*: " + ("Operation not permitted" if real else "No space left on device"))
        course.load.wait_for_more(200)
        assert rolled(server) == []
    finally:
        if real:
            subprocess.run(["chattr", "-i", server.folder], check=True)
    server.control.off("rename")
    since = time.monotonic()
    wait_for(lambda: rolled(server) == ["info.log.2026-06-15"], "the roll-over")
    by = time.monotonic() - since
    course.over()
    course.recovered = max(course.recovered, by)
    course.end("renaming fails at midnight", how)
    assert course.load.count(200) == len(course.load.all())


def test_opening_the_new_file_fails_at_midnight(start):
    server = start(clock=mid_day())
    course = Course(server)
    server.control.on("openat", errno.ENOSPC)
    server.control.shift_clock(server.clock + DAY)
    course.load.wait_for_more(503)
    course.until_said("No space left on device")
    server.control.off("openat")
    course.over()
    course.end("no new file at midnight", "LD_PRELOAD: openat ENOSPC")
    course.no_connection_closed()


def test_the_clock_jumps_a_day_forward_and_back(start):
    server = start(clock=mid_day())
    course = Course(server)
    for jump, names in (
        (1, ["info.log.2026-06-15"]),
        (0, ["info.log.2026-06-15"]),  # back: the file goes on
        (1, ["info.log.2026-06-15", "info.log.2026-06-15.1"]),
    ):
        server.control.shift_clock(server.clock + jump * DAY)
        course.load.wait_for_more(200, 50)
        wait_for(lambda: rolled(server) == names, f"{names}, not {rolled(server)}")
    server.control.shift_clock(server.clock - DAY)
    course.over()
    course.end("the clock jumps a day forward and back", "LD_PRELOAD: clock_gettime")
    assert course.load.count(200) == len(course.load.all())
    assert "error:" not in server.said


# The seconds (UTC) at which a period should end, and what its file is called then; None: it does not end.
CHANGES = {
    # 03:00 summer time is 02:00: two hours of one name.
    ("Europe/Berlin", "hourly", "autumn"): [((2026, 10, 25, 1), "2026-10-25_02"), ((2026, 10, 25, 2), "2026-10-25_02.1")],
    # 02:00 is 03:00.
    ("Europe/Berlin", "hourly", "spring"): [((2026, 3, 29, 1), "2026-03-29_01"), ((2026, 3, 29, 2), "2026-03-29_03")],
    # There is no midnight: 00:00 is 01:00.
    ("America/Havana", "daily", "spring"): [((2026, 3, 8, 5), "2026-03-07"), ((2026, 3, 9, 4), "2026-03-08")],
    # 01:00 is 00:00: midnight comes twice, and only the first begins a day.
    ("America/Havana", "daily", "autumn"): [((2026, 11, 1, 4), "2026-10-31"), ((2026, 11, 1, 5), None),
                                            ((2026, 11, 2, 5), "2026-11-01")],
}


@pytest.mark.parametrize("zone, rotate, season", CHANGES)
def test_the_hour_changes_at_a_roll_over(start, zone, rotate, season):
    assert os.path.exists(f"/usr/share/zoneinfo/{zone}"), "tzdata is missing: ./test.sh installs it"
    changes = CHANGES[zone, rotate, season]
    # Within the period that the first change ends, however long the start takes.
    server = start(clock=utc(*changes[0][0]) - 600 - time.time(), TZ=zone, LOG_ROTATE=rotate)
    course = Course(server)
    expected, instants = [], []
    for when, name in changes:
        shift = utc(*when) - 0.7 - time.time()
        server.control.shift_clock(shift)
        instant = monotonic_of(utc(*when) - shift)
        wait_for(lambda: time.monotonic() > instant, "the time has come", 10)
        course.load.wait_for_more(200, 30)
        if name is not None:
            expected.append(f"info.log.{name}")
            instants.append(instant)
        wait_for(lambda: rolled(server) == expected, f"{expected}, not {rolled(server)}")
    course.over()
    outcome = course.end(f"{zone}, {season}, {rotate}", "LD_PRELOAD: clock_gettime; TZ")
    assert course.load.count(200) == len(course.load.all())
    # Each record is in the file of the period in which it was sent.
    near = 0.05  # the two clocks are not read at once
    names = [*expected, "info.log"]
    for sent in course.load.all():
        at = names.index(outcome.file("info", sent.key))
        assert at == 0 or sent.end > instants[at - 1] - near, (sent.key, names[at])
        assert at == len(instants) or sent.begin < instants[at] + near, (sent.key, names[at])
