"""Nothing lost, nothing twice: programs log on while all that can happen to a server and to a connection happens.

Each record must be in the files, in order for each process. Twice may be what a server had written, but not answered yet,
when it died: its memory of what it took died with it. The tests count those, and tell each from others by its place.
PBU_SEED repeats where connections are cut.
"""

import os
import random
import re

import pytest
from outcome import FILES, outcome
from program import Program
from proxy import Proxy
from server import wait_for
from small_disk import SmallDisk
from storm import Storm

SEED = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))
BATCH = 500


@pytest.fixture
def disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a disk that can be filled is a mount: run this as root")
    disk = SmallDisk(tmp_path / "disk", 96)
    yield disk
    disk.close()


@pytest.fixture
def stormy(start_server, disk):
    """A server whose files are on a small disk."""
    server = start_server(before=disk.before, LOG_FOLDER=str(disk.folder / "logs"))
    server.folder = disk.seen / "logs"
    return server


class Course:
    """Programs that log through a proxy, with one spool; at the end all of it must be there."""

    def __init__(self, folder, proxy, processes, records, rate):
        self.folder, self.proxy, self.spool = folder, proxy, folder / "spool"
        self.processes, self.records = processes, records
        self.programs = [
            Program(folder, proxy.url, "steady.py", str(k), str(records), str(rate), spool=self.spool,
                    shutdown_timeout=2.0, timeout=2.0)
            for k in range(processes)]
        wait_for(lambda: all("ready" in p.stdout for p in self.programs), "the programs run")

    def going_on(self, share=1.0):
        """Waits until they have logged this share of their records."""
        due = share * self.processes * self.records
        wait_for(lambda: self.programs[0].logged() >= due or not any(p.process.poll() is None for p in self.programs),
                 f"{due} records", 120)

    def end(self, server, storm):
        for program in self.programs:
            program.ends_well(quiet=False, seconds=120)
            assert "done" in program.stdout
        self.proxy.share = 0.0
        # What is left in the spool goes with the next start.
        Program(self.folder, self.proxy.url, "plain.py", "1", "1", "return", spool=self.spool).ends_well(quiet=False)
        result = outcome(server, self.folder / "witness")
        print(f"seed {SEED}: {result.logged} records of {self.processes} processes; {', '.join(storm.done)}; "
              f"{self.proxy.connections} connections, {self.proxy.cut_requests} cut in a request, {self.proxy.cut_answers} in "
              f"an answer: {result.lost_count} lost, {len(result.twice)} twice, {len(storm.deaths)} deaths of the server")
        return result

    def close(self):
        for program in self.programs:
            program.clear()


@pytest.fixture
def begin(tmp_path, stormy, request):
    courses = []

    def start(processes, records, rate, share):
        proxy = Proxy(stormy.port, SEED, share)
        courses.append(Course(tmp_path, proxy, processes, records, rate))
        return courses[-1]

    yield start
    for course in courses:
        course.close()
        course.proxy.close()


def check_twice(server, result, deaths):
    """What is there twice has a death of the server between its first place and its second."""
    text = "".join(server.read(name) for name in FILES if name == "info.log")
    for entry in set(result.twice):
        places = [m.start() for m in re.finditer(re.escape(entry), text)]
        for first, second in zip(places, places[1:]):
            assert any(first < after and second >= before for before, after in deaths), \
                f"{entry!r} at {first} and {second}, but the server died at {deaths}"


def test_nothing_twice_while_the_server_lives(begin, stormy, disk):
    """Cut connections, a full disk, a server that hangs, nginx that is restarted: whatever was written is remembered."""
    course, storm = begin(4, 2_500, 400, 0.7), Storm(stormy, disk)
    course.going_on(0.1)
    storm.kill_nginx_workers()
    storm.fill_disk()
    course.going_on(0.4)
    storm.hang_server(2.5)
    storm.reload_nginx()
    course.going_on()
    result = course.end(stormy, storm)
    result.check()
    assert course.proxy.cut_requests and course.proxy.cut_answers


def test_nothing_lost_when_the_server_dies(begin, stormy, disk):
    course, storm = begin(4, 2_500, 400, 0.5), Storm(stormy, disk)
    course.going_on(0.1)
    storm.kill_server()
    course.going_on(0.3)
    storm.stop_all(1)
    storm.kill_server()
    course.going_on()
    result = course.end(stormy, storm)
    check_twice(stormy, result, storm.deaths)
    assert len(result.twice) <= len(storm.deaths) * course.processes * BATCH
    result.twice.clear()
    result.check()


@pytest.mark.slow
def test_200000_records_of_8_processes(begin, stormy, disk):
    course, storm = begin(8, 25_000, 500, 0.6), Storm(stormy, disk)
    for turn in range(3):
        storm.kill_server()
        storm.fill_disk()
        storm.kill_nginx_workers()
        storm.hang_server(3)
        storm.reload_nginx()
        storm.kill_server()
        if turn == 0:
            storm.stop_all(5)
        elif turn == 1:
            storm.kill_nginx()
        course.going_on((turn + 1) / 4)
    course.going_on()
    result = course.end(stormy, storm)
    assert result.logged == 200_002
    check_twice(stormy, result, storm.deaths)
    assert len(result.twice) <= len(storm.deaths) * course.processes * BATCH
    result.twice.clear()
    result.check()
