"""Daemon threads log for ever, with pauses of so many seconds, also while the interpreter shuts down."""

import logging
import sys
import threading
import time

import setup_logging

pause = float(sys.argv[1])
setup_logging.configure()
log = logging.getLogger("daemons")
enough = [threading.Event() for _ in range(4)]


def work(thread: int) -> None:
    n = 0
    while True:
        log.info("thread %d, record %d", thread, n)
        n += 1
        if n == 200:
            enough[thread].set()
        time.sleep(pause)


for k in range(len(enough)):
    threading.Thread(target=work, args=(k,), daemon=True).start()
for event in enough:
    event.wait()
log.info("the main thread ends")
print("the main thread ends", flush=True)
