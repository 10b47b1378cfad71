"""A socket on which a whole exchange has a deadline, not each read: a peer that sends a byte a second ends, too."""

from __future__ import annotations

import contextlib
import io
import select
import socket
import time
from typing import Any

_PIECE = 1 << 16


class DeadlineSocket:
    """What http.client needs of a socket: sendall(), makefile(), close()."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.deadline = 0.0

    def _wait(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._sock.settimeout(left)

    def sendall(self, data: Any) -> None:
        view = memoryview(data)
        while view:
            self._wait()
            view = view[self._sock.send(view[:_PIECE]) :]

    def recv_into(self, into: Any) -> int:
        self._wait()
        return self._sock.recv_into(into)

    def makefile(self, _mode: str, *_args: object) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """http.client's: before it reads the last answer of a connection. end() closes."""

    def end(self) -> None:
        self._sock.close()

    def is_idle(self) -> bool:
        """False when there is something to be read, of a peer that was asked nothing: most likely its end."""
        try:
            if hasattr(select, "poll"):
                poll = select.poll()
                poll.register(self._sock, select.POLLIN)
                return not poll.poll(0)
            return not select.select([self._sock], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def forget(self) -> None:
        """Closes the descriptor alone: the connection is another process's."""
        with contextlib.suppress(OSError):
            socket.close(self._sock.detach())


class _Reader(io.RawIOBase):
    """Doesn't own its socket: an answer's end is not the connection's."""

    def __init__(self, sock: DeadlineSocket) -> None:
        self._deadline_socket = sock

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        return self._deadline_socket.recv_into(into)
