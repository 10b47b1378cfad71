"""pbu-log-reader by itself, on a unix socket of its own, without nginx; and what its answers say.

    reader = Reader(tmp_path)                     # reads tmp_path/logs; settings are keyword arguments
    answer = reader.query(q="word", limit=10)     # or get("/api/log/hits", buckets=5)
    answer.status, answer.entries, answer.end, answer.cut
    reader.stop()                                 # asserts that it ends well
"""

import contextlib
import json
import os
import re
import socket
import struct
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

from fcgi_peer import END, STDOUT, Program, begin, params, record
from server import ALL_LEVELS, wait_for

LINE = "%(asctime)s %(levelname)s:%(name)s %(message)s"


def request(path, query="", keep=False, **values):
    """A GET as nginx passes it on; query: a dict, or the text as it is."""
    if isinstance(query, dict):
        query = urlencode(query, doseq=True)
    values = {"REQUEST_METHOD": "GET", "DOCUMENT_URI": path, "QUERY_STRING": query, "REMOTE_ADDR": "192.0.2.1", **values}
    return begin(keep) + record(4, params(**values)) + record(4) + record(5)


class Answer:
    """A whole response, what came of one that was cut, or the rest of one."""

    def __init__(self, data, cut=False, seconds=0.0):
        self.head, self.body, self.status = "", data, None
        if data.startswith(b"Status: "):
            head, _, self.body = data.partition(b"\r\n\r\n")
            self.head = head.decode(errors="replace")
            self.status = int(self.head.split()[1])
        self.cut = cut
        self.seconds = seconds

    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        return [json.loads(x) for x in self.body.split(b"\n") if x]

    @property
    def entries(self):
        return [x for x in self.lines if "cursor" in x]

    @property
    def texts(self):
        return [x["text"] for x in self.entries]

    @property
    def end(self):
        last = self.lines[-1]
        assert last.get("end"), last
        return last

    @property
    def error(self):
        return self.json()["error"]


def answer_of(connection, most=None):
    """Reads a response; at most so many bytes of it, roughly."""
    began, out = time.monotonic(), b""
    chunks = []
    got = 0
    while most is None or got < most:
        content = None
        with contextlib.suppress(ConnectionError):
            head = connection._exactly(8)
            if head is not None:
                _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", head)
                content = connection._exactly(length + padding)
        if content is None:
            return Answer(b"".join(chunks), True, time.monotonic() - began)
        if kind == STDOUT:
            chunks.append(content[:length])
            got += length
        elif kind == END:
            return Answer(b"".join(chunks), False, time.monotonic() - began)
    out = b"".join(chunks)
    return Answer(out, True, time.monotonic() - began)


class Reader(Program):
    """The program, with the settings of the server and its own."""

    def __init__(self, base, folder=None, wrap=(), may_end=False, **settings):
        base.mkdir(exist_ok=True)
        self.folder = folder or base / "logs"
        super().__init__(base, "pbu-log-reader", "r", "reader.stderr", wrap, may_end,
                         **{"LOG_FOLDER": self.folder, "LOG_FORMAT": LINE, "ENABLED_LOG_LEVELS": ALL_LEVELS, **settings})

    def ask(self, path, query="", **values):
        """Opens a connection and asks; the connection, to read from or not."""
        connection = self.connect()
        connection.send(request(path, query, **values))
        return connection

    def get(self, path, raw_query=None, **query):
        with self.ask(path, query if raw_query is None else raw_query) as connection:
            connection.socket.settimeout(90)
            answer = answer_of(connection)
            # The reader closes it: it has that descriptor no more.
            with contextlib.suppress(ConnectionError):
                assert answer.cut or connection.socket.recv(1) == b""
            return answer

    def query(self, **query):
        return self.get("/api/log/query", **query)

    def metric(self, name):
        text = self.get("/metrics/reader").body.decode()
        return int(re.search(rf"(?m)^pbu_log_reader_{name} (\d+)$", text)[1])

    def reset_peak(self):
        """VmHWM counts from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def descriptors(self):
        """What its descriptors are of, without the connections of this test."""
        found = []
        for fd in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(f"/proc/{self.pid}/fd/{fd}"))
        return sorted(found)

    def settle(self, most=None):
        """Waits until no query is under way, and returns how many descriptors there are; at most so many after a moment,
        as a connection that is not counted any more is closed only then."""
        wait_for(lambda: self.metric("queries_running") == 0 and self.metric("connections") == 1, "queries have ended")
        if most is not None:
            wait_for(lambda: len(self.descriptors()) <= most, f"{most} descriptors at most")
        return len(self.descriptors())


def small_window(connection, size=4096):
    """The peer takes little at a time."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


class Tail:
    """Who follows: the events as they come. A thread reads them, so that the peer is never slow."""

    def __init__(self, reader, query="", last_event_id=None):
        values = {"HTTP_LAST_EVENT_ID": last_event_id} if last_event_id else {}
        self.connection = reader.ask("/api/log/tail", query, **values)
        self.connection.socket.settimeout(60)
        self.head = None
        self.events = []  # (event, data, id); data decoded
        self.ended = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        wait_for(lambda: self.head is not None or self.ended, "the tail has begun")

    def _read(self):
        text, connection = b"", self.connection
        with contextlib.suppress(OSError, ValueError):
            while head := connection._exactly(8):
                _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", head)
                content = connection._exactly(length + padding)
                if content is None or kind == END:
                    break
                text += content[:length]
                if self.head is None and b"\r\n\r\n" in text:
                    begin, _, text = text.partition(b"\r\n\r\n")
                    self.head = begin.decode()
                while self.head is not None and b"\n\n" in text:
                    event, _, text = text.partition(b"\n\n")
                    self._take(event)
        self.ended = True

    def _take(self, event):
        fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line and not line.startswith(b":"))
        if b"data" in fields:
            self.events.append((fields.get(b"event", b"message").decode(), json.loads(fields[b"data"]),
                                fields.get(b"id", b"").decode()))

    @property
    def texts(self):
        return [data["text"] for kind, data, _ in list(self.events) if kind == "message"]

    @property
    def dropped(self):
        return sum(data["dropped"] for kind, data, _ in list(self.events) if kind == "dropped")

    def close(self):
        with contextlib.suppress(OSError):
            self.connection.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(20)
        self.connection.socket.close()
