"""The live tail of a peer that is dead, silent, or lies: it is named, nothing of it is passed on, and the others go on."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_peer import Ask, FakePeer, begin, entry
from mesh import StartServer, assert_small, has, tails, write
from peers import needs_peers
from reading import Reader, answer_of
from server import wait_for
from sse import Viewer

pytestmark = needs_peers


class Told:
    """What a peer does, which may be another each time; until `stopped`."""

    def __init__(self, answer: Callable[[Ask], object]) -> None:
        self.answer, self.stopped = answer, threading.Event()

    def __call__(self, ask: Ask) -> None:
        with contextlib.suppress(OSError):
            self.answer(ask)

    def alive(self, ask: Ask, at: bytes = b"e77.1.0") -> None:
        """It follows, and nothing comes; until it is told to do something else."""
        while not self.stopped.wait(0.2):
            ask.send(b"P 0 0 " + at + b"\n")
        # As a machine that is gone.
        ask.connection.close()


BEGIN = begin(b"e77.1.0")
EVIL = entry(0, 100, b"evil", "e")

LIES: dict[str, tuple[Callable[[Ask], object], str]] = {
    "another version": (lambda ask: ask.head(version="2 -"), "speaks another version"),
    "no reader": (lambda ask: (ask.head(version=None), ask.send(b"<html>evil")), "is no reader"),
    "another type": (lambda ask: (ask.head(kind="text/html"), ask.send(BEGIN, EVIL)), "another type"),
    "another status": (lambda ask: ask.head("500 Evil"), "answered 500"),
    "no frames": (lambda ask: ask.good(b"evil evil\n"), "no reader would"),
    "an endless line": (lambda ask: ask.good(BEGIN, b"E " + b"9" * 100_000), "no reader would"),
    "entries before it begins": (lambda ask: ask.good(EVIL), "without a beginning"),
    "it begins twice": (lambda ask: ask.good(BEGIN, BEGIN), "begins twice"),
    "another level": (lambda ask: ask.good(BEGIN, entry(0, 100, b"evil")), "not asked for"),
    "places of other levels": (lambda ask: ask.good(begin(b"e77.1.0-i77.1.0")), "places of levels"),
    "a length of the devil": (lambda ask: ask.good(BEGIN, b"E - e1.1.1 e1.1.2 99999999999 5 - - -\nevil"), "no reader would"),
    "a payload without its end": (lambda ask: ask.good(BEGIN, EVIL.replace(b" 4 4 ", b" 3 3 ").replace(b"+4", b"+3")), "no reader would"),
    "a cut": (lambda ask: ask.good(BEGIN, EVIL[:-3]), "again and again"),
    "files": (lambda ask: ask.good(BEGIN, b"F e - - 0 5 4\nevil\n"), "no reader would"),
}


@pytest.mark.parametrize("lie", LIES)
def test_one_that_lies_is_named_and_nothing_of_it_is_passed_on(start_server: StartServer, lie: str) -> None:
    answer, why = LIES[lie]
    let_in = threading.Event()

    def honest(ask: Ask) -> None:
        ask.head()
        ask.send(BEGIN)
        let_in.wait(30)
        ask.send(entry(0, 10, b"honest", "e"))
        told.alive(ask)

    told = Told(honest)
    with FakePeer(told) as peer:
        here = start_server(READ_NAME="here", READ_PEERS=peer.url)
        # At first, so that something of it could be passed on.
        viewer = Viewer(here, "level=ERROR&partial=1").start()
        let_in.set()
        wait_for(lambda: viewer.entries, "it is followed")
        told.answer = answer
        told.stopped.set()
        wait_for(lambda: why in (viewer.missing or {}).get(peer.name, ""), f"it is named, and not {viewer.missing}")
        write(here, 0, "ERROR")
        wait_for(lambda: len(viewer.entries) == 2, "the others go on")
        assert all("evil" not in str(e) for _, e in viewer.entries)
        # It is asked again, but not all the time.
        assert len(peer.asked) < 40
        viewer.stop()


def test_one_that_is_silent(start_server: StartServer) -> None:
    told = Told(lambda ask: (ask.head(), ask.send(BEGIN), ask.until_gone()))
    with FakePeer(told) as peer:
        here = start_server(READ_NAME="here", READ_PEERS=peer.url, READ_PEERS_TIMEOUT="1")
        viewer = Viewer(here, "level=ERROR&partial=1").start()
        wait_for(lambda: "silent" in (viewer.missing or {}).get(peer.name, ""), "it is named")
        told.answer = lambda ask: ask.until_gone()
        wait_for(lambda: "does not answer" in viewer.missing.get(peer.name, ""), "it is asked again")
        # Who comes is not held up for ever.
        other = Viewer(here, "level=ERROR&q=other&partial=1").start()
        wait_for(lambda: other.missing and list(other.missing) == [peer.name], "it is told, too")
        for v in viewer, other:
            v.stop()
        wait_for(lambda: tails(here) == 0, "nobody")


def test_one_whose_beginning_trickles_holds_up_nobody(start_server: StartServer) -> None:
    def answer(ask: Ask) -> None:
        ask.head()
        ask.send(b"B e")
        while not told.stopped.wait(0.1):
            ask.send(b"7")

    told = Told(answer)
    with FakePeer(told) as peer:
        here = start_server(READ_NAME="here", READ_PEERS=peer.url, READ_PEERS_TIMEOUT="3")
        viewer = Viewer(here, "level=ERROR&partial=1").start()
        wait_for(lambda: peer.name in (viewer.missing or {}), "it is told")
        write(here, 0, "ERROR")
        has(viewer, "here", [0])
        viewer.stop()
        told.stopped.set()


@pytest.mark.slow
def test_one_that_did_not_answer_the_last_time_is_not_waited_for_again(start_server: StartServer) -> None:
    told = Told(lambda ask: ask.until_gone(120))
    with FakePeer(told) as peer:
        here = start_server(READ_NAME="here", READ_PEERS=peer.url, READ_PEERS_TIMEOUT="15")
        viewer = Viewer(here, "level=ERROR&partial=1").start()
        wait_for(lambda: peer.name in (viewer.missing or {}), "it is told")
        viewer.stop()
        wait_for(lambda: tails(here) == 0, "nobody")
        begun = time.monotonic()
        viewer = Viewer(here, "level=ERROR&partial=1").start()
        assert time.monotonic() - begun < 12
        assert viewer.missing is None or peer.name in viewer.missing

        def answer(ask: Ask) -> None:
            ask.head()
            ask.send(BEGIN)
            told.alive(ask)

        # And yet it is followed, whenever it answers.
        told.answer = answer
        for connection in list(peer.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: viewer.missing == {}, "it is back", 40)
        viewer.stop()


def test_one_that_floods_is_made_to_wait(start_server: StartServer) -> None:
    """Whoever can't take it: the memory stays bounded, and who has another selection is not held up."""
    sent = [0]

    def answer(ask: Ask) -> None:
        ask.head()
        if "level=ERROR" in ask.target:
            ask.send(BEGIN)
            told.alive(ask)
        ask.send(begin())
        for block in range(10**6):
            frames = b"".join(entry(0, block * 200_000 + n * 2000, b"flood " + b"y" * 1000) for n in range(100))
            ask.send(frames)
            sent[0] += len(frames)

    told = Told(answer)
    with FakePeer(told) as peer:
        here = start_server(READ_NAME="here", READ_PEERS=peer.url)
        slow = Viewer(here, "level=INFO&partial=1").start()
        wait_for(lambda: slow.entries, "it floods")
        slow.pause()
        other = Viewer(here, "level=ERROR&partial=1").start()
        for n in range(20):
            write(here, n, "ERROR")
        has(other, "here", range(20))
        before = -1
        while before != sent[0]:
            before = sent[0]
            time.sleep(0.5)
        assert_small(here)
        told.stopped.set()
        slow.resume()
        slow.stop()
        other.stop()
        wait_for(lambda: tails(here) == 0, "nobody")


def test_who_finds_no_connection_left_is_told_which_limit_that_is(tmp_path: Path) -> None:
    def follow(ask: Ask) -> None:
        ask.head()
        ask.send(BEGIN)
        ask.until_gone(300)

    with FakePeer(follow) as one, FakePeer(follow) as another:
        reader = Reader(tmp_path, READ_PEERS=f"{one.url},{another.url}", READ_PEERS_TIMEOUT=300)
        with contextlib.ExitStack() as viewers:
            for n in range(128):
                viewer = viewers.enter_context(reader.ask("/api/log/tail", {"level": "ERROR", "q": f"n{n}"}))
                assert answer_of(viewer, 1).status == 200
            answer = reader.get("/api/log/tail", level="ERROR", q="more")
            assert answer.status == 503
            assert answer.error.endswith("is not followed: there are 256 connections to other servers already, the most that may be")
            # Who selects what is followed already needs none.
            with reader.ask("/api/log/tail", {"level": "ERROR", "q": "n7"}) as viewer:
                assert answer_of(viewer, 1).status == 200
        wait_for(lambda: reader.metric("tails") == 0, "nobody follows")
        with reader.ask("/api/log/tail", {"level": "ERROR", "q": "more"}) as viewer:
            assert answer_of(viewer, 1).status == 200
        reader.stop()
