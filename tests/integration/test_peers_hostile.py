"""A peer that is dead, or lies, is named, bounded, and never mixes what it says into others'."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from asking import MS, NONSENSE, OWN, PEER, Asking, frames, merged
from fake_peer import Ask, FakePeer, begin, end, entry
from peers import needs_peers

pytestmark = needs_peers


def test_a_good_peer(asking: Asking) -> None:
    answer = asking.query()
    assert answer.texts == merged()
    assert {e["server"] for e in answer.entries} == {"own.example", asking.peer.name}
    assert answer.end["complete"] is True
    assert "missing" not in answer.end
    assert asking.peer.headers[0]["authorization"] == "let me read"
    assert "as=peer" in asking.peer.asked[0]


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


def packed(how: str, before: bytes = b"") -> Callable[[Ask], None]:
    """What libcurl unpacks unasked: good frames, as it might be anything."""

    def script(ask: Ask) -> None:
        body = gzip.compress(begin() + b"".join(frames()) + end(matched=10))
        ask.raw(before)
        ask.head(more=[f"Transfer-Encoding: {how}"] if how else [], chunked=not how)
        if how.endswith("gzip"):
            ask.raw(gzip.compress(body) if "," in how else body)
            ask.connection.close()
        else:
            ask.send(body)
            ask.end()

    return script


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
    "packed on its way": (packed("gzip"), "packs its answer, unasked"),
    "packed twice": (packed("gzip, gzip"), "packs its answer, unasked"),
    "packed, in chunks": (packed("gzip, chunked"), "packs its answer, unasked"),
    "packed by a head before": (packed("", b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: gzip\r\n\r\n"), "packs its answer, unasked"),
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
    "a time of no year": (sends(b"E 2305843009213693950 i77.1.900 i77.1.901 1 1 - - -\nx\n"), NONSENSE),
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


def id_of(name: str) -> str:
    """By which cursors know a server: FNV-1a."""
    number = 2166136261
    for byte in name.encode():
        number = (number ^ byte) * 16777619 & 0xFFFFFFFF
    return f"{number:08x}"


def test_a_cursor_whose_file_is_gone_there(asking: Asking) -> None:
    asking.script = lambda ask: ask.head("410 Gone")
    at = f"i77.1.0~{id_of(asking.peer.name)}"
    answer = asking.query(cursor=at)
    assert (answer.status, answer.error) == (410, f"the file that the cursor is of is gone on {asking.peer.name}; begin without it")
    # Where it was asked without one, that is wrong; also where another server's was there.
    own = asking.query(peers=0).entries[5]["cursor"]
    for more in ({}, {"cursor": own}):
        answer = asking.query(**more)
        assert (answer.status, answer.error.startswith(f"{asking.peer.name} answered 410")) == (502, True), answer.error
    # Left out, it is named; and its place is kept, so that who goes on with `next` is told again.
    answer = asking.query(partial=1, cursor=at)
    assert answer.texts == OWN
    assert (answer.end["complete"], answer.end["why"]) == (False, "missing")
    assert answer.end["missing"] == [{"server": asking.peer.name, "why": "answered 410: the file that the cursor is of is gone there"}]
    assert at in answer.end["next"]
    answer = asking.query("/api/log/raw", partial=1, cursor=at)
    assert f"X-PBU-Log-Missing: {asking.peer.name}" in answer.head
    assert not answer.cut


def test_no_proxy_is_asked(tmp_path: Path) -> None:
    """It would see the token."""
    with FakePeer(lambda ask: ask.good(begin(), end())) as proxy:
        asking = Asking(tmp_path, http_proxy=proxy.url, HTTP_PROXY=proxy.url, all_proxy=proxy.url, ALL_PROXY=proxy.url)
        assert asking.query().texts == merged()
        assert proxy.asked == []
        asking.stop()


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
