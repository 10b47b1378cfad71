"""A peer of a reader that says what a test wants: raw bytes over TCP, one connection a thread.

    def script(ask):                  # called for each request
        ask.head()                    # a good one, of chunks
        ask.send(begin())
        ask.send(entry(1000, 10, b"text"))
        ask.end()

    with FakePeer(script) as peer:
        peer.url, peer.name, peer.asked      # [path and query of each request]
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Self
from urllib.parse import parse_qsl, urlsplit

TYPE = "application/x-pbu-log-frames"
INODE = 0x77


def place(offset: int, letter: str = "i", inode: int = INODE) -> bytes:
    return f"{letter}{inode:x}.1.{offset:x}".encode()


def begin(at: bytes = b"i77.1.0") -> bytes:
    return b"B " + at + b"\n"


def entry(ms: int | str, offset: int, text: bytes, letter: str = "i", inode: int = INODE) -> bytes:
    at = place(offset, letter, inode)
    n = len(text)
    return b"E %s %s %s %d %d - - 0+%d\n%s\n" % (str(ms).encode(), at, place(offset + n + 1, letter, inode), n, n, n, text)


def end(how: str = "complete", matched: int = 0, at: bytes = b"i77.1.0") -> bytes:
    return b"Z %s 10 10 %d 0 %s\n" % (how.encode(), matched, at)


class Ask:
    """A request, and the connection that it came by."""

    def __init__(self, connection: socket.socket, head: bytes, peer: "FakePeer") -> None:
        self.connection, self.peer = connection, peer
        self.line, *headers = head.decode().split("\r\n")
        self.target = self.line.split()[1]
        self.path = urlsplit(self.target).path
        self.query = dict(parse_qsl(urlsplit(self.target).query))
        self.headers = dict(h.lower().split(": ", 1) for h in headers if h)

    def head(self, status: str = "200 OK", version: str | None = "1 -", kind: str = TYPE, more: Iterable[str] = (), chunked: bool = True) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *more]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        if version is not None:
            lines.append(f"X-PBU-Log-Reader: {version}")
        self.raw("\r\n".join([*lines, "", ""]).encode())

    def raw(self, data: bytes) -> None:
        self.connection.sendall(data)

    def send(self, *parts: bytes) -> None:
        for data in parts:
            self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        self.raw(b"0\r\n\r\n")

    def good(self, *frames: bytes) -> None:
        self.head()
        self.send(*frames)
        self.end()

    def until_gone(self, seconds: float = 30) -> bool:
        """Waits until who asked hangs up."""
        self.connection.settimeout(seconds)
        with contextlib.suppress(ConnectionError):
            return self.connection.recv(1) == b""
        return True


class FakePeer:
    """tls: a context to speak TLS by, as localhost."""

    def __init__(self, script: Callable[[Ask], None], tls: ssl.SSLContext | None = None) -> None:
        self.script, self.tls = script, tls
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.name = f"127.0.0.1:{self.listener.getsockname()[1]}"
        if tls is not None:
            self.name = self.name.replace("127.0.0.1", "localhost")
        self.url = f"{'http' if tls is None else 'https'}://{self.name}"
        self.open: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self.thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in [self.thread, *self.threads]:
            thread.join(20)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
        with connection, contextlib.suppress(OSError):
            while not self.stopping.is_set():
                head = b""
                while b"\r\n\r\n" not in head:
                    data = connection.recv(65536)
                    if not data:
                        return
                    head += data
                ask = Ask(connection, head.partition(b"\r\n\r\n")[0], self)
                self.asked.append(ask.target)
                self.headers.append(ask.headers)
                connection.settimeout(60)
                self.script(ask)
