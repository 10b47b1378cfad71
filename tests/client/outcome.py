"""What became of the records: those that the programs' witness noted, and those in the server's files."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import reference
from server import Server

LEVELS = ((40, "error.log"), (30, "warning.log"), (20, "info.log"), (0, "debug.log"))
FILES = tuple(name for _, name in LEVELS)

# An entry of witness.FORMAT.
HEAD = re.compile(r"\S+ \S+ [^:]*:\S* (\d+) (\d+) ")

# In a file, records of a thread are in order; the keys are (process, thread, file).
Key = tuple[int, int, str]


class Noted(NamedTuple):
    created: float
    text: str


def file_of(level: int) -> str:
    return next(name for least, name in LEVELS if level >= least)


def noted(folder: Path) -> dict[Key, list[Noted]]:
    """What the programs logged, as CPython formats it."""
    found: dict[Key, list[Noted]] = defaultdict(list)
    for path in folder.iterdir():
        for line in path.read_text().splitlines():
            process, thread, level, created, text = json.loads(line)
            found[process, thread, file_of(level)].append(Noted(created, reference.made_safe(text)))
    return found


def written(server: Server) -> dict[Key, list[str]]:
    """What is in the server's files, those that were rolled over first."""
    found: dict[Key, list[str]] = defaultdict(list)
    for name in FILES:
        for entry in server.entries(name):
            head = HEAD.match(entry)
            assert head, f"{name}: {entry!r}"
            found[int(head[1]), int(head[2]), name].append(entry)
    return found


@dataclass
class Outcome:
    logged: int = 0
    lost: dict[Key, list[Noted]] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)

    @property
    def lost_count(self) -> int:
        return sum(map(len, self.lost.values()))

    def check(self) -> None:
        """Every record once, in order."""
        wrong = {
            "lost": [n.text for records in self.lost.values() for n in records], "twice": self.twice,
            "not as CPython writes it": self.unknown, "out of order": self.out_of_order,
        }
        said = "\n".join(f"{len(texts)} {what}:\n  " + "\n  ".join(map(repr, texts[:5])) for what, texts in wrong.items() if texts)
        assert not said, f"of {self.logged} records\n{said}"
        assert self.logged > 0


def outcome(server: Server, witness: Path) -> Outcome:
    """Compares them. Records whose texts are the same count as often as they were logged."""
    expected, found = noted(witness), written(server)
    result = Outcome(sum(map(len, expected.values())))
    for key in expected.keys() | found.keys():
        logged, texts = expected.get(key, []), found.get(key, [])
        due = Counter(n.text for n in logged)
        seen: Counter = Counter()
        first = []  # without those that come once more
        for text in texts:
            seen[text] += 1
            if text not in due:
                result.unknown.append(text)
            elif seen[text] > due[text]:
                result.twice.append(text)
            else:
                first.append(text)
        lost, left = [], Counter(seen)
        kept = []
        for n in logged:
            if left[n.text] > 0:
                left[n.text] -= 1
                kept.append(n.text)
            else:
                lost.append(n)
        if lost:
            result.lost[key] = lost
        result.out_of_order += [a for a, b in zip(first, kept) if a != b][:1]
    return result
