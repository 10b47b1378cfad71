"""Clients that post numbered records all the time, and what the files must hold of them.

In threads of the test, on the FastCGI socket (Load) or through nginx (WebLoad):

    server = start_server(LOG_FORMAT=load.FORMAT)
    with WebLoad(server, 8) as clients:
        ...                                  # something happens to the server
    clients.check([server.folder])           # all answered 200; none missing, torn, twice, or in part

As processes, where Python's threads are too slow, or are to run elsewhere (in a container's network):

    python load.py URL [--clients N] [--seconds S] ...     # posts until then, or until its input ends

which prints what it sent as JSON, for sent_by() to read. Then Outcome says what became of it.
"""

import argparse
import array
import collections
import http.client
import json
import re
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

CLIENTS = 4
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
FORMAT = "%(levelname)s %(name)s %(message)s"

HEADERS = {"Content-Type": "application/json"}


def message(key):
    """A record's text: its length differs from record to record, and some have several lines."""
    number = int(key.rsplit(".", 1)[1])
    return f"{key} {'x' * (number * 37 % 300)}" + ("\ncontinued" if number % 5 == 0 else "") + " ;"


def short(key):
    """The same for many of them."""
    return f"{key} ;"


def entry(level, key, text=message):
    """What FORMAT makes of it."""
    return f"{level.upper()} root {text(key)}".replace("\n", "\n\t")


def body(key, levels, text=message, count=1):
    """A record of each level for each number from the key's on."""
    client, number = key.split(".")
    records = [{"msg": text(f"{client}.{n}"), "levelno": LEVELS[x], "levelname": x.upper()}
               for n in range(int(number), int(number) + count) for x in levels]
    return json.dumps(records if len(records) > 1 else records[0]).encode()


class Sent:
    """One request, and what came of it: an HTTP status, or None for a connection that was closed."""

    __slots__ = ("key", "levels", "count", "status", "begin", "end")

    def __init__(self, key, levels, count=1):
        self.key, self.levels, self.count = key, levels, count
        self.status = None
        self.begin = time.monotonic()
        self.end = None

    @property
    def client(self):
        return int(self.key.partition(".")[0])

    @property
    def numbers(self):
        first = int(self.key.partition(".")[2])
        return slice(first, first + self.count)


def check_answer(answer):
    """The status of a response that is as the contract says."""
    head, _, content = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    said = json.loads(content)
    assert said["status"] is (status == 200), answer
    assert (b"\r\nRetry-After: 1\r\n" in head + b"\r\n") == (status == 503), answer
    return status


class Load:
    """
    Clients on the FastCGI socket at `where`. What one does after an answer that is not 200, or none:

    "next"   it goes on with the next record;
    "again"  it sends the same one again, as a client which must not lose it does;
    "end"    it ends: for a test in which nothing may be refused.
    """

    text = staticmethod(message)
    gone = ConnectionError  # what is no answer; anything else is trouble

    def __init__(self, where, clients=CLIENTS, after="next", first=0):
        self.where, self.after, self.first = where, after, first
        self.sent = [[] for _ in range(clients)]
        self.extra = []  # what the test sends itself
        self.trouble = []
        self.ending = float("inf")  # from then on (time.monotonic()) failures are no wonder
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(clients)]

    def connect(self):
        # Not at the head: as a program it needs no more than Python.
        from fcgi_peer import Connection
        return Connection(self.where)

    def levels(self, number):
        """Every seventh request is a batch with a record for each file."""
        return tuple(LEVELS) if number % 7 == 3 else ("info",)

    def count(self, status):
        return sum(sent.status == status for sent in self.all())

    def batch(self, client):
        """How many numbers a request of that client has."""
        return 1

    def post(self, connection, data):
        """The status of the answer; None when there was none."""
        from fcgi_peer import request
        connection.send(request(data))
        answer = connection.answer()
        return None if answer is None else check_answer(answer)

    def hang_up(self, connection):
        connection.socket.close()

    def keeps(self, client):
        """Whether that client keeps its connection, or opens one for each request."""
        return True

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        """Ends after the requests under way."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(90)
            assert not thread.is_alive(), "a client does not end: it has no answer"
        assert not self.trouble, self.trouble[0]

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.stopping.set()
        if kind is None:
            self.stop()

    def _run(self, client):
        connection, number, noted = None, 0, self.sent[client]
        try:
            while not self.stopping.is_set():
                sent = Sent(f"{self.first + client}.{number}", self.levels(number), self.batch(client))
                data = body(sent.key, sent.levels, self.text, sent.count)
                sent.begin = time.monotonic()
                try:
                    connection = connection or self.connect()
                    sent.status = self.post(connection, data)
                except self.gone:
                    pass
                sent.end = time.monotonic()
                if connection and (sent.status is None or not self.keeps(client)):
                    self.hang_up(connection)
                    connection = None
                if noted and noted[-1].key == sent.key:
                    noted[-1] = sent  # of several tries the last counts
                else:
                    noted.append(sent)
                if sent.status == 200 or self.after == "next":
                    number += sent.count
                elif self.after == "end":
                    break
        except BaseException as e:
            self.trouble.append(e)
            raise

    # --- how it goes ---

    def all(self):
        return [sent for client in [*self.sent, self.extra] for sent in list(client)]

    def acknowledged(self):
        """How many records, so far."""
        return sum(s.count * len(s.levels) for s in self.all() if s.status == 200)

    def refused(self):
        """Those which were not answered 200, though nothing had ended yet."""
        return [(s.key, s.status) for s in self.all() if s.status != 200 and s.end < self.ending]

    def expect_the_end(self):
        """The server is to be stopped now."""
        self.ending = time.monotonic()

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
        from server import wait_for
        before = self.count(status)
        wait_for(lambda: self.trouble or self.count(status) >= before + n, f"{n} times {status}", seconds)
        assert not self.trouble, self.trouble[0]

    def check(self, folders, twice=0):
        """Nothing was refused, and the folders hold all of it; returns how many records were acknowledged."""
        refused = self.refused()
        assert not refused, f"{len(refused)} refused, such as {refused[0]}"
        Outcome(self.all(), folders, text=self.text).check(twice)
        return self.acknowledged()


class WebLoad(Load):
    """The same through nginx: `where` is a server of server.py, or an address. The first `batches` clients post
    batches of BATCH records."""

    BATCH = 500
    gone = (OSError, http.client.HTTPException)

    def __init__(self, where, clients=CLIENTS, after="next", first=0, token="", ca=None, batches=0, fresh=0):
        super().__init__(where, clients, after, first)
        self.headers = {**HEADERS, **({"Authorization": token} if token else {})}
        self.batches, self.fresh = batches, fresh
        self.address = urlsplit(where if isinstance(where, str) else where.url)
        self.context = ssl.create_default_context(cafile=ca) if self.address.scheme == "https" else None

    def connect(self):
        host, port = self.address.hostname, self.address.port
        if self.context:
            return http.client.HTTPSConnection(host, port, timeout=60, context=self.context)
        return http.client.HTTPConnection(host, port, timeout=60)

    def batch(self, client):
        return self.BATCH if client < self.batches else 1

    def keeps(self, client):
        """The last `fresh` clients don't."""
        return client < len(self.sent) - self.fresh

    def post(self, connection, data):
        connection.request("POST", "/api/log", data, self.headers)
        answer = connection.getresponse()
        said = answer.read()
        assert json.loads(said)["status"] is (answer.status == 200), said
        assert answer.headers["Retry-After"] is None if answer.status == 200 else (
            answer.headers["Retry-After"] is not None or answer.status != 503), answer.headers
        return answer.status

    def hang_up(self, connection):
        connection.close()


class InfoLoad(WebLoad):
    """Short records for info.log alone: as many of them as can be sent."""

    text = staticmethod(short)

    def levels(self, number):
        return ("info",)


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
        self.names = [None]  # of the files
        ends = collections.Counter()  # the numbers of each client are below
        for s in sent:
            ends[s.client] = max(ends[s.client], s.numbers.stop)
        # How often the record of each number was found, by level and client; and in which file, last.
        self.found = {(x, c): bytearray(end) for x in LEVELS for c, end in ends.items()}
        self.where = {at: array.array("H", bytes(2 * len(f))) for at, f in self.found.items()}
        self.unknown = []
        for folder in folders:
            for path in sorted(folder.iterdir()):
                level = path.name.split(".")[0]
                if level in LEVELS:
                    self._read(path, level)
        expected = {at: bytearray(len(f)) for at, f in self.found.items()}
        for s in sent:
            for x in s.levels:
                expected[x, s.client][s.numbers] = b"\1" * s.count
        for (x, c), found in self.found.items():
            self.unknown += [(x, f"{c}.{n}") for n, (e, f) in enumerate(zip(expected[x, c], found)) if f and not e]
        self.twice = [(x, f"{c}.{n}") for (x, c), f in self.found.items() if f and max(f) > 1
                      for n, times in enumerate(f) if times > 1]
        self.lost = [(s.key, x) for s in sent
                     if s.status == 200 and s.begin >= since for x in s.levels if 0 in self._times(s, x)]
        # A request is all or nothing, whatever it was answered.
        self.in_part = [s.key for s in sent
                        if s.begin >= since and len(set().union(*(self._times(s, x) for x in s.levels))) > 1]
        if crashed:
            self.in_part = [s.key for s in sent if s.status == 200 and s.key in self.in_part]
            refused = [entry(x, s.key, text) for s in sent if s.status != 200 for x in s.levels]
            remains = [at for at in self.torn if any(one.startswith(at[1]) for one in refused)]
            if len({name for name, _ in remains}) == len(remains):
                self.torn = [at for at in self.torn if at not in remains]
        self.unacknowledged = sum(s.status != 200 and any(self._times(s, s.levels[0])) for s in sent)

    def _times(self, sent, level):
        """How often each record of a request was found at that level: bytes."""
        return self.found[level, sent.client][sent.numbers]

    def file(self, level, key):
        """The name of the file that holds a record."""
        client, number = map(int, key.split("."))
        return self.names[self.where[level, client][number]]

    def _read(self, path, level):
        self.names.append(path.name)
        file, prefix, text = len(self.names) - 1, f"{level.upper()} root ", self.text
        match = re.compile(re.escape(prefix) + r"((\d+)\.(\d+)) ").match
        content = path.read_bytes().decode()
        entries = re.split(r"\n(?!\t)", content)
        rest = entries.pop()  # nothing, as each entry ends with a newline
        if rest:
            self.torn.append((path.name, rest[:200]))
        for one in entries:
            m = match(one)
            if not m or one != prefix + text(m[1]).replace("\n", "\n\t"):
                self.torn.append((path.name, one[:200]))
                continue
            found, number = self.found.get((level, int(m[2])), b""), int(m[3])
            if number >= len(found):
                self.unknown.append((level, m[1]))
            else:
                found[number] = min(found[number] + 1, 255)
                self.where[level, int(m[2])][number] = file

    def check(self, twice=0):
        """So many may be there twice, where a request was repeated."""
        assert not self.torn, f"{len(self.torn)} torn, such as {self.torn[0]}"
        assert not self.lost, f"{len(self.lost)} lost, such as {self.lost[0]}"
        for what, most in ("twice", twice), ("unknown", 0), ("in_part", 0):
            some = getattr(self, what)
            assert len(some) <= most, f"{len(some)} {what}, such as {some[0]}"


def sent_by(output):
    """What such a program says that it sent."""
    requests = []
    for key, levels, count, status, begin, end in json.loads(output):
        sent = Sent(key, tuple(levels), count)
        sent.status, sent.begin, sent.end = status, begin, end
        requests.append(sent)
    return requests


def main():
    parser = argparse.ArgumentParser(description="posts numbered INFO records, and says which")
    parser.add_argument("url", help="of the server, without a path")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first client's number")
    parser.add_argument("--fresh", type=int, default=0, help="clients with a connection for each record")
    parser.add_argument("--seconds", type=float, help="for how long; otherwise until standard input ends")
    parser.add_argument("--after", choices=["next", "again", "end"], default="next", help="an answer that is not 200")
    parser.add_argument("--token", default="")
    parser.add_argument("--ca", help="a file with the certificates to trust")
    a = parser.parse_args()
    with InfoLoad(a.url, a.clients, a.after, a.first, a.token, a.ca, fresh=a.fresh) as load:
        if a.seconds is None:
            sys.stdin.read()
        else:
            load.stopping.wait(a.seconds)
    json.dump([(s.key, s.levels, s.count, s.status, s.begin, s.end) for s in load.all()], sys.stdout)


if __name__ == "__main__":
    main()
