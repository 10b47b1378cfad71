"""Measures reading beside ripgrep and grep, and what writing notices of it; prints a table.

    make bench-read     in a few minutes; it needs up to 11 GiB of disk for as long

What is compared runs in turn on the same file in the page cache, and medians of the turns are printed. All of
it goes through nginx, by a client on the same machine.
"""

import argparse
import http.client
import json
import os
import random
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from datetime import datetime, timedelta
from pathlib import Path

from bench import RECORD, Load, Table, machine
from stack import Stack, raise_limits

GIB = 1024 * 1024 * 1024
CHUNK = 16 * 1024 * 1024
FIRST_DAY = datetime(2026, 11, 20)
SPAN = timedelta(minutes=10)  # that a chunk has the lines of
RARE = "Quizzical"

# What is asked of each: q, the arguments of ripgrep, those of grep.
SEARCHES = [
    ("a rare literal", RARE, [RARE], ["-F", RARE]),
    ("a rare literal, caseless", RARE.lower(), ["-i", RARE], ["-iF", RARE]),
    ("an expression with a literal", r"/zebra \d+$/", [r"zebra \d+$"], ["-E", "zebra [0-9]+$"]),
    ("a common word, caseless", "request", ["-i", "request"], ["-iF", "request"]),
    ("an expression, common", r"/took \d+ ms/", [r"took \d+ ms"], ["-E", "took [0-9]+ ms"]),
    ("an expression without a literal", r"/[xyz]{3,}|\d{9}/", [r"[xyz]{3,}|\d{9}"], ["-E", "[xyz]{3,}|[0-9]{9}"]),
]


def first_chunk():
    """Ten minutes of a busy day, in the default format."""
    dice = random.Random(7)
    loggers = ["app.db", "app.db.pool", "app.http", "app.worker.tasks", "root", "uvicorn.access", "billing"]
    messages = [
        "request %d took %d ms", "connection from 10.0.%d.%d accepted", "user %d logged in, session %d",
        "cache miss for key item:%d:%d", "job %d finished with status ok after %d steps",
        "Retrying in %d seconds (attempt %d)", "GET /api/v1/items/%d?page=%d HTTP/1.1 200"]
    trace = ("\n\tTraceback (most recent call last):\n\t  File \"/srv/app/main.py\", line 12, in handle\n"
             "\t    return self.pool.acquire()\n\tTimeoutError: timed out waiting for a connection")
    lines, size, average = [], 0, 85
    step = SPAN / (CHUNK / average)
    at = FIRST_DAY
    while size < CHUNK - 200:
        at = min(at + step * dice.uniform(0, 2), FIRST_DAY + SPAN - timedelta(milliseconds=1))
        time_text = at.strftime("%Y-%m-%d %H:%M:%S,") + f"{at.microsecond // 1000:03}"
        message = dice.choice(messages) % (dice.randrange(100_000), dice.randrange(255))
        line = f"{time_text} INFO:{dice.choice(loggers)} {message}{trace if dice.random() < 0.01 else ''}\n"
        lines.append(line)
        size += len(line)
    return "".join(lines).encode()


def write_logs(folder, size):
    """Rolled-over files of so many bytes, one a day; returns the end of their time."""
    chunk = first_chunk()
    prefix = FIRST_DAY.strftime("%Y-%m-%d %H:%M")[:-1].encode()
    at, written, out = FIRST_DAY, 0, None
    while written < size:
        if out is None or at.time() == FIRST_DAY.time():
            if out is not None:
                out.close()
            out = (folder / f"info.log.{at:%Y-%m-%d}").open("wb")
        now = at.strftime("%Y-%m-%d %H:%M")[:-1].encode()
        text = now + chunk[len(prefix):].replace(b"\n" + prefix, b"\n" + now)
        if written // CHUNK % 8 == 3:
            text += f"{at + SPAN - timedelta(seconds=1):%Y-%m-%d %H:%M:%S},999 INFO:app {RARE} zebra {written}\n".encode()
        out.write(text)
        written += len(text)
        at += SPAN
    out.close()
    return at


class ReadStack(Stack):
    """nginx, the server and the reader over files that are there already; `niceness` as start.sh gives it."""

    def __init__(self, builddir, files, niceness=0, **settings):
        self.reader = None
        self.niceness = niceness
        super().__init__([builddir / "pbu-log-server"], **settings)
        try:
            for path in files:
                os.link(path, self.logs / path.name)
            self.start_reader(builddir / "pbu-log-reader")
        except BaseException:
            self.stop()
            raise

    def start_reader(self, program):
        path = self.folder / "reader.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(0o666)
            listener.listen(1024)
            self.reader = subprocess.Popen(["nice", "-n", str(self.niceness), program], stdin=listener, env=self.env,
                                           stderr=subprocess.DEVNULL)
        self.get("/api/log/health")

    def reader_memory(self):
        """Peak, in MiB."""
        return int(re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{self.reader.pid}/status").read_text())[1]) / 1024

    def stop(self):
        if self.reader is not None and self.reader.poll() is None:
            self.reader.terminate()
            try:
                self.reader.wait(15)
            except subprocess.TimeoutExpired:
                self.reader.kill()
                self.reader.wait()
        super().stop()

    def ask(self, path, **parameters):
        """The lines of an answer, and how long it took in ms."""
        address = f"/api/log/{path}?" + urllib.parse.urlencode(parameters)
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", address)
        answer = connection.getresponse()
        body = answer.read()
        elapsed = (time.perf_counter() - started) * 1000
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{address}: {answer.status} {body[:500]!r}")
        return [json.loads(line) for line in body.splitlines()], elapsed


def count_of(stack, q):
    lines, elapsed = stack.ask("query", level="INFO", limit=0, q=q)
    end = lines[-1]
    if not end["complete"]:
        raise RuntimeError(f"{q}: {end}")
    return end["matched"], elapsed


def run_tool(command):
    started = time.perf_counter()
    out = subprocess.run(command, capture_output=True, env={**os.environ, "LC_ALL": "C"}, check=False).stdout
    return int(out or 0), (time.perf_counter() - started) * 1000


class Beside:
    """What goes on while something else is measured, in threads; an error there is one of the whole."""

    def __init__(self, works):
        self.ended = threading.Event()
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=[work]) for work in works]
        for thread in self.threads:
            thread.start()

    def run(self, work):
        try:
            work()
        except (OSError, RuntimeError, ValueError, http.client.HTTPException) as error:
            self.errors.append(error)

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


class Viewers(Beside):
    """Follow the log, each a connection, read by one thread; nothing is looked at."""

    def __init__(self, stack, count):
        self.sockets = {}
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", stack.port))
            one.sendall(b"GET /api/log/tail?level=INFO HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.sockets[one.fileno()] = one
        self.bytes = dict.fromkeys(self.sockets, 0)
        super().__init__([self.read])

    def read(self):
        poll = select.poll()
        for number in self.sockets:
            poll.register(number, select.POLLIN)
        while not self.ended.wait(0.02):
            for number, _ in poll.poll(100):
                data = self.sockets[number].recv(1024 * 1024)
                self.bytes[number] += len(data)
                if not data:
                    raise RuntimeError("a viewer's stream has ended")

    def stop(self):
        super().stop()
        for one in self.sockets.values():
            one.close()
        if min(self.bytes.values()) < 1000:
            raise RuntimeError(f"a viewer saw nothing: {sorted(self.bytes.values())}")


class Scans(Beside):
    """So many full scans at a time, one after the other, until it is stopped."""

    def __init__(self, stack, count):
        self.stack = stack
        super().__init__([self.scan] * count)

    def scan(self):
        while not self.ended.is_set():
            self.stack.ask("query", level="INFO", limit=0, q="/[xyz]{3,}|\\d{9}/")


class BenchRead:
    def __init__(self, options, folder):
        self.builddir = options.builddir.resolve()
        self.folder = folder
        self.turns = options.turns
        self.gib = options.gib
        self.table = Table()
        self.one = folder / "one"
        self.many = folder / "many"

    def search(self):
        """The same GiB: the reader, ripgrep as users call it, and grep, in turn."""
        self.one.mkdir()
        write_logs(self.one, GIB)
        [path] = self.one.iterdir()
        path.read_bytes()  # into the page cache
        with ReadStack(self.builddir, [path]) as stack:
            for what, q, rg, grep in SEARCHES:
                ours, theirs, greps = [], [], []
                for turn in range(self.turns + 1):
                    matched, elapsed = count_of(stack, q)
                    expected, rg_elapsed = run_tool(["rg", "-c", *rg, path])
                    grep_elapsed = run_tool(["grep", "-c", *grep, path])[1] if turn <= 1 else None
                    if matched != expected:
                        raise RuntimeError(f"{q}: {matched} entries, {expected} lines of ripgrep")
                    if turn:
                        ours.append(elapsed)
                        theirs.append(rg_elapsed)
                        greps += [grep_elapsed] if grep_elapsed else []
                ratio = statistics.median(b / a for a, b in zip(ours, theirs))
                rate = path.stat().st_size / statistics.median(ours) / 1e6
                target = "0.7 of ripgrep" if what != "an expression without a literal" else ""
                self.table.add(
                    f"1 GiB, {what}: {matched:,} entries",
                    f"{statistics.median(ours):.0f} ms ({rate:.1f} GB/s); ripgrep {statistics.median(theirs):.0f} ms, grep"
                    f" {statistics.median(greps):.0f} ms; {ratio:.2f} of ripgrep", target, ratio >= 0.7 if target else None)
            self.histogram(stack)
            self.table.add("memory after all of these", f"peak {stack.reader_memory():.1f} MiB", "16 MiB",
                           stack.reader_memory() <= 16)

    def histogram(self, stack):
        last = datetime(2026, 11, 21)
        range_of = {"start": FIRST_DAY.isoformat(), "end": last.isoformat(), "level": "INFO", "buckets": 60}
        first = stack.ask("hits", **range_of)[1]
        times = [stack.ask("hits", **range_of)[1] for _ in range(max(self.turns, 5))]
        self.table.add("1 GiB, histogram", f"first {first:.0f} ms; seen before: median {statistics.median(times):.1f} ms",
                       "100 ms when seen before", statistics.median(times) <= 100)

    def first_entries(self):
        self.many.mkdir()
        end = write_logs(self.many, self.gib * GIB)
        files = sorted(self.many.iterdir())
        with ReadStack(self.builddir, files) as stack:
            cold = stack.ask("query", level="INFO", limit=100)[1]
            times = []
            for _ in range(20):
                lines, elapsed = stack.ask("query", level="INFO", limit=100)
                if len(lines) != 101:
                    raise RuntimeError(lines[-1])
                times.append(elapsed)
            self.table.add(f"{self.gib} GiB, the newest 100 entries",
                           f"first {cold:.1f} ms; then median {statistics.median(times):.1f}, at most {max(times):.1f} ms",
                           "30 ms", max(cold, *times) <= 30)
            dice = random.Random(3)
            for direction in ("forward", "backward"):
                times = []
                for _ in range(50):
                    at = FIRST_DAY + (end - FIRST_DAY) * dice.random()
                    bound = {"start": at.isoformat()} if direction == "forward" else {"end": at.isoformat()}
                    lines, elapsed = stack.ask("query", level="INFO", limit=1, direction=direction, **bound)
                    found = [datetime.fromisoformat(line["ts"]).replace(tzinfo=None) for line in lines if "ts" in line]
                    if len(found) != 1 or abs(found[0] - at) > timedelta(seconds=1):
                        raise RuntimeError(f"{direction} from {at}: {lines}")
                    times.append(elapsed)
                self.table.add(f"{self.gib} GiB, the place of a time, {direction}, {len(times)} times",
                               f"median {statistics.median(times):.1f} ms, at most {max(times):.1f} ms", "10 ms",
                               statistics.median(times) <= 10)
            self.table.add("memory after these", f"peak {stack.reader_memory():.1f} MiB", "16 MiB",
                           stack.reader_memory() <= 16)

    def writing(self):
        """What 64 clients that send single records notice of four full scans and 64 viewers."""
        files = sorted(self.one.iterdir())
        load = Load(self.folder)
        alone, beside = [], []
        with ReadStack(self.builddir, files, niceness=10) as stack:
            load.run(stack, RECORD, 64, 1)
            for _ in range(self.turns):
                alone.append(load.run(stack, RECORD, 64, 3))
                viewers, scans = Viewers(stack, 64), Scans(stack, 4)
                time.sleep(0.5)
                beside.append(load.run(stack, RECORD, 64, 3))  # any refused one is an error
                scans.stop()
                viewers.stop()
            memory = stack.reader_memory()
        rate = statistics.median(b[0] / a[0] for a, b in zip(alone, beside))
        p99 = statistics.median(b[1] / a[1] for a, b in zip(alone, beside))
        self.table.add(
            "64 clients write, 4 full scans and 64 viewers beside: records",
            f"{statistics.median(b[0] for b in beside):,.0f}/s; {rate:.2f} of {statistics.median(a[0] for a in alone):,.0f}/s"
            " without; none refused", "0.6", rate >= 0.6)
        self.table.add("the same, p99", f"{statistics.median(b[1] for b in beside):.1f} ms; {p99:.1f} times"
                       f" {statistics.median(a[1] for a in alone):.1f} ms", "2 times", p99 <= 2)
        self.table.add("memory with 4 scans and 64 viewers", f"peak {memory:.1f} MiB", "16 MiB and 64 KiB a viewer",
                       memory <= 16 + 64 * 64 / 1024)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("builddir", type=Path)
    parser.add_argument("--gib", type=int, help="GiB of the large folder (10, or half of what is free)")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--part", choices=["search", "first_entries", "writing"], action="append", help="only these")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = [program for program in ("wrk", "nginx", "rg", "grep") if not shutil.which(program)]
    if missing:
        sys.exit(f"bench_read.py: {' and '.join(missing)} not found; as root: apt-get install wrk nginx ripgrep")
    raise_limits()
    with tempfile.TemporaryDirectory(prefix="pbu-bench-") as folder:
        free = shutil.disk_usage(folder).free // GIB
        if options.gib is None:
            options.gib = max(1, min(10, free // 2))
        bench = BenchRead(options, Path(folder))
        for part in ("search", "first_entries", "writing"):
            if options.part is None or part in options.part:
                getattr(bench, part)()
    print(f"{machine()} Medians of {options.turns} turns; {subprocess.getoutput('rg --version').splitlines()[0]}.\n")
    bench.table.print()
    return 1 if bench.table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
