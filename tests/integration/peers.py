"""Servers that are read as one, each started by start.sh with an nginx of its own; and what one must answer for all of them.

    servers = Peers(start_server, 3, READ_TOKEN="...")     # all of them ask each other
    servers.reference()                                    # as Folder of read_reference.py
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fcgi_peer import BUILD
from read_case import Case
from read_reference import LEVELS, Entry, Folder, Format, Selection
from server import Server, free_port

# Of a module that has several servers.
_without = 'S["WITH_PEERS_TRUE"]="#"' in (BUILD / "config.status").read_text(errors="replace")
needs_peers = [pytest.mark.peers, pytest.mark.skipif(_without, reason="it is built without libcurl")]

Key = tuple[int, str]  # of a level's files on a server


@dataclass(frozen=True)
class Of:
    """An entry, and whose it is."""

    server: str
    entry: Entry

    def answer(self, zone: ZoneInfo) -> dict[str, str | None]:
        return {**self.entry.answer(zone), "server": self.server}


def merged(each: dict[Key, list[Of]], forward: bool) -> Iterator[Of]:
    """All levels of all servers as one: by time, then server, then level; backward the other way round."""
    queues = {key: entries[::-1] for key, entries in each.items()}

    def place(key: Key) -> tuple[float, int, int]:
        ms = queues[key][-1].entry.ms
        return (float("-inf") if ms is None else ms, key[0], LEVELS.index(key[1]))

    while queues := {key: entries for key, entries in queues.items() if entries}:
        yield queues[min(queues, key=place) if forward else max(queues, key=place)].pop()


class Folders:
    """The reference over several folders, by the names of their servers, which are in order."""

    def __init__(self, folders: dict[str, Folder]) -> None:
        self.folders = dict(sorted(folders.items()))

    def _of(self, server: str, entries: list[Entry]) -> list[Of]:
        return [Of(server, e) for e in entries]

    def selected(self, s: Selection) -> list[Of]:
        each = {}
        for i, (name, folder) in enumerate(self.folders.items()):
            for level in s.levels:
                found = [e for e in folder.entries(level) if s.contains(e)]
                each[i, level] = self._of(name, found if s.forward else found[::-1])
        return list(merged(each, s.forward))

    def neighbours(self, at: Of, forward: bool) -> list[Of]:
        each = {}
        names = list(self.folders)
        for i, (name, folder) in enumerate(self.folders.items()):
            if name == at.server:
                for level in LEVELS:
                    found = [e for e in folder.neighbours(at.entry, forward) if e.level == level]
                    each[i, level] = self._of(name, found)
            elif at.entry.ms is not None:
                first = at.entry.ms + (1 if i < names.index(at.server) else 0)
                for level in LEVELS:
                    found = [e for e in folder.entries(level) if e.ms is not None and (e.ms >= first if forward else e.ms < first)]
                    each[i, level] = self._of(name, found if forward else found[::-1])
        return list(merged(each, forward))

    def hits(self, s: Selection, start: int, width: int, buckets: int) -> dict[str, list[int]]:
        counts = {level: [0] * buckets for level in s.levels}
        for folder in self.folders.values():
            for level, numbers in folder.hits(s, start, width, buckets).items():
                counts[level] = [a + b for a, b in zip(counts[level], numbers, strict=True)]
        return counts


class Peers:
    """So many servers that all ask each other."""

    def __init__(self, start: Callable[..., Server], count: int, fmt: Format, zone: str, name: str, **settings: Any) -> None:
        ports = sorted(free_port() for _ in range(count))
        everybody = ",".join(f"http://127.0.0.1:{port}" for port in ports)
        self.zone, self.fmt = ZoneInfo(zone), fmt
        self.cases = {}
        for port in ports:
            server = start(PORT=port, READ_NAME=f"127.0.0.1:{port}", READ_PEERS=everybody, LOG_FORMAT=fmt.log_format,
                           LOG_DATE_FORMAT=fmt.date_format, TZ=zone, LOG_ROTATE="never", **settings)
            self.cases[f"127.0.0.1:{port}"] = Case(server, name, self.zone, fmt)

    @property
    def first(self) -> Case:
        return next(iter(self.cases.values()))

    def reference(self) -> Folders:
        return Folders({name: case.folder() for name, case in self.cases.items()})
