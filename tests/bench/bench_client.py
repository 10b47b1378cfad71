"""Measures the handler of clients/python beside what it is compared with, and prints a table.

    make bench-client          in some minutes; after ./test.sh python, whose .venv has the pbu client
    make bench-client-quick    shorter, in one minute

Programs, nginx and server run on the same machine. What is compared runs in turn, and medians of the turns, or of the
ratios within a turn, are printed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bad_servers import bad_server
from bench import Table, machine, median
from stack import TREE, Stack, raise_limits

HERE = Path(__file__).resolve().parent
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
# Of a program: the interpreter's, and what the handler keeps at most, with what malloc does not give back.
PEAK_MIB = 96
KINDS = ("hanging", "slow", "401 Unauthorized", "503 Service Unavailable", "nonsense")


class Bench:
    def __init__(self, builddir: Path, quick: bool, folder: Path) -> None:
        self.server = [builddir / "pbu-log-server"]
        self.folder = folder
        self.table = Table()
        self.quick = quick
        self.turns = 3 if quick else 7
        self.spools = 0

    def spool(self) -> str:
        self.spools += 1
        return str(self.folder / f"spool{self.spools}")

    def start(self, url: str, what: str, kind: str, *numbers: int, **settings: object) -> subprocess.Popen:
        env = {k: v for k, v in os.environ.items() if k not in PROXIES}
        env.update(PYTHONPATH=str(TREE / "clients/python/src"), PBU_LOG_SERVER=url, SETTINGS=json.dumps(settings))
        env.pop("PBU_LOG_SERVER_AUTH", None)
        return subprocess.Popen([sys.executable, HERE / "client_program.py", what, kind, *map(str, numbers)], env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    @staticmethod
    def result(program: subprocess.Popen) -> dict:
        out, _ = program.communicate(timeout=600)
        if program.returncode != 0:
            raise RuntimeError(f"{program.args} ended with {program.returncode}")
        return json.loads(out)

    def run(self, *arguments: object, **settings: object) -> dict:
        return self.result(self.start(*arguments, **settings))

    def calls(self) -> None:
        bursts = 50 if self.quick else 100
        for threads in (1, 4):
            ours, theirs = [], []
            with Stack(self.server) as stack:
                for _ in range(self.turns):
                    ours.append(self.run(stack.url, "calls", "server", threads, bursts, spool=self.spool()))
                    theirs.append(self.run(stack.url, "calls", "queue", threads, bursts))
                    stack.empty_logs()
            name = f"a call, {threads} thread{'s' if threads > 1 else ''}"
            for what, title in (("cpu", "of the processor"), ("median", "median")):
                ratio = median([a[what] / b[what] for a, b in zip(ours, theirs)])
                self.table.add(f"{name}: {title}",
                               f"{median([a[what] for a in ours]):.1f} µs; {ratio:.2f} of QueueHandler's "
                               f"({median([b[what] for b in theirs]):.1f} µs)", "1.00 of QueueHandler's", ratio <= 1.0)

    def rates(self) -> None:
        count, few = (10_000, 300) if self.quick else (40_000, 1000)
        ours, theirs, wide = [], [], []
        with Stack(self.server) as stack:

            def written(start: list[subprocess.Popen], records: int) -> float:
                """Records a second, from the first call to the last of them in a file."""
                before = stack.metric('records_total{level="INFO"}')
                results = [self.result(program) for program in start]
                seconds = max(r["ended"] for r in results) - min(r["began"] for r in results)
                arrived = stack.metric('records_total{level="INFO"}') - before - len(start)
                if arrived != records * len(start):
                    raise RuntimeError(f"{arrived} of {records * len(start)} records have arrived")
                stack.empty_logs()
                return records * len(start) / seconds

            for _ in range(self.turns):
                ours.append(written([self.start(stack.url, "rate", "server", count, capacity=count + 1)], count))
                theirs.append(written([self.start(stack.url, "rate", "pbu", few)], few))
                wide.append(written([self.start(stack.url, "rate", "server", count // 4, capacity=count) for _ in range(8)],
                                    count // 4))
        ratio = median([a / b for a, b in zip(ours, theirs)])
        self.table.add("one process, to the files", f"{median(ours):,.0f}/s; {ratio:.0f} times pbu's ({median(theirs):,.0f}/s)",
                       "20 times pbu's", ratio >= 20)
        self.table.add("8 processes, to the files", f"{median(wide):,.0f}/s", "")

    def without_a_server(self) -> None:
        """p99.9 of a call, in turns with one where no server is, with and without a spool."""
        bursts = 50 if self.quick else 100
        for spooled in (False, True):
            calls: dict[str, list[dict]] = {}
            for _ in range(self.turns):
                for kind in ("stopped", *KINDS):
                    with bad_server(kind) as url:
                        spool = {"spool": self.spool()} if spooled else {}
                        calls.setdefault(kind, []).append(self.run(url, "calls", "server", 1, bursts, **spool))
            name = "with a spool" if spooled else "in memory"
            base = p999(calls["stopped"])
            self.table.add(f"p99.9 of a call, {name}, no server", f"{base:.0f} µs", "")
            for kind in KINDS:
                slow = p999(calls[kind])
                self.table.add(f"p99.9 of a call, {name}, server: {kind}", f"{slow:.0f} µs; {slow / base:.2f} of no server",
                               "1.1 of no server", slow <= 1.1 * base)

    def memory(self) -> None:
        """Half-way more has come than is kept in memory: 16 MiB of packed batches, and as much that is not packed."""
        records = 80_000 if self.quick else 200_000
        for kind in ("stopped", "hanging", "503 Service Unavailable") if self.quick else ("stopped", *KINDS):
            for spooled in (False, True):
                with bad_server(kind) as url:
                    spool = {"spool": self.spool()} if spooled else {}
                    peaks = self.run(url, "memory", "server", records, **spool)
                self.table.add(f"memory after {records:,} records of 1 kB, {'with a spool' if spooled else 'in memory'}, server: {kind}",
                               f"peak {peaks['end']:.0f} MiB; {peaks['half']:.0f} MiB half-way", f"under {PEAK_MIB} MiB",
                               peaks["end"] < PEAK_MIB)


def p999(results: list[dict]) -> float:
    """Of the calls of all turns together."""
    count = sum(r["count"] for r in results)
    slowest = sorted((wall for r in results for wall in r["slowest"]), reverse=True)
    return slowest[count // 1000]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("builddir", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("calls", "rates", "without_a_server", "memory"))
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    raise_limits()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pbu-bench-client-") as folder:
        bench = Bench(options.builddir.resolve(), options.quick, Path(folder))
        for part in ("calls", "rates", "without_a_server", "memory"):
            if options.only in (None, part):
                getattr(bench, part)()
    print(f"{machine()} Python {sys.version.split()[0]}. Medians of {bench.turns} turns.\n")
    bench.table.print()
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if bench.table.missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
