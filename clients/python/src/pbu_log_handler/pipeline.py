"""From emit() to the sending thread: its start, its end, and what fork() does to it."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import weakref
from typing import Any

from . import own_threads
from .batches import BATCH_BYTES
from .buffer import RecordBuffer
from .report import Reporter
from .sender import Sender, Stop, Waiter
from .settings import Settings

# The bytes of what was logged and is not packed; a record that is longer is refused.
BUFFER_BYTES = 16 << 20

# Seconds until a thread that could not be started is tried again.
_START_PAUSE = 1.0

# Seconds that the end waits, beside shutdown_timeout, for the disk of the spool: one that hangs is not waited for.
_DISK_PATIENCE = 5.0

# Those of this process. The running ones are kept, also when nobody has their handler any more.
_all: dict[int, weakref.ref[Pipeline]] = {}
_running: dict[int, Pipeline] = {}

# What a child of fork() has of its parent's: never used again, and never closed.
_inherited: list[Any] = []

_locked = threading.local()


class Pipeline:
    """The buffer, flush() and close(): any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._begin()
        ident = id(self)
        _all[ident] = weakref.ref(self, lambda _: _all.pop(ident, None))

    def _begin(self) -> None:
        settings = self._settings
        self._pid = os.getpid()
        self.reporter = Reporter()
        self.buffer = RecordBuffer(settings.capacity, BUFFER_BYTES, settings.batch, BATCH_BYTES, self._ready)
        self._sender = Sender(settings, self.buffer, self.reporter)
        self._thread: threading.Thread | None = None
        self._start_at = 0.0
        # For start and end, by those who call; reentrant, as a start may be in a signal handler.
        self._life = threading.RLock()
        self._waited_until = 0.0
        self.ending = False  # the program
        self._waited = 0.0  # seconds, since then

    def _ready(self) -> None:
        """The buffer has something for the thread. Never blocks."""
        if self._thread is not None or self._start():
            self._sender.wake()

    def _start(self) -> bool:
        """False when there is no thread, and none can be had."""
        if time.monotonic() < self._start_at or sys.is_finalizing():
            # start() would wait for ever for a thread that never runs (until Python 3.11).
            return False
        # Not for the end of another's close(): records are never in the way.
        if not self._life.acquire(blocking=False):
            return False
        try:
            if self._thread is not None:
                return True
            thread = threading.Thread(target=self._run, name="pbu-log-handler", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The interpreter ends, or there are too many threads.
                self._start_at = time.monotonic() + _START_PAUSE
                return False
            self._thread = thread
            self.buffer.attended = True
            _running[id(self)] = self
            _at_the_end_of_children()
            return True
        finally:
            self._life.release()

    def _run(self) -> None:
        self._sender.run()

    def flush(self, timeout: float | None) -> bool:
        if own_threads.is_own() or os.getpid() != self._pid:
            return False
        began = time.monotonic()
        deadline = began + (self._patience() if timeout is None else timeout)
        if self._thread is None:
            if not self._has_something():
                return True
            if not self._start():
                with self._life:
                    # Another thread may have started it meanwhile.
                    if self._thread is None:
                        return self._drain(Stop(deadline, final=False))
        waiter = Waiter()
        self._sender.events.put(waiter)
        waiter.done.wait(max(deadline - time.monotonic(), 0.0))
        if not waiter.sent and timeout is None:
            # Later than the deadline, on a machine that is busy.
            self._waited_until = time.monotonic()
        if self.ending:
            self._waited += time.monotonic() - began
        return waiter.sent

    def _patience(self) -> float:
        """Seconds. At the end of the program, which closes more than once, they are what is left of them."""
        return max(self._settings.shutdown_timeout - self._waited, 0.0)

    def close(self) -> None:
        """Sends what is left for shutdown_timeout. What is logged afterwards starts it again."""
        if own_threads.is_own() or os.getpid() != self._pid:
            return
        now = time.monotonic()
        deadline = now + self._patience()
        if now - self._waited_until < 0.5:
            # flush() has just waited as long.
            deadline = now
        if not self._life.acquire(timeout=self._settings.shutdown_timeout + _DISK_PATIENCE):
            return
        try:
            thread = self._thread
            if thread is not None:
                self._sender.events.put(Stop(deadline))
                thread.join(max(deadline - time.monotonic(), 0.0) + _DISK_PATIENCE)
                if thread.is_alive():
                    return
                self._thread = None
                self.buffer.attended = False
                _running.pop(id(self), None)
            if self._has_something():
                self._drain(Stop(deadline))
        finally:
            if self.ending:
                self._waited += time.monotonic() - now
            self._life.release()

    def _has_something(self) -> bool:
        return len(self.buffer) > 0 or self._sender.pending

    def _drain(self, stop: Stop) -> bool:
        """What the thread would do, by the caller's: there is none."""
        self._sender.events.put(stop)
        self._sender.run()
        return self._sender.all_sent

    # --- fork ---

    def lock_disk(self) -> bool:
        return self._sender.disk.acquire(timeout=1.0)

    def unlock_disk(self) -> None:
        self._sender.disk.release()

    def begin_in_child(self) -> None:
        """Everything anew: another client, an empty buffer, no thread, no connection, no spool of the parent's."""
        sender = self._sender
        _inherited.append((sender, self.buffer, self._thread, self._life))
        self._begin()
        sender.forget()


def _before_fork() -> None:
    locked: list[Pipeline] = []
    for pipeline in list(_running.values()):
        if pipeline.lock_disk():
            locked.append(pipeline)
    _locked.pipelines = locked


def _after_fork_in_parent() -> None:
    for pipeline in getattr(_locked, "pipelines", []):
        pipeline.unlock_disk()
    _locked.pipelines = []


def _after_fork_in_child() -> None:
    own_threads.clear()
    _inherited.append(getattr(_locked, "pipelines", []))
    _locked.pipelines = []
    _running.clear()
    for reference in list(_all.values()):
        pipeline = reference()
        if pipeline is not None:
            pipeline.begin_in_child()


def _at_exit() -> None:
    # Those that could not start a thread, too.
    for pipeline in [*_running.values(), *[reference() for reference in list(_all.values())]]:
        if pipeline is not None:
            pipeline.ending = True
            pipeline.close()


# Processes of these end without atexit's functions.
_PROCESS_MODULES = ("multiprocessing.util", "billiard.util")
_told: dict[str, int] = {}


def _at_the_end_of_children() -> None:
    for name in _PROCESS_MODULES:
        module = sys.modules.get(name)
        if module is not None and _told.get(name) != os.getpid():
            _told[name] = os.getpid()
            with contextlib.suppress(Exception):
                module.Finalize(None, _at_exit, exitpriority=-100)
    # Celery's workers end by os._exit() after this signal, without even these.
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        with contextlib.suppress(Exception):
            celery.worker_process_shutdown.connect(_at_celerys_exit, weak=False, dispatch_uid=__name__)


def _at_celerys_exit(**_: object) -> None:
    _at_exit()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
