"""Slow HTTP clients, and many, at the real nginx: clients that mean well don't notice them.

slowhttptest, with as many connections as one address may have requests in progress, or a little fewer
(limit_conn in nginx/pbu-log-server-locations.conf); and crowds from another address of this machine.
"""

import http.client
import json
import resource
import selectors
import socket
import subprocess
import threading
import time

import pytest
from fcgi_peer import BUSY, LONGEST
from figures import note
from measured import measured
from server import wait_for

GOOD = 4
SECONDS = 4

# The good clients have to get through from the address that attacks, with some requests of their own.
ATTACKERS = 900
ELSEWHERE = "127.0.0.2"

HEAD = b"POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def many():
    """As many descriptors as may be, for nginx, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def server(many, start_module_server):
    """Two threads only."""
    return start_module_server(THREADS=2, LOG_FORMAT="%(message)s")


class GoodClients:
    """They post one record after another, half of them on a new connection each time, until told to stop."""

    def __init__(self, server):
        self.server = server
        self.times, self.wrong = [], []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._post, args=(n % 2 == 0,)) for n in range(GOOD)]

    def _post(self, keep):
        connection = None
        while not self.stopped.is_set():
            start = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
                connection.request("POST", "/api/log", b'{"msg": "good"}', {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException) as e:
                status, connection = repr(e), None
            self.times.append(time.monotonic() - start)
            if status != 200:
                self.wrong.append(status)
            if not keep and connection:
                connection.close()
                connection = None
            # Clients that mean well, not a test of load: some hundred records a second.
            self.stopped.wait(0.01)

    def __enter__(self):
        self.before = self.server.read("info.log").count("good\n")
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for t in self.threads:
            t.join()

    def check(self):
        times = sorted(self.times)
        p99 = times[len(times) * 99 // 100]
        note("slow", len(times), p99, times[-1])
        print(f"{len(times)} good requests: median {times[len(times) // 2] * 1000:.1f} ms, "
              f"p99 {p99 * 1000:.1f} ms, the slowest {times[-1] * 1000:.1f} ms; {len(self.wrong)} not answered 200")
        assert not self.wrong, self.wrong[:5]
        assert len(times) > 100
        # The machine may be busy with something else for a moment; whoever waits for a slow client takes longer.
        assert p99 < LONGEST and times[-1] < BUSY
        assert self.server.read("info.log").count("good\n") - self.before == len(times)


def metric(server, name):
    text = server.get("/metrics").text
    return float(next(x for x in text.splitlines() if x.startswith(name + " ")).split()[1])


@pytest.mark.slow
@pytest.mark.parametrize("mode", [
    pytest.param(["-H", "-t", "POST", "-i", "1", "-x", "24"], id="slow header"),
    pytest.param(["-B", "-s", "8192", "-i", "1", "-x", "10", "-f", "application/json"], id="slow body"),
    pytest.param(["-X", "-t", "GET", "-k", "10", "-n", "1", "-z", "5", "-w", "10", "-y", "20"], id="slow read"),
])
@measured
def test_slowhttptest(server, mode, tmp_path):
    address = server.url + ("/api/health" if "-X" in mode else "/api/log")
    attack = ["slowhttptest", *mode, "-c", str(ATTACKERS), "-r", str(ATTACKERS), "-l", "60",
              "-p", "3", "-v", "1", "-u", address]
    before = server.read("info.log").replace("good\n", "")
    with open(tmp_path / "said", "w+", encoding="utf-8") as said:
        process = subprocess.Popen(attack, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=tmp_path)
        try:
            wait_for(lambda: process.poll() is not None or connected(server) > ATTACKERS * 0.9, "they attack")
            assert process.poll() is None, (tmp_path / "said").read_text()
            with GoodClients(server) as good:
                go_on(SECONDS)
            assert process.poll() is None, (tmp_path / "said").read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    good.check()
    assert server.read("info.log").replace("good\n", "") == before


def connected(server):
    """How many connections to nginx are established: state 01, the port at this end."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        fields = (line.split() for line in f)
        port = f":{server.port:04X}"
        return sum(x[1].endswith(port) and x[3] == "01" for x in fields)


def connect_elsewhere(server, count):
    crowd = []
    for _ in range(count):
        crowd.append(socket.create_connection(("127.0.0.1", server.port), 30, source_address=(ELSEWHERE, 0)))
    return crowd


def close_all(crowd):
    for s in crowd:
        s.close()


def go_on(seconds):
    """For how long the good clients are watched."""
    threading.Event().wait(seconds)


@pytest.mark.slow
@measured
def test_five_thousand_idle_connections(server, many):
    """Half of them have had a request answered. All of them stay open, and hold nothing that others need."""
    count = min(5000, many - 500)
    assert count >= 1000, "the limit of descriptors is too low for this test"
    crowd = []
    try:
        with GoodClients(server) as good:
            crowd = connect_elsewhere(server, count)
            for s in crowd[::2]:
                s.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert s.recv(65536).startswith(b"HTTP/1.1 200")
            go_on(SECONDS)
            open_now = connected(server)
        good.check()
        print(f"{open_now} of {count} connections are open")
        # The last ones are served, too.
        crowd[-2].sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert crowd[-2].recv(65536).startswith(b"HTTP/1.1 200")
    finally:
        close_all(crowd)
    wait_for(lambda: connected(server) < 100, "all are closed")


@pytest.mark.slow
@measured
def test_more_slow_bodies_than_one_address_may_have(server):
    """From another address: those beyond the limit get 429, the others wait, and nobody else notices."""
    body = json.dumps({"msg": "slow"}).encode()
    crowd, refused = connect_elsewhere(server, 1500), []
    selector = selectors.DefaultSelector()
    try:
        with GoodClients(server) as good:
            for s in crowd:
                s.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body[:2])
                selector.register(s, selectors.EVENT_READ)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end or (len(refused) < 500 and time.monotonic() < end + 15):
                for key, _ in selector.select(0.1):
                    refused.append(key.fileobj)
                    assert key.fileobj.recv(65536).startswith(b"HTTP/1.1 429")
                    selector.unregister(key.fileobj)
        good.check()
        assert len(refused) == 500
        # And those that were let in are answered as soon as they have said all.
        for s in crowd:
            if s not in set(refused):
                s.sendall(body[2:])
                assert s.recv(65536).startswith(b"HTTP/1.1 200")
    finally:
        close_all(crowd)
    assert server.read("info.log").count("slow\n") == 1000
