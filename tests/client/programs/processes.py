"""multiprocessing: a pool and processes that log beside their parent, started by fork, spawn or forkserver."""

import logging
import multiprocessing
import sys

import setup_logging

log = logging.getLogger("processes")


def work(k: int) -> int:
    for n in range(50):
        log.info("work %d, record %d", k, n)
    return k


def child(k: int, configure: bool) -> None:
    if configure:
        setup_logging.configure()
    work(k)
    log.error("the last call of process %d", k)


def main() -> None:
    method = sys.argv[1]
    setup_logging.configure()
    context = multiprocessing.get_context(method)
    fresh = method != "fork"
    log.info("before the first child")
    with context.Pool(3, initializer=setup_logging.configure if fresh else None) as pool:
        for done in pool.imap_unordered(work, range(12)):
            log.info("done: %d", done)
        pool.close()
        pool.join()
    children = [context.Process(target=child, args=(100 + k, fresh)) for k in range(4)]
    for process in children:
        process.start()
        work(process.pid or 0)
    for process in children:
        process.join()
        assert process.exitcode == 0, process.exitcode
    log.info("after the last child")


if __name__ == "__main__":
    main()
