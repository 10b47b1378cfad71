"""What the query API must answer, slowly and plainly, from the bytes of the log files alone.

    folder = Folder(path, FORMATS["default"], ZoneInfo("Europe/Berlin"))
    folder.query(Selection(levels=["INFO", "ERROR"], terms=[Term("word", "disk")], limit=50))

gives the entries of the answer as it would be, in order. Nothing here is shared with the C code: entries
are found by splitting at newlines, times are datetime's and zoneinfo's, expressions are `re`'s. Where an
expression is given, it must be one that PCRE2 and `re` understand alike.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"]  # from the lowest
FILES = {level: f"{level.lower()}.log" for level in LEVELS}
LEVEL_NAMES = {0: "NOTSET", 10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# --- what an entry says ---


@dataclass(frozen=True)
class Fields:
    """Of an entry that fits the format; None is what the format does not hold."""

    ms: int | None = None
    level: str | None = None
    logger: str | None = None
    message: str | None = None


Parse = Callable[[bytes, ZoneInfo], Fields | None]


@dataclass(frozen=True)
class Format:
    log_format: str
    date_format: str | None
    parse: Parse


def shown(data: bytes) -> str:
    """As JSON has it: each byte that is no part of UTF-8 is a U+FFFD."""
    out = []
    while data:
        try:
            out.append(data.decode())
            break
        except UnicodeDecodeError as e:
            out.append(data[: e.start].decode() + "\ufffd")
            data = data[e.start + 1 :]
    return "".join(out)


def local_ms(zone: ZoneInfo, *parts: int, ms: int = 0) -> int | None:
    try:
        there = datetime(*parts, tzinfo=zone)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    return round((there.astimezone(UTC) - EPOCH) / timedelta(seconds=1)) * 1000 + ms


def _default(text: bytes, zone: ZoneInfo) -> Fields | None:
    m = re.match(rb"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d),(\d{3}) ([^\n:]*):([^\n ]*) ([^\n]*)", text)
    if m is None:
        return None
    ms = local_ms(zone, *map(int, m.groups()[:6]), ms=int(m[7]))
    return None if ms is None else Fields(ms, shown(m[8]), shown(m[9]), shown(m[10]))


def _dated(text: bytes, zone: ZoneInfo) -> Fields | None:
    m = re.match(rb"(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d):(\d\d)\|", text)
    rest = re.match(rb"((?:[^\n\x80-\xbf][\x80-\xbf]*){8}[^\n|]*)\|([^\n|]*)\|([^\n]*)", text[m.end():]) if m else None
    if m is None or rest is None:
        return None
    day, month, year, *clock = map(int, m.groups())
    ms = local_ms(zone, year, month, day, *clock)
    return None if ms is None else Fields(ms, shown(rest[1].rstrip(b" ")), shown(rest[2]), shown(rest[3]))


def _behind(text: bytes, _: ZoneInfo) -> Fields | None:
    """The name stands after the message; where that has several lines it is not on the first."""
    m = re.match(rb"\[(\d{1,12})\.(\d{6})\] ([^\n ]*) ([^\n]*)", text)
    if m is None:
        return None
    ms, level = int(m[1]) * 1000 + int(m[2][:3]), shown(m[3])
    whole = re.fullmatch(rb"(.*) <(.*?)>", m[4], re.DOTALL)
    if whole is not None and b" <" not in whole[2]:
        return Fields(ms, level, shown(whole[2]), shown(whole[1]))
    return Fields(ms, level, None, shown(m[4])) if b"\n" in text else None


def _bare(text: bytes, _: ZoneInfo) -> Fields | None:
    return Fields(message=shown(text.split(b"\n")[0]))


def _json(text: bytes, _: ZoneInfo) -> Fields | None:
    try:
        found = json.loads(text.decode("utf-8", "surrogateescape"), strict=False, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, InvalidOperation):
        return None
    if not isinstance(found, dict):
        return None
    text_of = {k: re.sub("[\ud800-\udfff]", "\ufffd", v) for k, v in found.items() if isinstance(v, str)}
    ms: int | None = None
    if isinstance(found.get("created"), Decimal):
        ms = int((found["created"] * 1000).to_integral_value(rounding="ROUND_FLOOR"))
    elif re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text_of.get("received", "")):
        ms = round((datetime.fromisoformat(text_of["received"]) - EPOCH) / timedelta(milliseconds=1))
    level = text_of.get("levelname")
    if level is None and isinstance(found.get("levelno"), Decimal):
        level = LEVEL_NAMES.get(int(found["levelno"]), f"Level {int(found['levelno'])}")
    return Fields(ms, level, text_of.get("name"), text_of.get("message"))


FORMATS = {
    "default": Format("%(asctime)s %(levelname)s:%(name)s %(message)s", None, _default),
    "dated": Format("%(asctime)s|%(levelname)-8s|%(name)s|%(message)s", "%d.%m.%Y %H:%M:%S", _dated),
    "behind": Format("[%(created)f] %(levelname)s %(message)s <%(name)s>", None, _behind),
    "json": Format("json", None, _json),
    "bare": Format("%(message)s", None, _bare),
}


# --- the files ---


@dataclass(frozen=True)
class Entry:
    level: str  # whose file it is in
    inode: int
    offset: int
    text: bytes
    fields: Fields | None
    ms: int | None  # its own, or that of its neighbours

    def answer(self, zone: ZoneInfo) -> dict[str, str | None]:
        """As the API shows it, but for the cursor."""
        f = self.fields or Fields()
        return {"ts": iso(self.ms, zone), "level": f.level, "logger": f.logger, "message": f.message, "text": shown(self.text)}


def iso(ms: int | None, zone: ZoneInfo) -> str | None:
    if ms is None:
        return None
    there = (EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    return there.isoformat(timespec="milliseconds")


def split(data: bytes, growing: bool) -> list[tuple[int, bytes]]:
    """The entries of a file and where they begin: a line that begins with a tab belongs to the one before. One that
    is still being written is none yet."""
    lines = [0, *(m.end() for m in re.finditer(rb"\n", data))]
    if lines[-1] == len(data):
        lines.pop()
    starts = [at for at in lines if at == 0 or data[at : at + 1] != b"\t"]
    if growing and starts and not data.endswith(b"\n"):
        data = data[: starts.pop()]
    return [(at, data[at:end].removesuffix(b"\n")) for at, end in zip(starts, [*starts, len(data)][1:], strict=True)]


def _kind(name: str, current: str) -> tuple[int, object]:
    rest = name.removeprefix(current)
    if m := re.fullmatch(r"\.(\d{4}-\d\d-\d\d)(?:_(\d\d))?(?:\.(\d+))?", rest):
        return 0, (m[1], m[2] or "", int(m[3] or 0))
    if re.fullmatch(r"-[-\d_]+", rest):
        return 1, rest
    if re.fullmatch(r"\.\d+", rest):
        return 2, -int(rest[1:])
    return 3, rest


def files_of(folder: Path, level: str) -> list[Path]:
    """Of a level, from the oldest to the current one. (Where files are named in several ways, the tests see to it
    that the modification times are in order.)"""
    current = FILES[level]
    rolled = [p for p in folder.iterdir() if p.name.startswith((current + ".", current + "-")) and not p.name.endswith((".gz", ".tmp"))]
    kinds = {_kind(p.name, current)[0] for p in rolled}
    if len(kinds) == 1:
        rolled.sort(key=lambda p: _kind(p.name, current)[1])  # type: ignore[arg-type,return-value]
    else:
        rolled.sort(key=lambda p: p.stat().st_mtime_ns)
    return [*rolled, *(p for p in [folder / current] if p.exists())]


# --- what is asked for ---


def matches(expression: re.Pattern[str], text: str) -> bool:
    """Whether it matches between two bytes that are no UTF-8 (here: surrogates): nothing matches one, and none is an end."""
    for part in re.finditer("[^\udc80-\udcff]*", text):
        found = expression.search(text, part.start(), part.end())
        if found and not (expression.pattern.endswith("$") and found.end() == part.end() < len(text)):
            return True
    return False


@dataclass(frozen=True)
class Term:
    kind: str  # word, phrase, expression, logger
    text: str
    negated: bool = False
    flags: str = ""

    def q(self) -> str:
        quoted = '"' + self.text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        text = {
            "word": self.text,
            "phrase": quoted,
            "expression": "/" + self.text.replace("/", "\\/") + "/" + self.flags,
            "logger": "logger:" + self.text,
        }[self.kind]
        return "-" + text if self.negated else text

    def matches(self, entry: Entry) -> bool:
        return self._found(entry) != self.negated

    def _found(self, entry: Entry) -> bool:
        caseless = self.text == self.text.lower()
        if self.kind == "logger":
            logger = (entry.fields.logger if entry.fields else None) or ""
            name = self.text
            if caseless:
                logger, name = logger.lower(), name.lower()
            return logger == name or logger.startswith(name + ".")
        if self.kind == "expression":
            flags = re.MULTILINE
            for letter in self.flags:
                flags |= {"i": re.IGNORECASE, "s": re.DOTALL, "x": re.VERBOSE, "m": re.MULTILINE}[letter]
            return matches(re.compile(self.text, flags), entry.text.decode("utf-8", "surrogateescape"))
        if not caseless:
            return self.text.encode() in entry.text
        if self.text.isascii():
            return self.text.encode() in entry.text.lower()
        return re.search(re.escape(self.text), entry.text.decode("utf-8", "surrogateescape"), re.IGNORECASE) is not None


@dataclass(frozen=True)
class Selection:
    levels: list[str] = field(default_factory=lambda: list(LEVELS))
    terms: list[Term] = field(default_factory=list)
    start: int | None = None  # milliseconds since the epoch
    end: int | None = None
    limit: int | None = None
    forward: bool = False
    timezone: str | None = None  # of times in the answer; None: the server's

    def contains(self, entry: Entry) -> bool:
        if (self.start is not None or self.end is not None) and entry.ms is None:
            return False
        if self.start is not None and entry.ms is not None and entry.ms < self.start:
            return False
        if self.end is not None and entry.ms is not None and entry.ms >= self.end:
            return False
        return all(t.matches(entry) for t in self.terms)

    def parameters(self) -> dict[str, str]:
        p = {"level": ",".join(self.levels), "direction": "forward" if self.forward else "backward"}
        if self.terms:
            p["q"] = " ".join(t.q() for t in self.terms)
        for name in ("start", "end"):
            ms = getattr(self, name)
            if ms is not None:
                p[name] = f"{ms // 1000}.{ms % 1000:03d}" if ms % 2 else iso(ms, ZoneInfo(self.timezone or "UTC")) or ""
        if self.timezone is not None:
            p["timezone"] = self.timezone
        if self.limit is not None:
            p["limit"] = str(self.limit)
        return p


# --- the answers ---


class Folder:
    """A log folder as it is when it is looked at first."""

    def __init__(self, path: Path, fmt: Format, zone: ZoneInfo) -> None:
        self.path, self.format, self.zone = path, fmt, zone
        self._seen: dict[str, list[Entry]] = {}

    def entries(self, level: str) -> list[Entry]:
        """All of a level, oldest first."""
        if level not in self._seen:
            self._seen[level] = self._read(level)
        return self._seen[level]

    def _read(self, level: str) -> list[Entry]:
        found = []
        for path in files_of(self.path, level):
            growing = path.name == FILES[level]
            found += self._entries_of(level, path.stat().st_ino, path.read_bytes(), growing)
        return found

    def _entries_of(self, level: str, inode: int, data: bytes, growing: bool) -> list[Entry]:
        found = []
        for offset, text in split(data, growing):
            fields = self.format.parse(text, self.zone)
            found.append(Entry(level, inode, offset, text, fields, fields.ms if fields else None))
        # What has no time has that of the one before; there where none is before, of the first after it.
        before = next((e.ms for e in found if e.ms is not None), None)
        for i, entry in enumerate(found):
            found[i] = replace(entry, ms=before if entry.ms is None else entry.ms)
            before = found[i].ms
        return found

    def selected(self, selection: Selection) -> list[Entry]:
        """All that are in it, in its direction; its limit does not count."""
        each = {}
        for level in LEVELS:
            if level in selection.levels:
                found = [e for e in self.entries(level) if selection.contains(e)]
                each[level] = found if selection.forward else found[::-1]
        return list(merged(each, selection.forward))

    def query(self, selection: Selection) -> list[Entry]:
        found = self.selected(selection)
        limit = 100 if selection.limit is None else selection.limit
        return found[:limit]

    def neighbours(self, entry: Entry, forward: bool) -> list[Entry]:
        """Those before or after it: of its own level by their place, of others by their time."""
        each: dict[str, list[Entry]] = {}
        own = LEVELS.index(entry.level)
        for i, level in enumerate(LEVELS):
            found = self.entries(level)
            if i == own:
                at = next(n for n, e in enumerate(found) if (e.inode, e.offset) == (entry.inode, entry.offset))
                found = found[at + 1 :] if forward else found[:at]
            elif entry.ms is None:
                continue  # nothing tells where it stands among those
            else:
                # Of the same time, a lower level comes before.
                first = entry.ms + (1 if i < own else 0)
                found = [e for e in found if e.ms is not None and (e.ms >= first if forward else e.ms < first)]
            each[level] = found if forward else found[::-1]
        return list(merged(each, forward))

    def hits(self, selection: Selection, start: int, width: int, buckets: int) -> dict[str, list[int]]:
        counts = {level: [0] * buckets for level in selection.levels}
        for e in self.selected(selection):
            if e.ms is not None:
                counts[e.level][(e.ms - start) // width] += 1
        return counts


def merged(each: dict[str, list[Entry]], forward: bool) -> Iterator[Entry]:
    """Several levels as one: of those that are next, the one whose time is least (backward: greatest); of the same time
    the lower (higher) level's."""
    queues = {level: entries[::-1] for level, entries in each.items()}

    def key(level: str) -> tuple[float, int]:
        ms = queues[level][-1].ms
        return (float("-inf") if ms is None else ms, LEVELS.index(level))

    while any(queues.values()):
        levels = [level for level, entries in queues.items() if entries]
        yield queues[min(levels, key=key) if forward else max(levels, key=key)].pop()
