"""A viewer of the live tail, as a browser's EventSource is one: it comes again when the connection ends, and
resumes after the last event that it has had.

    viewer = Viewer(server, "level=INFO").start()
    wait_for(lambda: len(viewer.entries) == 3, "three entries")
    viewer.stop()
"""

import http.client
import json
import threading
import time


class Refused(AssertionError):
    """It may not follow, and need not try again."""


class Viewer(threading.Thread):
    """A thread of its own; what came is in the lists, which only grow.

    again: whether to come again.
    """

    def __init__(self, server, query="", again=True, last_event_id=None):
        super().__init__(daemon=True)
        self.server, self.query, self.again = server, query, again
        self.last_event_id = last_event_id
        self.entries = []  # of each: when it came, and the entry
        self.dropped = 0
        self.missing = None  # of several servers, {name: why}; None: nothing was told
        self.connections = 0
        self.comments = 0
        self.failed = None
        self._let_in = threading.Event()  # or refused
        self._ended = threading.Event()
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._connection = None

    def start(self):
        """Starts it, and returns once it is let in."""
        super().start()
        self._let_in.wait(20)
        self.check()
        return self

    def check(self):
        if self.failed is not None:
            raise self.failed
        assert self.connections, "it was not let in"

    def pause(self):
        """It reads nothing until resume()."""
        self._goes_on.clear()

    def resume(self):
        self._goes_on.set()

    def stop(self):
        self._ended.set()
        self.resume()
        self.cut()
        self.join(20)
        assert not self.is_alive()

    def cut(self):
        """Ends the connection, as a network does."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(2)
            except OSError:
                pass

    def run(self):
        try:
            while not self._ended.is_set():
                self._follow()
                if not self.again:
                    return
                self._ended.wait(0.02)
        except Refused as e:
            self.failed = e
            self._let_in.set()

    def _follow(self):
        """Until the connection ends, in whatever way."""
        self._connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        headers = {"Last-Event-ID": self.last_event_id} if self.last_event_id else {}
        try:
            self._connection.request("GET", f"/api/log/tail?{self.query}", headers=headers)
            response = self._connection.getresponse()
            if response.status in (502, 503, 504):
                return
            if response.status != 200:
                raise Refused(f"{response.status}: {response.read()!r}")
            assert response.headers["Content-Type"] == "text/event-stream"
            self._read(response)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            self._connection.close()

    def _read(self, response):
        kind, data, identity, let_in = "message", None, None, False
        while line := response.readline():
            self._goes_on.wait()
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if line == b"\n":
                # As the HTML standard says: the end of an event, which may have no data.
                if identity is not None:
                    self.last_event_id = identity
                if data is not None:
                    self._take(kind, json.loads(data))
                if not let_in:
                    self.connections += 1
                    self._let_in.set()
                    let_in = True
                kind, data, identity = "message", None, None
            elif name == "data":
                data = value
            elif name == "id":
                identity = value
            elif name == "event":
                kind = value
            elif name == "":
                self.comments += 1

    def _take(self, kind, data):
        if kind == "dropped":
            self.dropped += data["dropped"]
        elif kind == "missing":
            self.missing = {m["server"]: m["why"] for m in data["missing"]}
        else:
            self.entries.append((time.monotonic(), data))

    def texts(self, level=""):
        """The entries as they are in the files; of a level, by the first letter of their cursors."""
        return [e["text"] for _, e in list(self.entries) if e["cursor"].startswith(level)]
