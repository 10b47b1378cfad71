"""A FastCGI peer that speaks raw records, to be as rude as a test needs.

The server runs by itself here, on a unix socket of its own, without nginx.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from figures import note
from server import SANITIZER_MARKS, TREE, clean_environment, wait_for

BUILD = Path(TREE, os.environ.get("BUILD_DIR", "build"))
SANITIZED = "fsanitize" in (BUILD / "config.status").read_text(errors="replace")
# What a good request takes at the most, whatever others do. A sanitizer makes the server ten times slower.
LONGEST = 1.0 if SANITIZED else 0.1
# And where the machine is busy with something else: by far not as long as a thread is held by a peer that stops, ten
# seconds (CONNECTIONS_PATIENCE in src/web/connections.h).
BUSY = 5.0


def assert_quick(times):
    """Good requests were answered at once. The machine may be busy with something else: one, or one in fifty, may
    take longer, but none waited for another's peer."""
    times = sorted(times)
    note("rude", len(times), times[-1])
    print(f"{len(times)} good requests, the slowest took {times[-1] * 1000:.1f} ms")
    assert times[-1] < BUSY, times
    assert len(times) == 1 or times[-1 - max(1, len(times) // 50)] < LONGEST, times


BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, UNKNOWN = 1, 2, 3, 4, 5, 6, 7, 8, 9, 11
VALUES = 10
KEEP = 1
# What a good request has, and its CONTENT_LENGTH.
HEAD = {"REQUEST_METHOD": "POST", "DOCUMENT_URI": "/api/log", "CONTENT_TYPE": "application/json",
        "REMOTE_ADDR": "192.0.2.1"}


def record(kind, content=b"", request=1, version=1, padding=0):
    """One FastCGI record (FastCGI specification, 3.3)."""
    return struct.pack(">BBHHBB", version, kind, request, len(content), padding, 0) + content + bytes(padding)


def pair(name, value):
    """A name-value pair (3.4)."""
    out = b""
    for text in (name, value):
        out += bytes([len(text)]) if len(text) < 128 else struct.pack(">I", len(text) | 0x80000000)
    return out + name + value


def begin(keep=True, role=1):
    return record(BEGIN, struct.pack(">HB5x", role, KEEP if keep else 0))


def params(**values):
    return b"".join(pair(k.encode(), v if isinstance(v, bytes) else str(v).encode()) for k, v in values.items())


def length(n):
    """The length of a name or a value, in four bytes."""
    return struct.pack(">I", 0x80000000 | n)


def body(text):
    return json.dumps({"msg": text}).encode()


def request(body, keep=True, length=None, **values):
    """A whole POST of a record."""
    values = {**HEAD, "CONTENT_LENGTH": len(body) if length is None else length, **values}
    out = begin(keep) + record(PARAMS, params(**values)) + record(PARAMS)
    for at in range(0, len(body), 32768):
        out += record(STDIN, body[at:at + 32768])
    return out + record(STDIN)


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def fileno(self):
        return self.socket.fileno()

    def send(self, data):
        self.socket.sendall(data)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                return None
            data += more
        return data

    def answer(self):
        """The CGI response of one request; None when the peer closed before its end."""
        out = b""
        while True:
            head = self._exactly(8)
            if head is None:
                return None
            _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", head)
            content = self._exactly(length + padding)
            if content is None:
                return None
            if kind == STDOUT:
                out += content[:length]
            elif kind == END:
                return out

    def status(self):
        """The status of the next response, or None."""
        answer = self.answer()
        return None if answer is None else int(answer.split(b"\r\n")[0].split()[1])

    def rest(self):
        """Ends the sending, and returns (kind, content) of every record that comes until the end."""
        records = []
        try:
            self.socket.shutdown(socket.SHUT_WR)
            while head := self._exactly(8):
                _, kind, _, size, padding, _ = struct.unpack(">BBHHBB", head)
                content = self._exactly(size + padding)
                if content is None:
                    break
                records.append((kind, content[:size]))
        except OSError:  # closed with something unread, or closed before
            pass
        return records

    def is_closed(self):
        """Waits until the peer closes."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        return True


class Program:
    """One of the programs by itself, on a unix socket of its own, `base / name`; what it says is in `errors`."""

    def __init__(self, base, program, name, errors, wrap=(), may_end=False, **settings):
        self.path, self.errors = base / name, base / errors
        with open(self.errors, "wb") as err:
            self.process = subprocess.Popen([*wrap, BUILD / program, "--socket", self.path], env=clean_environment(**settings),
                                            stdin=subprocess.DEVNULL, stderr=err)
        self.pid = self.process.pid
        # (That it listens is too early: some of its descriptors are opened after that, and tests count them.)
        ready = {"pbu-log-server": " serves; ", "pbu-log-reader": " reads; "}[program]
        try:
            wait_for(lambda: ready in self.said or self.process.poll() is not None, f"{program} is ready")
            self.serves = self.process.poll() is None
            assert self.serves or may_end, self.said
        except BaseException:
            self.kill()
            raise

    @property
    def said(self):
        return self.errors.read_text(errors="replace")

    def connect(self):
        return Connection(self.path)

    def kib(self, name="VmRSS"):
        """VmRSS, VmHWM, ..."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"(?m)^{name}:\s+(\d+) kB$", status)[1])

    def check_said(self):
        """No finding of a sanitizer."""
        for mark in SANITIZER_MARKS:
            assert mark not in self.said, self.said

    def stop(self):
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.said}"
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        assert status == 0, f"exit status {status}:\n{self.said}"
        self.check_said()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Responder(Program):
    """pbu-log-server."""

    def __init__(self, base, **settings):
        self.folder = base / "logs"
        super().__init__(base, "pbu-log-server", "s", "stderr", LOG_FOLDER=self.folder, LOG_FORMAT="%(message)s", **settings)

    def lines(self):
        try:
            return (self.folder / "info.log").read_text().splitlines()
        except FileNotFoundError:
            return []

    def good(self, text="good"):
        """A good request on a connection of its own, which must be answered; the seconds it took."""
        start = time.monotonic()
        with self.connect() as c:
            c.send(request(body(text)))
            assert c.status() == 200
        return time.monotonic() - start

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop(self):
        """Unless the test has waited for its end."""
        if self.process.returncode is None:
            super().stop()
        assert self.process.returncode == 0, self.said
        self.check_said()
        assert not self.path.exists()
