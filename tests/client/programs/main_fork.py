"""os.fork in the main thread; the child ends as Python programs do, with atexit."""

import logging
import os

import setup_logging

setup_logging.configure()
log = logging.getLogger("fork")
for n in range(100):
    log.info("before the fork, record %d", n)
child = os.fork()
for n in range(100):
    log.info("%s, record %d", "child" if child == 0 else "parent", n)
if child:
    assert os.waitpid(child, 0) == (child, 0)
    log.info("the child has ended")
