"""Why this project exists: one file, several processes, and the standard library's roll-over.

    python3 tests/integration/stdlib_rollover.py

8 processes log 1,000 records each to one file through logging.handlers.TimedRotatingFileHandler,
which rolls it over every 2 seconds; then the records that are still there are counted. The last
line printed is "8000 written, N found, P% lost".
"""

import logging
import logging.handlers
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

PROCESSES = 8
RECORDS = 1000
INTERVAL = 2  # seconds
PAUSE = 0.01  # seconds between a process' records: about 10 seconds in all


def log(path, number, ready):
    handler = logging.handlers.TimedRotatingFileHandler(path, when="S", interval=INTERVAL)
    logger = logging.getLogger()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    ready.wait()
    for i in range(RECORDS):
        logger.info("process %d record %d", number, i)
        time.sleep(PAUSE)


def measure(folder):
    """(records written, different records found in all files)"""
    ready = multiprocessing.Barrier(PROCESSES)
    path = Path(folder) / "info.log"
    processes = [multiprocessing.Process(target=log, args=(path, n, ready)) for n in range(PROCESSES)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    found = set()
    for file in Path(folder).iterdir():
        found.update(file.read_text().splitlines())
    return PROCESSES * RECORDS, len(found)


def main():
    logging.raiseExceptions = False  # a file that another process renamed away is part of the story
    with tempfile.TemporaryDirectory() as folder:
        written, found = measure(folder)
    print(f"{written} written, {found} found, {100 * (written - found) / written:.0f}% lost")


if __name__ == "__main__":
    sys.exit(main())
