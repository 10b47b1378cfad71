"""The query API answers what the plain reference does (read_reference.py), for random selections over random files.

PBU_SEED repeats a run (the seed is printed), READ_SECONDS sets how long the random tests may take in all.
"""

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from read_case import SEED, WORDS, Case, compare
from read_reference import FILES, FORMATS, LEVELS, Entry, Folder, Selection, Term
from server import Server, wait_for

SECONDS = float(os.environ.get("READ_SECONDS", "30"))

CASES = [("default", "Europe/Berlin"), ("default", "America/New_York"), ("dated", "Europe/Berlin"), ("behind", "UTC"),
         ("json", "Asia/Kolkata"), ("bare", "UTC")]

ZONES = ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
# Such as PCRE2 and `re` understand alike.
EXPRESSIONS = [Term("expression", t, flags=f) for t, f in [
    (r"\d+ms", ""), (r"^\tat \w+", ""), (r"(foo|bar)\d", "i"), (r"disk$", ""), (r"connected .*retry", ""), (r"connected.*retry", "s"),
    (r"u s e r =", "x"), (r"[Dd]isk", ""), (r"/etc/\w+", ""), (r"^Traceback", "m"), (r"привет", "i"), (r"x{200,}", ""), (r"\bbar\b", ""), (r"", "")] if t]


def draw_term(r: random.Random) -> Term:
    kind = r.random()
    if kind < 0.45:
        term = Term("word", r.choice([w for w in WORDS if w[0] not in '-/"' and not w.isspace()] + ["con", "is", "Traceback", "traceback", "zzz", "ÄÖ"]))
    elif kind < 0.65:
        term = Term("phrase", " ".join(r.choice(WORDS) for _ in range(r.choice([1, 1, 2]))).strip() or "a b")
    elif kind < 0.85:
        term = r.choice(EXPRESSIONS)
    else:
        term = Term("logger", r.choice(["app", "app.db", "App", "root", "app.Mail", "application", "ap"]))
    return replace(term, negated=r.random() < 0.25)


def draw(r: random.Random, entries: list[Entry]) -> Selection:
    """Times near those that there are."""
    times = [e.ms for e in entries if e.ms is not None]

    def moment() -> int | None:
        if not times or r.random() < 0.5:
            return None
        return max(r.choice(times) + r.choice([0, 0, 1, -1, r.randrange(-4_000_000, 4_000_000)]), 0)

    start, end = moment(), moment()
    if start is not None and end is not None and end < start:
        start, end = end, start
    levels = [level for level in LEVELS if r.random() < 0.6] or [r.choice(LEVELS)]
    terms = [draw_term(r) for _ in range(r.choice([0, 0, 1, 1, 1, 2, 3]))]
    return Selection(levels, terms, start, end, r.choice([None, 1, 3, 50, 100_000]), r.random() < 0.5, r.choice([None, None, *ZONES]))


def same_query(case: Case, r: random.Random, folder: Folder, entries: list[Entry]) -> None:
    s = draw(r, entries)
    found = folder.selected(s)
    limit = 100 if s.limit is None else s.limit
    answer, end = case.query(**s.parameters())
    what = f"query {s.parameters()}"
    compare(case, answer, found[:limit], what, s.timezone)
    assert end["matched"] == min(limit, len(found)), what
    assert end["complete"] is (len(found) < limit), f"{what}: {end}"
    assert end["why"] == (None if len(found) < limit else "limit"), what
    # Counted only.
    none, end = case.query(**{**s.parameters(), "limit": 0})
    assert not none, what
    assert end["matched"] == len(found), what
    assert end["complete"] is True, what


def same_pages(case: Case, r: random.Random, folder: Folder, entries: list[Entry]) -> None:
    s = replace(draw(r, entries), limit=None)
    expected, answer = folder.selected(s), []
    parameters = s.parameters()
    for _ in range(len(expected) + 2):
        page, end = case.query(**{**parameters, "limit": r.choice([1, 2, 7, 30]) if len(expected) < 60 else r.randrange(len(expected) // 6, len(expected))})
        answer += page
        if end["complete"]:
            break
        parameters["cursor"] = end["next"]
    compare(case, answer, expected, f"pages {s.parameters()}", s.timezone)
    assert (end["next"] is None) is not s.forward


def same_context(case: Case, r: random.Random, folder: Folder, entries: list[Entry]) -> None:
    # One that both directions see.
    s = Selection([r.choice(LEVELS)], forward=r.random() < 0.5)
    others = {(e.inode, e.offset) for e in folder.selected(replace(s, forward=not s.forward))}
    found = [e for e in folder.selected(s) if (e.inode, e.offset) in others]
    if not found:
        return
    at = r.choice(found)
    answer, _ = case.query(**replace(s, limit=100_000).parameters())
    cursor = next(a["cursor"] for a in answer if a["cursor"].endswith(f".{at.offset:x}") and int(a["cursor"][1:].split(".")[0], 16) == at.inode)
    before, after = r.randrange(12), r.randrange(12)
    *got, end = case.lines("/api/log/context", cursor=cursor, before=before, after=after)
    expected = [*folder.neighbours(at, False)[:before][::-1], at, *folder.neighbours(at, True)[:after]]
    assert end["end"] is True
    assert [e.get("here", False) for e in got] == [e is at for e in expected], f"context {cursor} {before} {after}"
    compare(case, got, expected, f"context of {at.offset} in {at.level}, {before} before, {after} after")


def same_raw(case: Case, r: random.Random, folder: Folder, entries: list[Entry]) -> None:
    s = draw(r, entries)
    answer = case.server.session.get(case.server.url + "/api/log/raw", params=s.parameters(), timeout=60)
    assert answer.status_code == 200, answer.text
    expected = folder.selected(s)[: s.limit]
    assert answer.content == b"".join(e.text + b"\n" for e in expected), f"raw {s.parameters()}"


def same_hits(case: Case, r: random.Random, folder: Folder, entries: list[Entry]) -> None:
    s = replace(draw(r, entries), limit=None, forward=False)
    if s.start is None or s.end is None or s.start == s.end:
        return
    buckets = r.choice([1, 7, 60, 1000])
    width = -(-(s.end - s.start) // buckets)
    parameters = s.parameters()
    del parameters["direction"]
    end = case.lines("/api/log/hits", buckets=buckets, **parameters)[-1]
    what = f"hits {parameters} {buckets}"
    assert end["width"] == width, what
    count = -(-(s.end - s.start) // width)
    assert end["counts"] == folder.hits(s, s.start, width, count), what
    assert end["end"] is True, what
    assert end["complete"] is True, what


SAME = [same_query, same_query, same_query, same_pages, same_context, same_raw, same_hits]


@pytest.fixture(scope="module", params=CASES, ids=lambda c: f"{c[0]}-{c[1]}")
def case(request: pytest.FixtureRequest, start_module_server: Callable[..., Server]) -> Case:
    name, zone = request.param
    fmt = FORMATS[name]
    server = start_module_server(LOG_FORMAT=fmt.log_format, LOG_DATE_FORMAT=fmt.date_format, TZ=zone, LOG_ROTATE="never", QUERY_TIMEOUT="300")
    return Case(server, name, ZoneInfo(zone), fmt)


def test_random_selections(case: Case) -> None:
    end, rounds = time.monotonic() + SECONDS / len(CASES), 0
    while time.monotonic() < end:
        r = random.Random(f"{SEED} {case.name} {case.zone} {rounds}")
        case.fill(r)
        folder = case.folder()
        entries = [e for level in LEVELS for e in folder.entries(level)]
        for _ in range(30):
            state = f"PBU_SEED={SEED} repeats it, in round {rounds}"
            try:
                r.choice(SAME)(case, r, folder, entries)
            except AssertionError as e:
                raise AssertionError(f"{e}\n{state}") from e
            if time.monotonic() > end:
                break
        rounds += 1
    print(f"seed {SEED}, {rounds} rounds")


# --- sizes ---


@pytest.fixture
def plain(start_server: Callable[..., Server]) -> Case:
    server = start_server(TZ="Europe/Berlin", LOG_ROTATE="never", QUERY_TIMEOUT="300")
    return Case(server, "default", ZoneInfo("Europe/Berlin"), FORMATS["default"])


def head(n: int, level: str = "INFO") -> bytes:
    return f"2026-11-24 {n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d},{n % 1000:03d} {level}:app.db ".encode()


@pytest.mark.slow
def test_entries_of_15_mib(plain: Case) -> None:
    """Of one line, and of many; among small ones, and at both ends of the file."""
    r = random.Random(SEED)
    size = 15 * 1024 * 1024
    large = [b"x" * size + b" needle", (b"a" * 98 + b"\n\t") * (size // 100) + b"needle", b"\x00" * (size // 16), "привет ".encode() * (size // 13) + b"\xff"]
    r.shuffle(large)
    out = []
    for n, message in enumerate([large[0], b"small", b"needle", large[1], large[2], b"last but one", large[3]]):
        out.append(head(n) + message + b"\n")
    with plain.file("info.log") as f:
        f.write(b"".join(out))
    folder = plain.folder()
    for s in (Selection(forward=r.random() < 0.5), Selection(terms=[Term("word", "small", negated=True)], limit=2),
              Selection(terms=[Term("expression", r"needle$")], forward=r.random() < 0.5)):
        answer, end = plain.query(**s.parameters())
        assert end["why"] in (None, "limit"), end
        compare(plain, answer, folder.query(s), f"seed {SEED}, {s.parameters()}")


@pytest.mark.slow
def test_a_million_entries(plain: Case) -> None:
    """Pages and counts of very many; the reference would take minutes, so that these are known by their numbers."""
    count = 1_000_000
    with plain.file("info.log") as f:
        for n in range(count):
            f.write(head(n // 20) + b"entry %d of many\n" % n)
    _, end = plain.query(limit=0)
    assert (end["matched"], end["complete"]) == (count, True)
    _, end = plain.query(limit=0, q="/entry \\d*77 /")
    assert end["matched"] == count // 100
    raw = plain.server.session.get(plain.server.url + "/api/log/raw", timeout=120)
    assert raw.content == plain.server.read_bytes("info.log")
    numbers: list[int] = []
    parameters: dict[str, Any] = {"limit": 7_777, "direction": "forward"}
    while len(numbers) < 30_000:
        page, end = plain.query(**parameters)
        numbers += [int(e["message"].split()[1]) for e in page]
        parameters["cursor"] = end["next"]
    assert numbers == list(range(len(numbers)))
    second = 30_000
    start = datetime(2026, 11, 24, second // 3600, second // 60 % 60, second % 60, tzinfo=plain.zone)
    page, end = plain.query(start=start.isoformat(), end=(start + timedelta(seconds=2)).isoformat(), limit=count)
    assert [int(e["message"].split()[1]) for e in page] == list(range(second * 20 + 39, second * 20 - 1, -1))
    # Beside what is in question, and entries up to two hours later, little is read.
    assert end["scanned"] < 40_000_000, end


def test_nothing_there(plain: Case) -> None:
    for name in FILES.values():
        (plain.server.folder / name).unlink(missing_ok=True)
    assert plain.query()[0] == []
    (plain.server.folder / "info.log").write_bytes(b"")
    (plain.server.folder / "info.log.1").write_bytes(b"")
    assert plain.query()[0] == []
    _, end = plain.query(direction="forward")
    with open(plain.server.folder / "info.log", "ab") as f:
        f.write(head(1) + b"first\n" + head(2) + b"torn")
    wait_for(lambda: [e["message"] for e in plain.query()[0]] == ["first"], "the server has seen it")
    assert [e["message"] for e in plain.query(direction="forward", cursor=end["next"])[0]] == ["first"]
    while plain.server.folder.exists():  # the server may make files in it meanwhile
        shutil.rmtree(plain.server.folder, ignore_errors=True)
    assert plain.query()[0] == []
    # Unless the server was quicker.
    plain.server.folder.mkdir(exist_ok=True)
