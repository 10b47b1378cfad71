"""Logs COUNT records at RATE a second, in bursts; says "ready" before the first, and how it ends after the last."""

import logging
import sys
import time

import setup_logging

name, count, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
setup_logging.configure()
log = logging.getLogger("steady")
print("ready", flush=True)
began = time.monotonic()
for n in range(count):
    log.info("process %s, record %06d, a text of a usual length", name, n)
    if n % 20 == 19:
        ahead = n / rate - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)
print("done", flush=True)
