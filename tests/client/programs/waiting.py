"""Logs COUNT records, and as many for each line "more" that it reads; ends at "end". Says how long the slowest call took."""

import logging
import sys
import time

import setup_logging

count = int(sys.argv[1])
setup_logging.configure()
log = logging.getLogger("waiting")
slowest = 0.0


def turn() -> None:
    global slowest
    for n in range(count):
        before = time.perf_counter()
        log.info("record %d of %s", n, {"a": [1, 2.5, None]})
        slowest = max(slowest, time.perf_counter() - before)
        if n % 50 == 49:
            time.sleep(0.001)


turn()
for line in sys.stdin:
    if line == "end\n":
        break
    turn()
    print("done", flush=True)
print(f"slowest call: {slowest:.4f}", flush=True)
