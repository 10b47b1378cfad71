"""One spool file: an SQLite database of batches, which one process has open, and locked, as long as it lives."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import threading
from uuid import uuid4

from .batches import Batch

SUFFIX = ".db"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL, records INTEGER NOT NULL, dropped INTEGER NOT NULL, body BLOB NOT NULL
)"""
_COLUMNS = "seq, key, records, dropped, body"
_OVERHEAD = 200  # as Batch.size has it

# Closing a descriptor of a file drops this process's locks on it (POSIX): no two creations at once.
_creating = threading.Lock()


class SpoolFile:
    """Every function may raise sqlite3.Error, and has then changed nothing.

    The journal is SQLite's rollback journal: a process that is killed in the middle leaves what can
    be rolled back, and a child of fork(), which inherits the connection, has nothing to write by it
    when nothing is under way.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        count, size, first = connection.execute(
            f"SELECT count(*), coalesce(sum(length(body) + {_OVERHEAD}), 0), min(seq) FROM batches"
        ).fetchone()
        self.count: int = count
        self.bytes: int = size
        # Those before it are sent; they are deleted when that can be written.
        self._first: int = first if first is not None else -(1 << 62)

    @classmethod
    def create(cls, folder: str) -> SpoolFile:
        """A new one. May raise OSError, too."""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        while True:
            path = os.path.join(folder, uuid4().hex + SUFFIX)
            with _creating:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
                made = os.fstat(descriptor)
                os.close(descriptor)
            try:
                connection = _open(path)
            except sqlite3.OperationalError:
                if _is(path, made):
                    _unlink(path)
                    raise
                continue
            # Until it was locked, another process could take it for that of a dead one, and remove it.
            if _is(path, made):
                connection.execute(_SCHEMA)
                return cls(path, connection)
            connection.close()

    @classmethod
    def adopt(cls, path: str) -> SpoolFile | None:
        """That of a process which is gone. None when it lives, or when there is nothing in the file."""
        try:
            connection = _open(path)
        except sqlite3.OperationalError:
            return None
        try:
            connection.execute(_SCHEMA)
            file = cls(path, connection)
        except BaseException:
            connection.close()
            raise
        if file.count:
            return file
        file.close()
        return None

    def put(self, batches: list[Batch]) -> None:
        """At the end."""
        rows = [(b.seq, b.key, b.records, b.dropped, b.body) for b in batches]
        with self._transaction():
            self._connection.executemany(f"INSERT INTO batches ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", rows)
        self.count += len(batches)
        self.bytes += sum(b.size for b in batches)

    def first(self) -> Batch | None:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM batches WHERE seq >= ? ORDER BY seq LIMIT 1", (self._first,)
        ).fetchone()
        return _batch(row) if row is not None else None

    def remove(self, batch: Batch) -> None:
        """The first one. When that can't be written it is passed over all the same."""
        self._first = batch.seq + 1
        self.count -= 1
        self.bytes -= batch.size
        with self._transaction():
            self._connection.execute("DELETE FROM batches WHERE seq < ?", (self._first,))

    def replace(self, batch: Batch, others: list[Batch]) -> None:
        """Puts others into a batch's place; their seqs are up to its, and after those before it."""
        with self._transaction():
            self._connection.execute("DELETE FROM batches WHERE seq = ?", (batch.seq,))
            self._connection.executemany(
                f"INSERT OR REPLACE INTO batches ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
                [(b.seq, b.key, b.records, b.dropped, b.body) for b in others],
            )
        self._first = min([self._first, *[b.seq for b in others]])
        self.count += len(others) - 1
        self.bytes += sum(b.size for b in others) - batch.size

    def oldest(self, except_seq: int | None, least: int) -> list[Batch]:
        """The oldest, of `least` bytes together; without bodies. One that is being sent is left out."""
        found: list[Batch] = []
        total = 0
        for seq, key, records, dropped, length in self._connection.execute(
            "SELECT seq, key, records, dropped, length(body) FROM batches WHERE seq >= ? AND seq IS NOT ? ORDER BY seq",
            (self._first, except_seq),
        ):
            if total >= least:
                break
            found.append(Batch(seq, key, records, b"", dropped))
            total += length + _OVERHEAD
        return found

    def drop(self, batches: list[Batch], note: Batch) -> None:
        """Puts a note into the place of batches, which follow one another."""
        with self._transaction():
            self._connection.execute("DELETE FROM batches WHERE seq BETWEEN ? AND ?", (batches[0].seq, batches[-1].seq))
            self._connection.execute(
                f"INSERT INTO batches ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
                (note.seq, note.key, note.records, note.dropped, note.body),
            )
        self.count, self.bytes = self._connection.execute(
            f"SELECT count(*), coalesce(sum(length(body) + {_OVERHEAD}), 0) FROM batches WHERE seq >= ?", (self._first,)
        ).fetchone()

    def close(self) -> None:
        """An empty file is removed."""
        if self.count == 0:
            # While it is locked: nobody else can have begun with it.
            _unlink(self.path)
        self._connection.close()
        if self.count == 0:
            _unlink(self.path + "-journal")

    def set_aside(self) -> str:
        """Of a file that can't be read: renames it, and returns its new name."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        return set_aside(self.path)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
                return
            except sqlite3.Error:
                self._roll_back()
                raise
        self._roll_back()

    def _roll_back(self) -> None:
        # SQLite may have done so by itself.
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def set_aside(path: str) -> str:
    aside = path + ".corrupt"
    os.replace(path, aside)
    _unlink(path + "-journal")
    return aside


def _open(path: str) -> sqlite3.Connection:
    """Opens and locks it, for as long as the connection is open. OperationalError when somebody has it."""
    # Any thread, one at a time: the one that closes may be another.
    connection = sqlite3.connect(
        pathlib.Path(path).as_uri() + "?mode=rw", timeout=0, isolation_level=None, check_same_thread=False, uri=True
    )
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("BEGIN EXCLUSIVE")
        # The first transaction locks; the lock stays after it.
        connection.execute("PRAGMA user_version=1")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _batch(row: tuple[int, str, int, int, bytes]) -> Batch:
    seq, key, records, dropped, body = row
    return Batch(seq, key, records, bytes(body), dropped)


def _is(path: str, made: os.stat_result) -> bool:
    try:
        now = os.stat(path)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (made.st_dev, made.st_ino)


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
