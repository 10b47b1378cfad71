"""Batches in memory, in order."""

from __future__ import annotations

from collections import deque

from .batches import Batch


class MemoryStore:
    def __init__(self) -> None:
        self.batches: deque[Batch] = deque()
        self.bytes = 0

    def put(self, batches: list[Batch]) -> None:
        self.batches.extend(batches)
        self.bytes += sum(b.size for b in batches)

    def replace(self, batch: Batch, others: list[Batch]) -> None:
        """Puts others into the place of the first one."""
        assert self.batches[0].seq == batch.seq
        self.batches.popleft()
        self.batches.extendleft(reversed(others))
        self.bytes += sum(b.size for b in others) - batch.size

    def clear(self) -> None:
        self.batches.clear()
        self.bytes = 0
