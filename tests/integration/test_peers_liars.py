"""What a peer says of counts, files, and what is around an entry, is checked as well."""

import threading
from pathlib import Path

from asking import MS, NONSENSE, OWN, PEER, Asking, frames, merged
from fake_peer import Ask, FakePeer, begin, end, entry
from fcgi_peer import SANITIZED
from peers import needs_peers
from reading import Reader

pytestmark = needs_peers


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


def test_times_of_no_year(tmp_path: Path) -> None:
    """All are asked for the range that the files of all have: who makes it one that is refused is the one who is named."""

    def honest(ask: Ask) -> None:
        if ask.path == "/api/log/files":
            ask.good(b"F i %d %d - 77 8\ninfo.log\n" % (MS, MS + 1000), end())
        elif int(ask.query["end"].removeprefix("@")) < 1 << 60:
            ask.good(b"H 1 1 1\n7\n", end())
        else:
            ask.head("400 Bad Request")

    lie = b""

    def liar(ask: Ask) -> None:
        if ask.path == "/api/log/files":
            ask.good(lie, end())
        else:
            honest(ask)

    with FakePeer(liar) as one, FakePeer(honest) as another:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=f"{one.url},{another.url}", READ_NAME="own.example", QUERY_TIMEOUT=60, READ_PEERS_TIMEOUT=60)
        for lie in (b"F i %d 2305843009213693950 - 77 8\ninfo.log\n" % MS, b"F i -2305843009213693950 %d - 77 8\ninfo.log\n" % MS,
                    b"F i %d - 253402732800000 77 8\ninfo.log\n" % MS):
            answer = reader.get("/api/log/hits", level="INFO", buckets=1, partial=1)
            assert answer.end["missing"] == [{"server": one.name, "why": NONSENSE}], lie
            assert answer.end["counts"] == {"INFO": [7]}
        # As far as there are years, it may say what it likes.
        lie = b"F i %d 253402300799999 - 77 8\ninfo.log\n" % MS
        answer = reader.get("/api/log/hits", level="INFO", buckets=1, partial=1)
        assert answer.end["counts"] == {"INFO": [14]}
        reader.stop()


def test_files_without_end(tmp_path: Path) -> None:
    """What one lists is bounded, and takes nothing from the others."""
    stop = threading.Event()

    def flood(ask: Ask) -> None:
        ask.head()
        many = b"F i - - - 1 8\ninfo.log\n" * 10_000
        while not stop.is_set():
            ask.send(many)

    def honest(ask: Ask) -> None:
        ask.good(b"F i - - - 77 8\ninfo.log\n" * 8000, end())

    with FakePeer(flood) as one, FakePeer(honest) as another:
        # The one who lies is the first of them.
        peer, other = sorted((one, another), key=lambda p: p.name)
        peer.script, other.script = flood, honest
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=f"{peer.url},{other.url}", READ_NAME="own.example", QUERY_TIMEOUT=60, READ_PEERS_TIMEOUT=60)
        reader.get("/api/log/files", peers=0)
        reader.reset_peak()
        before = reader.kib("VmHWM")
        answer = reader.get("/api/log/files")
        assert (answer.status, answer.error) == (502, f"{peer.name} has more files than can be listed")
        answer = reader.get("/api/log/files", partial=1)
        assert answer.json()["missing"] == [{"server": peer.name, "why": "has more files than can be listed"}]
        assert [f["server"] for f in answer.json()["files"]] == [other.name] * 8000
        print(f"from {before} to {reader.kib('VmHWM')} kB")
        assert SANITIZED or reader.kib("VmHWM") < before + 10_000
        stop.set()
        reader.stop()


def test_messages_of_nothing_but_newlines(tmp_path: Path) -> None:
    """Each is four bytes of JSON, which are sent while they are written."""
    count = 16 * 1024 * 1024
    asking = Asking(tmp_path)
    asking.script = lambda ask: ask.good(begin(), entry(MS, 10, b"\n" * count), end())
    chosen = {"level": "INFO", "date": "2026-11-24"}
    asking.reader.get("/api/log/messages", peers=0, **chosen)
    asking.reader.reset_peak()
    before = asking.reader.kib("VmHWM")
    answer = asking.reader.get("/api/log/messages", **chosen)
    assert answer.status == 200 and not answer.cut
    assert answer.body.count(b'""') >= count
    print(f"from {before} to {asking.reader.kib('VmHWM')} kB")
    # The entry itself, in a buffer that doubles.
    assert SANITIZED or asking.reader.kib("VmHWM") < before + 60_000
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
