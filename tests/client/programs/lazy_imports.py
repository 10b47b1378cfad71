"""Forks while the handler's threads may be importing modules: a child can't import one that was being imported then."""

import importlib.abc
import logging
import os
import sys
import threading
import time

import setup_logging


class Slow(importlib.abc.MetaPathFinder):
    """Imports in other threads take their time."""

    def find_spec(self, *_: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.2)


setup_logging.configure()
log = logging.getLogger("lazy")
sys.meta_path.insert(0, Slow())
log.info("the first record")
children = []
for n in range(12):
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        log.info("of child %d", n)
        sys.exit(0)
    children.append(child)
for child in children:
    assert os.waitpid(child, 0) == (child, 0)
