"""A peer that is away, or takes its time, holds nothing up for longer than it may, and takes no memory."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asking import MS, OWN, PATIENCE, PEER, Asking, frames, merged
from fake_peer import Ask, FakePeer, begin, end, entry
from fcgi_peer import SANITIZED
from peers import needs_peers
from reading import Reader, answer_of
from server import free_port, wait_for

pytestmark = needs_peers


def silent(ask: Ask) -> None:
    ask.until_gone()


def test_dead_peer(tmp_path: Path) -> None:
    """Nobody listens; and nobody knows the name."""
    port = free_port()
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "info.log").write_text("".join(line + "\n" for line in OWN))
    reader = Reader(tmp_path, TZ="UTC", READ_PEERS=f"http://127.0.0.1:{port},http://nowhere.invalid", READ_NAME="own.example", READ_PEERS_TIMEOUT=PATIENCE)
    answer = reader.query()
    # Whichever is found out first is named.
    assert answer.status == 502 and "cannot be reached" in answer.error, answer.error
    assert answer.error.startswith(("127.0.0.1:", "nowhere.invalid"))
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


def each_moment(ask: Ask, what: Callable[[int], bytes], stop: threading.Event) -> None:
    """So that it is never silent."""
    n = 0
    while not stop.wait(0.1):
        ask.send(what(n))
        n += 1


def test_what_is_only_announced_takes_no_memory(tmp_path: Path) -> None:
    """Long entries that never come leave the others' their room."""
    stop, began = threading.Event(), [0]
    text = b"z" * (16 * 1024 * 1024)

    def script(ask: Ask) -> None:
        ask.head()
        ask.send(begin())
        if ask.query["q"] == "honest":
            ask.send(entry(MS, 10, text), end())
            ask.end()
            return
        ask.send(b"E %d i77.1.10 i77.1.99 %d 1 - - -\n" % (MS, 60 << 20))
        began[0] += 1
        each_moment(ask, lambda _: b"x", stop)

    with FakePeer(script) as peer:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=peer.url, READ_PEERS_TIMEOUT=60)
        with reader.ask("/api/log/raw", {"q": "one"}), reader.ask("/api/log/raw", {"q": "two"}):
            wait_for(lambda: began[0] == 2, "two are announced")
            # The reader may not have heard of both yet when it asks first.
            for _ in range(8):
                answer = reader.get("/api/log/raw", q="honest")
                assert (answer.status, len(answer.body)) == (200, len(text) + 1)
            stop.set()
        reader.stop()


@pytest.mark.slow
def test_one_that_trickles_is_given_up(tmp_path: Path) -> None:
    """A download has no deadline: who sends next to nothing doesn't hold it for ever; who finds little by little does not count as that."""
    stop, patience = threading.Event(), 3
    trickles = {
        "line": lambda n: b"E " if n == 0 else b"7",
        "payload": lambda n: b"E %d i77.1.10 i77.1.99 %d 1 - - -\n" % (MS, 60 << 20) if n == 0 else b"x",
        "progress": lambda n: b"P 1 1000 i77.1.0\n",
    }

    def script(ask: Ask) -> None:
        ask.head()
        ask.send(begin())
        if ask.query["q"] in trickles:
            each_moment(ask, trickles[ask.query["q"]], stop)
            return
        for n in range(20 * patience * 4):
            ask.send(entry(MS + n, 100 * (n + 1), b"found"))
            time.sleep(0.05)
        ask.send(end())
        ask.end()

    with FakePeer(script) as peer:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=peer.url, READ_PEERS_TIMEOUT=patience)
        with ThreadPoolExecutor(4) as pool:
            answers = dict(zip([*trickles, "found"], pool.map(lambda q: reader.get("/api/log/raw", q=q), [*trickles, "found"]), strict=True))
        for name in trickles:
            assert answers[name].cut, name
        assert not answers["found"].cut
        assert answers["found"].body == b"found\n" * (20 * patience * 4)
        assert f"peer {peer.name} sends next to nothing, for long" in reader.said
        stop.set()
        reader.stop()


@pytest.mark.slow
def test_word_of_progress_is_worth_what_was_looked_through(tmp_path: Path) -> None:
    """However often it is sent; who looks through much, and finds nothing for long, is waited for."""
    stop, patience = threading.Event(), 3
    works = 15 * patience

    def script(ask: Ask) -> None:
        ask.head()
        ask.send(begin())
        # More often than anybody looks whether it comes to something.
        while ask.query["q"] == "nothing" and not stop.wait(0.02):
            ask.send(b"P 1 1000 e77.1.0-w77.1.0-i77.1.0-d77.1.0\n")
        for n in range(10 * works):
            if not stop.wait(0.1):
                ask.send(b"P %d %d i77.1.0\n" % (n << 17, works << 20))
        ask.send(entry(MS, 100, b"rare"), end())
        ask.end()

    with FakePeer(script) as peer:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=peer.url, READ_PEERS_TIMEOUT=patience)
        with ThreadPoolExecutor(2) as pool:
            nothing, rare = pool.map(lambda q: reader.get("/api/log/raw", q=q), ["nothing", "rare"])
        assert (rare.status, rare.cut, rare.body) == (200, False, b"rare\n")
        assert (nothing.status, nothing.cut) == (200, True)
        assert f"peer {peer.name} sends next to nothing, for long" in reader.said
        stop.set()
        reader.stop()


def test_a_head_is_due_as_a_whole(tmp_path: Path) -> None:
    stop = threading.Event()

    def script(ask: Ask) -> None:
        ask.raw(b"HTTP/1.1 200 OK\r\n")
        while not stop.wait(0.1):
            ask.raw(b"X-More: x\r\n")

    asking = Asking(tmp_path)
    asking.script = script
    for path in ("/api/log/raw", "/api/log/query"):
        answer = asking.query(path)
        assert (answer.status, answer.error) == (502, f"{asking.peer.name} does not answer")
    stop.set()
    asking.stop()
