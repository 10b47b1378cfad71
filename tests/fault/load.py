"""Clients that post numbered records all the time, and what the files must hold of them."""

import collections
import itertools
import json
import re
import threading
import time

import requests
from fcgi_peer import Connection, request
from server import wait_for

CLIENTS = 4
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
FORMAT = "%(levelname)s %(name)s %(message)s"


def message(key):
    """A record's text: its length differs from record to record, and some have several lines."""
    number = int(key.rsplit(".", 1)[1])
    return f"{key} {'x' * (number * 37 % 300)}" + ("\ncontinued" if number % 5 == 0 else "") + " ;"


def entry(level, key, text=message):
    """What FORMAT makes of it."""
    return f"{level.upper()} root {text(key)}".replace("\n", "\n\t")


def body(key, levels, text=message):
    records = [{"msg": text(key), "levelno": LEVELS[x], "levelname": x.upper()} for x in levels]
    return json.dumps(records if len(records) > 1 else records[0]).encode()


class Sent:
    """One request, and what came of it: an HTTP status, or None for a connection that was closed."""

    def __init__(self, key, levels):
        self.key, self.levels = key, levels
        self.status = None
        self.begin = time.monotonic()
        self.end = None


def check_answer(answer):
    """The status of a response that is as the contract says."""
    head, _, content = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    said = json.loads(content)
    assert said["status"] is (status == 200), answer
    assert (b"\r\nRetry-After: 1\r\n" in head + b"\r\n") == (status == 503), answer
    return status


class Load:
    text = staticmethod(message)

    def __init__(self, path, clients=CLIENTS):
        self.path = path
        self.sent = [[] for _ in range(clients)]
        self.extra = []  # what the test sends itself
        self.trouble = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(clients)]

    def connect(self):
        return Connection(self.path)

    def levels(self, number):
        """Every seventh request is a batch with a record for each file."""
        return tuple(LEVELS) if number % 7 == 3 else ("info",)

    def post(self, connection, data):
        """The status of the answer; None when there was none."""
        connection.send(request(data))
        answer = connection.answer()
        return None if answer is None else check_answer(answer)

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        """Ends after the requests under way."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a client does not end: it has no answer"
        assert not self.trouble, self.trouble[0]

    def _run(self, client):
        try:
            connection = None
            for number in itertools.count():
                if self.stopping.is_set():
                    break
                sent = Sent(f"{client}.{number}", self.levels(number))
                try:
                    connection = connection or self.connect()
                    sent.status = self.post(connection, body(sent.key, sent.levels, self.text))
                except ConnectionError:
                    pass
                if sent.status is None:
                    connection = None
                sent.end = time.monotonic()
                self.sent[client].append(sent)
        except BaseException as e:
            self.trouble.append(e)
            raise

    # --- how it goes ---

    def all(self):
        return [sent for client in [*self.sent, self.extra] for sent in list(client)]

    def count(self, status):
        return sum(sent.status == status for sent in self.all())

    def recovered(self, since):
        """Seconds from `since` until every client had a new request answered with 200; None: not yet."""
        assert not self.trouble, self.trouble[0]
        last = since
        for client in self.sent:
            good = next((s.end for s in list(client) if s.begin >= since and s.status == 200), None)
            if good is None:
                return None
            last = max(last, good)
        return last - since

    def wait_for_more(self, status, n=20, seconds=20):
        """Waits for so many more answers of that status."""
        before = self.count(status)
        wait_for(lambda: self.trouble or self.count(status) >= before + n, f"{n} times {status}", seconds)
        assert not self.trouble, self.trouble[0]


class WebLoad(Load):
    """The same through nginx: the path is a server of server.py."""

    def connect(self):
        session = requests.Session()
        session.trust_env = False
        return session

    def post(self, connection, data):
        answer = connection.post(self.path.url + "/api/log", data=data, headers={"Content-Type": "application/json"}, timeout=30)
        assert answer.json()["status"] is (answer.status_code == 200), answer.text
        assert ("Retry-After" in answer.headers) == (answer.status_code == 503), answer.headers
        return answer.status_code


class Outcome:
    """
    What is in the files of some folders, against what was sent. Of what was begun before `since`
    (time.monotonic()) nothing is expected, because the test itself deleted it.

    When the file system `crashed`, it may have a part of what was on the way, and was not acknowledged: some entries of
    a batch, and at the end of each file a part of one.
    """

    def __init__(self, sent, folders, since=0.0, text=message, crashed=False):
        self.text = text
        self.torn = []
        self.file = {}  # (level, key) -> name of the file
        found = collections.Counter()
        for folder in folders:
            for path in folder.iterdir():
                level = path.name.split(".")[0]
                if level in LEVELS:
                    self._read(path, level, found)
        levels = {s.key: s.levels for s in sent}
        self.lost = [(s.key, x) for s in sent
                     if s.status == 200 and s.begin >= since for x in s.levels if found[x, s.key] == 0]
        self.twice = [at for at, n in found.items() if n > 1]
        self.unknown = [at for at in found if at[0] not in levels.get(at[1], ())]
        # A request is all or nothing, whatever it was answered.
        self.in_part = [s.key for s in sent if s.begin >= since and len({found[x, s.key] for x in s.levels}) > 1]
        if crashed:
            self.in_part = [s.key for s in sent if s.status == 200 and s.key in self.in_part]
            refused = [entry(x, s.key, text) for s in sent if s.status != 200 for x in s.levels]
            remains = [at for at in self.torn if any(one.startswith(at[1]) for one in refused)]
            if len({name for name, _ in remains}) == len(remains):
                self.torn = [at for at in self.torn if at not in remains]
        self.unacknowledged = sum(s.status != 200 and found[s.levels[0], s.key] > 0 for s in sent)

    def _read(self, path, level, found):
        text = path.read_bytes().decode()
        if text and not text.endswith("\n"):
            self.torn.append((path.name, text[-80:]))
        for one in re.split(r"\n(?!\t)", text.removesuffix("\n")) if text else []:
            match = re.match(r"[A-Z]+ \S+ (\d+\.\d+) ", one)
            if match and one == entry(level, match[1], self.text):
                found[level, match[1]] += 1
                self.file[level, match[1]] = path.name
            else:
                self.torn.append((path.name, one[:200]))

    def check(self):
        assert not self.torn, f"{len(self.torn)} torn, such as {self.torn[0]}"
        assert not self.lost, f"{len(self.lost)} lost, such as {self.lost[0]}"
        for what in ("twice", "unknown", "in_part"):
            some = getattr(self, what)
            assert not some, f"{len(some)} {what}, such as {some[0]}"
