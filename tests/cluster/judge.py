"""
Whether all that was answered 200 is in the files of the writers: every record, once, each logger's in order.

A record may be in the files of two writers only where partitions changed their writer, which whoever asks has to know:
what the one had not committed, the other writes, too. Twice in the files of one writer is never right.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from records import record_of

NAMES = ("info.log", "error.log")
SHOWN = 12  # complaints of a kind

# A logger's numbers in one writer's file, in runs that follow each other without a gap: (first, last).
Runs = list[tuple[int, int]]


def files_of(folder: Path, name: str) -> list[Path]:
    """A level's files, oldest first: info.log.2026-11-26, info.log.2026-11-26.1, ..., info.log."""
    form = re.compile(re.escape(name) + r"\.(\d{4}-\d\d-\d\d(?:_\d\d)?)(?:\.(\d+))?")
    rolled = [(m[1], int(m[2] or 0), path) for path in folder.iterdir() if (m := form.fullmatch(path.name))]
    current = folder / name
    return [path for *_, path in sorted(rolled)] + ([current] if current.exists() else [])


def lines_of(folder: Path, name: str) -> Iterator[tuple[Path, str]]:
    """A last line without its newline has it shown to be missing."""
    for path in files_of(folder, name):
        with open(path, encoding="utf-8", errors="backslashreplace", newline="\n") as f:
            for line in f:
                yield path, line[:-1] if line.endswith("\n") else line + "<no newline>"


@dataclass
class Verdict:
    """What is wrong, by kind; and how many records there are, and how many twice where that may be."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    count: Counter[str] = field(default_factory=Counter)
    records: int = 0
    twice: int = 0

    def add(self, kind: str, text: str, how_many: int = 1) -> None:
        self.count[kind] += how_many
        if len(self.wrong[kind]) < SHOWN:
            self.wrong[kind].append(text)

    @property
    def good(self) -> bool:
        return not self.count

    def __str__(self) -> str:
        if self.good:
            return f"all of {self.records} records, {self.twice} of them twice where a partition changed its writer"
        return "\n".join(f"{kind}: {self.count[kind]}\n  " + "\n  ".join(texts) for kind, texts in self.wrong.items())


def _read(verdict: Verdict, folder: Path) -> dict[str, Runs]:
    """By logger; what is not in order, or no record at all, is wrong."""
    found: dict[str, Runs] = defaultdict(list)
    for name in NAMES:
        for path, line in lines_of(folder, name):
            record = record_of(line)
            if record is None:
                verdict.add("no record", f"{path}: {line[:100]}")
                continue
            verdict.records += 1
            runs = found[record.logger]
            if not runs or record.number > runs[-1][1] + 1:
                runs.append((record.number, record.number))
            elif record.number == runs[-1][1] + 1:
                runs[-1] = (runs[-1][0], record.number)
            elif any(first <= record.number <= last for first, last in runs):
                verdict.add("twice in one writer's files", f"{path}: {record.logger} {record.number}")
            else:
                verdict.add("not in order", f"{path}: {record.logger} {record.number} after {runs[-1][1]}")
    rejected = folder / "rejected.log"
    if rejected.exists() and rejected.stat().st_size:
        verdict.add("rejected", f"{rejected}: {rejected.read_text(errors='replace')[:200]}")
    return found


def _shared(one: Runs, other: Runs) -> int:
    """How many numbers both have."""
    i = j = count = 0
    while i < len(one) and j < len(other):
        count += max(0, min(one[i][1], other[j][1]) - max(one[i][0], other[j][0]) + 1)
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return count


def _missing(runs: Runs, last: int) -> Iterator[tuple[int, int]]:
    """Of 1 to last, what none of the runs, sorted, has."""
    next_one = 1
    for first, end in runs:
        if first > next_one:
            yield next_one, min(first - 1, last)
        next_one = max(next_one, end + 1)
        if next_one > last:
            return
    if next_one <= last:
        yield next_one, last


def judge(folders: Sequence[Path], taken: Mapping[str, int], sent: Mapping[str, int], *, moved: bool = False) -> Verdict:
    """
    taken: by logger, all up to that number was answered 200. sent: what may be there beyond that. moved: whether partitions
    have changed their writer.
    """
    verdict = Verdict()
    writers = [_read(verdict, folder) for folder in folders]
    for logger in sorted({*taken, *(name for w in writers for name in w)}):
        everywhere = [w.get(logger, []) for w in writers]
        for first, last in _missing(sorted(run for runs in everywhere for run in runs), taken.get(logger, 0)):
            verdict.add("lost", f"{logger} {first} to {last}", last - first + 1)
        for runs in everywhere:
            if runs and runs[-1][1] > sent.get(logger, 0):
                verdict.add("never sent", f"{logger} {runs[-1][1]}")
        for n, one in enumerate(everywhere):
            shared = sum(_shared(one, other) for other in everywhere[n + 1 :])
            if moved:
                verdict.twice += shared
            elif shared:
                verdict.add("of two writers, though no partition changed its own", logger, shared)
    return verdict
