"""Servers that don't serve, each in a process of its own, for bench_client.py."""

import contextlib
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator

NONSENSE = b"\x00\xff\x16\x03\x01" * 50 + b"\r\n\r\n"


def answer_of(status: str) -> bytes:
    body = b'{"status": false, "error": "no"}'
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
            "\r\n").encode() + body


def serve(listener: socket.socket, kind: str) -> None:
    def one(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            if kind == "hanging":
                while peer.recv(65536):
                    pass
                return
            peer.recv(65536)
            peer.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                while peer.recv(65536):
                    pass
            if kind == "slow":
                # A byte at a time, for ever.
                peer.settimeout(None)
                for byte in answer_of("200 OK") * 1000:
                    peer.sendall(bytes([byte]))
                    time.sleep(0.2)
            else:
                peer.sendall(NONSENSE if kind == "nonsense" else answer_of(kind))

    while True:
        peer, _ = listener.accept()
        threading.Thread(target=one, args=(peer,), daemon=True).start()


@contextlib.contextmanager
def bad_server(kind: str) -> Iterator[str]:
    """Its address; kind: stopped, hanging, slow, nonsense, or the status that it answers everything with."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if kind == "stopped":
            listener.close()
            yield url
            return
        process = multiprocessing.get_context("fork").Process(target=serve, args=(listener, kind), daemon=True)
        process.start()
        try:
            yield url
        finally:
            process.terminate()
            process.join()
