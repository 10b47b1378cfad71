"""A handler in a handler: the one that is tested gets its records from a QueueListener, and from a MemoryHandler."""

import logging
import logging.handlers
import queue
import sys
import threading

import setup_logging

setup_logging.configure()
root = logging.getLogger()
server, witness = root.handlers
which = sys.argv[1]
listener = None
if which == "queue":
    records: "queue.Queue[logging.LogRecord]" = queue.Queue()
    outer: logging.Handler = logging.handlers.QueueHandler(records)
    listener = logging.handlers.QueueListener(records, server, respect_handler_level=True)
    listener.start()
else:
    outer = logging.handlers.MemoryHandler(100, flushLevel=logging.ERROR, target=server)
root.removeHandler(server)
root.addHandler(outer)
log = logging.getLogger("inner")


def work(thread: int) -> None:
    for n in range(100):
        log.info("thread %d, record %d: %s", thread, n, {"a": [n]})
        if n == 50:
            try:
                raise ValueError("in the middle")
            except ValueError:
                log.exception("thread %d failed", thread)


threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if listener:
    listener.stop()
log.warning("after the listener") if which == "memory" else None
