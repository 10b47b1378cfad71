"""A peer that is dead, slow, or lies is named, bounded, and never mixes what it says into others'."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_peer import Ask, FakePeer, begin, end, entry
from fcgi_peer import SANITIZED
from peers import needs_peers
from reading import Answer, Reader, answer_of
from server import free_port, wait_for

pytestmark = needs_peers


@pytest.fixture(autouse=True)
def no_reader_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that fails half-way leaves no reader behind."""
    started: list[Reader] = []
    begin_one = Reader.__init__

    def noted(self: Reader, *arguments: Any, **settings: Any) -> None:
        begin_one(self, *arguments, **settings)
        started.append(self)

    monkeypatch.setattr(Reader, "__init__", noted)
    yield
    for reader in started:
        reader.kill()

# Of this server's own; the peer's are beside them, a second apart: half a second later.
OWN = [f"2026-11-24 08:00:{i:02d},000 INFO:app own {i}" for i in range(10)]
MS = 1795507200000  # 2026-11-24 08:00:00 UTC
PEER = [(MS + 1000 * i + 500, 100 + 50 * i, b"2026-11-24 08:00:%02d,500 INFO:app peer %d" % (i, i)) for i in range(10)]
# READ_PEERS_TIMEOUT, seconds: how long a peer may be silent here. The machine may stop for two seconds.
PATIENCE = 4


def frames(forward: bool = True, count: int = 10) -> list[bytes]:
    chosen = PEER[:count] if forward else PEER[::-1][:count]
    return [entry(*e) for e in chosen]


class Asking:
    """A reader with one peer that follows a script, which a test may change."""

    def __init__(self, base: Path, **settings: Any) -> None:
        self.script: Callable[[Ask], None] = lambda ask: ask.good(begin(), *frames(), end(matched=10))
        self.peer = FakePeer(lambda ask: self.script(ask))
        self.peer.__enter__()
        folder = base / "logs"
        folder.mkdir(parents=True)
        (folder / "info.log").write_text("".join(line + "\n" for line in OWN))
        self.reader = Reader(base, TZ="UTC", READ_PEERS=self.peer.url, READ_NAME="own.example",
                             **{"READ_PEERS_TIMEOUT": PATIENCE, "READ_PEERS_TOKEN": "let me read", **settings})

    def stop(self) -> None:
        self.peer.__exit__()
        self.reader.stop()

    def query(self, path: str = "/api/log/query", **parameters: Any) -> Answer:
        return self.reader.get(path, **{"direction": "forward", **parameters})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    asking = Asking(tmp_path_factory.mktemp("asking"))
    yield asking
    asking.stop()


@pytest.fixture
def asking(shared: Asking) -> Asking:
    shared.script = lambda ask: ask.good(begin(), *frames(), end(matched=10))
    shared.peer.asked.clear()
    shared.peer.headers.clear()
    return shared


def merged(count: int = 10) -> list[str]:
    both = [(MS + 1000 * i, line) for i, line in enumerate(OWN)] + [(ms, text.decode()) for ms, _, text in PEER[:count]]
    return [line for _, line in sorted(both)]


def test_a_good_peer(asking: Asking) -> None:
    answer = asking.query()
    assert answer.texts == merged()
    assert {e["server"] for e in answer.entries} == {"own.example", asking.peer.name}
    assert answer.end["complete"] is True
    assert "missing" not in answer.end
    assert asking.peer.headers[0]["authorization"] == "let me read"
    assert "as=peer" in asking.peer.asked[0]


def only(script: Callable[[Ask], None]) -> Callable[[Ask], None]:
    return script


def silent(ask: Ask) -> None:
    ask.until_gone()


def endless_head(ask: Ask) -> None:
    ask.raw(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100_000):
        ask.raw(b"X-More: " + b"x" * 1000 + b"\r\n")


def endless_header(ask: Ask) -> None:
    ask.raw(b"HTTP/1.1 200 OK\r\nX-More: ")
    for _ in range(1000):
        ask.raw(b"x" * 100_000)


# What is wrong before anything is sent: 502, which says so.
HEADS = {
    "silent": (silent, "does not answer"),
    "hangs up": (lambda ask: ask.connection.close(), "hung up in the middle of its answer"),
    "no HTTP": (lambda ask: ask.raw(b"220 mail.example ESMTP\r\n" * 1000), "cannot be understood"),
    "redirect": (lambda ask: ask.head("302 Found", more=["Location: http://127.0.0.1:1/"]), "answered 302: no redirect is followed"),
    "wrong token": (lambda ask: ask.head("401 Unauthorized"), "answered 401: READ_PEERS_TOKEN is none of its tokens for reading"),
    "busy": (lambda ask: ask.head("503 Service Unavailable"), "answered 503: it is busy"),
    "older": (lambda ask: ask.head("400 Bad Request"), "answered 400: it does not understand this reader"),
    "no reader": (lambda ask: ask.head(version=None), "is no reader, or an older one"),
    "no version": (lambda ask: ask.head(version="new"), "is no reader, or an older one"),
    "version 2": (lambda ask: ask.head(version="2 -"), "speaks another version (2, and this reader 1)"),
    "other type": (lambda ask: ask.head(kind="text/html"), "answers with something of another type"),
    "packed": (lambda ask: ask.head(more=["Content-Encoding: gzip"]), "packs its answer, unasked"),
    "endless head": (endless_head, "answers with a head that is too large"),
    "endless header": (endless_header, ""),
    "no frames": (lambda ask: ask.good(), "hung up in the middle of its answer"),
}


@pytest.mark.parametrize("name", HEADS)
def test_named_before_anything_is_sent(asking: Asking, name: str) -> None:
    script, words = HEADS[name]
    asking.script = script
    for path in ("/api/log/query", "/api/log/raw", "/api/log/hits", "/api/log/files", "/api/log/messages?x"):
        if path.endswith("?x"):
            path, parameters = path[:-2], {"date": "2026-11-24", "level": "INFO"}
        else:
            parameters = {"direction": "forward"}
        if name == "no frames" and path not in ("/api/log/files", "/api/log/hits"):
            continue
        if name == "silent" and path not in ("/api/log/query", "/api/log/hits"):
            continue  # each takes its time
        answer = asking.reader.get(path, **parameters)
        assert answer.status == 502, (path, answer.head, answer.body)
        assert answer.error.startswith(f"{asking.peer.name} {words}"), answer.error
    # And left out, where that is asked for.
    answer = asking.query(partial=1)
    assert answer.status == 200
    assert answer.texts == OWN
    assert {e["server"] for e in answer.entries} == {"own.example"}
    assert (answer.end["complete"], answer.end["why"]) == (False, "missing")
    [missing] = answer.end["missing"]
    assert missing["server"] == asking.peer.name
    assert missing["why"].startswith(words)


def garbage(ask: Ask) -> None:
    ask.head()
    ask.send(begin(), *frames(count=3), b'{"ts": null, "text": "forged"}\n')
    ask.until_gone()


def endless_line(ask: Ask) -> None:
    ask.head()
    ask.send(begin(), *frames(count=3), b"E ")
    while True:
        ask.send(b"7" * 8192)


def torn(ask: Ask) -> None:
    ask.head()
    ask.send(begin(), *frames(count=3), frames(count=4)[3][:-10])
    ask.connection.close()


def torn_line(ask: Ask) -> None:
    ask.head()
    ask.send(begin(), *frames(count=3), frames(count=4)[3][:20])
    ask.end()


def without_end(ask: Ask) -> None:
    ask.good(begin(), *frames(count=3))


def falls_silent(ask: Ask) -> None:
    ask.head()
    ask.send(begin(), *frames(count=3))
    ask.until_gone()


def sends(*more: bytes) -> Callable[[Ask], None]:
    return lambda ask: ask.good(begin(), *frames(count=3), *more, end(matched=10))


ORDER = "sends its entries in another order than that of its files"
NONSENSE = "sends what no reader would"
STRANGE = "sends entries that were not asked for"

# What is wrong after three entries: nothing of it is passed on, and the last line says whose it is.
BODIES = {
    "garbage": (garbage, NONSENSE),
    "endless line": (endless_line, NONSENSE),
    "torn": (torn, "hung up in the middle of its answer"),
    "torn line": (torn_line, "hung up in the middle of its answer"),
    "without end": (without_end, "hung up in the middle of its answer"),
    "falls silent": (falls_silent, "has fallen silent"),
    "back in its file": (sends(entry(MS + 4000, 120, b"back")), ORDER),
    "the same again": (sends(entry(*PEER[2])), ORDER),
    "before another level's": (sends(entry(MS + 1, 10, b"early", "e")), ORDER),
    "of a level nobody asked for": (sends(entry(MS + 4000, 900, b"debug", "d")), STRANGE),
    "after the end": (sends(entry(MS + 3_600_000, 900, b"late")), STRANGE),
    "without a time": (sends(entry("-", 900, b"timeless")), STRANGE),
    "more than it may": (sends(b"E 1 i77.1.900 i77.1.901 99999999999 1 - - -\nx\n"), NONSENSE),
    "text beyond payload": (sends(b"E %d i77.1.900 i77.1.901 3 4 - - -\nabc\n" % (MS + 4000)), NONSENSE),
    "part beyond payload": (sends(b"E %d i77.1.900 i77.1.901 3 3 - - 2+2\nabc\n" % (MS + 4000)), NONSENSE),
    "longer than it says": (sends(b"E %d i77.1.900 i77.1.901 3 3 - - -\nabcd\n" % (MS + 4000)), NONSENSE),
    "several places": (sends(b"E %d i77.1.900-d77.1.0 i77.1.901 1 1 - - -\nx\n" % (MS + 4000)), NONSENSE),
    "no place": (sends(b"E %d i0 i77.1.901 1 1 - - -\nx\n" % (MS + 4000)), NONSENSE),
    "no cursor": (sends(b"E %d i77.1.900 nowhere 1 1 - - -\nx\n" % (MS + 4000)), NONSENSE),
    "huge numbers": (sends(b"P 99999999999999999999999 1 i77.1.0\n"), NONSENSE),
    "huge time": (sends(b"E 9223372036854775807 i77.1.900 i77.1.901 1 1 - - -\nx\n"), NONSENSE),
    "a NUL": (sends(b"P 1 1 i77.1.0\0\n"), NONSENSE),
    "one word more": (sends(b"P 1 1 i77.1.0 1\n"), NONSENSE),
    "a file": (sends(b"F i - - - 1 8\ninfo.log\n"), NONSENSE),
    "counts": (sends(b"H 1 1 3\n1 2\n"), NONSENSE),
    "two beginnings": (sends(begin()), NONSENSE),
    "failed": (lambda ask: ask.good(begin(), *frames(count=3), end("failed")), "can't read its files on"),
    "less than it says": (lambda ask: ask.good(begin(), *frames(count=3), end("limit")), "sends less than it says"),
}

CHOSEN = {"level": "INFO,WARNING,ERROR", "start": "2026-11-24T08:00:00Z", "end": "2026-11-24T09:00:00Z"}


@pytest.mark.parametrize("name", BODIES)
def test_named_in_the_last_line(asking: Asking, name: str) -> None:
    script, words = BODIES[name]
    asking.script = script
    answer = asking.query(**CHOSEN)
    assert answer.status == 200
    # No more than what comes before anything else of the peer can: what this server has up to there.
    assert answer.texts == merged()[: len(answer.texts)]
    assert len(answer.texts) <= 7
    assert answer.end["complete"] is False
    assert answer.end["why"].startswith(f"failed: {asking.peer.name} {words}")
    assert [m["server"] for m in answer.end["missing"]] == [asking.peer.name]
    # Its first entries, and all of the others'.
    answer = asking.query(partial=1, **CHOSEN)
    assert answer.texts == merged(3)
    assert (answer.end["complete"], answer.end["why"]) == (False, "missing")
    [missing] = answer.end["missing"]
    assert missing["server"] == asking.peer.name
    assert missing["why"].startswith(words)
    # A download is whole, or cut.
    assert asking.query("/api/log/raw", **CHOSEN).cut


def test_beyond_the_limit(asking: Asking) -> None:
    asking.script = sends()
    answer = asking.query(limit=2)
    assert answer.texts == merged()[:2]
    assert answer.end["why"] == "limit"
    # It sends three where two were asked for, and only its own are the next.
    asking.script = lambda ask: ask.good(begin(), *[entry(MS - 10_000 + i, i, b"early %d" % i) for i in range(3)], end())
    answer = asking.query(limit=2)
    assert answer.texts == ["early 0", "early 1"]


def test_order_across_levels_may_be_that_of_files(asking: Asking) -> None:
    """Times of one file may go back; and so may a level's behind another's, as long as its own file has it so."""
    asking.script = lambda ask: ask.good(
        begin(), entry(MS + 9000, 10, b"late"), entry(MS + 1000, 20, b"back", "i"), entry(MS + 9500, 5, b"error", "e"),
        entry(MS + 9600, 30, b"on", "i"), end())
    answer = asking.query()
    assert [t for t in answer.texts if not t.startswith("2026")] == ["late", "back", "error", "on"]
    assert answer.end["complete"] is True


def test_what_an_entry_says_stays_in_it(asking: Asking) -> None:
    """Whatever bytes it has: frames, lines of JSON, quotes, controls, no UTF-8."""
    texts = [b'a"}\n{"ts": null, "server": "own.example", "text": "forged", "cursor": "i1.1.1"}', entry(MS, 1, b"inner"), end(), b"\x00\x1b[31m\xff\xc3",
             b"0\r\n\r\n", b"\n", b""]
    asking.script = lambda ask: ask.good(begin(), *[entry(MS + 500 + i, 100 + 1000 * i, t) for i, t in enumerate(texts)], end())
    answer = asking.query()
    assert answer.end["complete"] is True
    assert [e["text"] for e in answer.entries if e["server"] == "own.example"] == OWN
    theirs = [e for e in answer.entries if e["server"] == asking.peer.name]
    assert [e["text"] for e in theirs] == [t.decode("ascii", "replace") for t in texts]
    assert len(answer.lines) == len(OWN) + len(texts) + 1
    assert asking.query("/api/log/raw").body == OWN[0].encode() + b"\n" + b"".join(t + b"\n" for t in texts) + "".join(x + "\n" for x in OWN[1:]).encode()


def test_redirects_are_not_followed(asking: Asking) -> None:
    with FakePeer(lambda ask: ask.good(begin(), end())) as other:
        asking.script = lambda ask: ask.head("307 Temporary Redirect", more=[f"Location: {other.url}/api/log/query"])
        assert asking.query().status == 502
        assert other.asked == []


def test_hits_of_a_liar(asking: Asking) -> None:
    chosen = {"level": "INFO", "start": "2026-11-24T08:00:00Z", "end": "2026-11-24T09:00:00Z", "buckets": 4}
    asking.script = lambda ask: ask.good(b"H 5 10 7\n1 2 3 4\n", b"H 10 10 9\n1 2 3 444\n", end())
    answer = asking.query("/api/log/hits", **chosen)
    assert answer.end["counts"] == {"INFO": [11, 2, 3, 444]}
    for payload in (b"1 2 3", b"1 2 3 4 5", b"1 2 3 x", b"1  2 3 4", b"1 2 3 4 ", b"-1 2 3 4", b"1 2 3 9999999999999999999", b""):
        asking.script = lambda ask, p=payload: ask.good(b"H 5 10 %d\n%s\n" % (len(p), p), end())  # type: ignore[misc]
        answer = asking.query("/api/log/hits", **chosen)
        assert answer.end["why"].startswith(f"failed: {asking.peer.name} {NONSENSE}"), payload
        answer = asking.query("/api/log/hits", partial=1, **chosen)
        assert answer.end["counts"] == {"INFO": [10, 0, 0, 0]}
        assert [m["server"] for m in answer.end["missing"]] == [asking.peer.name]


def test_files_of_a_liar(asking: Asking) -> None:
    asking.script = lambda ask: ask.good(b"F i %d %d - 77 8\ninfo.log\n" % (MS, MS + 1), end())
    files = asking.reader.get("/api/log/files", level="INFO").json()["files"]
    assert [(f["server"], f["bytes"]) for f in files] == [(asking.peer.name, 77), ("own.example", sum(len(x) + 1 for x in OWN))]
    for frame in (entry(*PEER[0]), b"F i - - - 1 300\n" + b"x" * 300 + b"\n", b"F i - - - 1 0\n\n", b"F x - - - 1 1\nx\n", b"F e - - - 1 1\nx\n"):
        asking.script = lambda ask, f=frame: ask.good(begin(), f, end())  # type: ignore[misc]
        answer = asking.reader.get("/api/log/files", level="INFO")
        assert (answer.status, answer.error.startswith(f"{asking.peer.name} sends ")) == (502, True), frame
        assert [f["server"] for f in asking.reader.get("/api/log/files", level="INFO", partial=1).json()["files"]] == ["own.example"]


def test_files_without_end(tmp_path: Path) -> None:
    asking = Asking(tmp_path, QUERY_TIMEOUT=60)
    stop = threading.Event()

    def flood(ask: Ask) -> None:
        ask.head()
        many = b"F i - - - 1 8\ninfo.log\n" * 10_000
        while not stop.is_set():
            ask.send(many)

    asking.script = flood
    asking.reader.reset_peak()
    answer = asking.query("/api/log/files")
    assert (answer.status, answer.error) == (502, f"{asking.peer.name} has more files than can be listed")
    answer = asking.query("/api/log/files", partial=1)
    assert answer.json()["missing"] == [{"server": asking.peer.name, "why": "has more files than can be listed"}]
    assert SANITIZED or asking.reader.kib("VmHWM") < 200_000
    stop.set()
    asking.stop()


def test_context_of_a_liar(asking: Asking) -> None:
    cursor = next(e["cursor"] for e in asking.query().entries if e["text"].endswith("peer 4"))

    def honest(ask: Ask) -> None:
        forward, limit = ask.query["direction"] == "forward", int(ask.query["limit"])
        chosen = PEER[4:] if forward else PEER[:4][::-1]
        ask.good(begin(), *[entry(*e) for e in chosen[:limit]], end("limit" if len(chosen) >= limit else "complete"))

    asking.script = honest
    answer = asking.query("/api/log/context", cursor=cursor, before=3, after=3)
    at = merged().index(PEER[4][2].decode())
    assert answer.texts == merged()[at - 3 : at + 4]
    assert [e.get("here", False) for e in answer.entries] == [False] * 3 + [True] + [False] * 3
    # Without its own server there is no entry, also with partial=1.
    for script, words in [(lambda ask: ask.head("500 Internal Server Error"), "answered 500"),
                          (lambda ask: ask.good(begin(), *frames()[3:], end()), "answers with another entry than was asked for"),
                          (lambda ask: ask.good(begin(), b"junk\n"), NONSENSE)]:
        asking.script = script
        for more in ({}, {"partial": 1}):
            answer = asking.query("/api/log/context", cursor=cursor, **more)
            assert (answer.status, answer.error.split(" ", 1)[1].startswith(words)) == (502, True), answer.body
    asking.script = lambda ask: ask.head("410 Gone")
    answer = asking.query("/api/log/context", cursor=cursor)
    assert (answer.status, answer.error) == (410, f"the file that the cursor is of is gone on {asking.peer.name}; begin without it")


def test_dead_peer(tmp_path: Path) -> None:
    """Nobody listens; and nobody knows the name."""
    port = free_port()
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "info.log").write_text("".join(line + "\n" for line in OWN))
    reader = Reader(tmp_path, TZ="UTC", READ_PEERS=f"http://127.0.0.1:{port},http://nowhere.invalid", READ_NAME="own.example", READ_PEERS_TIMEOUT=PATIENCE)
    answer = reader.query()
    assert (answer.status, answer.error) == (502, f"127.0.0.1:{port} cannot be reached: Connection refused")
    answer = reader.query(partial=1)
    assert answer.texts == OWN[::-1]
    why = {m["server"]: m["why"] for m in answer.end["missing"]}
    assert why[f"127.0.0.1:{port}"] == "cannot be reached: Connection refused"
    assert why["nowhere.invalid"].startswith("cannot be reached")
    # A download says so in its head; the rest is whole.
    answer = reader.get("/api/log/raw", partial=1)
    assert f"X-PBU-Log-Missing: 127.0.0.1:{port}, nowhere.invalid" in answer.head
    assert answer.body == "".join(x + "\n" for x in OWN).encode()
    reader.stop()


def test_one_that_was_silent_is_not_waited_for_as_long_again(tmp_path: Path) -> None:
    """Where it may be left out: the page shows the others at once, and it as soon as it is back."""
    asking = Asking(tmp_path, READ_PEERS_TIMEOUT=12)
    good = asking.script
    asking.script = silent
    for longest in (60.0, 9.0, 9.0):
        for path in ("/api/log/query", "/api/log/hits", "/api/log/files", "/api/log/context")[: 1 if longest == 60.0 else 4]:
            began = time.monotonic()
            cursor = asking.query(peers=0).entries[3]["cursor"] if path.endswith("context") else ""
            answer = asking.query(path, partial=1, **({"cursor": cursor} if cursor else {}))
            last = answer.json() if path.endswith("files") else answer.end
            assert last["missing"] == [{"server": asking.peer.name, "why": "does not answer"}], path
            assert time.monotonic() - began < longest, path
    # Without, it is asked as ever, and an error.
    began = time.monotonic()
    assert asking.query().status == 502
    assert time.monotonic() - began > 10
    asking.script = good
    assert asking.query(partial=1).end["complete"] is True
    assert asking.query().texts == merged()
    asking.stop()


def test_the_deadline_is_for_all(tmp_path: Path) -> None:
    """A peer that is still looking then has its place in the cursor, from where it goes on."""
    asking = Asking(tmp_path, QUERY_TIMEOUT=2)

    def looks(ask: Ask) -> None:
        assert 0 < int(ask.query["timeout"]) <= 1800
        ask.head()
        ask.send(begin())
        for n in range(1, 200):
            ask.send(b"P %d 1000 i77.1.%x\n" % (n, n))
            time.sleep(0.1)

    asking.script = looks
    answer = asking.query()
    assert (answer.texts, answer.end["why"]) == ([], "deadline")
    place = int(answer.end["next"].split("i77.1.")[1].split("~")[0], 16)
    assert place > 1
    # Its own deadline counts as much: what comes after it is not known.
    asking.script = lambda ask: ask.good(begin(), *frames(count=2), end("deadline", at=b"i77.1.999"))
    answer = asking.query()
    assert (answer.texts, answer.end["why"]) == (merged()[:4], "deadline")
    assert "i77.1.999~" in answer.end["next"]
    asking.script = lambda ask: ask.good(begin(), *[entry(*e) for e in PEER[2:]], end())
    rest = asking.query(cursor=answer.end["next"])
    assert answer.texts + rest.texts == merged()
    assert "cursor=i77.1.999" in asking.peer.asked[-1]
    asking.stop()


def test_a_cursor_whose_file_is_gone_there(asking: Asking) -> None:
    asking.script = lambda ask: ask.head("410 Gone")
    answer = asking.query()
    assert (answer.status, answer.error) == (410, f"the file that the cursor is of is gone on {asking.peer.name}; begin without it")
    assert asking.query(partial=1).texts == OWN


def test_context_without_others(tmp_path: Path) -> None:
    """Of an entry of this server, while another is away."""
    asking = Asking(tmp_path)
    own = asking.query(peers=0).entries[5]["cursor"]
    asking.script = lambda ask: ask.head("502 Bad Gateway")
    answer = asking.query("/api/log/context", cursor=own, before=2, after=2)
    assert (answer.status, answer.error) == (502, f"{asking.peer.name} answered 502: its reader does not answer")
    answer = asking.query("/api/log/context", cursor=own, before=2, after=2, partial=1)
    assert answer.texts == OWN[3:8]
    assert answer.end["missing"] == [{"server": asking.peer.name, "why": "answered 502: its reader does not answer"}]
    asking.script = lambda ask: ask.good(begin(), b"junk\n")
    answer = asking.query("/api/log/context", cursor=own, before=2, after=2)
    assert answer.end["why"].startswith(f"failed: {asking.peer.name} {NONSENSE}")
    answer = asking.query("/api/log/context", cursor=own, before=2, after=2, partial=1)
    assert answer.texts == OWN[3:8]
    asking.stop()


def test_no_proxy_is_asked(tmp_path: Path) -> None:
    """It would see the token."""
    with FakePeer(lambda ask: ask.good(begin(), end())) as proxy:
        asking = Asking(tmp_path, http_proxy=proxy.url, HTTP_PROXY=proxy.url, all_proxy=proxy.url, ALL_PROXY=proxy.url)
        assert asking.query().texts == merged()
        assert proxy.asked == []
        asking.stop()


def test_a_client_that_goes_away_ends_it_everywhere(tmp_path: Path) -> None:
    """Whatever the query waits for: the peer's head, or its next entry."""
    asking = Asking(tmp_path, READ_PEERS_TIMEOUT=120, QUERY_TIMEOUT=120)
    for sent in (0, 3):
        gone = threading.Event()

        def script(ask: Ask, sent: int = sent, gone: threading.Event = gone) -> None:
            if sent:
                ask.head()
                ask.send(begin(), *frames(count=sent))
            if ask.until_gone():
                gone.set()

        asking.script = script
        asking.peer.asked.clear()
        with asking.reader.ask("/api/log/query", {"direction": "forward"}):
            wait_for(lambda: asking.peer.asked, "the peer is asked")
        assert gone.wait(40), "the peer's client has gone"
        wait_for(lambda: asking.reader.metric("queries_running") == 0, "the query has ended")
    asking.stop()


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A peer that sends without end is made to wait: while its turn does not come, and while nobody takes the answer."""
    sent, stop, go_on = [0], threading.Event(), threading.Event()

    def flood(ask: Ask) -> None:
        ask.head()
        ask.send(begin())
        text = b"x" * 100_000
        while not stop.is_set():
            ask.send(entry(MS + sent[0], sent[0] * 200_000, text))
            sent[0] += 1

    def hesitate(ask: Ask) -> None:
        ask.head()
        ask.send(begin())
        while not go_on.wait(0.5):
            ask.send(b"P 1 1 i77.1.0\n")
        ask.send(end())
        ask.end()

    def until_it_waits() -> None:
        wait_for(lambda: sent[0] > 5, "the peer sends")
        before = -1
        while before != sent[0]:
            before = sent[0]
            time.sleep(3)

    with FakePeer(flood) as peer, FakePeer(hesitate) as other:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=f"{peer.url},{other.url}", READ_NAME="own.example", QUERY_TIMEOUT=300)
        reader.reset_peak()
        with reader.ask("/api/log/raw", {"direction": "forward"}) as connection:
            until_it_waits()
            waited = sent[0]
            go_on.set()
            connection.socket.settimeout(60)
            assert len(answer_of(connection, 40_000_000).body) > 39_000_000
            until_it_waits()
            stop.set()
            connection.socket.shutdown(socket.SHUT_RDWR)
        peak = reader.kib("VmHWM")
        print(f"{waited} and {sent[0]} entries of 100 kB were sent, the peak is {peak} kB")
        wait_for(lambda: reader.metric("queries_running") == 0, "the query has ended")
        reader.stop()
    # What sockets hold, and the reader itself.
    assert waited < 200
    assert sent[0] < 700
    assert SANITIZED or peak < 100_000


def test_entries_of_many_mebibytes(asking: Asking) -> None:
    text = b"y" * (20 * 1024 * 1024)
    asking.script = lambda ask: ask.good(begin(), entry(MS + 500, 10, text), end())
    answer = asking.query("/api/log/raw")
    assert answer.body.split(b"\n")[1] == text
    answer = asking.query()
    assert [len(t) for t in answer.texts if t.startswith("y")] == [len(text)]


def test_figures(asking: Asking) -> None:
    def figure(name: str) -> int:
        text = asking.reader.get("/metrics/reader").body.decode()
        return int(text.split(f'pbu_log_reader_peer_{name}{{peer="{asking.peer.name}"}} ')[1].split("\n")[0])

    requests, failures, taken = figure("requests_total"), figure("failures_total"), figure("bytes_total")
    asking.query()
    assert (figure("requests_total"), figure("failures_total")) == (requests + 1, failures)
    assert figure("bytes_total") > taken
    asking.script = garbage
    asking.query()
    assert (figure("requests_total"), figure("failures_total")) == (requests + 2, failures + 1)
    assert f"peer {asking.peer.name} {NONSENSE}" in asking.reader.said


def test_the_token_is_told_to_nobody(asking: Asking) -> None:
    asking.query()
    assert "let me read" not in asking.reader.said
    assert b"let me read" not in Path(f"/proc/{asking.reader.pid}/environ").read_bytes()


def test_cursors(asking: Asking) -> None:
    """Of a server that is read no more, and of nonsense."""
    answer = asking.query(cursor="i77.1.0~00000000")
    assert (answer.status, answer.error) == (410, "a server that the cursor is of is not read here; begin without it")
    for cursor in ("i77.1.0~", "i77.1.0~0000000", "~00000000", "i77.1.0~00000000_", "i77.1.0~0000000g", "i77.1.0~00000000_i77.1.0~00000000"):
        assert asking.query(cursor=cursor).status == 400, cursor
    # One of this server by itself is its own.
    own = asking.query(peers=0).entries
    assert "server" not in own[0]
    answer = asking.query(cursor=own[5]["cursor"])
    assert [t for t in answer.texts if "own" in t] == OWN[5:]
    # The last line's is good for the rest.
    page, cursor = [], ""
    for _ in range(20):
        asking.script = lambda ask: ask.good(begin(), *[entry(*e) for e in PEER if e[1] >= int(ask.query.get("cursor", "i0.0.0").split(".")[2], 16)][: int(ask.query["limit"])], end())
        answer = asking.query(limit=3, **({"cursor": cursor} if cursor else {}))
        page += answer.texts
        cursor = answer.end["next"]
        if answer.end["why"] is None:
            break
    assert page == merged()


def test_json_is_json(asking: Asking) -> None:
    """Of all that was sent to a client here, whatever the peer did."""
    asking.script = lambda ask: ask.good(begin(), entry(MS + 500, 10, bytes(range(256))), end())
    for line in asking.query().body.split(b"\n"):
        if line:
            json.loads(line)
