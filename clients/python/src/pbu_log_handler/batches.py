"""Batches: JSON arrays as they are sent, each with the key by which the server knows it again."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import Iterator
from uuid import uuid4

BATCH_BYTES = 1 << 20
# Below this gzip saves no packet.
GZIP_LEAST = 1024

# No text of a record has a line feed in it: JSON escapes it.
_BETWEEN = ",\n"


@dataclass
class Batch:
    """`seq` orders a store's batches. `dropped`: it is a note in the place of so many records.

    `put_at`: when it was packed, by time.monotonic(), as long as it is in memory.
    """

    seq: int
    key: str
    records: int
    body: bytes
    dropped: int = 0
    put_at: float = 0.0

    @property
    def gzipped(self) -> bool:
        return self.body[:2] == b"\x1f\x8b"

    @property
    def size(self) -> int:
        """Bytes that it counts for, in memory or on disk."""
        return len(self.body) + 200


class Keys:
    """The keys of one client: its id, and numbers that only grow, in the order of sending."""

    def __init__(self) -> None:
        self.client = uuid4().hex
        self._number = 0

    def next(self) -> str:
        self._number += 1
        return f"{self.client}-{self._number}"


def pack(texts: list[str]) -> bytes:
    body = f"[{_BETWEEN.join(texts)}]".encode("ascii")
    if len(body) < GZIP_LEAST:
        return body
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def unpack(body: bytes) -> list[str]:
    return plain(body).decode("ascii")[1:-1].split(_BETWEEN)


def slices(texts: list[str], most: int) -> Iterator[list[str]]:
    """Up to `most` records or BATCH_BYTES each; one that is longer is alone."""
    part: list[str] = []
    size = 0
    for text in texts:
        if part and (len(part) >= most or size + len(text) > BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text) + len(_BETWEEN)
    if part:
        yield part
