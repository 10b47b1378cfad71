"""Measures the server beside what it is compared with, and prints a table; doc/performance.md has the most of it.

    make bench          every row, in under five minutes
    make bench-quick    every row, shorter, in under one minute

The load generator (wrk) runs on the same machine. What is compared runs in turn, and medians of
the turns are printed.
"""

import argparse
import gzip
import http.client
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stack import Stack, raise_limits

HERE = Path(__file__).resolve().parent
RECORD = (HERE / "record.json").read_text()
HEADERS = {"Content-Type": "application/json"}


class Load:
    """wrk, with a body that it posts again and again."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.count = 0

    def run(self, stack, body, connections, seconds):
        """(requests per second, p99 in milliseconds); any answer but 200 is an error. Bytes are gzip."""
        self.count += 1
        script = self.folder / f"{self.count}.lua"
        packed = isinstance(body, bytes)
        (self.folder / f"{self.count}.body").write_bytes(body if packed else body.encode())
        script.write_text(
            f'local f = io.open("{self.folder}/{self.count}.body", "rb")\n'
            'wrk.method = "POST"\nwrk.body = f:read("*a")\nf:close()\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            + ('wrk.headers["Content-Encoding"] = "gzip"\n' if packed else ""))
        out = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", script,
             stack.url + "/api/log"], capture_output=True, text=True, check=True).stdout
        stack.empty_logs()
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
        if bad:
            raise RuntimeError(out)
        number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
        p99 = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), p99


def varied(i):
    """The record, with what differs from one to the next of a program."""
    r = random.Random(i)
    record = json.loads(RECORD)
    created = 1795387123 + i / 7
    return {**record, "msg": f"{record['msg']} in {r.random() * 100:.3f} ms", "created": created, "msecs": created % 1 * 1000,
            "relativeCreated": 1234.5 + i * 1000 / 7, "lineno": r.randrange(1000), "funcName": r.choice(["get", "put", "main", "poll"]),
            "extra": "%032x" % r.getrandbits(128)}


class Table:
    def __init__(self):
        self.rows = []
        self.missed = 0

    def add(self, what, figure, target, good=None):
        verdict = "" if good is None else "met" if good else "missed"
        self.missed += good is False
        self.rows.append(f"| {what} | {figure} | {target} | {verdict} |")
        print(self.rows[-1], file=sys.stderr, flush=True)

    def print(self):
        print("| what | figure | target | |\n|---|---|---|---|")
        print("\n".join(self.rows))


def median(values):
    return statistics.median(values)


class Bench:
    def __init__(self, builddir, quick, folder):
        self.server = [builddir / "pbu-log-server"]
        self.empty = builddir / "tests/bench/empty_responder"
        self.cjson = builddir / "tests/bench/cjson_baseline"
        self.quick = quick
        self.load = Load(folder)
        self.table = Table()
        self.seconds = 1 if quick else 2
        self.turns = 2 if quick else 5

    def best_empty(self):
        """As many threads as serve the empty responder best; every kept connection holds one."""
        rates = {}
        for threads in (64, 128):
            with self.start_empty(threads) as stack:
                self.load.run(stack, RECORD, 64, 1)
                rates[threads] = self.load.run(stack, RECORD, 64, self.seconds)[0]
        return max(rates, key=rates.get)

    def start_empty(self, threads):
        return Stack([self.empty, threads, "@FOLDER@/empty.log"])

    def in_turn(self, first, second, connections):
        """The (rate, p99) of each turn of two stacks; a turn to warm up does not count."""
        turns = ([], [])
        for turn in range(self.turns + 1):
            for stack, results in zip((first, second), turns):
                result = self.load.run(stack, RECORD, connections, self.seconds if turn else 1)
                if turn:
                    results.append(result)
        return turns

    def single(self):
        threads = self.best_empty()
        with Stack(self.server) as server, self.start_empty(threads) as empty:
            ours, theirs = self.in_turn(server, empty, 64)
            wide = [self.load.run(server, RECORD, 256, self.seconds)[1] for _ in range(self.turns)]
        ratio = median(a[0] / b[0] for a, b in zip(ours, theirs))
        self.table.add(
            "one record a request, 64 connections",
            f"{median(x[0] for x in ours):,.0f}/s; {ratio:.2f} of an empty responder ({median(x[0] for x in theirs):,.0f}/s,"
            f" {threads} threads)", "0.90 of the empty responder", ratio >= 0.90)
        for name, p99 in (("64", median(x[1] for x in ours)), ("256", median(wide))):
            self.table.add(f"p99 at {name} connections", f"{p99:.1f} ms", "under 20 ms", p99 < 20)

    def batches(self):
        body = "[" + ", ".join([RECORD] * 100) + "]"
        ratios, rates, costs = [], [], []
        with Stack(self.server) as server:
            self.load.run(server, body, 64, 1)
            for _ in range(self.turns):
                baseline = float(subprocess.run([self.cjson, HERE / "record.json", "300000"], capture_output=True,
                                                text=True, check=True).stdout)
                before, cpu = server.metric('records_total{level="INFO"}'), server.cpu()
                started = time.monotonic()
                self.load.run(server, body, 64, self.seconds)
                elapsed = time.monotonic() - started
                records = server.metric('records_total{level="INFO"}') - before
                costs.append((server.cpu() - cpu) / records * 1e9)
                ratios.append(costs[-1] / baseline)
                rates.append(records / elapsed)
        self.table.add("batches of 100, 64 connections: records", f"{median(rates):,.0f}/s", "400,000/s", median(rates) >= 400_000)
        self.table.add(
            "batches of 100: the server's CPU for a record",
            f"{median(costs) / 1000:.2f} µs; {median(ratios):.2f} of cJSON's parse and delete",
            "1.2 of cJSON's", median(ratios) <= 1.2)

    def packed(self):
        """Batches as gzip, in turn with the same as they are; no two of their records are alike."""
        plain = json.dumps([varied(i) for i in range(100)])
        bodies = plain, gzip.compress(plain.encode(), mtime=0)
        costs, rates = ([], []), ([], [])
        with Stack(self.server) as server:
            for turn in range(self.turns + 1):
                for body, its_costs, its_rates in zip(bodies, costs, rates):
                    before, cpu = server.metric('records_total{level="INFO"}'), server.cpu()
                    started = time.monotonic()
                    self.load.run(server, body, 64, self.seconds if turn else 1)
                    elapsed = time.monotonic() - started
                    records = server.metric('records_total{level="INFO"}') - before
                    if turn:
                        its_costs.append((server.cpu() - cpu) / records * 1e6)
                        its_rates.append(records / elapsed)
        ratio = median(a / b for a, b in zip(*costs))
        self.table.add(
            f"batches of 100 as gzip ({len(bodies[1]) / len(plain):.2f} of their size), 64 connections: records",
            f"{median(rates[1]):,.0f}/s; {median(a / b for a, b in zip(*rates[::-1])):.2f} of the same as they are", "")
        self.table.add(
            "batches of 100 as gzip: the server's CPU for a record",
            f"{median(costs[1]):.2f} µs; {median(costs[0]):.2f} as they are: {ratio:.2f} of their rate",
            "0.50 of the rate as they are", ratio >= 0.50)

    def always(self):
        with Stack(self.server, LOG_FSYNC="always") as always, Stack(self.server, LOG_FSYNC="no") as no:
            ours, theirs = self.in_turn(always, no, 64)
            before = [always.metric(m) for m in ("syncs_total", 'records_total{level="INFO"}')]
            self.load.run(always, RECORD, 1, 1)
            after = [always.metric(m) for m in ("syncs_total", 'records_total{level="INFO"}')]
        ratio = median(a[0] / b[0] for a, b in zip(ours, theirs))
        p99 = median(x[1] for x in ours)
        syncs = (after[0] - before[0]) / (after[1] - before[1])
        self.table.add("LOG_FSYNC=always, 64 connections",
                       f"{median(x[0] for x in ours):,.0f}/s; {ratio:.2f} of LOG_FSYNC=no", "0.80 of no", ratio >= 0.80)
        self.table.add("LOG_FSYNC=always, p99", f"{p99:.1f} ms", "under 20 ms", p99 < 20)
        self.table.add("LOG_FSYNC=always, 1 connection", f"{syncs:.2f} fdatasync a record", "1", syncs <= 1.005)

    def growth(self):
        """Memory, and the cost of a record, as the records grow in number and in size."""
        millions = 1 if self.quick else 5
        costs = []
        with Stack(self.server) as server:
            self.load.run(server, RECORD, 64, 1)
            done = 0
            for million in range(1, millions + 1):
                before, cpu = server.metric('records_total{level="INFO"}'), server.cpu()
                target = (200_000 if self.quick else 1_000_000) * million
                while done < target:
                    rate, _ = self.load.run(server, RECORD, 64, 4 if not self.quick else 2)
                    done = server.metric('records_total{level="INFO"}')
                records = done - before
                costs.append((server.cpu() - cpu) / records * 1e6)
            peak = server.memory()
        self.table.add(f"memory after {done / 1e6:.1f} million single records", f"peak {peak:.1f} MiB", "under 24 MiB", peak < 24)
        if not self.quick:
            self.table.add("CPU for a record, 1st to 5th million", " ".join(f"{c:.1f}" for c in costs) + " µs", "flat",
                           costs[-1] <= 1.15 * costs[0])
        per_byte = []
        with Stack(self.server) as server:
            record = json.loads(RECORD)
            for kib in (0.4, 4, 16, 64):
                body = json.dumps({**record, "msg": record["msg"] + "x" * int(kib * 1024 - len(RECORD))})
                self.load.run(server, body, 16, 1)
                before, cpu = server.metric("body_bytes_total"), server.cpu()
                self.load.run(server, body, 16, self.seconds)
                per_byte.append((server.cpu() - cpu) / (server.metric("body_bytes_total") - before) * 1e9)
        self.table.add("CPU for a byte, records of 0.4, 4, 16, 64 KiB", " ".join(f"{c:.1f}" for c in per_byte) + " ns",
                       "not growing", per_byte[-1] <= per_byte[0])

    def burst(self):
        """Memory while bodies of the largest size come in, and when they are over."""
        body = json.dumps({"msg": "x" * (15 * 1024 * 1024)})
        with Stack(self.server) as server:
            self.load.run(server, RECORD, 64, 1)
            calm = server.memory("VmRSS")
            self.load.run(server, body, 8, 2)
            peak = server.memory()
            self.load.run(server, RECORD, 64, 1)
            after = server.memory("VmRSS")
        self.table.add("memory around a burst of 15 MiB bodies, 8 at a time",
                       f"{calm:.0f} MiB before, peak {peak:.0f}, {after:.0f} after", "given back", after < calm + 24)

    def one_client(self):
        """What a client waits for a record: a connection for each, as pbu does it, and a kept one."""
        count = 500 if self.quick else 2000
        with Stack(self.server) as server:
            for name, kept in (("a connection for each record", False), ("a kept connection", True)):
                times, connection = [], None
                for _ in range(count):
                    start = time.perf_counter()
                    if connection is None:
                        connection = http.client.HTTPConnection("127.0.0.1", server.port)
                    connection.request("POST", "/api/log", RECORD, HEADERS)
                    connection.getresponse().read()
                    if not kept:
                        connection.close()
                        connection = None
                    times.append((time.perf_counter() - start) * 1e6)
                times.sort()
                self.table.add(f"one client, {name}", f"median {median(times):.0f} µs, p99 {times[int(count * 0.99)]:.0f} µs", "")


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) // 1024 // 1024
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip().split("/")[-1]
    return (f"{os.cpu_count()} cores ({model[1].strip() if model else platform.machine()}), {memory} GiB, "
            f"Linux {platform.release().split('-')[0]}, nginx {nginx}; load generator on the same machine.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("builddir", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = [program for program in ("wrk", "nginx") if not shutil.which(program)]
    if missing:
        sys.exit(f"bench.py: {' and '.join(missing)} not found; as root: apt-get install {' '.join(missing)}")
    raise_limits()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.builddir.resolve(), options.quick, folder)
        for part in (bench.single, bench.batches, bench.packed, bench.always, bench.growth, bench.burst, bench.one_client):
            part()
    print(f"{machine()} Medians of {bench.turns} turns of {bench.seconds} s.\n")
    bench.table.print()
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if bench.table.missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
