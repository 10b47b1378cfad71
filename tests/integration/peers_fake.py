"""A peer that answers whatever it is told to: for what no real reader would say.

    with FakePeer() as peer:
        peer.answer = [begin(), entry("text"), WAIT]     # of each request from now on
        peer.asked                                       # the addresses
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

TYPE = "application/x-pbu-log-frames"

# In an answer: the connection stays, and nothing comes.
WAIT = b""

_places = itertools.count(1)


def place(levels: str = "ewid") -> str:
    """A cursor of those levels, further on than the last."""
    offset = next(_places) * 100
    return "-".join(f"{level}5.7.{offset:x}" for level in levels)


def begin(levels: str = "ewid") -> bytes:
    return f"B {place(levels)}\n".encode()


def progress(levels: str = "ewid") -> bytes:
    return f"P 0 0 {place(levels)}\n".encode()


def entry(text: str | bytes, level: str = "i", levels: str = "ewid", ms: int = 1_764_000_000_000, payload: int | None = None) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    size = len(data) if payload is None else payload
    return f"E {ms} {place(level)} {place(levels)} {size} {min(size, len(data))} - - 0+{min(4, len(data))}\n".encode() + data + b"\n"


class Handler(BaseHTTPRequestHandler):
    peer: "FakePeer"
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        peer = self.peer
        peer.asked.append(self.path)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.send_response(peer.status)
            self.send_header("Content-Type", peer.type)
            if peer.version is not None:
                self.send_header("X-PBU-Log-Reader", peer.version)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            peer.open += 1
            try:
                for part in peer.answer:
                    self._send(part)
                self.wfile.write(b"0\r\n\r\n")
            finally:
                peer.open -= 1

    def _send(self, part: bytes) -> None:
        if part == WAIT:
            while not self.peer.closing:
                time.sleep(0.05)
                # Found out by writing alone that nobody is there any more.
                if self.peer.alive is not None:
                    self._send(self.peer.alive())
            return
        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.flush()
        self.peer.sent += len(part)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class FakePeer:
    def __init__(self) -> None:
        self.status, self.type, self.version = 200, TYPE, "1 -"
        self.answer: Iterable[bytes] = [begin(), WAIT]
        self.alive = progress
        self.asked: list[str] = []
        self.open = 0
        self.sent = 0  # bytes
        self.closing = False
        self.server = Listener(("127.0.0.1", 0), type("Of", (Handler,), {"peer": self}))
        self.name = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.name}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing = True
        self.server.shutdown()
        self.server.server_close()
