"""The reader, for long: queries, tails, downloads, clients that go away, roll-over under load.

RACE_SECONDS and SOAK_SECONDS say for how long; ./test.sh all gives a minute to each.
"""

import contextlib
import os
import random
import re
import threading
import time
from pathlib import Path

import pytest
import requests
from fcgi_peer import SANITIZED
from figures import note
from load import FORMAT, InfoLoad

from server import wait_for

KINDS = (
    "query?limit=500", "query?q=/9%2B\\.[0-9]*5/&limit=0", "query?q=word%20-other&level=INFO,ERROR", "query?direction=forward&limit=200",
    "query?start=-5m&limit=0", "hits?buckets=20", "hits?q=5", "raw?limit=2000", "raw", "files", "messages?level=INFO", "query?q=/(a%2B)%2B$/",
)
# More than any machine fills meanwhile: what is pruned would count as lost.
KEPT = 10_000
# A query may wait for its turn for 30 s, and then take as long, which it notices late under a sanitizer.
PATIENCE = 150 if SANITIZED else 60


def state(pid):
    """Descriptors, and memory in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return len(os.listdir(f"/proc/{pid}/fd")), int(re.search(r"VmRSS:\s*(\d+)", status)[1])


class Readers:
    """Who asks, follows, and goes away, all at once."""

    def __init__(self, server, n, seed):
        self.server, self.over, self.trouble, self.answers = server, threading.Event(), [], 0
        self.threads = [threading.Thread(target=self._run, args=(random.Random(seed + i),), daemon=True) for i in range(n)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a reader does not end: it has no answer"
        assert not self.trouble, self.trouble[0]

    def _run(self, choices):
        session = requests.Session()
        session.trust_env = False
        try:
            while not self.over.is_set():
                self._ask(session, choices)
                self.answers += 1
        except BaseException as e:
            self.trouble.append(e)

    def _ask(self, session, choices):
        base = f"{self.server.url}/api/log/"
        if choices.random() < 0.2:
            with contextlib.suppress(requests.RequestException):
                with session.get(base + "tail?q=5", stream=True, timeout=choices.random()) as answer:
                    for _ in answer.iter_content(10_000):
                        if choices.random() < 0.05:
                            break
            return
        what = choices.choice(KINDS)
        with session.get(base + what, stream=True, timeout=PATIENCE) as answer:
            # There may be too many at a time.
            assert answer.status_code in (200, 503), f"{what}: {answer.text}"
            if choices.random() < 0.3:
                return  # with the rest unread
            try:
                last = b""
                for chunk in answer.iter_content(65536):
                    last = last[-2000:] + chunk
            except requests.RequestException:
                # It had to make room, or took too long: these two have no last line to say so.
                assert what.startswith(("raw", "messages")), what
                return
        if answer.status_code == 200 and what.startswith(("query", "hits")):
            assert b'"end": true' in last, (what, last)
            assert b'"failed: ' not in last or "%2B)%2B" in what, (what, last)


def soak(server, seconds, clients, readers, seed):
    print(f"seed {seed}")
    pid, states = server.reader_pid, []
    # The load ends first: what the readers still wait for ends soon when nothing is added to it.
    with Readers(server, readers, seed) as asking, InfoLoad(server, clients, after="end") as load:
        begin = time.monotonic()
        for part in range(1, 11):
            wait_for(lambda: time.monotonic() - begin > part * seconds / 10 or load.refused() or asking.trouble, "its time is up",
                     seconds + 60, pause=0.1)
            states.append(state(pid))
    records = load.check([server.folder])
    assert server.reader_pid == pid, "it ended in between"
    print(f"{asking.answers} answers, {records} records; descriptors {[d for d, _ in states]}; KiB {[m for _, m in states]}")
    return asking.answers, records, states


def test_races(start_server):
    """Everything at once; under a sanitizer, too."""
    seconds = float(os.environ.get("RACE_SECONDS", 5)) / 2
    server = start_server(LOG_FORMAT=FORMAT, LOG_MAX_BYTES=200_000, LOG_BACKUP_COUNT=KEPT)
    soak(server, seconds, 2, 6, random.randrange(1 << 32))


@pytest.mark.slow
def test_soak(start_server):
    """Descriptors and memory stay what they are."""
    seconds = float(os.environ.get("SOAK_SECONDS", 60))
    server = start_server(LOG_FORMAT=FORMAT, LOG_MAX_BYTES=2_000_000, LOG_BACKUP_COUNT=KEPT)
    pid = server.reader_pid
    answers, records, states = soak(server, seconds, 4, 8, random.randrange(1 << 32))

    def quiet():
        text = server.get("/metrics/reader").text
        return "pbu_log_reader_queries_running 0\n" in text and "pbu_log_reader_tails 0\n" in text

    wait_for(quiet, "all have ended", 60)
    end = state(pid)
    memories = [m / 1024 for _, m in states]
    note("long", f"{seconds:.0f} s", f"{answers:,} answers while {records:,} records were written; memory {min(memories):.1f} to "
         f"{max(memories):.1f} MiB, {end[0]} descriptors", what="the reader: queries, downloads, tails, clients that go away, roll-over")
    print(f"at the end {end}")
    assert max(d for d, _ in states) < 200
    # Beside what is under way.
    assert max(m for _, m in states) < 64 * 1024
    assert max(m for _, m in states[5:]) <= 1.25 * max(m for _, m in states[:5]) + 1024
