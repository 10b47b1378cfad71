"""What was logged and not yet packed: a bounded queue of texts."""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable


class RecordBuffer:
    """Any thread. Its lock is held for a few assignments, never during I/O.

    It is reentrant: a signal handler, or __del__, may log in the middle of put(). What that does to
    `bytes` is over with the next take().
    """

    def __init__(
        self, capacity: int, max_bytes: int, batch: int, batch_bytes: int, on_ready: Callable[[], None]
    ) -> None:
        self._capacity = capacity
        self._max_bytes = max_bytes
        # With a small capacity the taker is to come in time.
        self._batch = min(batch, max(capacity // 2, 1))
        self._batch_bytes = batch_bytes
        self._on_ready = on_ready
        self.attended = False  # whether there is a taker
        self._lock = threading.RLock()
        self._texts: deque[str] = deque()
        self._bytes = 0
        self._dropped = 0

    def put(self, text: str) -> None:
        """Calls on_ready() when the first has come, when a batch is complete, and while there is no taker.

        Beyond the bounds the oldest go. ValueError: it is too long for them by itself.
        """
        size = len(text)
        if size > self._max_bytes:
            raise ValueError(f"a record of {size:,} bytes is too long: {self._max_bytes:,} at most")
        with self._lock:
            texts = self._texts
            texts.append(text)
            count = len(texts)
            before = self._bytes
            self._bytes = after = before + size
            if count > self._capacity or after > self._max_bytes:
                self._drop()
        if count == 1 or count == self._batch or before < self._batch_bytes <= after or not self.attended:
            self._on_ready()

    def _drop(self) -> None:
        texts = self._texts
        while len(texts) > 1 and (len(texts) > self._capacity or self._bytes > self._max_bytes):
            self._bytes -= len(texts.popleft())
            self._dropped += 1

    def take(self) -> tuple[int, list[str]]:
        """Everything, and how many were dropped before it."""
        fresh: deque[str] = deque()
        with self._lock:
            texts, self._texts = self._texts, fresh
            dropped, self._dropped = self._dropped, 0
            self._bytes = 0
        return dropped, list(texts)

    def is_complete(self) -> bool:
        """Whether there is a batch."""
        return len(self._texts) >= self._batch or self._bytes >= self._batch_bytes

    def __len__(self) -> int:
        return len(self._texts)
