"""os.fork in a thread, while other threads log: the child logs, and ends as it is told."""

import logging
import os
import sys
import threading

import setup_logging

end = sys.argv[1]
setup_logging.configure()
log = logging.getLogger("forks")
stop = threading.Event()


def chatter(thread: int) -> None:
    n = 0
    while not stop.is_set():
        log.debug("chatter %d, record %d", thread, n)
        n += 1
        stop.wait(0.0005)


def fork(k: int) -> None:
    log.info("thread %d is about to fork", k)
    child = os.fork()
    if child == 0:
        for n in range(50):
            log.info("child of thread %d, record %d", k, n)
        if os.fork() == 0:
            log.warning("grandchild of thread %d", k)
            leave()
        os.wait()
        leave()
    for n in range(50):
        log.info("parent, thread %d, record %d", k, n)
    _, status = os.waitpid(child, 0)
    log.info("thread %d: its child ended with %d", k, status)


def leave() -> None:
    if end == "shutdown":
        logging.shutdown()
    os._exit(0)


chatterers = [threading.Thread(target=chatter, args=(k,)) for k in range(3)]
forkers = [threading.Thread(target=fork, args=(k,)) for k in range(4)]
for thread in chatterers + forkers:
    thread.start()
for thread in forkers:
    thread.join()
stop.set()
for thread in chatterers:
    thread.join()
