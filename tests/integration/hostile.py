"""Hostile logs, queries and clients: the reader that they meet, what others ask it meanwhile, and what it may take."""

import contextlib
import threading
import time

from fcgi_peer import SANITIZED
from figures import note
from reading import Reader

STAMP = b"2026-11-24 10:00:00,000 INFO:app "
MIB = 1024 * 1024
# A sanitizer is ten times slower, and looks at the same code.
ENTRY = (2 if SANITIZED else 15) * MIB
LINES = 100_000 if SANITIZED else 1_000_000
MANY = 2_000 if SANITIZED else 20_000
HOLE = 1 << (27 if SANITIZED else 30)

# Others' queries are answered within so many seconds, whatever goes on.
OTHERS = 2.0


@contextlib.contextmanager
def hostile_reader(base):
    """Its folder is there, with what others ask for meanwhile."""
    (base / "logs").mkdir()
    reader = Reader(base)
    write(reader, "error.log", STAMP + b"quick\n")
    try:
        yield reader
        reader.stop()
    finally:
        reader.kill()


def write(reader, name, *parts):
    with open(reader.folder / name, "wb") as f:
        f.writelines(parts)


def quick(reader):
    """Somebody else's query; the seconds it took."""
    start = time.monotonic()
    answer = reader.query(level="ERROR", limit=1)
    assert answer.status == 200 and answer.texts == [(STAMP + b"quick").decode()], answer.body
    return time.monotonic() - start


class Others:
    """Somebody else asks all the time: none of the answers may take longer than OTHERS, but for what this process was
    held up itself: by the machine, or by a long answer that another thread looks through."""

    def __init__(self, reader):
        self.reader, self.times, self.over, self.trouble = reader, [], threading.Event(), []
        self.held_up = 0.0  # the longest that who only sleeps was
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.sleeper = threading.Thread(target=self._sleep, daemon=True)

    def _sleep(self):
        slept = time.monotonic()
        while not self.over.wait(0.02):
            woken = time.monotonic()
            self.held_up = max(self.held_up, woken - slept - 0.02)
            slept = woken

    def _run(self):
        try:
            while True:
                self.times.append(quick(self.reader))
                if self.over.wait(0.02):
                    break
        except BaseException as e:
            self.trouble.append(e)
            self.over.set()

    def __enter__(self):
        self.sleeper.start()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(30)
        assert not self.trouble, self.trouble[0]
        assert self.times and max(self.times) < OTHERS * (5 if SANITIZED else 1) + self.held_up, (sorted(self.times)[-5:], self.held_up)
        note("rude", len(self.times), max(self.times))
        print(f"{len(self.times)} queries of others, the slowest took {max(self.times) * 1000:.1f} ms; "
              f"this process was held up for {self.held_up * 1000:.1f} ms at most")


def memory_of(reader, limit, ask):
    """ask()'s result; the reader took so many MiB at most beyond what it had."""
    base = reader.kib()
    reader.reset_peak()
    result = ask()
    took = (reader.kib("VmHWM") - base) / 1024
    print(f"{took:.1f} MiB more")
    if not SANITIZED:
        assert took < limit, f"{took:.1f} MiB"
    return result
