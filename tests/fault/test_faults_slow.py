"""A disk that is slow, and not a full one: what clients send meanwhile must not pile up in memory."""

import pytest

from faulty import Course
from fcgi_peer import SANITIZED
from load import Load
from server import wait_for

MAX_BODY = 512 * 1024
THREADS = 2
CLIENTS = 40

# What it may hold beyond a server without requests, in KiB (src/files/commit.h, src/web/handler.c): the bodies that are
# read, what is queued up with its entries, and what the decoder takes of as many bodies as there are threads.
INPUT_AND_QUEUE, DECODED = 2, 8
MOST = (INPUT_AND_QUEUE + DECODED) * THREADS * MAX_BODY // 1024


class LargeLoad(Load):
    """Records that just fit."""

    @staticmethod
    def text(key):
        return f"{key} {'x' * (MAX_BODY - 512 - int(key.rsplit('.', 1)[1]) % 100)} ;"

    def levels(self, number):
        return ("info",)

    def each_has(self, n):
        """Whether every client has so many answers: all have been on the way at once, then."""
        assert not self.trouble, self.trouble[0]
        return all(len(sent) >= n for sent in self.sent)


@pytest.mark.parametrize("point, sync", [("writev", "no"), ("fdatasync", "always")])
def test_a_slow_disk(start, point, sync):
    server = start(MAX_BODY_BYTES=MAX_BODY, THREADS=THREADS, LOG_FSYNC=sync)
    before = server.kib("VmHWM")
    server.control.on(point, delay=0.05)
    course = Course(server, CLIENTS, LargeLoad)
    wait_for(lambda: course.load.each_has(1), "an answer for each client", 60)
    assert server.control.hits(point) > 1
    server.control.off(point)
    course.over()
    course.end(f"{point} takes 50 ms, bodies of {MAX_BODY // 1024} KiB, {CLIENTS} clients", "LD_PRELOAD: " + point)
    assert course.load.count(200) == len(course.load.all())
    more = server.kib("VmHWM") - before
    print(f"{more} KiB more than at the start, of {MOST} allowed; {CLIENTS} clients had {CLIENTS * MAX_BODY // 1024} KiB on the way")
    # A sanitizer keeps what was freed.
    assert more < MOST or SANITIZED
