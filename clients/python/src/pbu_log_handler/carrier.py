"""The thread that waits for the server, so that the one which has the records never does."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Callable, NamedTuple

from . import own_threads
from .answers import Answer, Outcome
from .batches import Batch
from .transport import Transport


class Answered(NamedTuple):
    batch: Batch
    answer: Answer


class Carrier:
    """Carries one batch at a time, and hands the answer to `on_answer`, in its thread.

    Where no thread can be started, send() itself does it, and waits.
    """

    def __init__(self, make_transport: Callable[[], Transport], on_answer: Callable[[Answered], None]) -> None:
        self._on_answer = on_answer
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._transport = make_transport()

    def send(self, batch: Batch, time_left: float | None) -> None:
        """`time_left`, in seconds, counts where no thread can be started."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="pbu-log-handler-carrier", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                self._on_answer(Answered(batch, self._post(batch, time_left)))
                return
            self._thread = thread
        self._batches.put(batch)

    def close(self) -> None:
        """Nobody waits for its thread, which ends after the batch that it has. The carrier can't be used again."""
        if self._thread is None:
            self._transport.close()
        else:
            self._batches.put(None)

    def forget(self) -> None:
        """In a child of fork()."""
        self._transport.forget()

    def _run(self) -> None:
        ident = threading.get_ident()
        own_threads.enter(ident)
        try:
            while True:
                batch = self._batches.get()
                if batch is None:
                    break
                self._on_answer(Answered(batch, self._post(batch, None)))
            self._transport.close()
        finally:
            own_threads.leave(ident)

    def _post(self, batch: Batch, time_left: float | None) -> Answer:
        try:
            return self._transport.post(batch, time_left)
        except Exception as e:
            return Answer(Outcome.LATER, f"{type(e).__name__}: {e}")
