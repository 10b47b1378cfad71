"""The live tail over several servers: each entry of each once, whoever comes, goes, or is slow."""

import contextlib
import random
import re
import signal
import threading

import pytest
import requests

from mesh import Mesh, StartServer, assert_small, has, numbers, tails, write
from peers import needs_peers
from server import free_port, wait_for
from sse import Viewer

pytestmark = needs_peers


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
            mesh.servers[what == "other reader"].kill(rng.choice([signal.SIGKILL, signal.SIGTERM]), "pbu-log-reader")
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
            return answer.status_code == 410 and f"is gone on {mesh.name(1)};" in answer.text

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
