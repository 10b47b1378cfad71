"""A server that does to its clients what it likes, until it is told to be good: then it is the real one."""

import contextlib
import select
import socket
import ssl
import threading
from types import TracebackType
from typing import Callable, Optional


class Request:
    """One that has come in full."""

    def __init__(self, peer: socket.socket) -> None:
        """Raises OSError, or EOFError where it ends before."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more(peer)
        self.head, _, self.body = data.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in self.head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        while len(self.body) < length:
            self.body += self._more(peer)

    @staticmethod
    def _more(peer: socket.socket) -> bytes:
        data = peer.recv(65536)
        if not data:
            raise EOFError
        return data


class Peer:
    """
    `with Peer(behave, server.port) as peer:` calls behave(socket) for each connection, in a thread of its own, which may
    raise OSError or EOFError; after peer.be_good() connections go to that port.
    """

    def __init__(self, behave: Callable[[socket.socket], None], target: int, context: Optional[ssl.SSLContext] = None) -> None:
        self.behave, self.target, self.context = behave, target, context
        self.good = False
        self.met = 0
        self.trouble = ""  # of TLS
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.open: set[socket.socket] = set()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"

    def be_good(self) -> None:
        """Ends what it was doing."""
        self.good = True
        self._shut()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.met += 1
                self.open.add(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        raw = peer
        try:
            if self.context:
                peer = self.context.wrap_socket(peer, server_side=True)
            if self.good:
                self._forward(peer)
            else:
                self.behave(peer)
        except ssl.SSLError as e:
            self.trouble = str(e)
        except (OSError, EOFError):
            pass
        finally:
            with self.lock:
                self.open.discard(raw)
            peer.close()

    def _forward(self, peer: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self.target), 30) as server:
            while True:
                ready = [peer] if isinstance(peer, ssl.SSLSocket) and peer.pending() else select.select([peer, server], [], [])[0]
                for source, sink in ((peer, server), (server, peer)):
                    if source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        sink.sendall(data)

    def _shut(self) -> None:
        with self.lock:
            left = list(self.open)
        for s in left:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._shut()
        self.thread.join()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()
