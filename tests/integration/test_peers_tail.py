"""The live tail over several servers: each entry of each once, whoever comes, goes, is slow, is dead or lies."""

import contextlib
import os
import random
import re
import signal
import threading
import time

import pytest
import requests
from peers_fake import FakePeer, entry
from sse import Viewer

from server import Server, free_port, wait_for


class Mesh:
    """So many servers that all read each other."""

    def __init__(self, start, count, **settings):
        self.ports = sorted(free_port() for _ in range(count))
        self.start, self.settings = start, settings
        self.servers = [self.start_one(i) for i in range(count)]

    def start_one(self, i, **more):
        everybody = ",".join(f"http://127.0.0.1:{port}" for port in self.ports)
        return self.start(PORT=self.ports[i], READ_NAME=self.name(i), READ_PEERS=everybody, LOG_ROTATE="never", LOG_FSYNC="no",
                          **{**self.settings, **more})

    def name(self, i):
        return f"127.0.0.1:{self.ports[i]}"

    def again(self, i):
        """Starts one that was stopped, over the same folder."""
        self.servers[i] = self.start_one(i, LOG_FOLDER=self.servers[i].folder)
        return self.servers[i]


def write(server, n, level="INFO", text=""):
    answer = server.post({"msg": f"<{n}>{text}", "levelname": level, "name": "app"})
    assert answer.status_code == 200, answer.text


def numbers(viewer, server):
    """Of the entries of a server, in the order in which they came."""
    return [int(re.search(r"<(\d+)>", e["text"])[1]) for _, e in list(viewer.entries) if e["server"] == server]


def has(viewer, server, expected, seconds=60):
    def is_there():
        viewer.check()
        return len(numbers(viewer, server)) >= len(expected)

    wait_for(is_there, f"{len(expected)} of {server}", seconds)
    assert numbers(viewer, server) == list(expected)


def tails(server):
    return int(re.search(r"pbu_log_reader_tails (\d+)", server.get("/metrics/reader").text)[1])


def test_each_entry_of_each_server_once(start_server):
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
