"""A server that takes batches as the PBU Log Server does, or fails as it is told to.

server.do(status(503), cut_answer, hang)   what the next requests get, one each; then all is well again
server.always(refuse)                      what every request gets, until always(None)
server.messages()                          what was taken, in order; a key that comes again isn't taken twice
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import socketserver
import threading
import time
from typing import Any, Callable


class Request:
    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.key = headers.get("idempotency-key", "")
        self.gzipped = headers.get("content-encoding") == "gzip"
        self.length = len(body)
        self.text = (gzip.decompress(body) if self.gzipped else body).decode()
        self.records: list[dict[str, Any]] = json.loads(self.text)


Behaviour = Callable[["FakeServer", socket.socket, Request], bool]


class FakeServer:
    def __init__(self, port: int = 0) -> None:
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        self.taken: list[Request] = []
        self.keys: set[str] = set()
        self.connections = 0
        self.endless_bytes = 0
        self._next: list[Behaviour] = []
        self._always: Behaviour | None = None
        self.released = threading.Event()
        self._open: list[socket.socket] = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                outer._open.append(self.request)
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    while outer._one(self.request):
                        pass
                except OSError:
                    pass

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Listener(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def do(self, *behaviours: Behaviour) -> None:
        with self._lock:
            self._next.extend(behaviours)

    def always(self, behaviour: Behaviour | None) -> None:
        self._always = behaviour

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self.drop_connections()

    def drop_connections(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def take(self, request: Request) -> None:
        with self._lock:
            if request.key not in self.keys:
                self.keys.add(request.key)
                self.taken.append(request)

    def records(self) -> list[dict[str, Any]]:
        with self._lock:
            return [r for q in self.taken for r in q.records]

    def messages(self) -> list[str]:
        return [message(r) for r in self.records()]

    def wait_for(self, condition: Callable[[], Any], what: str = "", seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, what or f"{len(self.requests)} requests, {len(self.messages())} messages"
            time.sleep(0.01)

    def _one(self, sock: socket.socket) -> bool:
        request = read_request(sock)
        if request is None:
            return False
        with self._lock:
            self.requests.append(request)
            behaviour = self._next.pop(0) if self._next else self._always
        if behaviour is None:
            behaviour = well
        return behaviour(self, sock, request)


def message(record: dict[str, Any]) -> str:
    if "message" in record:
        return record["message"]
    args = record.get("args")
    if not args:
        return record["msg"]
    return record["msg"] % (args if isinstance(args, dict) else tuple(args))


def read_request(sock: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {n.lower(): v.strip() for n, v in (line.split(":", 1) for line in lines[1:])}
    while len(body) < int(headers["content-length"]):
        piece = sock.recv(65536)
        if not piece:
            return None
        body += piece
    return Request(lines[0].split()[1], headers, body)


def answer(code: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def well(server: FakeServer, sock: socket.socket, request: Request) -> bool:
    server.take(request)
    sock.sendall(answer(200, b'{"status": true, "records": %d}' % len(request.records)))
    return True


def status(code: int, error: str = "no", *headers: str) -> Behaviour:
    def behave(_: FakeServer, sock: socket.socket, __: Request) -> bool:
        sock.sendall(answer(code, json.dumps({"status": False, "error": error}).encode(), *headers))
        return True

    return behave


def raw(data: bytes, keep: bool = False) -> Behaviour:
    def behave(_: FakeServer, sock: socket.socket, __: Request) -> bool:
        sock.sendall(data)
        return keep

    return behave


def cut_answer(server: FakeServer, _sock: socket.socket, request: Request) -> bool:
    """Takes it, and its answer is lost."""
    server.take(request)
    return False


def half_answer(server: FakeServer, sock: socket.socket, request: Request) -> bool:
    server.take(request)
    sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"status": tr')
    return False


def refuse(_server: FakeServer, _sock: socket.socket, _request: Request) -> bool:
    return False


def hang(server: FakeServer, _sock: socket.socket, _request: Request) -> bool:
    server.released.wait(60)
    return False


def drip(server: FakeServer, sock: socket.socket, _request: Request) -> bool:
    """A byte now and then, for ever."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not server.released.wait(0.05):
        sock.sendall(b"x")
    return False


def endless(server: FakeServer, sock: socket.socket, _request: Request) -> bool:
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not server.released.is_set():
        sock.sendall(b" " * 65536)
        server.endless_bytes += 65536
    return False


def refuse_records(bad: Callable[[dict[str, Any]], bool], names: bool = True) -> Behaviour:
    """As the server does: the first record that is none is named, and nothing is taken."""

    def behave(server: FakeServer, sock: socket.socket, request: Request) -> bool:
        for i, record in enumerate(request.records):
            if bad(record):
                text = f'record {i}: "levelno" must be an integer' if names else "not a record"
                sock.sendall(answer(400, json.dumps({"status": False, "error": text}).encode()))
                return True
        return well(server, sock, request)

    return behave


def too_large(most: int) -> Behaviour:
    def behave(server: FakeServer, sock: socket.socket, request: Request) -> bool:
        if len(request.text) > most:
            sock.sendall(answer(413, b'{"status": false, "error": "too large"}'))
            return True
        return well(server, sock, request)

    return behave
