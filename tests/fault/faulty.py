"""A server with fault.c in it, on a unix socket of its own, and the course of a test with it."""

import collections
import os
import re
import tempfile
import threading
import time
from pathlib import Path

from control import Control
from fcgi_peer import Program
from figures import note
from load import FORMAT, Load, Outcome
from server import ALL_LEVELS, wait_for

# By itself, and on a machine that has nothing else to do; see recovery_limit().
RECOVERY_SECONDS = 2

ROWS = []
HEADS = ("fault", "how it was made", "tries", "acknowledged", "lost", "torn", "what the client got", "recovered in (s)")


def recovery_limit():
    """The tests of others may run beside this one."""
    return RECOVERY_SECONDS * max(1, os.getloadavg()[0] / os.cpu_count())


class Stalls:
    """
    How long the machine stood still meanwhile, in `seconds`, once it is over: a thread that has next to nothing to do
    took so much longer, for the processor or for the disk. It is not what a server is to be blamed for.
    """

    PAUSE, USUAL = 0.01, 0.02

    def __init__(self):
        self.seconds = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with tempfile.TemporaryFile(buffering=0) as f:
            while not self._over.is_set():
                began = time.monotonic()
                time.sleep(self.PAUSE)
                f.write(b"x")
                os.fdatasync(f.fileno())
                self.seconds += max(0, time.monotonic() - began - self.USUAL)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def within(seconds, condition, what):
    """Waits for that, and returns how long it took: not longer than this, but for stalls of the machine."""
    with Stalls() as stalls:
        since = time.monotonic()
        wait_for(condition, what, seconds + 30)
        took = time.monotonic() - since
    assert took - stalls.seconds <= seconds, f"after {took:.2f} s only, {stalls.seconds:.2f} s of it the machine's: {what}"
    return took


def table():
    """The results so far, in Markdown."""
    lines = [HEADS, ("---",) * len(HEADS), *ROWS]
    return "".join("| " + " | ".join(str(x) for x in line) + " |\n" for line in lines)


def add_row(fault, how, sent, outcome, recovered):
    """A row of the table; recovered: seconds, or a word."""
    got = collections.Counter("closed" if s.status is None else s.status for s in sent)
    ROWS.append((fault, how, len(sent), got[200], len(outcome.lost), len(outcome.torn),
                 ", ".join(f"{status}: {n}" for status, n in sorted(got.items(), key=str)),
                 recovered if isinstance(recovered, str) else f"{recovered:.2f}"))
    note("faults", *ROWS[-1][1:], what=fault)


def put_row(*cells):
    """A row of what was not under load."""
    ROWS.append(cells)
    note("faults", *cells[1:], what=cells[0])


class FaultyServer(Program):
    """
    pbu-log-server with all levels, and the faults of `control`: those of `faults`, {point: arguments of Control.on()},
    are on from its first moment. It must start, unless it may_end: then `serves` tells.
    """

    def __init__(self, base, library, wrap=(), faults=None, may_end=False, **settings):
        self.folder = base / "logs"
        self.control = Control(base / "control")
        self.clock = settings.pop("clock", 0)
        self.control.shift_clock(self.clock)
        for point, how in (faults or {}).items():
            self.control.on(point, **how)
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.began = time.monotonic()
        super().__init__(base, "pbu-log-server", "s", "stderr", wrap, may_end, **{
            "LOG_FOLDER": self.folder, "LOG_FORMAT": FORMAT, "ENABLED_LOG_LEVELS": ALL_LEVELS, "LOG_FSYNC": "no",
            "LD_PRELOAD": library, "FAULT_CONTROL": base / "control", "ASAN_OPTIONS": asan, **settings,
        })
        self.stopped = not self.serves

    def count_said(self, pattern):
        return len(re.findall(pattern, self.said))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def inside(self, path):
        """A path as the server sees it, which may have mounts of its own."""
        return Path(f"/proc/{self.pid}/root{path}")

    def check_said(self):
        """Not more than one message a second of each kind, and no finding of a sanitizer."""
        kinds = collections.Counter()
        for line in self.said.splitlines():
            if "error: " in line:
                kinds[re.sub(r' \(and \d+ more like it\)|/[a-z]+\.log|/"', "", line)] += 1
        most = int(time.monotonic() - self.began) + 2
        assert all(n <= most for n in kinds.values()), kinds
        super().check_said()

    def stop(self):
        if not self.stopped:
            self.stopped = True
            super().stop()


class Recovery:
    """The fault is gone: measures how long the clients have to wait for their next 200."""

    def __init__(self, load):
        since = time.monotonic()
        within(recovery_limit(), lambda: load.recovered(since) is not None, "recovery")
        self.seconds = load.recovered(since)


class Course:
    """
    A fault under load: clients post, the fault comes, something is waited for, it goes, and the
    clients must be served again. Use:

        course = Course(server)
        server.control.on("writev", errno.ENOSPC)
        course.until_said("No space left")
        server.control.off("writev")
        course.over()
        outcome = course.end("ENOSPC", "a full tmpfs")
    """

    def __init__(self, server, clients=4, load=Load):
        self.server = server
        self.load = load(server.path, clients).start()
        self.recovered = None
        self.load.wait_for_more(200, 40)

    def until_said(self, reason, times=2):
        """Waits until the operator was told: the second time is a second later, with what was withheld."""
        wait_for(lambda: self.server.count_said(f"error: [^\n]*{reason}") >= times, f"{reason} on stderr")

    def over(self):
        """The fault is gone."""
        self.recovered = Recovery(self.load).seconds

    def end(self, fault, how, folders=None, since=0.0, crashed=False):
        """Stops the clients, compares the files with what was sent, and notes the results. The folders may be a function,
        to be called when the clients have stopped. For `since` and `crashed` see Outcome."""
        self.load.wait_for_more(200, 20)
        self.load.stop()
        sent = self.load.all()
        folders = folders() if callable(folders) else folders
        outcome = Outcome(sent, folders or [self.server.folder], since, self.load.text, crashed)
        add_row(fault, how, sent, outcome, self.recovered)
        outcome.check()
        assert {s.status for s in sent} <= {200, 503, None}
        self.server.check_said()
        return outcome

    def no_connection_closed(self):
        closed = [(s.key, round(s.end - s.begin, 3)) for s in self.load.all() if s.status is None]
        assert not closed, f"closed where an answer was due, after so many seconds: {closed}\n{self.server.said}"
