"""No memory for the main thread and housekeeping: roll-over, opening again, new tokens. The load does not notice."""

import calendar
import itertools
import signal
import time

from faulty import Course, recovery_limit, within
from fcgi_peer import request
from load import Load, check_answer
from server import wait_for

HOUR = 3600

# More than one of these has.
MANY = 30


class TokenLoad(Load):
    def post(self, connection, data):
        connection.send(request(data, HTTP_AUTHORIZATION=b"kept"))
        answer = connection.answer()
        return None if answer is None else check_answer(answer)


def allows(server, token):
    with server.connect() as c:
        # No record, and nothing to write.
        c.send(request(b"[]", HTTP_AUTHORIZATION=token.encode()))
        return c.status() == 200


def test_each_allocation_of_the_housekeeping_fails(start, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("kept\nfirst\n")
    server = start(clock=calendar.timegm((2026, 6, 15, 12, 30, 0)) - time.time(), LOG_ROTATE="hourly", LOG_FSYNC="everysec",
                   AUTH_TOKEN_FILE=tokens)
    course = Course(server, load=TokenLoad)

    def renew(k):
        """New tokens and all else at once, with the allocation after k others failing; whether one did."""
        server.control.on("malloc_main", skip=k, count=1)
        # All at once, so that the next tick has all of it to do.
        token = f"token-{next(number)}"
        (tmp_path / "fresh").write_text(f"kept\n{token}\n")
        (tmp_path / "fresh").rename(tokens)
        server.process.send_signal(signal.SIGHUP)
        within(recovery_limit() + 3, lambda: allows(server, token), f"{token} counts, {server.said[-300:]}")
        failed = server.control.hits("malloc_main") > 0
        server.control.off("malloc_main")
        return failed

    number = itertools.count()
    k = next(k for k in range(MANY) if not renew(k))
    assert 1 < k < MANY - 1
    # It may have been the other of the two threads each time that was the next to ask.
    wait_for(lambda: renew(0) and "the old tokens stay" in server.said, "no memory for tokens is said")
    server.control.on("malloc_main")
    server.control.shift_clock(server.clock + HOUR)
    course.load.wait_for_more(200)
    server.control.off("malloc_main")
    wait_for(lambda: list(server.folder.glob("info.log.2026-06-15_12")), "the roll-over")
    course.over()
    course.end("no memory for housekeeping", "LD_PRELOAD: malloc, calloc, realloc; SIGHUP, new tokens, roll-over")
    assert course.load.count(200) == len(course.load.all())
