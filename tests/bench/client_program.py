"""A program that logs, for bench_client.py: one measurement, printed as JSON.

    python client_program.py calls HANDLER THREADS BURSTS     what a call costs, in bursts of 100
    python client_program.py rate HANDLER RECORDS             when the first call was, and when all of it was answered for
    python client_program.py memory HANDLER RECORDS           peak memory, half-way and at the end

HANDLER is queue (QueueHandler, with a listener that does nothing), pbu, or server, with further arguments as JSON in SETTINGS.
"""

import contextlib
import json
import logging
import logging.handlers
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BURST = 100
PAUSE = 0.02  # in which those in the background do their part


def logger_of(kind: str) -> tuple[Any, Callable[[], None]]:
    """What is called, and what waits until all of it has arrived."""
    if kind == "pbu":
        from pbu import Logger

        return Logger("bench", enabled_log_levels=[logging.INFO]), lambda: None
    log = logging.getLogger("bench")
    log.setLevel(logging.INFO)
    log.propagate = False
    if kind == "queue":
        records: queue.SimpleQueue = queue.SimpleQueue()
        listener = logging.handlers.QueueListener(records, logging.NullHandler())
        listener.start()
        log.addHandler(logging.handlers.QueueHandler(records))
        return log, listener.stop
    from pbu_log_handler import LogServerHandler

    handler = LogServerHandler(os.environ["PBU_LOG_SERVER"], **json.loads(os.environ.get("SETTINGS", "{}")))
    log.addHandler(handler)
    return log, handler.flush


def calls(kind: str, threads: int, bursts: int) -> dict:
    """Microseconds: the processor's time for a call, and of single calls the median and the slowest two in a hundred."""
    log, _ = logger_of(kind)
    cpu: list[float] = []
    walls: list[int] = []

    def work(count: int) -> None:
        mine, spent = [], 0
        now, info = time.perf_counter_ns, log.info
        for _ in range(count):
            began = time.thread_time_ns()
            for n in range(BURST):
                before = now()
                info("request %s took %d ms", "/api/items", n)
                mine.append(now() - before)
            spent += time.thread_time_ns() - began
            time.sleep(PAUSE)
        cpu.append(spent / count / BURST / 1000)
        walls.extend(mine)

    work(20)
    cpu.clear()
    walls.clear()
    started = [threading.Thread(target=work, args=(bursts,)) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    walls.sort()
    return {"cpu": sum(cpu) / len(cpu), "median": walls[len(walls) // 2] / 1000, "count": len(walls),
            "slowest": [wall / 1000 for wall in walls[-(len(walls) // 50):]]}


def rate(kind: str, records: int) -> dict:
    log, arrived = logger_of(kind)
    log.info("to warm up")
    began = time.monotonic()
    for n in range(records):
        log.info("request %s took %d ms", "/api/items", n)
    arrived()
    return {"began": began, "ended": time.monotonic()}


def memory(kind: str, records: int) -> dict:
    log, _ = logger_of(kind)
    # Such that gzip makes little of it, and the bounds are reached.
    texts = [os.urandom(500).hex() for _ in range(200)]
    peaks = []
    for _ in range(2):
        for n in range(records // 2):
            log.info("request %s took %d ms", texts[n % len(texts)], n)
            if n % 1000 == 999:
                time.sleep(PAUSE)
        peaks.append(int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
    return {"half": peaks[0], "end": peaks[1]}


def main() -> None:
    what, kind, *numbers = sys.argv[1:]
    result = {"calls": calls, "rate": rate, "memory": memory}[what](kind, *map(int, numbers))
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(result), flush=True)
    # What is left in the handler is no part of it.
    os._exit(0)


if __name__ == "__main__":
    main()
