"""A TCP proxy that cuts connections at bytes of its choice, in the middle of a request or of an answer.

With the same seed it draws the same numbers; which connection gets them is up to the clients.
"""

import contextlib
import random
import socket
import struct
import threading
from types import TracebackType
from typing import Optional

NEVER = 1 << 60


class Proxy:
    """`with Proxy(port, seed) as proxy:` forwards proxy.port to that one. It cuts nothing unless share is set."""

    def __init__(self, target: int, seed: int, share: float = 0.0, request_bytes: int = 20_000, answer_bytes: int = 1_000) -> None:
        self.target, self.share = target, share
        self.request_bytes, self.answer_bytes = request_bytes, answer_bytes
        self.random = random.Random(seed)
        self.cut_requests = self.cut_answers = self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.open: set[socket.socket] = set()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            peer = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            client.close()
            return
        peer.settimeout(None)
        with self.lock:
            self.connections += 1
            self.open |= {client, peer}
            limits = [NEVER, NEVER]
            if self.random.random() < self.share:
                which = self.random.randrange(2)
                limits[which] = self.random.randrange((self.request_bytes, self.answer_bytes)[which])
        other = threading.Thread(target=self._copy, args=(peer, client, limits[1], "cut_answers"), daemon=True)
        other.start()
        self._copy(client, peer, limits[0], "cut_requests")
        other.join()
        with self.lock:
            self.open -= {client, peer}
        client.close()
        peer.close()

    def _copy(self, source: socket.socket, sink: socket.socket, limit: int, count: str) -> None:
        """Until the source ends, or that many bytes have passed: then both are reset, or end, as it comes."""
        with contextlib.suppress(OSError):
            while data := source.recv(min(65536, limit)) if limit > 0 else b"":
                sink.sendall(data)
                limit -= len(data)
        if limit <= 0:
            with self.lock:
                setattr(self, count, getattr(self, count) + 1)
                reset = self.random.random() < 0.5
            if reset:
                for s in (source, sink):
                    with contextlib.suppress(OSError):
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            left = list(self.open)
        for s in left:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
        self.thread.join()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()
