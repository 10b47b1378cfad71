"""A log reader that does as it is told: slow, cut off, full of hostile entries, away. The page's tests use it
for what the real one can't be brought to do; `python fake_reader.py` serves the page for a look at it.

    with FakeReader(entries=made_up(1000)) as reader:
        reader.url                  http://127.0.0.1:<port>/
        reader.add("hello")         an entry is written now; tails get it
        reader.faults.slow = 0.1    seconds before each line of an answer
        reader.requests             what was asked for: [(method, path, {parameter: value})]
    reader.lose("log2.example", "no answer"); reader.find("log2.example")     of several servers one is missing; is back
"""

import argparse
import random
import threading
import time
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer

from fake_answers import Handler
from fake_entries import TRACE, Entry, entry, made_up


@dataclass
class Faults:
    slow: float = 0.0          # seconds before each line
    cut_after: int | None = None  # lines of a query, then the connection ends
    deadline_after: int | None = None  # entries of a query, then its time is over
    status: dict[str, tuple[int, str]] = field(default_factory=dict)  # path -> status, words
    no_tail_id: bool = False   # no id before the first event
    refuse_tail: bool = False  # connections of a tail end at once
    failed: str | None = None  # the end of a query says so


class FakeReader:
    def __init__(self, entries: list[Entry] | None = None, token: str | None = None, port: int = 0):
        self.entries: list[Entry] = []
        self.size = 0
        self.last_selected: tuple[tuple[object, ...], list[Entry]] = ((), [])
        self.changed = threading.Condition()
        self.token = token
        self.sessions: set[str] = set()
        self.missing: dict[str, str] = {}  # of the servers of the entries: who does not answer, and why
        self.faults = Faults()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.closing = False
        self.generation = 0
        for e in entries or []:
            self._append(e)
        handler = type("Handler", (Handler,), {"reader": self})
        self.server = Listener(("127.0.0.1", port), handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.thread: threading.Thread | None = None

    def _append(self, e: Entry) -> None:
        e.number = len(self.entries)
        self.entries.append(e)
        self.size += len(e.text)

    def add(self, message: str = "", level: str = "INFO", logger: str = "test", *, more: str = "", made: Entry | None = None,
            server: str | None = None) -> Entry:
        e = made or entry(int(time.time() * 1000), level, logger, message, more)
        e.server = e.server or server
        with self.changed:
            self._append(e)
            self.changed.notify_all()
        return e

    def lose(self, server: str, why: str) -> None:
        with self.changed:
            self.missing = self.missing | {server: why}
            self.changed.notify_all()

    def find(self, server: str) -> None:
        with self.changed:
            self.missing = {s: why for s, why in self.missing.items() if s != server}
            self.changed.notify_all()

    def missing_told(self) -> dict[str, list[dict[str, str]]]:
        if not self.missing:
            return {}
        return {"complete": False, "why": "missing", "missing": [{"server": s, "why": why} for s, why in self.missing.items()]}

    def break_tails(self) -> None:
        """Ends every connection of a tail."""
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def start(self) -> "FakeReader":
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def stop(self) -> None:
        """It is away: connections end, new ones are refused."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self) -> "FakeReader":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    # A browser opens six at a time, and more where it has just left a page; of 5 that wait the rest would be refused.
    request_queue_size = 128


def main() -> None:
    parser = argparse.ArgumentParser(description="Serves the page with made-up entries.")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--token")
    parser.add_argument("--servers", nargs="*", default=[], help="the entries are of these, by turns")
    parser.add_argument("--rate", type=float, default=1.0, help="entries a second, live")
    options = parser.parse_args()
    reader = FakeReader(made_up(options.count, servers=options.servers), options.token, options.port).start()
    print(reader.url, flush=True)
    rng = random.Random()
    while True:
        time.sleep(1 / options.rate)
        e = made_up(1, seed=rng.randrange(10**9))[0]
        reader.add(e.message or "", e.level, e.logger or "", more=TRACE if e.level == "ERROR" else "",
                   server=rng.choice(options.servers or [None]))


if __name__ == "__main__":
    main()
