"""Threads that are no daemons go on logging after the main thread has ended; the interpreter waits for them."""

import logging
import sys
import threading

import setup_logging

setup_logging.configure()
log = logging.getLogger("late")


def work(thread: int) -> None:
    threading.main_thread().join()
    for n in range(int(sys.argv[1])):
        log.info("thread %d, record %d, after the main thread", thread, n)


for k in range(4):
    threading.Thread(target=work, args=(k,)).start()
log.info("the main thread ends")
