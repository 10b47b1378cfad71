"""Log files that are made up at random, and the server that is asked for them, beside what the reference says of them."""

import contextlib
import json
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from read_reference import FILES, LEVELS, Entry, Folder, Format
from server import Server

SEED = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))

# Seconds at which clocks are changed, in both directions.
NIGHTS = {"Europe/Berlin": [1774746000, 1792890000, 1761440400], "America/New_York": [1772953200, 1793512800, 1762063200]}
LOGGERS = ["root", "app", "app.db", "app.db.pool", "App.Mail", "application", "späße"]
WORDS = ["connected", "disk", "Disk", "timeout", "retry", "user=42", "100%", "é", "ÉCLAIR", "привет", "Привет", "a:b", "<x>",
         "\t", "\u2028", "😀", "/etc/passwd", "\\n", '"quoted"', "it's", "x" * 300, "12ms", "foo7", "bar"]


class Writer:
    """Log files as the server could have written them, and as others would."""

    def __init__(self, r: random.Random, name: str, zone: ZoneInfo) -> None:
        self.r, self.name, self.zone = r, name, zone

    def message(self) -> bytes:
        r = self.r
        text = " ".join(r.choice(WORDS) for _ in range(r.randrange(6))).encode()
        if r.random() < 0.05:
            at = r.randrange(len(text) + 1)
            text = text[:at] + r.choice([b"\x00", b"\xff", b"\xc3", b"\xe2\x80", b"\r", b"\xed\xa0\x80", b"\x1b[31m"]) + text[at:]
        return text

    def below(self) -> bytes:
        r = self.r
        if r.random() < 0.85:
            return b""
        lines = [r.choice([b"Traceback", b"at f(x)", b"", b"\tat g(y)", self.message()]) for _ in range(r.randrange(1, 6))]
        return b"".join(b"\n\t" + line.replace(b"\n", b" ") for line in lines)

    def entry(self, second: float, level: str, message: bytes, below: bytes) -> bytes:
        r = self.r
        ms = int(second * 1000) % 1000
        there = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(second * 1000))).astimezone(self.zone)
        shown, logger = r.choice([level, level, "CRITICAL" if level == "ERROR" else level, "Level 25"]), r.choice(LOGGERS)
        if self.name == "default":
            head = f"{there:%Y-%m-%d %H:%M:%S},{ms:03d} {shown}:{logger} ".encode()
            return head + message + below
        if self.name == "dated":
            return f"{there:%d.%m.%Y %H:%M:%S}|{shown:8}|{logger}|".encode() + message + below
        if self.name == "behind":
            tail = f" <{logger}>".encode()
            shown = shown.replace(" ", "")
            return f"[{int(second)}.{ms:03d}{r.randrange(1000):03d}] {shown} ".encode() + message + (below + tail if r.random() < 0.5 else tail + below)
        if self.name == "json":
            record: dict[str, Any] = {"name": logger, "args": [1, {"message": "x"}, "]}"], "levelname": shown, "levelno": 25, "created": int(second * 1000) / 1000,
                                      "message": (message + below.replace(b"\n\t", b"\n")).decode("utf-8", "replace"), "received": f"{there.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"}
            for name in r.sample(sorted(record), r.choice([0, 0, 0, 1, 2])):
                del record[name]
            return json.dumps(record, ensure_ascii=r.random() < 0.5, separators=(",", ":")).encode("utf-8", "replace")
        return message + below

    def other(self, level: str) -> bytes:
        """Something of another format, or of none."""
        r = self.r
        return r.choice([b"", b"plain text", b"\x00" * r.randrange(1, 9), b'{"message": "m"', b"2026-11-24 08:21:46 INFO x", b"\xff\xfe", self.message().replace(b"\t", b" "),
                         b"99.99.2026 08:21:46|INFO    |app|m", b"2026-02-30 08:21:46,035 INFO:app m", b"{}", b"[1.5] x"])

    def file(self, start: float, count: int, level: str) -> tuple[bytes, float]:
        r = self.r
        out, now = [], start
        step = r.choice([0, 0.001, 0.5, 30, 300])
        if r.random() < 0.1:
            out.append(b"\tbegins with a tab\n")
        for _ in range(count):
            now += r.random() * 2 * step
            late = r.random() * 1500 if r.random() < 0.02 else 0
            line = self.other(level) if r.random() < 0.06 else self.entry(now - late, level, self.message(), self.below())
            out.append((line[1:] if line.startswith(b"\t") else line) + b"\n")
        return b"".join(out), now


@dataclass
class Case:
    server: Server
    name: str
    zone: ZoneInfo
    fmt: Format

    def fill(self, r: random.Random) -> None:
        """Writes files of all levels anew: whole, as the server opens them as soon as they have their names."""
        folder = self.server.folder.with_name("filling")
        folder.mkdir()
        writer = Writer(r, self.name, self.zone)
        begin = r.choice([*NIGHTS.get(str(self.zone), []), r.randrange(1_000_000_000, 1_790_000_000)]) - r.choice([0, 3600, 7200])
        for level in LEVELS:
            now = begin + r.choice([0, r.random() * 3600])
            current = FILES[level]
            names = r.choice([
                [], [f"{current}.2026-01-0{i}" for i in range(1, 4)], [f"{current}.{i}" for i in (11, 10, 9, 2, 1)], [f"{current}-2026010{i}" for i in range(1, 3)],
                [f"{current}.2026-01-01_09", f"{current}.2026-01-01_10", f"{current}.2026-01-01_10.1", f"{current}.2026-01-01_10.2", f"{current}.2026-01-01_10.10"],
                [f"{current}.2026-01-01", f"{current}.3", f"{current}.2026-01-02", f"{current}.old"],
            ])
            for i, name in enumerate([*names, current]):
                if name == current and r.random() < 0.1:
                    continue
                data, now = writer.file(now, r.choice([0, 1, 5, 40, 400 if r.random() < 0.3 else 60]), level)
                if r.random() < 0.15:
                    data = data[: len(data) - r.randrange(min(len(data), 30) + 1)]  # torn
                path = folder / name
                path.write_bytes(data)
                os.utime(path, ns=(0, int((1_780_000_000 + i) * 1e9)))
        for noise in ("info.log.1.gz", "info.log.tmp", "information.log", ".lock"):
            (folder / noise).write_bytes(b"2026-11-24 08:21:46,035 INFO:app no part of it\n")
        old = self.server.folder.rename(folder.with_name("old"))
        while folder.exists():
            # The server may have been quicker, and have made one.
            with contextlib.suppress(OSError):
                folder.rename(self.server.folder)
                break
            shutil.rmtree(self.server.folder, ignore_errors=True)
        # Until it has noticed, the server may make files in it.
        while old.exists():
            shutil.rmtree(old, ignore_errors=True)

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        """A file that is written whole before it has its name: bytes that others append later are shown when the server has seen them."""
        path = self.server.folder / name
        with open(path.with_name("filling"), "wb") as f:
            yield f
        path.with_name("filling").rename(path)

    def folder(self) -> Folder:
        return Folder(self.server.folder, self.fmt, self.zone)

    # --- asking ---

    def lines(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        answer = self.server.session.get(self.server.url + path, params=parameters, timeout=60)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
        lines = [json.loads(line) for line in answer.content.decode().split("\n")[:-1]]
        return [line for line in lines if "progress" not in line]

    def query(self, **parameters: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        *entries, end = self.lines("/api/log/query", **parameters)
        assert end["end"] is True, end
        return entries, end


def compare(case: Case, answer: list[dict[str, Any]], expected: list[Entry], what: str, timezone: str | None = None) -> None:
    """Entry by entry, field by field."""
    for i, (got, want) in enumerate(zip(answer, expected, strict=False)):
        cursor = got.pop("cursor")
        got.pop("here", None)
        assert got == want.answer(ZoneInfo(timezone) if timezone else case.zone), f"{what}: entry {i} (of {want.level} at {want.offset}) is another"
        letter, inode, offset = cursor[0], *(int(n, 16) for n in cursor[1:].split(".")[::2])
        assert (letter, inode, offset) == (want.level[0].lower(), want.inode, want.offset), f"{what}: entry {i}'s cursor {cursor}"
    assert len(answer) == len(expected), f"{what}: {len(answer)} entries instead of {len(expected)}"
