"""Logs COUNT records from each of THREADS threads, of all levels, and ends in the way that is named."""

import logging
import os
import signal
import sys
import threading

import setup_logging

count, threads, end = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
setup_logging.configure()
log = logging.getLogger("plain.app")


def work(thread: int) -> None:
    for n in range(count):
        log.log((10, 20, 25, 30, 40, 50)[n % 6], "thread %d, record %05d: %s %r", thread, n, 1.5, "it's")


if threads == 1:
    work(0)
else:
    started = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()

log.critical("the last call before %s", end)
if end == "exit":
    sys.exit(7)
elif end == "exception":
    raise RuntimeError("as meant")
elif end == "interrupt":
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
elif end == "shutdown":
    logging.shutdown()
    os._exit(0)
elif end == "os._exit":
    os._exit(0)
