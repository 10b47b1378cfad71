"""Clients under which something happens to the server, and what must be in its files then."""

import http.client
import itertools
import re
import threading

BATCH = 500
LINE = re.compile(r"(\d+) (\d+)\n")


class NumberedClients:
    """Threads that post numbered records until told to stop, and note what was acknowledged.

    with NumberedClients(server, 8) as clients:   # the server's LOG_FORMAT is %(message)s
        ...                                       # clients.stopping: from now on failures are no wonder
    clients.check()

    Each ends at its first request that is not answered 200. The first `batches` of them post batches.
    """

    def __init__(self, server, count, token="", batches=0):
        self.server, self.token, self.batches = server, token, batches
        self.acknowledged = [0] * count  # each client's records from 0 on; the rest was not answered
        self.wrong, self.stopped, self.stopping = [], False, False
        self.threads = [threading.Thread(target=self._work, args=(n,)) for n in range(count)]

    def _work(self, client):
        connection, batches = None, client < self.batches
        for start in itertools.count(step=BATCH if batches else 1):
            if self.stopped:
                return
            numbers = range(start, start + BATCH) if batches else [start]
            records = [f'{{"msg": "{client} {n}", "levelname": "INFO"}}' for n in numbers]
            body = f"[{','.join(records)}]" if batches else records[0]
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
                connection.request("POST", "/api/log", body,
                                   {"Content-Type": "application/json", "Authorization": self.token})
                answer = connection.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException) as e:
                if not self.stopping:
                    self.wrong.append(repr(e))
                return
            if answer.status != 200:
                # nginx says 502 and its like while the server ends.
                if not self.stopping:
                    self.wrong.append((answer.status, said))
                return
            self.acknowledged[client] = numbers[-1] + 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        for thread in self.threads:
            thread.join()

    def check(self, repeated=0):
        """All that was acknowledged is in the files, every line is whole, and at most so many are there
        again; returns how many were acknowledged."""
        assert self.wrong == []
        seen, again = [bytearray(n + BATCH) for n in self.acknowledged], 0
        for path in self.server.folder.glob("info.log*"):
            with open(path, encoding="ascii") as file:
                for line in file:
                    client, number = map(int, LINE.fullmatch(line).groups())
                    again += seen[client][number]
                    seen[client][number] = 1
        for client, acknowledged in enumerate(self.acknowledged):
            missing = seen[client].count(0, 0, acknowledged)
            assert missing == 0, f"{missing} of client {client}"
        assert again <= repeated
        return sum(self.acknowledged)
