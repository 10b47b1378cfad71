"""Servers that all read each other, and what their viewers have of each: for tests of the live tail."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from server import Server, free_port, wait_for
from sse import Viewer

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
