"""What the reader says of an entry is what the record said, whatever LOG_FORMAT it was written in.

PBU_SEED repeats a run (the seed is printed).
"""

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import reference
from read_reference import LEVELS, iso
from server import Server

SEED = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))
RECORDS = Path(__file__).parents[1] / "records"
UTC = ZoneInfo("UTC")


def entries(server: Server, level: str) -> list[dict[str, Any]]:
    parameters: dict[str, Any] = {"level": level, "direction": "forward", "limit": 1_000_000}
    answer = server.session.get(server.url + "/api/log/query", params=parameters, timeout=60)
    assert answer.status_code == 200, answer.text
    *found, end = [line for line in map(json.loads, answer.content.decode().split("\n")[:-1]) if "progress" not in line]
    assert end["complete"] is True
    return found


def level_of(record: dict[str, Any]) -> str:
    n = record["levelno"]
    return LEVELS[max(min(n // 10 - 1, 3), 0)]


def shown(text: str) -> str:
    """In the midst of a line."""
    return reference.made_safe("-" + text + "-")[1:-1]


def compare(server: Server, records: list[dict[str, Any]], expected: Callable[[dict[str, Any]], dict[str, Any]], what: str) -> None:
    for at in range(0, len(records), 500):
        answer = server.post(records[at : at + 500])
        assert answer.status_code == 200, answer.text
    for level in LEVELS:
        wanted = [r for r in records if level_of(r) == level]
        found = entries(server, level)
        assert len(found) == len(wanted), what
        for got, record in zip(found, wanted, strict=True):
            want = expected(record)
            assert {k: got[k] for k in want} == want, f"{what}: {got['text']!r} of {record}"


def milliseconds(created: float) -> int:
    return int(created) * 1000 + int((created - int(created)) * 1000)


@pytest.mark.parametrize("log_format", [None, "json"])
def test_the_clients_records(start_server: Callable[..., Server], log_format: str | None) -> None:
    """Those that real clients sent."""
    server = start_server(LOG_FORMAT=log_format, TZ="Europe/Berlin")
    records = [json.loads(line) for path in sorted(RECORDS.glob("pbu-*.jsonl")) if "expected" not in path.name for line in path.read_text().splitlines()]
    records = [r for r in records if isinstance(r, dict) and {"created", "msecs", "levelno", "levelname", "name"} <= set(r)]
    assert len(records) > 10

    def expected(record: dict[str, Any]) -> dict[str, Any]:
        text, _ = reference.message(record)
        if log_format == "json":
            # Half a character, which JSON can say, is none in the answer.
            ms, message = int(record["created"] * 1000), re.sub("[\ud800-\udfff]", "\ufffd", text)
        else:
            ms, message = int(record["created"]) * 1000 + int(record["msecs"]), shown(text).split("\n")[0]
        return {"ts": iso(ms, ZoneInfo("Europe/Berlin")), "level": record["levelname"], "logger": record["name"], "message": message}

    compare(server, records, expected, f"LOG_FORMAT={log_format}")


class Drawn:
    """A format from which everything can be read back."""

    DATES = [None, "%Y-%m-%d %H:%M:%S", "%d.%m.%y %H:%M:%S", "%a %d %b %Y %I:%M:%S %p", "%Y-%jT%H%M%S%z", "%s", "%c", "%-d %B %Y, %T"]
    SEPARATORS = [" | ", "|", " ;; ", "] [", "\t", "#", "~%%"]

    def __init__(self, r: random.Random) -> None:
        self.date = r.choice(self.DATES)
        fields = ["asctime", "levelname", "name", "process", "threadName", "lineno"]
        if self.date is not None:
            fields.append("msecs")
        fields = r.sample(fields, r.randrange(2, len(fields) + 1))
        self.message_at = r.randrange(len(fields) + 1) if r.random() < 0.5 else len(fields)
        fields.insert(self.message_at, "message")
        self.fields, self.format = fields, r.choice(["", "[", "<< "])
        self.separator = r.choice(self.SEPARATORS)
        for i, name in enumerate(fields):
            spec = {"process": "d", "lineno": r.choice(["d", "5d"]), "msecs": "03d"}.get(name, "s")
            if name in ("levelname", "name", "threadName") and r.random() < 0.5:
                spec = r.choice(["-10s", "12s", "-8s"])
            self.format += (self.separator if i > 0 else "") + f"%({name}){spec}"
        self.format += r.choice(["", "]", "\n"])

    def expected(self, record: dict[str, Any]) -> dict[str, Any]:
        text, _ = reference.message(record)
        many = "\n" in shown(text)

        def holds(field: str) -> bool:
            # What follows a message of several lines is not read.
            return field in self.fields and not (many and self.fields.index(field) > self.message_at)

        ms = None
        if holds("asctime"):
            ms = int(record["created"]) * 1000
            if self.date is None or holds("msecs"):
                ms += int(record["msecs"])
        return {
            **({"ts": iso(ms, UTC)} if ms is not None else {}),
            "level": record["levelname"] if holds("levelname") else None,
            "logger": record["name"] if holds("name") else None,
            "message": shown(text).split("\n")[0],
        }


@pytest.mark.parametrize("turn", range(int(os.environ.get("READ_FORMATS", "4"))))
def test_drawn_formats(start_server: Callable[..., Server], turn: int) -> None:
    r = random.Random(f"{SEED} {turn}")
    drawn = Drawn(r)
    what = f"PBU_SEED={SEED}, turn {turn}: LOG_FORMAT={drawn.format!r} LOG_DATE_FORMAT={drawn.date!r}"
    print(what)
    server = start_server(LOG_FORMAT=drawn.format, LOG_DATE_FORMAT=drawn.date)
    records = []
    for _ in range(400):
        created = round(r.uniform(0, 3.1e9), 3)  # of %y, 68 is the last of this century
        levelno, name = r.choice([(10, "DEBUG"), (20, "INFO"), (25, "NOTICE"), (30, "WARNING"), (40, "ERROR"), (50, "CRITICAL")])
        words = [r.choice(["a", "b c", "é", "\x1b[1m", "x=1", ":", "中", "\u2028", "%d", "", "\\", "(", "日本"]) for _ in range(r.randrange(6))]
        text = r.choice([" ", "", "\n"] if r.random() < 0.3 else [" "]).join(words).rstrip("\n")
        if drawn.message_at == 0:
            text = text.replace("\n", "")
        if drawn.format.startswith("%(message)s\t"):
            text = text or "a"  # a tab that an entry begins with is written \x09, which separates nothing
        records.append({
            "msg": text, "args": [], "name": r.choice(["root", "app.db", "späße", "a-b", "X_1"]), "levelno": levelno, "levelname": name,
            "created": created, "msecs": float(milliseconds(created) % 1000), "process": r.randrange(99999), "threadName": r.choice(["MainThread", "T-1"]), "lineno": r.randrange(9999),
        })
    compare(server, records, drawn.expected, what)
