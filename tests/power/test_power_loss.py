"""What is acknowledged is on the disk: a virtual machine with the server in it loses its power.

Each cut kills QEMU while records are posted: the guest's page cache is gone with its memory, and the
write cache of its disk is lost (disk.py). Then its disk is mounted here and compared with what had been
answered 200 until that moment. The next cut goes on with the same disk.

POWER_CUTS is how many cuts LOG_FSYNC=always gets (3); everysec gets a quarter as many. POWER_SEED repeats
the moments of a run, which it can't do to the last instruction.
"""

import itertools
import json
import os
import random
import socket
import threading
import time
import zlib
from collections import Counter

import pytest

from fcgi_peer import Connection, request
from figures import note
from guest import Boot, Guest
from server import wait_for

CUTS = int(os.environ.get("POWER_CUTS") or 3)
SEED = int(os.environ.get("POWER_SEED") or random.SystemRandom().randrange(10**9))
CLIENTS = 6

# mode: cuts, seconds of traffic at least and at most
MODES = {"always": (CUTS, 1, 3), "everysec": (max(1, CUTS // 4), 2.5, 4), "no": (1, 1, 3)}

# Twice a second the server syncs what was written until then. A record can wait for half a second, and
# for the sync under way, and for its own; the guest is slow. It is a second by contract on a real machine.
EVERYSEC_MS = 2000

# Longer than a guest stands still, and by far not as long as its kernel waits until it writes by itself (30 s).
STILL_SECONDS = 10


def line(number):
    """The entry with a number; it can be told from any other bytes whatever."""
    size = 5000 if number % 10 == 0 else 50 + number * 37 % 800
    text = f"{number} " + (f"{number:x}." * size)[:size]
    return f"{text} {zlib.crc32(text.encode()):08x}"


def number_of(data):
    """The number of an entry; None for anything else than a whole one."""
    head = data.split(b" ", 1)[0]
    return int(head) if head.isdigit() and data == line(int(head)).encode() else None


class TcpConnection(Connection):
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)


class Traffic:
    """Clients that post without a pause until they are stopped, or the guest is gone."""

    def __init__(self, port, numbers):
        self.port, self.numbers = port, numbers
        self.acknowledged = {}  # number -> when its 200 was here
        self.trouble = []
        self.stopping = False
        self.threads = [threading.Thread(target=self._post, daemon=True) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _post(self):
        try:
            with TcpConnection(self.port) as connection:
                while not self.stopping:
                    number = next(self.numbers)
                    level = "ERROR" if number % 3 == 0 else "INFO"
                    connection.send(request(json.dumps({"msg": line(number), "levelname": level}).encode()))
                    status = connection.status()
                    if status is None:  # the end
                        return
                    if status != 200:
                        self.trouble.append(f"{status} for {number}")
                        return
                    self.acknowledged[number] = time.monotonic()
        except ConnectionError:
            pass
        except Exception as e:
            self.trouble.append(repr(e))

    def join(self):
        for thread in self.threads:
            thread.join(70)
            assert not thread.is_alive(), "a client still waits for its answer"
        assert not self.trouble, self.trouble


class Files:
    """The log files on a disk: the numbers of the whole entries, and the lines that are none."""

    def __init__(self, folder):
        self.numbers = Counter()
        self.torn = {}  # line -> its file
        self.order = {}  # file -> its lines, as numbers or bytes
        self.ends = {}  # file -> its last byte
        for path in sorted(folder.iterdir()):
            data = path.read_bytes()
            lines = data.split(b"\n")
            if lines[-1] == b"":
                lines.pop()
            found = [number_of(x) for x in lines]
            self.numbers.update(n for n in found if n is not None)
            self.torn |= {x: path.name for x, n in zip(lines, found) if n is None}
            self.order[path.name] = [x if n is None else n for x, n in zip(lines, found)]
            self.ends[path.name] = data[-1:]


class Run:
    """One mode: its guest, and what became of its records."""

    def __init__(self, boot, folder, mode):
        self.mode = mode
        self.rng = random.Random(f"{SEED} {mode}")
        self.guest = Guest(boot, folder, LOG_FSYNC=mode)
        self.numbers = itertools.count(1)
        self.label = mode
        self.cuts = 0
        self.acknowledged = 0
        self.missing = {}  # number -> ms between its acknowledgement and the cut
        self.due = set()  # those that must be there from now on
        self.torn = set()
        self.planted = set()  # those of them that were made by hand
        self.cache_kept = self.cache_size = 0

    def cut(self, least, most):
        """Boots, posts, cuts the power at a random moment, and compares."""
        self.guest.start()
        traffic = Traffic(self.guest.port, self.numbers)
        try:
            wait_for(lambda: traffic.acknowledged or traffic.trouble, "the first answer", 60)
            time.sleep(self.rng.uniform(least, most))  # the moment of the cut
        finally:
            at = time.monotonic()
            self.guest.kill()
        self.cuts += 1
        traffic.join()
        self.compare(traffic.acknowledged, at)

    def compare(self, acknowledged, at):
        kept, size = self.guest.lose_cache(self.rng)
        self.cache_kept += kept
        self.cache_size += size
        with self.guest.mounted() as root:
            files = Files(root / "logs")
        twice = [n for n, times in files.numbers.items() if times > 1]
        assert not twice, f"written twice: {twice}"
        lost = self.due - files.numbers.keys()
        assert not lost, f"there after an earlier cut, gone now: {sorted(lost)}"
        missing = {n: max(0, (at - when) * 1000) for n, when in acknowledged.items() if n not in files.numbers}
        self.check_torn_lines(files, acknowledged)
        self.acknowledged += len(acknowledged)
        self.missing |= missing
        self.due |= files.numbers.keys()
        return files

    def check_torn_lines(self, files, acknowledged):
        """With always, a line that is torn can only be of the group that was being written: after all
        that was acknowledged."""
        # The bytes tell: a line that was torn earlier may be in a file of another name by now.
        new = files.torn.keys() - self.torn
        self.torn |= new
        if self.mode != "always":
            return
        for torn in new:
            name = files.torn[torn]
            lines = files.order[name]
            behind = [x for x in lines[lines.index(torn):] if x in acknowledged]
            assert not behind, f"{name}: {torn[:80]!r}... is before {behind}, which were acknowledged"

    def last_start(self):
        """What a cut has torn does no harm to what comes next: the line is ended first."""
        self.plant()
        self.guest.settings["LOG_FSYNC"] = "always"
        self.guest.start()
        traffic = Traffic(self.guest.port, self.numbers)
        try:
            wait_for(lambda: len(traffic.acknowledged) >= 20 or traffic.trouble, "20 answers", 60)
            traffic.stopping = True
            traffic.join()
        finally:
            self.guest.kill()
        torn, missing = set(self.torn), dict(self.missing)
        files = self.compare(traffic.acknowledged, time.monotonic())
        # No record was under way at this cut, so nothing can be new there but what was acknowledged.
        assert self.missing == missing, f"missing: {sorted(self.missing.keys() - missing.keys())}"
        assert self.torn == torn, f"torn, or grown together: {self.torn - torn}"
        assert files.ends["info.log"] == files.ends["error.log"] == b"\n"
        return files

    def plant(self):
        """A cut tears a line now and then only: where the last has not, puts the start of one there."""
        with self.guest.mounted() as root:
            for name in ("info.log", "error.log"):
                # It need not be there: the cut may have come within a roll-over.
                with open(root / "logs" / name, "a+b") as f:
                    if f.seek(0, os.SEEK_END) > 0:
                        f.seek(-1, os.SEEK_END)
                        if f.read() != b"\n":
                            continue
                    torn = line(next(self.numbers)).encode()[:40]
                    f.write(torn)
                    self.planted.add(torn)
        self.torn |= self.planted

    def note(self):
        """For doc/RELIABILITY.md."""
        oldest = f"{max(self.missing.values()):.0f} ms" if self.missing else "-"
        note("power", self.cuts, f"{self.acknowledged:,}", f"{len(self.missing):,}", len(self.torn - self.planted), oldest,
             what=f"`LOG_FSYNC={self.label}`")

    def row(self):
        oldest = f"{max(self.missing.values()):.0f}" if self.missing else "-"
        cache = f"{self.cache_kept} of {self.cache_size}"
        return (f"{self.label:26}| {self.cuts:4} | {self.acknowledged:13}| {len(self.missing):8}| "
                f"{len(self.torn - self.planted):11}| {oldest:>28} | {cache}")


HEAD = ("mode                      | cuts | acknowledged | missing | torn lines | oldest missing, ms before cut | "
        "unflushed sectors kept by the disk")


@pytest.fixture(scope="module")
def boot(tmp_path_factory):
    boot = Boot(tmp_path_factory.mktemp("boot"))
    yield boot
    boot.initramfs.unlink()


@pytest.fixture
def run(request, boot, tmp_path, capsys):
    run = Run(boot, tmp_path, request.param)
    yield run
    try:
        with capsys.disabled():
            print(f"\nPOWER_SEED={SEED}\n{HEAD}\n{run.row()}")
        run.note()
    finally:
        run.guest.close()
        # Large, and of no use any more.
        run.guest.image.unlink()


@pytest.mark.parametrize("run", ["always"], indirect=True)
def test_always_loses_nothing(run):
    cuts, least, most = MODES["always"]
    for _ in range(cuts):
        run.cut(least, most)
        assert not run.missing, f"seed {SEED}: acknowledged and missing, ms before the cut: {run.missing}"
    files = run.last_start()
    assert len(files.order) > 2, f"nothing was rolled over: {list(files.order)}"


@pytest.mark.parametrize("run", ["everysec"], indirect=True)
def test_everysec_loses_the_last_second_at_most(run):
    cuts, least, most = MODES["everysec"]
    for _ in range(cuts):
        run.cut(least, most)
        old = {n: ms for n, ms in run.missing.items() if ms > EVERYSEC_MS}
        assert not old, f"seed {SEED}: acknowledged and missing, ms before the cut: {old}"
    run.last_start()


@pytest.mark.parametrize("run", ["everysec"], indirect=True)
def test_everysec_syncs_what_a_killed_server_wrote(run):
    """The last second of a server that was killed is synced by its successor, who finds it written."""
    run.label = "everysec, after a kill"
    run.guest.start()
    traffic = Traffic(run.guest.port, run.numbers)
    try:
        wait_for(lambda: len(traffic.acknowledged) >= 200 or traffic.trouble, "200 answers", 60)
        run.guest.kill_server()
        traffic.stopping = True
        # Where the guest stands still for a while, so does its clock: its time begins with the first flush. (If that
        # came before this look there is none any more, as nothing is written.)
        before, until = run.guest.disk.flushes, time.monotonic() + STILL_SECONDS
        wait_for(lambda: run.guest.disk.flushes > before or time.monotonic() > until, "a flush, or long enough", 60)
        time.sleep(EVERYSEC_MS / 1000)  # the moment of the cut
    finally:
        at = time.monotonic()
        run.guest.kill()
    # Not before the cut: QEMU's network may keep from a client that its server has gone.
    traffic.join()
    run.cuts += 1
    run.compare(traffic.acknowledged, at)
    assert not run.missing, f"acknowledged and missing, ms before the cut: {run.missing}"


@pytest.mark.parametrize("run", ["no"], indirect=True)
def test_no_loses_records(run):
    """This is what shows that the power is really cut: nothing was synced, and so something is missing."""
    run.cut(*MODES["no"][1:])
    assert run.missing, f"seed {SEED}: nothing of {run.acknowledged} records is missing"
