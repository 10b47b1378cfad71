"""Hostile logs and hostile queries, against pbu-log-reader: no crash, no hang of others, bounded memory."""

import json
import os
import socket
import time

import pytest

from fcgi_peer import SANITIZED
from hostile import ENTRY, HOLE, LINES, OTHERS, STAMP, Others, hostile_reader, memory_of, quick, write
from measured import measured
from reading import Tail, answer_of
from server import wait_for


@pytest.fixture
def reader(tmp_path):
    with hostile_reader(tmp_path) as reader:
        yield reader


# --- logs ---

HOSTILE = {
    "markup": b"<script>alert(1)</script><img src=x onerror=alert(1)>\"'`--></style>",
    "bidi": "a\u202e\u2066b\u2069\u202dc\u200f".encode(),
    "line separators": "a\u2028b\u2029c\u0085d".encode(),
    "terminal": b"\x1b]0;title\x07\x1b[2J\x1b[31mred\x9b31m\x1bP\x1b\\\x08\x7f",
    "NULs": b"a\0b\0\0",
    "carriage returns": b"a\rb\r",
    "not UTF-8": b"\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80 cut \xe2\x82",
    "JSON": b'{"ts": "x"}\\u0000"}\\',
    "an event": b"data: x\\n\\nevent: dropped",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_log(reader, name):
    """What comes is JSON, and says what is there; nothing of it that could harm a terminal is sent as it is."""
    entry = STAMP + HOSTILE[name]
    write(reader, "info.log", entry, b"\n", b"no time " + HOSTILE[name], b"\n\t", HOSTILE[name], b"\n")
    expected = [entry.decode(errors="replace"), (b"no time " + HOSTILE[name] + b"\n\t" + HOSTILE[name]).decode(errors="replace")]
    tail = Tail(reader, {"level": "INFO"})
    answer = reader.query(level="INFO", direction="forward")
    got = [text.replace("\ufffd", "") for text in answer.texts]
    assert got == [text.replace("\ufffd", "") for text in expected]
    assert reader.get("/api/log/raw", level="INFO").body == entry + b"\n" + b"no time " + HOSTILE[name] + b"\n\t" + HOSTILE[name] + b"\n"
    with open(reader.folder / "info.log", "ab") as f:
        f.write(entry + b"\n")
    wait_for(lambda: tail.texts, "the event")
    assert tail.texts[0].replace("\ufffd", "") == got[0] and len(tail.events) == 1
    tail.close()
    messages = reader.get("/api/log/messages", level="INFO", date="2026-11-24").json()
    assert len(messages) == 3
    for data in (answer.body, reader.get("/api/log/context", cursor=answer.entries[1]["cursor"]).body,
                 json.dumps(reader.get("/api/log/files").json()).encode()):
        text = data.decode()  # it is UTF-8
        assert not [c for c in text if (ord(c) < 0x20 and c != "\n") or 0x7f <= ord(c) < 0xa0 or c in "\u2028\u2029\u202d\u202e\u2066\u2069"]


@pytest.mark.parametrize("byte", [b"x", b"\0", b"\xff"])
def test_a_huge_entry(reader, byte):
    """It takes its window, whatever JSON makes of it."""
    write(reader, "info.log", STAMP, byte * ENTRY, b"\n", STAMP + b"after\n")
    with Others(reader):
        answer = memory_of(reader, 32, lambda: reader.query(level="INFO", direction="forward"))
        assert [len(x) for x in answer.texts] == [len(STAMP) + ENTRY, len(STAMP) + 5]
        raw = memory_of(reader, 32, lambda: reader.get("/api/log/raw", level="INFO"))
        assert len(raw.body) == 2 * len(STAMP) + ENTRY + 7
        memory_of(reader, 32, lambda: reader.query(level="INFO", q="nothing -x /(z|y)+/"))


def test_a_million_lines_in_one_entry(reader):
    write(reader, "info.log", STAMP, b"first", b"\n\tmore" * LINES, b"\n")
    with Others(reader):
        answer = memory_of(reader, 16, lambda: reader.query(level="INFO"))
        assert answer.texts[0].count("\n") == LINES
        messages = memory_of(reader, 16, lambda: reader.get("/api/log/messages", level="INFO", date="2026-11-24"))
        assert len(messages.json()[0]["detail"]) == LINES


@pytest.mark.parametrize("name", ["info.log", pytest.param("info.log.2026-11-23", marks=pytest.mark.slow)])
@measured
def test_a_gigabyte_without_a_newline(reader, name):
    """A hole, as somebody's `truncate` makes it. What is looked at of it is 32 MiB."""
    write(reader, name, STAMP + b"before\n")
    os.truncate(reader.folder / name, HOLE)
    with Others(reader):
        for path, selection in (("query", {"q": "before"}), ("query", {"limit": 0}), ("query", {"q": "/(a+)+$/"}), ("files", {}),
                                ("hits", {"buckets": 3}), ("raw", {"q": "before"})):
            answer = memory_of(reader, 64, lambda: reader.get(f"/api/log/{path}", level="INFO", **selection))
            assert answer.status == 200 and answer.seconds < 30, (path, answer.body[-300:])
            if selection.get("q") == "before":
                assert b"INFO:app before" in answer.body, (path, answer.body[-300:])


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    s = socket.socket(socket.AF_UNIX)
    os.chdir(path.parent)
    s.bind(path.name)
    s.close()


def make_link(path):
    (path.parent.parent / "secret").write_bytes(STAMP + b"secret\n")
    path.symlink_to("../secret")


def make_device(path):
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero


OTHER_THINGS = {"a FIFO": make_fifo, "a socket": make_socket, "a link": make_link, "a folder": os.mkdir, "a device": make_device}


@pytest.mark.parametrize("name", ["info.log", "info.log.2026-11-23"])
@pytest.mark.parametrize("what", OTHER_THINGS)
def test_what_is_no_file_is_not_read(reader, what, name, monkeypatch):
    monkeypatch.chdir(reader.folder)
    OTHER_THINGS[what](reader.folder / name)
    with Others(reader):
        assert reader.query(level="INFO").texts == []
        assert reader.get("/api/log/raw", level="INFO").body == b""
        assert reader.get("/api/log/hits", level="INFO").end["matched"] == 0
        assert reader.get("/api/log/files", level="INFO").json() == {"files": []}
        tail = Tail(reader, {"level": "INFO"})
        (reader.folder / name).rename(reader.folder / "other")
        write(reader, "info.log", STAMP + b"a file\n")
        wait_for(lambda: tail.texts == [(STAMP + b"a file").decode()], "the tail reads the file")
        tail.close()


def test_odd_names(reader):
    names = [b"info.log.\xff\xfe", "info.log.\u202etxt".encode(), b"info.log.a b", b"info.log.\n", b"info.log.<b>", b'info.log."',
             b"info.log.\x1b[2J", b"info.log...", b"info.log.-rf", b"info.log-", b"info.log.", b".info.log", b"info.log~",
             b"info.log." + b"9" * 200, b"info.log.2026-99-99", b"info.log.gz"]
    for name in names:
        with open(os.fsencode(reader.folder) + b"/" + name, "wb") as f:
            f.write(STAMP + b"entry\n")
    answer = reader.get("/api/log/files")
    text = answer.body.decode()
    assert not [c for c in text if (ord(c) < 0x20 and c != "\n") or c == "\u202e"]
    files = answer.json()["files"]
    answer = reader.query(level="INFO", limit=1000)
    assert len(answer.texts) == len(files) - 1 > 5  # without error.log
    assert reader.get("/api/log/raw", level="INFO").body.count(b"entry\n") == len(answer.texts)


@pytest.mark.slow
@measured
def test_a_hundred_thousand_files(reader):
    """Of others; and a thousand of a level, which a folder never has."""
    for n in range(100_000):
        os.close(os.open(reader.folder / f"other-{n:06}.log", os.O_CREAT | os.O_WRONLY))
    for n in range(1000):
        write(reader, f"info.log.{n}", STAMP + b"entry\n")
    with Others(reader):
        answer = memory_of(reader, 16, lambda: reader.query(level="INFO", limit=0))
        assert answer.end["matched"] == 1000 and answer.seconds < 10
        answer = memory_of(reader, 16, lambda: reader.get("/api/log/files"))
        assert len(answer.json()["files"]) == 1001
        # It changes all the time.
        for n in range(5):
            write(reader, f"another-{n}.log", b"")
            assert reader.query(level="INFO", limit=1).status == 200


# --- queries ---

EXPLODE = ["(a+)+$", "(.*)*x", "(?:a|aa)+$", "(a|a)*b", "((((a*)*)*)*)*b", "(a{1,100}){1,100}b", "(?=(a+)+$)b", "(?<=(a|aa|aaa))+$b",
           r"^(a+)\1*\1b", r"(a+)(?1)*b", r"(?:(?R)|a)*b", "(a?){64}a{64}b", r"(\w+\s?)*!", ".*.*.*.*.*.*b", "(x+x+)+y", "[^b]*[^b]*[^b]*[^b]*b"]


@pytest.mark.parametrize("expression", EXPLODE)
@measured
def test_an_expression_that_explodes(reader, expression):
    write(reader, "info.log", STAMP, b"a" * ENTRY, b"\n")
    with Others(reader):
        answer = reader.query(level="INFO", q=f"/{expression}/")
    assert answer.status in (200, 400), answer.body
    assert answer.seconds < (10 if SANITIZED else 2), answer.seconds
    if answer.status == 200:
        assert answer.end["why"] is None or "too long" in answer.end["why"] or answer.end["why"] == "limit", answer.end


def test_what_took_too_long_is_told(reader):
    """An entry that may match and was left out: the answer is not called complete."""
    write(reader, "info.log", STAMP, b"a" * 100_000, b"!\n", STAMP, b"short aa\n")
    answer = reader.query(level="INFO", q="/(?:a|aa)+$/")
    assert [text[-2:] for text in answer.texts] == ["aa"]
    assert answer.end["complete"] is False and "too long on 1 entry" in answer.end["why"], answer.end
    answer = reader.get("/api/log/hits", level="INFO", q="/(?:a|aa)+$/")
    assert answer.end["complete"] is False and "too long on 1 entry" in answer.end["why"], answer.end
    answer = reader.get("/api/log/raw", level="INFO", q="/(?:a|aa)+$/")
    assert answer.status == 200 and answer.cut


def test_many_that_explode(reader):
    """As many as may be under way, over many entries; for the others there is still time."""
    write(reader, "info.log", *(STAMP + b"a" * 30_000 + b"\n" for _ in range(200)))
    connections = [reader.ask("/api/log/query", {"q": "/(a+)+$/", "level": "INFO"}) for _ in range(15)]
    with Others(reader):
        for connection in connections:
            # Each has its turn when the others have looked at an entry, for a second perhaps: so long it says nothing.
            connection.socket.settimeout(90)
            assert answer_of(connection).status == 200
            connection.socket.close()


@measured
def test_long_queries(reader):
    write(reader, "info.log", *(STAMP + b"some text\n" for _ in range(1000)))
    longest = "x" * 4096
    assert reader.query(q=longest).end["matched"] == 0
    assert reader.query(q=longest + "x").status == 400
    assert reader.query(q=" ".join("-" + "abcdefgh"[n % 8] * 20 + str(n) for n in range(64)), level="INFO", limit=0).end["matched"] == 1000
    assert reader.query(q=" ".join("x" * 65)).status == 400
    for q in ("/" + "(" * 2000 + ")" * 2000 + "/", "/" + "a{1,1000}" * 100 + "/", "/(" + "a|" * 2000 + "b)/", "/a{65535}{65535}/",
              "/" + "[" * 4000 + "/", "/(?<a>" + "x" * 4000 + ")/", "/" + r"\p{L}" * 800 + "/", "/(?C1)/", "/(*LIMIT_MATCH=4294967295)a/",
              "/(*NO_JIT)a/", "/" + "(?i" * 1000 + "/", '"' + "\\" * 4000, "-" * 4000, "logger:" * 500):
        started = time.monotonic()
        answer = memory_of(reader, 32, lambda: reader.query(q=q, limit=1))
        assert answer.status in (200, 400), (q[:20], answer.body)
        assert answer.status == 200 or answer.error, q[:20]
        assert time.monotonic() - started < (20 if SANITIZED else 2), q[:20]


@pytest.mark.parametrize("query", [
    "q=%", "q=%4", "q=%zz", "q=%00", "q=a%00b", "q=%ff", "q=%c0%80", "q=%ed%a0%80", "%71=x", "q=%25%32%35", "q=+%20+", "q&&&&", "=" * 5000,
    "&" * 20_000, "level=../../etc/passwd", "level=%2e%2e%2f", "level=INFO%00", "level=INFO,,,,", "cursor=%2e%2e", "cursor=" + "i1.1.1-" * 500,
    "cursor=iffffffffffffffff.ffffffffffffffff.ffffffffffffffff", "start=99999999999999999999", "start=-99999999999d", "end=nan",
    "start=1e300", "limit=-1", "limit=18446744073709551616", "limit=0x10", "timezone=../../../etc/passwd", "timezone=:/etc/passwd",
    "timezone=" + "A" * 4000, "buckets=0", "buckets=1000000000", "before=4294967295", "date=2026-13-45", "direction=sideways",
    "q=x&q=y", "nothing=1", "start=2026-11-24&end=2025-01-01", "x" * 60_000], ids=lambda q: q[:40])
def test_what_an_address_may_hold(reader, query):
    """Words, or an answer; and the same for each request."""
    write(reader, "info.log", STAMP + b"entry\n")
    for path in ("query", "hits", "raw", "context", "files", "messages", "tail"):
        with reader.ask(f"/api/log/{path}", query) as connection:
            answer = answer_of(connection, 1)
        assert answer.status in (200, 400, 410), (path, answer.body)
        assert answer.status == 200 or json.loads(answer.body)["error"], (path, answer.body)
        assert b"root:" not in answer.body
    assert quick(reader) < OTHERS * (5 if SANITIZED else 1)
