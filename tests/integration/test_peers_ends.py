"""Peers whose answers end before they should, or seem to: nothing hangs, nothing is asked for ever, nothing looks whole that is not."""

from pathlib import Path
from typing import Any

import pytest

from fake_peer import TYPE, FakePeer, begin, end, entry
from peers import needs_peers
from reading import Reader, answer_of

pytestmark = needs_peers

MS = 1795507200000  # 2026-11-24 08:00:00 UTC


@pytest.mark.parametrize("sizes", [(26, 26, 26, 50, 50), (20, 45, 60, 45, 60)], ids=str)
def test_entries_of_tens_of_kibibytes(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """What has come of a peer that is made to wait may be less than its next entry."""
    texts = [b"%d " % i + b"x" * (sizes[i % len(sizes)] * 1024) for i in range(60)]
    frames = [entry(MS + i, 100_000 * (i + 1), text) for i, text in enumerate(texts)]
    with FakePeer(lambda ask: ask.good(begin(), b"".join(frames), end(matched=len(texts)))) as peer:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=peer.url, READ_PEERS_TIMEOUT=60)
        answer = reader.query(direction="forward", limit=1000)
        assert answer.end["why"] is None
        assert answer.texts == [text.decode() for text in texts]
        reader.stop()


def test_one_that_only_begins_is_not_asked_for_ever(tmp_path: Path) -> None:
    """A download is asked for again where something of it came, and nowhere else."""
    for ends in (lambda ask: ask.end(), lambda ask: ask.connection.close()):

        def script(ask: Any, ends: Any = ends) -> None:
            ask.head()
            ask.send(begin())
            if len(peer.asked) > 20:
                ask.until_gone()
            ends(ask)

        with FakePeer(script) as peer:
            base = tmp_path / peer.name
            base.mkdir()
            reader = Reader(base, TZ="UTC", READ_PEERS=peer.url, READ_PEERS_TIMEOUT=5)
            answer = reader.get("/api/log/raw")
            assert answer.status == 502 or answer.cut
            assert len(peer.asked) == 1
            reader.stop()


def test_a_download_in_part_is_of_whole_servers(tmp_path: Path) -> None:
    """Who is missing is in its head; where somebody is that it does not tell of, it is cut."""

    def script(ask: Any) -> None:
        ask.head()
        ask.send(begin(), entry(MS, 10, b"one"), b"nonsense\n")
        ask.until_gone()

    with FakePeer(script) as peer:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=peer.url)
        answer = reader.get("/api/log/raw", partial=1)
        assert "X-PBU-Log-Missing" not in answer.head
        assert answer.cut
        peer.script = lambda ask: ask.head("503 Service Unavailable")
        answer = reader.get("/api/log/raw", partial=1)
        assert f"X-PBU-Log-Missing: {peer.name}" in answer.head
        assert not answer.cut
        reader.stop()


def test_a_download_goes_on_where_something_late_was_written_meanwhile(tmp_path: Path) -> None:
    """To a level that had come to its end: its time is before that of what came of others."""

    def script(ask: Any) -> None:
        ask.head()
        ask.send(begin(b"e88.1.0-i77.1.0"))
        if len(peer.asked) == 1:
            ask.send(entry(MS, 10, b"error 1", "e", 0x88).replace(b" e88.1.12 ", b" e88.1.12-i77.1.0 "))
            ask.send(entry(MS + 2000, 10, b"info 1").replace(b" i77.1.11 ", b" e88.1.12-i77.1.11 "))
            ask.connection.close()
        else:
            ask.send(entry(MS + 1000, 0x12, b"error 2", "e", 0x88), entry(MS + 3000, 0x11, b"info 2"), end())
            ask.end()

    with FakePeer(script) as peer:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=peer.url)
        answer = reader.get("/api/log/raw")
        assert answer.body == b"error 1\ninfo 1\nerror 2\ninfo 2\n"
        assert not answer.cut
        reader.stop()


def test_times_without_measure(tmp_path: Path) -> None:
    """As one who asks for a peer may write them, milliseconds: nothing is divided by nothing."""
    reader = Reader(tmp_path, TZ="UTC")
    for start in ("-9223372036854775808", "-9223372036854775807", "-1", "0"):
        for stop in ("9223372036854775806", "9223372036854775807"):
            for buckets in (1, 60):
                answer = reader.get("/api/log/hits", start=f"@{start}", end=f"@{stop}", buckets=buckets)
                assert answer.status in (200, 400), (start, stop)
            for path in ("query", "raw"):
                assert reader.get(f"/api/log/{path}", start=f"@{start}", end=f"@{stop}").status in (200, 400)
    reader.stop()


def test_only_peers_are_told_the_version(tmp_path: Path) -> None:
    """A viewer of the tail has the head that it had before there were peers."""
    reader = Reader(tmp_path, TZ="UTC")
    for parameters, told in (({}, False), ({"partial": 1}, False), ({"as": "peer"}, True)):
        with reader.ask("/api/log/tail", parameters) as connection:
            assert ("X-PBU-Log-Reader" in answer_of(connection, 1).head) == told
    reader.stop()


def test_one_that_ends_in_the_same_breath(tmp_path: Path) -> None:
    """Head, frames, its end and a mistake after that come at once: what was said before the mistake counts."""

    def at_once(ask: Any) -> None:
        said = {"hits": [b"H 10 10 3\n1 2\n", end()], "files": [end()], "query": [begin(), end("deadline")]}[ask.path.rpartition("/")[2]]
        data = b"".join(said)
        ask.raw(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nX-PBU-Log-Reader: 1 -\r\nTransfer-Encoding: chunked\r\n\r\n" % TYPE.encode()
                + b"%x\r\n%s\r\nno chunk\r\n" % (len(data), data))
        ask.until_gone()

    with FakePeer(at_once) as peer:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=peer.url, QUERY_TIMEOUT=20)
        answer = reader.get("/api/log/hits", start=MS // 1000, end=MS // 1000 + 2, buckets=2, level="INFO")
        assert answer.end["counts"] == {"INFO": [1, 2]}
        # The deadline that it told of is not lost.
        answer = reader.query()
        assert answer.end["why"] == "deadline"
        reader.stop()
