"""Who follows the log while requests are refused: what is taken back was never there for a viewer, also where it rolled
a file over in between; what is acknowledged comes once, and in order."""

import json
import subprocess
import threading

import pytest
import requests
from sse import Viewer

from server import ALL_LEVELS, Server, wait_for

# Records of a request: with the larger of them a file of MAX_BYTES is rolled over within one.
RECORDS = 120
MAX_BYTES = 9000
# And with this ten and more are.
SMALL_BYTES = 1000


def post(server, session, what):
    return session.post(f"{server.url}/api/log", json=what, timeout=30).status_code


class Poster(threading.Thread):
    """Posts until it is told to stop; counts answers by status."""

    def __init__(self, server, make):
        super().__init__(daemon=True)
        self.server, self.make, self.statuses, self.stopping = server, make, [], threading.Event()

    def run(self):
        session = requests.Session()
        session.trust_env = False
        while not self.stopping.is_set():
            self.statuses.append(post(self.server, session, self.make(len(self.statuses))))

    def stop(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive()


def bad(number):
    """Entries of info.log, and one of error.log, which can't be written: all of it is refused."""
    text = f"refused {number} " + "x" * (number % 70) + "\nwith a second line"
    return [{"msg": text, "levelname": "INFO"}] * RECORDS + [{"msg": "e", "levelname": "ERROR", "levelno": 40}]


def good(number):
    return {"msg": f"good {number}" + "\nand more" * (number % 3), "levelname": "INFO"}


@pytest.mark.parametrize("max_bytes", [0, MAX_BYTES])
def test_what_is_taken_back_is_never_shown(tmp_path, max_bytes):
    server = Server(tmp_path, ENABLED_LOG_LEVELS=ALL_LEVELS, LOG_MAX_BYTES=max_bytes, LOG_BACKUP_COUNT=0, LOG_FSYNC="no").start()
    assert server.post({"msg": "first", "levelname": "ERROR", "levelno": 40}).status_code == 200
    viewer = Viewer(server, "level=INFO").start()
    subprocess.run(["chattr", "+i", server.folder / "error.log"], check=True)
    posters = [Poster(server, bad), Poster(server, good), Poster(server, lambda n: good(n + 1_000_000))]
    try:
        for poster in posters:
            poster.start()
        wait_for(lambda: min(len(p.statuses) for p in posters) >= 400, "400 of each", 60)
    finally:
        for poster in posters:
            poster.stop()
        subprocess.run(["chattr", "-i", server.folder / "error.log"], check=True)
    assert set(posters[0].statuses) == {503} and set(posters[1].statuses + posters[2].statuses) == {200}
    expected = [e for p in sorted(server.folder.glob("info.log*"), key=age) for e in server.entries(p.name)]
    assert len(expected) == sum(len(p.statuses) for p in posters[1:])
    wait_for(lambda: len(viewer.texts()) >= len(expected), f"{len(expected)} entries, not {len(viewer.texts())}", 60)
    assert viewer.texts() == expected
    viewer.stop()
    server.stop()


def test_the_newest_are_never_of_what_is_taken_back(tmp_path):
    """A batch that makes many files, and is refused: it holds the first and the last of them."""
    server = Server(tmp_path, ENABLED_LOG_LEVELS=ALL_LEVELS, LOG_MAX_BYTES=SMALL_BYTES, LOG_FSYNC="no").start()
    assert server.post([{"msg": "first", "levelname": "INFO"}, {"msg": "e", "levelname": "ERROR", "levelno": 40}]).status_code == 200
    first = server.entries("info.log")
    subprocess.run(["chattr", "+i", server.folder / "error.log"], check=True)
    session = requests.Session()
    session.trust_env = False
    poster = Poster(server, bad)
    asked = 0
    try:
        poster.start()
        while asked < 200 or len(poster.statuses) < 200:
            assert poster.is_alive()
            answer = session.get(f"{server.url}/api/log/query", params={"level": "INFO", "limit": 5}, timeout=30)
            *entries, end = map(json.loads, answer.text.splitlines())
            assert end["end"] and [e["text"] for e in entries] == first
            asked += 1
    finally:
        poster.stop()
        subprocess.run(["chattr", "-i", server.folder / "error.log"], check=True)
    assert set(poster.statuses) == {503}
    server.stop()


def test_what_was_taken_back_and_comes_again_is_shown_once(tmp_path):
    """A roll-over within each request, refused, and sent again with its key: twice, as its answer may be lost, too."""
    server = Server(tmp_path, ENABLED_LOG_LEVELS=ALL_LEVELS, LOG_MAX_BYTES=MAX_BYTES, LOG_BACKUP_COUNT=0).start()
    assert server.post({"msg": "first", "levelname": "ERROR", "levelno": 40}).status_code == 200
    viewer = Viewer(server, "level=INFO").start()

    def send(number):
        return server.post(bad(number), {"Idempotency-Key": f"again-{number}"}).status_code

    subprocess.run(["chattr", "+i", server.folder / "error.log"], check=True)
    try:
        assert {send(n) for n in range(5) for _ in range(2)} == {503}
    finally:
        subprocess.run(["chattr", "-i", server.folder / "error.log"], check=True)
    # The last first: a number below the greatest that was refused is no repetition.
    assert {send(n) for n in (4, 3, 2, 1, 0, *range(5))} == {200}
    texts = [e for p in sorted(server.folder.glob("info.log*"), key=age) for e in server.entries(p.name)]
    assert len(texts) == 5 * RECORDS and len(server.entries("error.log")) == 1 + 5
    wait_for(lambda: len(viewer.texts()) >= len(texts), "the viewer has all")
    assert viewer.texts() == texts
    viewer.stop()
    server.stop()


def age(path):
    """A key by which the oldest file is the first."""
    number = path.name.rpartition(".")[2]
    return path.name == "info.log", int(number) if number.isdigit() else 0
