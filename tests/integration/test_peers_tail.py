"""The live tail over several servers: each entry of each once, whoever comes, goes, is slow, is dead or lies."""

import contextlib
import os
import random
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import requests
from fake_peer import Ask, FakePeer, begin, entry
from peers import needs_peers
from sse import Viewer

from server import Server, free_port, wait_for

pytestmark = needs_peers

StartServer = Callable[..., Server]


class Mesh:
    """So many servers that all read each other."""

    def __init__(self, start: StartServer, count: int, **settings: object) -> None:
        self.ports = sorted(free_port() for _ in range(count))
        self.start, self.settings = start, settings
        self.servers = [self.start_one(i) for i in range(count)]

    def start_one(self, i: int, **more: object) -> Server:
        everybody = ",".join(f"http://127.0.0.1:{port}" for port in self.ports)
        return self.start(PORT=self.ports[i], READ_NAME=self.name(i), READ_PEERS=everybody, LOG_ROTATE="never", LOG_FSYNC="no",
                          **{**self.settings, **more})

    def name(self, i: int) -> str:
        return f"127.0.0.1:{self.ports[i]}"

    def again(self, i: int) -> Server:
        """Starts one that was stopped, over the same folder."""
        self.servers[i] = self.start_one(i, LOG_FOLDER=self.servers[i].folder)
        return self.servers[i]


def write(server: Server, n: int, level: str = "INFO", text: str = "") -> None:
    answer = server.post({"msg": f"<{n}>{text}", "levelname": level, "name": "app"})
    assert answer.status_code == 200, answer.text


def numbers(viewer: Viewer, server: str) -> list[int]:
    """Of the entries of a server, in the order in which they came."""
    return [int(re.search(r"<(\d+)>", e["text"])[1]) for _, e in list(viewer.entries) if e["server"] == server]


def has(viewer: Viewer, server: str, expected: Iterable[int], seconds: float = 60) -> None:
    expected = list(expected)

    def is_there() -> bool:
        viewer.check()
        return len(numbers(viewer, server)) >= len(expected)

    wait_for(is_there, f"{len(expected)} of {server}", seconds)
    assert numbers(viewer, server) == expected


def tails(server: Server) -> int:
    return int(re.search(r"pbu_log_reader_tails (\d+)", server.get("/metrics/reader").text)[1])


def assert_small(server: Server) -> None:
    """Its reader's memory; the sanitizers take their own."""
    if os.environ.get("BUILD_DIR", "build") == "build":
        status = Path(f"/proc/{server.reader_pid}/status").read_text()
        assert int(re.search(r"VmRSS:\s+(\d+)", status)[1]) < 48 * 1024, status


def test_each_entry_of_each_server_once(start_server: StartServer) -> None:
    mesh = Mesh(start_server, 3)
    viewers = [Viewer(server).start() for server in mesh.servers]
    for n in range(30):
        write(mesh.servers[n % 3], n)
    for viewer in viewers:
        for i in range(3):
            has(viewer, mesh.name(i), range(i, 30, 3))
        assert viewer.missing == {}
        assert {e["cursor"].partition("~")[0][0] for _, e in viewer.entries} == {"i"}
        assert viewer.connections == 1
        viewer.stop()
    # Nobody follows anybody any more.
    for server in mesh.servers:
        wait_for(lambda server=server: tails(server) == 0, "nobody follows")


def test_what_is_written_once_it_has_begun_is_not_missed(start_server: StartServer) -> None:
    """Whatever the peer's own tail takes to begin: whoever is let in has all from then on."""
    mesh = Mesh(start_server, 2)
    here, there = mesh.servers
    for n in range(25):
        viewer = Viewer(here, f"q=%3C{n}%3E", again=False).start()
        write(there, n)
        has(viewer, mesh.name(1), [n])
        viewer.stop()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_no_gap_and_no_double_while_all_come_and_go(start_server: StartServer, seed: int) -> None:
    """The viewer's connection, the readers and nginx of both servers end again and again, under way; files are renamed."""
    rng = random.Random(seed)
    mesh = Mesh(start_server, 2)
    viewers = [Viewer(mesh.servers[0], "partial=1").start(), Viewer(mesh.servers[0], "q=app&partial=1").start()]
    written, ended = [0, 0], threading.Event()

    def go_on(i: int) -> None:
        while not ended.is_set():
            with contextlib.suppress(AssertionError, requests.RequestException):
                write(mesh.servers[i], written[i], "ERROR" if written[i] % 7 == 3 else "INFO")
                written[i] += 1
            ended.wait(0.003)

    writers = [threading.Thread(target=go_on, args=(i,), daemon=True) for i in range(2)]
    for writer in writers:
        writer.start()
    for turn in range(12):
        before = list(written)
        what = rng.choice(["cut", "reader", "other reader", "rename", "rename other"])
        if what == "cut":
            rng.choice(viewers).cut()
        elif "reader" in what:
            os.kill(mesh.servers[what == "other reader"].reader_pid, rng.choice([signal.SIGKILL, signal.SIGTERM]))
        else:
            server = mesh.servers[what == "rename other"]
            (server.folder / "info.log").rename(server.folder / f"info.log.2026-01-{turn + 10}")
            server.kill(signal.SIGHUP)
        wait_for(lambda before=before: all(n > b + 20 for n, b in zip(written, before, strict=True)), f"it goes on after: {what}", 60)
    ended.set()
    for writer in writers:
        writer.join(30)
    for viewer in viewers:
        for i in range(2):
            everything(viewer, mesh.name(i), written[i])
        assert viewer.dropped == 0
        viewer.stop()


def everything(viewer: Viewer, server: str, count: int) -> None:
    """Each entry once, and those of a level in order: what is read a moment later has later ones of another."""
    wait_for(lambda: len(numbers(viewer, server)) >= count, f"{count} of {server}, {len(numbers(viewer, server))} are there, {viewer.missing}", 90)
    got = numbers(viewer, server)
    assert sorted(got) == list(range(count))
    for level in (3,), (0, 1, 2, 4, 5, 6):
        of_level = [n for n in got if n % 7 in level]
        assert of_level == sorted(of_level)


def test_one_that_is_gone_is_told_and_followed_again_by_itself(start_server: StartServer) -> None:
    mesh = Mesh(start_server, 2)
    here, there = mesh.servers
    viewer = Viewer(here).start()
    write(there, 0)
    has(viewer, mesh.name(1), [0])
    there.stop()
    wait_for(lambda: viewer.missing, "it is told")
    assert list(viewer.missing) == [mesh.name(1)]
    assert "Connection refused" in viewer.missing[mesh.name(1)] or "hung up" in viewer.missing[mesh.name(1)]
    # The others go on.
    write(here, 0)
    has(viewer, mesh.name(0), [0])
    # What it writes before it is followed again is not lost.
    there = mesh.again(1)
    write(there, 1)
    has(viewer, mesh.name(1), [0, 1])
    wait_for(lambda: viewer.missing == {}, "it is back")
    write(there, 2)
    has(viewer, mesh.name(1), [0, 1, 2])
    assert viewer.connections == 1
    viewer.stop()


def test_one_that_is_missing_at_the_beginning(start_server: StartServer) -> None:
    port = free_port()
    here = start_server(READ_NAME="here", READ_PEERS=f"http://127.0.0.1:{port}", LOG_ROTATE="never")
    answer = here.get("/api/log/tail")
    assert answer.status_code == 502
    assert f"127.0.0.1:{port} cannot be reached" in answer.json()["error"]
    viewer = Viewer(here, "partial=1").start()
    wait_for(lambda: viewer.missing, "it is told")
    write(here, 0)
    has(viewer, "here", [0])
    there = start_server(PORT=port, LOG_ROTATE="never")
    wait_for(lambda: viewer.missing == {}, "it is back")
    write(there, 1)
    has(viewer, f"127.0.0.1:{port}", [1])
    viewer.stop()


def test_many_who_select_the_same_are_one_to_a_peer(start_server: StartServer) -> None:
    mesh = Mesh(start_server, 2)
    here, there = mesh.servers
    viewers = [Viewer(here, "q=app").start() for _ in range(6)] + [Viewer(here, "q=app&level=ERROR").start()]
    wait_for(lambda: tails(there) == 2, "two selections")
    write(there, 0)
    for viewer in viewers[:-1]:
        has(viewer, mesh.name(1), [0])
    # Those who come again where all stand are no more.
    for viewer in viewers[:3]:
        before = viewer.connections
        viewer.cut()
        wait_for(lambda viewer=viewer, before=before: viewer.connections > before, "it comes again")
    write(there, 1)
    for viewer in viewers[:-1]:
        has(viewer, mesh.name(1), [0, 1])
    wait_for(lambda: tails(there) == 2, "two selections, still")
    for viewer in viewers:
        viewer.stop()
    wait_for(lambda: tails(there) == 0, "nobody")


def test_a_slow_viewer_loses_nothing_and_holds_up_nobody(start_server: StartServer) -> None:
    mesh = Mesh(start_server, 2)
    here, there = mesh.servers
    slow, quick = Viewer(here).start(), Viewer(here).start()
    slow.pause()
    filling = "x" * 20_000
    for n in range(800):
        write(there, n, text=filling)
        if n % 20 == 0:
            write(here, n // 20)
    has(quick, mesh.name(1), range(800))
    has(quick, mesh.name(0), range(40))
    assert len(numbers(slow, mesh.name(1))) < 700
    assert_small(here)
    slow.resume()
    has(slow, mesh.name(1), range(800))
    has(slow, mesh.name(0), range(40))
    # It has caught up, and needs no connection of its own any more.
    wait_for(lambda: tails(there) == 1, "one connection")
    for viewer in slow, quick:
        assert viewer.connections == 1
        assert viewer.dropped == 0
        viewer.stop()


def test_long_entries_of_a_peer_are_whole(start_server: StartServer) -> None:
    mesh = Mesh(start_server, 2)
    here, there = mesh.servers
    viewers = [Viewer(here).start() for _ in range(2)]
    viewers[0].pause()
    sizes = [3_000_000, 10, 40_000, 1_000_000, 22_000, 24_000, 32_768, 5]
    for n, size in enumerate(sizes):
        write(there, n, text="é" * (size // 2))
        write(here, n)
    viewers[0].resume()
    for viewer in viewers:
        has(viewer, mesh.name(1), range(len(sizes)))
        has(viewer, mesh.name(0), range(len(sizes)))
        for e in [e for _, e in viewer.entries if e["server"] == mesh.name(1)]:
            n = int(re.search(r"<(\d+)>", e["text"])[1])
            assert e["text"].endswith(f"<{n}>" + "é" * (sizes[n] // 2))
            assert e["message"] == f"<{n}>" + "é" * (sizes[n] // 2)
        viewer.stop()


def test_a_place_whose_file_is_gone(start_server: StartServer) -> None:
    mesh = Mesh(start_server, 2)
    here, there = mesh.servers
    viewer = Viewer(here, again=False).start()
    write(there, 0)
    has(viewer, mesh.name(1), [0])
    last = viewer.last_event_id
    viewer.stop()
    (there.folder / "info.log").unlink()
    there.kill(signal.SIGHUP)
    wait_for(lambda: (there.folder / "info.log").exists() or there.post({"msg": "<1>", "name": "app"}).status_code != 200, "another file")

    def refused() -> bool:
        answer = here.get("/api/log/tail", headers={"Last-Event-ID": last}, stream=True)
        with answer:
            return answer.status_code == 410

    wait_for(refused, "410")
    assert here.get("/api/log/tail", headers={"Last-Event-ID": "i1.1.1~00000000_nonsense"}).status_code == 400


def test_what_a_cursor_does_not_have_begins_now(start_server: StartServer) -> None:
    """One of before there were peers; and one with a peer that is none any more."""
    mesh = Mesh(start_server, 2)
    here, there = mesh.servers
    own = Viewer(here, "peers=0", again=False).start()
    write(here, 0)
    write(there, 0)
    wait_for(lambda: len(own.entries) == 1, "its own alone")
    assert "server" not in own.entries[0][1]
    assert "~" not in own.last_event_id
    assert own.missing is None
    own.stop()
    write(here, 1)
    viewer = Viewer(here, last_event_id=own.last_event_id).start()
    write(there, 1)
    has(viewer, mesh.name(0), [1])
    has(viewer, mesh.name(1), [1])
    viewer.stop()
    write(here, 2)
    write(there, 2)
    viewer = Viewer(here, last_event_id=viewer.last_event_id + "_i5.5.5~12345678").start()
    has(viewer, mesh.name(0), [2])
    has(viewer, mesh.name(1), [2])
    viewer.stop()


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
