"""Requests: one at a time over a kept connection, to one of several servers."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from typing import Sequence

from .answers import Answer, Outcome, judge
from .batches import Batch, plain
from .deadline_socket import DeadlineSocket
from .settings import Url

# Loaded here: a fork while the carrier imports it for its first host would leave the child waiting for ever for
# that import to end.
"localhost".encode("idna")

# More of an answer is not read: the server's are a line.
ANSWER_BYTES = 1 << 16

# Seconds for which a server that can't read gzip gets none.
PLAIN_SECONDS = 600.0


class Transport:
    """Not thread-safe; forget() alone is for another process."""

    def __init__(self, urls: Sequence[Url], token: str | None, timeout: float) -> None:
        self._urls = urls
        self._at = 0
        self._timeout = timeout
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = token
        self._tls: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._socket: DeadlineSocket | None = None
        self._plain_until: dict[Url, float] = {}

    def post(self, batch: Batch, timeout: float | None = None) -> Answer:
        """Tries each server in turn, from the one that answered last. Never raises."""
        answer = Answer(Outcome.LATER, "no server")
        deadline = None if timeout is None else time.monotonic() + timeout
        for _ in self._urls:
            left = self._timeout if deadline is None else min(self._timeout, deadline - time.monotonic())
            if left <= 0:
                break
            url = self._urls[self._at]
            try:
                answer = self._post_to(url, batch, left)
            except ssl.SSLError as e:
                # One that is only cut off, as when a server ends, is no wrong certificate or protocol.
                cut = isinstance(e, (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError))
                answer = Answer(Outcome.LATER if cut else Outcome.REFUSED, str(e))
            except (OSError, http.client.HTTPException, ValueError) as e:
                answer = Answer(Outcome.LATER, str(e) or type(e).__name__)
            except Exception as e:
                answer = Answer(Outcome.LATER, f"{type(e).__name__}: {e}")
            if answer.outcome not in (Outcome.REFUSED, Outcome.LATER):
                return answer
            answer = answer._replace(text=f"{url.text}: {answer.text}")
            self.close()
            self._at = (self._at + 1) % len(self._urls)
        return answer

    def close(self) -> None:
        connection, self._connection = self._connection, None
        sock, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.end()

    def forget(self) -> None:
        """In a child of fork(): the connection stays the parent's."""
        sock = self._socket
        if sock is not None:
            sock.forget()

    def _post_to(self, url: Url, batch: Batch, timeout: float) -> Answer:
        if not batch.gzipped:
            return self._exchange(url, batch.key, batch.body, timeout)
        if time.monotonic() < self._plain_until.get(url, 0.0):
            return self._exchange(url, batch.key, plain(batch.body), timeout)
        answer = self._exchange(url, batch.key, batch.body, timeout)
        if answer.status == 415 or (answer.outcome is Outcome.BAD and answer.record is None):
            # A server from before gzip takes it for JSON that is broken.
            answer = self._exchange(url, batch.key, plain(batch.body), timeout)
            if answer.outcome is Outcome.TAKEN or answer.record is not None:
                self._plain_until[url] = time.monotonic() + PLAIN_SECONDS
        return answer

    def _exchange(self, url: Url, key: str, body: bytes, timeout: float) -> Answer:
        deadline = time.monotonic() + timeout
        if self._socket is not None and self._socket.is_idle():
            try:
                return self._ask(url, key, body, deadline)
            except (ConnectionError, http.client.BadStatusLine):
                # It was closed meanwhile, as idle connections are. (RemoteDisconnected is both.)
                pass
        self.close()
        self._connect(url, deadline)
        return self._ask(url, key, body, deadline)

    def _connect(self, url: Url, deadline: float) -> None:
        sock = socket.create_connection((url.host, url.port), max(deadline - time.monotonic(), 0.001))
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if url.tls:
                if self._tls is None:
                    self._tls = ssl.create_default_context()
                sock = self._tls.wrap_socket(sock, server_hostname=url.host)
        except BaseException:
            sock.close()
            raise
        self._socket = DeadlineSocket(sock)
        # It makes the request and reads the answer; the connection is ours, and no proxy's.
        self._connection = http.client.HTTPConnection(url.host, url.port)
        if url.tls:
            self._connection.default_port = 443
        self._connection.auto_open = 0
        self._connection.sock = self._socket

    def _ask(self, url: Url, key: str, body: bytes, deadline: float) -> Answer:
        connection, sock = self._connection, self._socket
        assert connection is not None and sock is not None
        sock.deadline = deadline
        headers = {**self._headers, "Idempotency-Key": key}
        if body[:2] == b"\x1f\x8b":
            headers["Content-Encoding"] = "gzip"
        keep = False
        try:
            # nginx answers a body that is too long, and closes, before it has read it.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", url.path, body, headers)
            response = connection.getresponse()
            answer = response.read(ANSWER_BYTES + 1)
            keep = not response.will_close and response.isclosed()
            return judge(response.status, response.reason, response.getheader("Retry-After"), answer)
        finally:
            if not keep:
                self.close()
