"""Several servers, read as one, answer what one reader over all their files would: the reference, for random selections."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from peers import Folders, Of, Peers, needs_peers
from read_case import SEED, Case
from read_reference import FORMATS, LEVELS, Selection
from server import Server
from test_read_same import draw

pytestmark = needs_peers

SECONDS = float(os.environ.get("READ_SECONDS", "30"))
CASES = [("default", "Europe/Berlin", 3), ("json", "Asia/Kolkata", 2), ("bare", "UTC", 2)]


def compare(zone: ZoneInfo, answer: list[dict[str, Any]], expected: list[Of], what: str) -> None:
    for i, (got, want) in enumerate(zip(answer, expected, strict=False)):
        cursor = got.pop("cursor")
        got.pop("here", None)
        assert got == want.answer(zone), f"{what}: entry {i} (of {want.entry.level} at {want.entry.offset} on {want.server}) is another"
        letter, inode, offset = cursor[0], *(int(n, 16) for n in cursor[1:].split("~")[0].split(".")[::2])
        assert (letter, inode, offset) == (want.entry.level[0].lower(), want.entry.inode, want.entry.offset), f"{what}: entry {i}'s cursor {cursor}"
    assert len(answer) == len(expected), f"{what}: {len(answer)} entries instead of {len(expected)}"


def zone_of(case: Case, s: Selection) -> ZoneInfo:
    return ZoneInfo(s.timezone) if s.timezone else case.zone


def same_query(case: Case, r: random.Random, folders: Folders, s: Selection) -> None:
    found = folders.selected(s)
    limit = 100 if s.limit is None else s.limit
    answer, end = case.query(**s.parameters())
    what = f"query {s.parameters()}"
    compare(zone_of(case, s), answer, found[:limit], what)
    assert end["matched"] == min(limit, len(found)), what
    assert end["complete"] is (len(found) < limit), f"{what}: {end}"
    assert end["why"] == (None if len(found) < limit else "limit"), what
    assert "missing" not in end
    none, end = case.query(**{**s.parameters(), "limit": 0})
    assert not none, what
    assert end["matched"] == len(found), what
    assert end["complete"] is True, what


def same_pages(case: Case, r: random.Random, folders: Folders, s: Selection) -> None:
    s = replace(s, limit=None)
    expected, answer = folders.selected(s), []
    parameters = s.parameters()
    for _ in range(len(expected) + 2):
        page, end = case.query(**{**parameters, "limit": r.choice([1, 2, 7, 30]) if len(expected) < 60 else r.randrange(len(expected) // 6, len(expected))})
        answer += page
        if end["complete"]:
            break
        parameters["cursor"] = end["next"]
    compare(zone_of(case, s), answer, expected, f"pages {s.parameters()}")
    assert (end["next"] is None) is not s.forward


def same_raw(case: Case, r: random.Random, folders: Folders, s: Selection) -> None:
    answer = case.server.session.get(case.server.url + "/api/log/raw", params=s.parameters(), timeout=60)
    assert answer.status_code == 200, answer.text
    expected = folders.selected(s)[: s.limit]
    assert answer.content == b"".join(e.entry.text + b"\n" for e in expected), f"raw {s.parameters()}"


def same_context(case: Case, r: random.Random, folders: Folders, s: Selection) -> None:
    # One that both directions see.
    s = Selection([r.choice(LEVELS)], forward=r.random() < 0.5)
    others = {(e.server, e.entry.inode, e.entry.offset) for e in folders.selected(replace(s, forward=not s.forward))}
    found = [e for e in folders.selected(s) if (e.server, e.entry.inode, e.entry.offset) in others]
    if not found:
        return
    at = r.choice(found)
    answer, _ = case.query(**replace(s, limit=100_000).parameters())
    cursor = next(a["cursor"] for a, e in zip(answer, folders.selected(s), strict=True) if e == at)
    before, after = r.randrange(12), r.randrange(12)
    *got, end = case.lines("/api/log/context", cursor=cursor, before=before, after=after)
    expected = [*folders.neighbours(at, False)[:before][::-1], at, *folders.neighbours(at, True)[:after]]
    what = f"context {cursor} {before} {after}"
    assert end["complete"] is True, what
    assert [e.get("here", False) for e in got] == [e == at for e in expected], what
    compare(case.zone, got, expected, what)


def same_hits(case: Case, r: random.Random, folders: Folders, s: Selection) -> None:
    s = replace(s, limit=None, forward=False)
    buckets = r.choice([1, 7, 60, 1000])
    parameters = s.parameters()
    del parameters["direction"]
    end = case.lines("/api/log/hits", buckets=buckets, **parameters)[-1]
    what = f"hits {parameters} {buckets}"
    assert end["complete"] is True, what
    if s.start is None or s.end is None:
        # What the files of all hold, by their first and last entries.
        files = case.server.session.get(case.server.url + "/api/log/files", params={"level": parameters["level"]}, timeout=60).json()["files"]
        times = [[datetime.fromisoformat(f[name]) for f in files if f[name]] for name in ("start", "end")]
        if len(times[0]) > len(times[1]) or not times[0]:
            return  # of one it is not known
        # The last entry's may be before the first's, as clocks are set back.
        both = [*times[0], *times[1]]
        first, last = (round(t.timestamp() * 1000) for t in (min(both), max(both)))
        start = first if s.start is None else s.start
        end_ms = (last + 1 if last >= start else start) if s.end is None else s.end
        s = replace(s, start=min(start, end_ms), end=end_ms)
    if s.start == s.end:
        assert end["matched"] == 0, what
        return
    assert s.start is not None
    assert s.end is not None
    assert round(datetime.fromisoformat(end["start"]).timestamp() * 1000) == s.start, what
    width = -(-(s.end - s.start) // buckets)
    assert end["width"] == width, what
    count = -(-(s.end - s.start) // width)
    assert end["counts"] == folders.hits(s, s.start, width, count), what
    assert end["matched"] == sum(sum(n) for n in end["counts"].values()), what


def same_files(case: Case, r: random.Random, folders: Folders, s: Selection) -> None:
    """Of each server what it says itself."""
    get, level = case.server.session.get, ",".join(s.levels)

    def each() -> list[dict[str, Any]]:
        return [{**f, "server": name} for name in folders.folders
                for f in get(f"http://{name}/api/log/files", params={"level": level, "peers": 0}, timeout=60).json()["files"]]

    before = each()
    for _ in range(20):
        files, after = get(case.server.url + "/api/log/files", params={"level": level}, timeout=60).json(), each()
        if before == after:
            break
        # A server has just made the file that it writes to.
        before = after
    assert files == {"files": after}


SAME = [same_context, same_context, same_hits, same_hits, same_files, same_query, same_query, same_pages, same_raw]


@pytest.fixture(scope="module", params=CASES, ids=lambda c: f"{c[0]}-{c[1]}-{c[2]}")
def peers(request: pytest.FixtureRequest, start_module_server: Callable[..., Server]) -> Peers:
    name, zone, count = request.param
    return Peers(start_module_server, count, FORMATS[name], zone, name, QUERY_TIMEOUT="300", READ_PEERS_TIMEOUT="60")


def test_random_selections(peers: Peers) -> None:
    end, rounds = time.monotonic() + SECONDS / len(CASES), 0
    while time.monotonic() < end:
        r = random.Random(f"{SEED} {rounds}")
        same = r.random() < 0.5
        for case in peers.cases.values():
            # Where all have the same files, each time is there several times.
            case.fill(random.Random(f"{SEED} files {rounds}") if same else r)
        folders = peers.reference()
        entries = [e for folder in folders.folders.values() for level in LEVELS for e in folder.entries(level)]
        for _ in range(30):
            case = r.choice(list(peers.cases.values()))
            try:
                r.choice(SAME)(case, r, folders, draw(r, entries))
            except AssertionError as e:
                raise AssertionError(f"{e}\nPBU_SEED={SEED} repeats it, in round {rounds}") from e
            if time.monotonic() > end:
                break
        rounds += 1
    print(f"seed {SEED}, {rounds} rounds")
