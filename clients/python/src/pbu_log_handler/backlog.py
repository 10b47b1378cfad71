"""What waits to be sent, in order: what is on disk, where there is a spool, then what is in memory."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import Callable

from .batches import Batch, Keys, pack
from .memory_store import MemoryStore
from .records import encode_own
from .report import Reporter
from .spool_file import SUFFIX, SpoolFile, set_aside

MEMORY_BYTES = 16 << 20
SPOOL_BYTES = 256 << 20

# Between the seqs of two batches there is room for the parts of one that is split.
SEQ_STEP = 1 << 20

# Seconds between two looks for files of processes that are gone; between two tries with a spool that failed.
ADOPT_SECONDS = 30.0
RETRY_SECONDS = 5.0


def dropped_note(count: int) -> str:
    return encode_own(f"{count:,} record{'s were' if count != 1 else ' was'} dropped here")


class Backlog:
    """The sending thread's alone. First come the files of processes that are gone, then this one's, then memory.

    A spool that can't be written is reported, and memory is used until it can.
    """

    def __init__(self, folder: str | None, reporter: Reporter, on_lost: Callable[[int], None]) -> None:
        self._folder = folder
        self._reporter = reporter
        self._on_lost = on_lost
        self._memory = MemoryStore()
        self._own: SpoolFile | None = None
        self._adopted: list[SpoolFile] = []
        self.adopt_at = 0.0
        self.spool_at = 0.0
        # Where the batch that was asked for last comes from, and its seq: it isn't dropped.
        self._head: Batch | None = None
        self._head_file: SpoolFile | None = None
        self._seq = 0
        self.done = 0  # the seq of the last one of this process that is settled

    @property
    def spools(self) -> bool:
        return self._folder is not None

    @property
    def memory_bytes(self) -> int:
        return self._memory.bytes

    @property
    def memory_since(self) -> float | None:
        """When the oldest of those in memory was packed."""
        return self._memory.batches[0].put_at if self._memory.batches else None

    @property
    def memory_records(self) -> int:
        return sum(b.records for b in self._memory.batches)

    @property
    def last(self) -> int:
        """The seq of the last one that was put."""
        return self._seq

    @property
    def on_disk(self) -> bool:
        return self._own is not None or bool(self._adopted)

    def __bool__(self) -> bool:
        return bool(self._memory.batches) or self.on_disk

    def put(self, key: str, records: int, body: bytes, dropped: int = 0) -> None:
        self._seq += SEQ_STEP
        self._memory.put([Batch(self._seq, key, records, body, dropped, time.monotonic())])
        if self._memory.bytes > MEMORY_BYTES:
            self.spool()
            self._bound_memory()

    def head(self) -> Batch | None:
        """The next to be sent, until it is removed or replaced."""
        if self._head is not None:
            return self._head
        for file in [*self._adopted, *([self._own] if self._own is not None else [])]:
            try:
                batch = file.first()
            except sqlite3.Error as e:
                self._failed(file, e)
                continue
            if batch is not None:
                self._head, self._head_file = batch, file
                return batch
            self._close(file)
        if self._memory.batches:
            self._head, self._head_file = self._memory.batches[0], None
        return self._head

    def remove(self) -> None:
        """The head: it is settled."""
        self._replace_head([])

    def split(self, parts: list[list[str]]) -> bool:
        """Puts the head's parts in its place, under a client's id of their own: their numbers are new to the server.

        False: that can't be written, and nothing has changed.
        """
        head = self._head
        assert head is not None
        keys = Keys()
        first = head.seq - len(parts) + 1
        return self._replace_head(
            [Batch(first + i, keys.next(), len(p), pack(p), 0, head.put_at) for i, p in enumerate(parts)]
        )

    def _replace_head(self, others: list[Batch]) -> bool:
        head, file = self._head, self._head_file
        assert head is not None
        self._head = self._head_file = None
        written = True
        if file is None:
            self._memory.replace(head, others)
        else:
            try:
                if others:
                    file.replace(head, others)
                else:
                    file.remove(head)
            except sqlite3.Error as e:
                self._failed(file, e)
                written = False
        if not others and (file is None or file is self._own):
            self.done = max(self.done, head.seq)
        if file is not None and file.count == 0:
            self._close(file)
        return written

    # --- the spool ---

    def spool(self) -> bool:
        """Moves what is in memory to the disk, as far as that can be written now. False: it can't."""
        if self._folder is None or not self._memory.batches:
            return True
        if time.monotonic() < self.spool_at:
            return False
        try:
            if self._own is None:
                self._own = SpoolFile.create(self._folder)
            self._own.put(list(self._memory.batches))
        except (sqlite3.Error, OSError) as e:
            self.spool_at = time.monotonic() + RETRY_SECONDS
            if self._own is not None and isinstance(e, sqlite3.Error):
                self._failed(self._own, e)
            else:
                self._warn(self._folder, e)
            if self._own is not None and self._own.count == 0:
                self._close(self._own)
            return False
        if self._head is not None and self._head_file is None:
            self._head_file = self._own
        self._memory.clear()
        self._bound_spool()
        return True

    def adopt(self, now: float) -> None:
        """Takes over the files of processes that are gone, once in a while."""
        if self._folder is None or now < self.adopt_at:
            return
        self.adopt_at = now + ADOPT_SECONDS
        try:
            names = [n for n in os.listdir(self._folder) if n.endswith(SUFFIX)]
        except OSError:
            return
        known = {f.path for f in [*self._adopted, *([self._own] if self._own is not None else [])]}
        paths = [p for p in (os.path.join(self._folder, n) for n in names) if p not in known]
        for path in sorted(paths, key=_modified):
            try:
                file = SpoolFile.adopt(path)
            except sqlite3.DatabaseError as e:
                self._set_aside(path, e)
                continue
            if file is not None:
                self._adopted.append(file)
        self._bound_spool()

    def close(self) -> int:
        """Leaves what is on disk to the next start. Returns how many records are lost: those in memory."""
        self.spool()
        lost = self.memory_records
        self._memory.clear()
        self._head = self._head_file = None
        for file in [*self._adopted, *([self._own] if self._own is not None else [])]:
            self._close(file)
        self.adopt_at = 0.0
        return lost

    def files(self) -> list[SpoolFile]:
        return [*self._adopted, *([self._own] if self._own is not None else [])]

    def _close(self, file: SpoolFile) -> None:
        self._forget(file)
        try:
            file.close()
        except sqlite3.Error as e:
            self._warn(file.path, e)

    def _forget(self, file: SpoolFile) -> None:
        if file is self._own:
            self._own = None
        else:
            self._adopted = [f for f in self._adopted if f is not file]
        if self._head_file is file:
            self._head = self._head_file = None

    def _failed(self, file: SpoolFile, error: sqlite3.Error) -> None:
        # Errors of the disk pass; what is no database any more stays so.
        if type(error) is not sqlite3.DatabaseError:
            self._warn(file.path, error)
            return
        self._forget(file)
        try:
            aside = file.set_aside()
        except OSError as e:
            self._warn(file.path, e)
            return
        self._reporter.say(f"spool {file.path} can't be read ({error}): it is set aside as {aside}")

    def _set_aside(self, path: str, error: sqlite3.Error) -> None:
        if type(error) is not sqlite3.DatabaseError:
            self._warn(path, error)
            return
        try:
            aside = set_aside(path)
        except OSError as e:
            self._warn(path, e)
            return
        self._reporter.say(f"spool {path} can't be read ({error}): it is set aside as {aside}")

    def _warn(self, path: str, error: Exception) -> None:
        self._reporter.warn("spool", f"spool {path}: {error}; memory is used until it can be written")

    # --- bounds ---

    def _bound_memory(self) -> None:
        memory = self._memory
        if memory.bytes <= MEMORY_BYTES:
            return
        # The one that is being sent stays where it is.
        kept = [memory.batches.popleft()] if self._head is not None and self._head_file is None else []
        if not memory.batches:
            memory.batches.extend(kept)
            return
        last = memory.batches[0]
        records = 0
        while memory.bytes > MEMORY_BYTES and memory.batches:
            last = memory.batches.popleft()
            memory.bytes -= last.size
            records += self._count(last)
        note = _note(last.seq, records)
        memory.bytes += note.size
        memory.batches.extendleft([note, *kept])

    def _bound_spool(self) -> None:
        total = sum(f.bytes for f in self.files())
        for file in self.files():
            if total <= SPOOL_BYTES:
                return
            before = file.bytes
            try:
                oldest = file.oldest(
                    self._head.seq if self._head_file is file and self._head else None, total - SPOOL_BYTES
                )
                if not oldest:
                    continue
                file.drop(oldest, _note(oldest[-1].seq, sum(self._count(b) for b in oldest)))
            except sqlite3.Error as e:
                self._failed(file, e)
                continue
            total += file.bytes - before

    def _count(self, batch: Batch) -> int:
        """How many records go with it; those of a note have gone before."""
        self._on_lost(batch.records if not batch.dropped else 0)
        return batch.dropped or batch.records


def _note(seq: int, dropped: int) -> Batch:
    return Batch(seq, Keys().next(), 1, pack([dropped_note(dropped)]), dropped)


def _modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
