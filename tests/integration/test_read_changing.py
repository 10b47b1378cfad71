"""Page after page while the server writes, rolls over and deletes, and others rename: each entry once, and in order.

PBU_SEED repeats a run (the seed is printed).
"""

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import requests

from read_case import SEED, Case
from read_reference import FORMATS, files_of
from server import Server, wait_for


class Writing:
    """Numbered records, posted until it is told to stop."""

    def __init__(self, server: Server) -> None:
        self.server, self.written, self.trouble = server, 0, ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            batch = [{"msg": f"n={self.written + i} {'x' * (self.written % 90)}", "levelname": "INFO"} for i in range(7)]
            answer = requests.post(self.server.url + "/api/log", json=batch, timeout=30)
            if answer.status_code != 200:
                self.trouble = answer.text
                return
            self.written += len(batch)

    def __enter__(self) -> "Writing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert not self.trouble


def number(entry: dict[str, Any]) -> int:
    return int(entry["message"].split()[0].removeprefix("n="))


def test_pages_while_files_roll_over_and_are_renamed(start_server: Callable[..., Server]) -> None:
    """Oldest first, behind the writer: each entry once, in order."""
    r = random.Random(SEED)
    server = start_server(LOG_MAX_BYTES="5000", LOG_ROTATE="daily", LOG_BACKUP_COUNT="0")
    case = Case(server, "default", ZoneInfo("UTC"), FORMATS["default"])
    numbers: list[int] = []
    parameters: dict[str, Any] = {"direction": "forward", "level": "INFO"}
    renamed = 0
    with Writing(server) as writing:
        wait_for(lambda: writing.written > 0, "the first is written")
        end = time.monotonic() + 60
        while len(numbers) < 2500 and time.monotonic() < end:
            page, last = case.query(**parameters, limit=r.choice([1, 5, 40, 150]))
            numbers += [number(e) for e in page]
            parameters["cursor"] = last["next"]
            assert numbers == list(range(len(numbers))), f"PBU_SEED={SEED}: after {len(numbers) - len(page)}"
            rolled = [p for p in files_of(server.folder, "INFO")[:-1] if p.name.count("-") == 2]
            # Somebody else moves the oldest out of the server's way.
            if len(rolled) > 1 and r.random() < 0.3:
                renamed += 1
                rolled[0].rename(server.folder / f"info.log.{100_000 - renamed}")
    while True:
        page, last = case.query(**parameters, limit=1000)
        numbers += [number(e) for e in page]
        parameters["cursor"] = last["next"]
        if last["complete"]:
            break
    assert numbers == list(range(writing.written)), f"PBU_SEED={SEED}"
    assert len(files_of(server.folder, "INFO")) > 10
    assert renamed > 0
    # All of them once more, from files that are named in two ways.
    assert [number(e) for e in case.query(direction="forward", level="INFO", limit=1_000_000)[0]] == numbers


def test_pages_while_files_are_pruned(start_server: Callable[..., Server]) -> None:
    """Newest first, towards what is being deleted: each once, in order, without a gap; then the end, or 410."""
    r = random.Random(SEED)
    server = start_server(LOG_MAX_BYTES="5000", LOG_BACKUP_COUNT="6")
    gone = walks = longest = 0
    with Writing(server) as writing:
        wait_for(lambda: len(files_of(server.folder, "INFO")) > 6, "files are pruned", 60)
        end = time.monotonic() + 20
        while time.monotonic() < end and (walks < 5 or gone == 0):
            numbers: list[int] = []
            parameters: dict[str, Any] = {"level": "INFO"}
            walks, pages = walks + 1, 0
            while True:
                answer = server.session.get(server.url + "/api/log/query", params={**parameters, "limit": r.choice([3, 20, 60])}, timeout=30)
                if answer.status_code == 410:
                    assert pages > 0, "it had no cursor"
                    gone += 1
                    break
                assert answer.status_code == 200, answer.text
                *page, last = [line for line in map(json.loads, answer.content.decode().splitlines()) if "progress" not in line]
                numbers += [number(e) for e in page]
                pages += 1
                if last["complete"]:
                    break
                parameters["cursor"] = last["next"]
            assert numbers == list(range(numbers[0], numbers[0] - len(numbers), -1)), f"PBU_SEED={SEED}"
            assert numbers
            longest = max(longest, pages)
    # The file of a first page may be gone before the second is asked for, but not of each.
    assert longest > 2
    assert writing.written > 100
