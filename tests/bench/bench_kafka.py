"""Measures the server with Kafka, and the writer, beside librdkafka alone, kcat, and the server without Kafka.

    make bench-kafka

Three brokers run on the same machine as all the rest. What is compared runs in turn; medians of the turns are printed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import HERE, Load, Table, machine, varied
from stack import Stack, raise_limits

sys.path[:0] = [str(HERE.parent / "cluster"), str(HERE.parent / "integration")]

from brokers import TOPIC, Brokers  # noqa: E402 (it is found by the path above)
from network import Machine  # noqa: E402

LOGGERS = 48  # so that every partition has some
BATCH = 100


def median(values):
    return statistics.median(values)


class Bench:
    def __init__(self, builddir, quick, folder, brokers):
        self.builddir, self.folder, self.brokers = builddir, folder, brokers
        self.server = [builddir / "pbu-log-server"]
        self.bare = builddir / "tests/bench/bare_producer"
        self.load = Load(folder)
        self.table = Table()
        self.seconds = 2 if quick else 5
        self.turns = 2 if quick else 5
        self.records = 500_000 if quick else 2_000_000
        self.full = 1_000_000 if quick else 5_000_000
        records = [{**varied(i), "name": f"app.{i % LOGGERS}"} for i in range(BATCH)]
        self.body = json.dumps(records)
        self.single = json.dumps(records[0])
        self.lines = folder / "lines"

    def with_kafka(self, **settings):
        stack = Stack(self.server, KAFKA_BROKERS=self.brokers.servers, KAFKA_TOPIC=TOPIC, **settings)
        self.wait(stack)
        return stack

    @staticmethod
    def wait(stack):
        """Until the brokers let the producer begin."""
        for _ in range(300):
            try:
                stack.get("/api/health")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server is not ready")

    def take_lines(self):
        """The same payload for the others: what the server makes of the batch, in the topic."""
        with self.with_kafka() as stack:
            subprocess.run(["curl", "-qsf", "-o", "/dev/null", "-H", "Content-Type: application/json", "-d", "@-",
                            f"{stack.url}/api/log"], input=self.body, text=True, check=True)
        out = subprocess.run(["kcat", "-b", self.brokers.servers, "-C", "-t", TOPIC, "-e", "-q", "-c", str(BATCH), "-f",
                              "%k\t%s\n"], capture_output=True, text=True, check=True).stdout
        lines = sorted(set(out.splitlines()))
        assert len(lines) == BATCH, f"{len(lines)} lines"
        self.lines.write_text("".join(line + "\n" for line in lines))
        return sum(len(line.split("\t")[1]) for line in lines) / BATCH

    def run_bare(self, records=None, topic=TOPIC):
        """(records a second, microseconds of its own time for each) of librdkafka alone."""
        out = subprocess.run([self.bare, self.brokers.servers, topic, self.lines, str(records or self.records)],
                             capture_output=True, text=True)
        if out.returncode:
            raise RuntimeError(out.stderr)
        rate, cost = out.stdout.split()
        return float(rate), float(cost)

    def run_kcat(self):
        """Of kcat, which reads lines from its standard input."""
        count = self.records // 4
        text = self.lines.read_text() * (count // BATCH)
        began = time.monotonic()
        subprocess.run(["kcat", "-b", self.brokers.servers, "-P", "-t", TOPIC, "-K", "\t", "-z", "lz4", "-X", "acks=all",
                        "-X", "linger.ms=2", "-X", "queue.buffering.max.messages=200000"], input=text, text=True, check=True)
        return (count // BATCH * BATCH) / (time.monotonic() - began)

    def run_server(self, stack, body, records, seconds, warm=False):
        """(records a second, microseconds of the server's for each, p99) of a stack, in a turn."""
        cpu, began = stack.cpu(), time.monotonic()
        rate, p99 = self.load.run(stack, body, 64, 1 if warm else seconds)
        took = time.monotonic() - began
        return rate * records, (stack.cpu() - cpu) / (rate * took * records) * 1e6, p99

    def warm_up(self):
        """Until the brokers, which compile as they run, don't get faster any more: what is compared runs in turns of minutes."""
        before, rate = 0.0, self.run_bare()[0]
        while rate > 1.05 * before:
            before, rate = max(before, rate), self.run_bare()[0]

    def batches(self, size):
        kafka, json_lines, files, bare, kcat = [], [], [], [], []
        with self.with_kafka() as ours, Stack(self.server, LOG_FORMAT="json") as same, Stack(self.server) as plain:
            for turn in range(self.turns + 1):
                for stack, results in ((ours, kafka), (same, json_lines), (plain, files)):
                    result = self.run_server(stack, self.body, BATCH, self.seconds, warm=turn == 0)
                    if turn:
                        results.append(result)
                if turn:
                    bare.append(self.run_bare())
                    kcat.append(self.run_kcat())
        ratio = median(a[0] / b[0] for a, b in zip(kafka, bare, strict=True))
        self.table.add(f"batches of {BATCH}, 64 connections, to Kafka (lines of {size:.0f} bytes, lz4, acks=all)",
                       f"{median(x[0] for x in kafka):,.0f}/s; {ratio:.2f} of librdkafka alone "
                       f"({median(x[0] for x in bare):,.0f}/s); kcat {median(kcat):,.0f}/s",
                       "0.7 of librdkafka alone", ratio >= 0.7)
        cost = median(x[1] for x in kafka)
        for name, others, target in (("the same lines to files (LOG_FORMAT=json)", json_lines, ""),
                                     ("lines of the default LOG_FORMAT to files", files, "1.5 of that to files")):
            ratio = median(a[1] / b[1] for a, b in zip(kafka, others, strict=True))
            self.table.add(f"the server's CPU for a record of these, beside {name}",
                           f"{cost:.2f} µs; {ratio:.2f} of {median(x[1] for x in others):.2f}; "
                           f"librdkafka alone {median(x[1] for x in bare):.2f}",
                           target, ratio <= 1.5 if target else None)

    def singles(self):
        rates, p99s = [], []
        with self.with_kafka() as stack:
            for turn in range(self.turns + 1):
                rate, _, p99 = self.run_server(stack, self.single, 1, self.seconds, warm=turn == 0)
                if turn:
                    rates.append(rate)
                    p99s.append(p99)
        self.table.add("one record a request, 64 connections, to Kafka", f"{median(rates):,.0f}/s", "10,000/s",
                       median(rates) >= 10_000)
        self.table.add("its p99", f"{median(p99s):.1f} ms", "under 50 ms", median(p99s) < 50)

    def writer(self):
        """From a full topic, until all of it is in the files."""
        self.brokers.create_topic("full", config={"retention.ms": -1})
        self.run_bare(self.full, "full")
        rates, costs = [], []
        for turn in range(self.turns):
            rate, cost = self.run_writer(f"writer-{turn}")
            rates.append(rate)
            costs.append(cost)
        self.table.add(f"pbu-log-writer, {self.full / 1e6:.0f} million records of a full topic",
                       f"{median(rates):,.0f}/s, {median(costs):.2f} µs of its time for each", "300,000/s",
                       median(rates) >= 300_000)

    def run_writer(self, name):
        logs = Path(self.folder) / name
        env = {**os.environ, "LOG_FOLDER": str(logs), "KAFKA_BROKERS": self.brokers.servers, "KAFKA_TOPIC": "full",
               "KAFKA_GROUP": name, "KAFKA_INSTANCE": name, "TZ": "UTC"}
        process = subprocess.Popen([self.builddir / "pbu-log-writer"], env=env, stderr=subprocess.DEVNULL)
        first = last = 0.0
        try:
            size, path = 0, logs / "info.log"
            end = time.monotonic() + 600
            # The first and the last moment in which the file grew: joining the group is no part of it.
            while time.monotonic() < end and (not last or time.monotonic() - last < 3):
                now = path.stat().st_size if path.exists() else 0
                if now != size:
                    last = time.monotonic()
                    first = first or last
                    size = now
                time.sleep(0.005)
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        finally:
            process.terminate()
            process.wait(30)
        written = int(subprocess.run(["wc", "-l", path], capture_output=True, text=True, check=True).stdout.split()[0])
        # (The one that librdkafka alone begins with comes twice, by its header.)
        assert written == self.full, f"{written} of {self.full} records"
        shutil.rmtree(logs)
        return written / (last - first), cpu / written * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("builddir", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = [program for program in ("wrk", "nginx", "kcat", "java", "mvn") if not shutil.which(program)]
    if missing:
        sys.exit(f"bench_kafka.py: {' and '.join(missing)} not found")
    raise_limits()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pbu-bench-") as folder:
        brokers = Brokers(Path(folder), [Machine("127.0.0.1")] * 3, warm=True)
        try:
            brokers.start()
            brokers.create_topic(config={"retention.bytes": 256 << 20})
            bench = Bench(options.builddir.resolve(), options.quick, Path(folder), brokers)
            size = bench.take_lines()
            for part in (bench.warm_up, lambda: bench.batches(size), bench.singles, bench.writer):
                part()
        finally:
            brokers.close()
    print(f"{machine()} Three brokers on it, too (Kafka 3.9). Medians of {bench.turns} turns of {bench.seconds} s.\n")
    bench.table.print()
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if bench.table.missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
