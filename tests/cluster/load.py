"""
Clients that send records, one request after the other, each until it is answered 200: the same request, with the same
Idempotency-Key, again and again, as CLIENT.md has it.
"""

import http.client
import json
import random
import socket
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

from records import fields_of

CLIENTS = 16
LARGEST = 40  # records of a batch
# What nginx promises an answer within.
TIMEOUT = 40.0
# The pause before a request is sent again, at most: what Retry-After says would be a good client's.
PAUSE = 0.3


class _Connection(http.client.HTTPConnection):
    """To a unix socket: nginx is in another network."""

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def get(path: Path, resource: str, timeout: float = 5.0) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of an answer; status 0: there was none."""
    return _ask(path, "GET", resource, None, timeout)


def post(path: Path, what: object) -> tuple[int, str, dict[str, str]]:
    """The same of a record, or several."""
    return _ask(path, "POST", "/api/log", json.dumps(what).encode(), TIMEOUT)


def _ask(path: Path, method: str, resource: str, body: bytes | None, timeout: float) -> tuple[int, str, dict[str, str]]:
    connection = _Connection(path, timeout)
    try:
        connection.request(method, resource, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.headers)
    except (OSError, http.client.HTTPException) as e:
        return 0, repr(e), {}
    finally:
        connection.close()


class Client(threading.Thread):
    """`sent` counts by logger what has been given a number, `taken` what was answered 200: all up to that number."""

    def __init__(self, number: int, path: Path, seed: int, rate: float) -> None:
        super().__init__(daemon=True)
        self.random = random.Random(f"{seed} {number}")
        self.path, self.rate = path, rate
        self.id = uuid.UUID(int=self.random.getrandbits(128)).hex
        self.loggers = (f"c{number:02}.i", f"c{number:02}.e")
        self.sent: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.requests = 0
        self.slowest = 0.0  # seconds that a request took until its 200
        self.wrong: list[str] = []
        self.stopping = threading.Event()
        self.connection: _Connection | None = None

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                began = time.monotonic()
                count = self._request()
                # So many records a second, whatever a request holds; less when it takes its time.
                self.stopping.wait(max(0.0, count / self.rate - (time.monotonic() - began)))
        except BaseException as e:
            self.wrong.append(f"client {self.loggers[0]} died: {e!r}")
            raise
        finally:
            if self.connection:
                self.connection.close()

    def _request(self) -> int:
        """A record, or a batch; returns how many records."""
        count = 1 if self.random.random() < 0.5 else self.random.randint(2, LARGEST)
        records = []
        for _ in range(count):
            logger = self.loggers[1] if sum(self.sent.values()) % 10 == 9 else self.loggers[0]
            self.sent[logger] += 1
            records.append(fields_of(logger, self.sent[logger]))
        body = json.dumps(records[0] if count == 1 else records).encode()
        self.requests += 1
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{self.id}-{self.requests}"}
        began = time.monotonic()
        while not self._answered(body, headers):
            time.sleep(self.random.uniform(0.05, PAUSE))
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.taken = self.sent.copy()
        return count

    def _answered(self, body: bytes, headers: dict[str, str]) -> bool:
        """Whether it was 200. What else may come is told to come again; anything beyond is wrong, and tried again, too."""
        if not self.connection:
            self.connection = _Connection(self.path)
        try:
            self.connection.request("POST", "/api/log", body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as e:
            self.answers[type(e).__name__] += 1
            self.connection.close()
            self.connection = None
            return False
        self.answers[str(answer.status)] += 1
        if answer.status == 200:
            return True
        if answer.status not in (502, 503, 504):
            self.wrong.append(f"{answer.status} {text!r}")
        elif answer.status == 503 and not answer.headers.get("Retry-After"):
            self.wrong.append(f"503 without Retry-After: {text!r}")
        if answer.headers.get("Connection") == "close":
            self.connection.close()
            self.connection = None
        return False


class Load:
    """All clients. `rate`: records a second of all together, at most."""

    def __init__(self, path: Path, seed: int, rate: float = 1500.0, clients: int = CLIENTS) -> None:
        self.clients = [Client(n, path, seed, rate / clients) for n in range(clients)]

    def start(self) -> None:
        for client in self.clients:
            client.start()

    def progress(self) -> list[int]:
        """Of each client, records that were answered 200."""
        return [sum(c.taken.values()) for c in self.clients]

    def goes_on_after(self, before: list[int]) -> bool:
        """Whether each client has got a 200 since then."""
        return all(now > then for now, then in zip(self.progress(), before, strict=True))

    def finish(self, seconds: float = 120.0) -> None:
        """Each sends what it has begun until it is taken, and ends."""
        for client in self.clients:
            client.stopping.set()
        end = time.monotonic() + seconds
        for client in self.clients:
            client.join(max(0.0, end - time.monotonic()))
            assert not client.is_alive(), f"a client got no 200 within {seconds} s; answers: {client.answers}"

    @property
    def taken(self) -> Counter[str]:
        """By logger: every record up to this number was answered 200."""
        return sum((c.taken for c in self.clients), Counter())

    @property
    def sent(self) -> Counter[str]:
        return sum((c.sent for c in self.clients), Counter())

    @property
    def answers(self) -> Counter[str]:
        return sum((c.answers for c in self.clients), Counter())

    @property
    def refused(self) -> int:
        """Answers that were not 200, and those that did not come."""
        return sum(count for answer, count in self.answers.items() if answer != "200")

    @property
    def wrong(self) -> list[str]:
        return [text for c in self.clients for text in c.wrong]
