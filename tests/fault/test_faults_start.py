"""The start, where memory fails: the server works, or ends with its reason. It never crashes, hangs, or serves in part."""

import collections
import itertools
import json

import pytest

import faulty
from fcgi_peer import SANITIZED, request
from load import check_answer

# More than the main thread allocates until it serves, but for libseccomp.
MANY = 200

THREADS = 2

KIB = 1024

SETTINGS = {
    # Defaults would have no allocation where these have one.
    "THREADS": THREADS, "AUTH_TOKEN": "one", "LOG_ROTATE": "hourly", "LOG_FSYNC": "everysec", "LOG_BACKUP_COUNT": 2,
    # Without its file the zone would be UTC.
    "TZ": "Asia/Kolkata", "LOG_FORMAT": "%(asctime)s %(message)s", "LOG_DATE_FORMAT": "%H:%M",
}


def health(server):
    """The status, or None when there was no answer."""
    try:
        with server.connect() as c:
            c.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health"))
            answer = c.answer()
    except ConnectionError:
        return None
    return None if answer is None else check_answer(answer)


def works(server):
    """It has all its threads, and does what its settings say."""
    assert health(server) == 200, server.said
    with server.connect() as c:
        c.send(request(json.dumps({"msg": "hello", "created": 0}).encode(), HTTP_AUTHORIZATION=b"two"))
        assert check_answer(c.answer()) == 200
    assert (server.folder / "info.log").read_text() == "05:30 hello\n"
    # The main thread, and housekeeping.
    assert server.threads() == THREADS + 2, server.said


def ended_well(server):
    """With an exit status, not by a signal, and one line that says why."""
    assert server.process.returncode in (1, 2), f"{server.process.returncode}: {server.said}"
    assert server.count_said("(?m)^pbu-log-server: error: .*(emory|unavailable|cannot be started)") == 1, server.said
    assert server.said.count("error:") == 1, server.said


def add_row(fault, how, ends):
    faulty.ROWS.append((fault, how, sum(ends.values()), ends["serves"], 0, 0,
                        f"{ends['serves']} served, {ends['ended']} ended with the reason", "next start"))


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("two\nthree\n")
    return path


@pytest.mark.parametrize("point, who", [
    ("malloc_main", "the main thread"),
    ("malloc", "the other threads"),
])
def test_each_allocation_of_the_start_fails(start, tokens, point, who):
    ends = collections.Counter()
    for k in range(MANY):
        server = start(may_end=True, faults={point: {"skip": k, "count": 1}}, AUTH_TOKEN_FILE=tokens, **SETTINGS)
        if server.serves:
            ends["serves"] += 1
            health(server)
            server.control.off(point)
            works(server)
            server.stop()
        else:
            ends["ended"] += 1
            ended_well(server)
        if server.control.hits(point) == 0:
            break
    assert k < MANY - 1
    add_row(f"every allocation of the start fails in turn, {who}", "LD_PRELOAD: malloc, calloc, realloc", ends)
    assert point == "malloc" or ends["ended"] > 20


def test_each_allocation_fails_where_a_setting_is_wrong(start):
    """Whatever is left to say of it: it does not end without a word."""
    for k in range(MANY):
        server = start(may_end=True, faults={"malloc_main": {"skip": k, "count": 1}}, PORT="none", ENABLED_LOG_LEVELS="LOUD")
        assert not server.serves
        assert server.process.returncode == 2, server.said
        assert server.count_said("(?m)^pbu-log-server: error: (PORT=none: must be|out of memory)") >= 1, server.said
        assert server.count_said("(?m)^pbu-log-server: warning: (ENABLED_LOG_LEVELS|out of memory)") >= 1, server.said
        if server.control.hits("malloc_main") == 0:
            break
    assert 3 < k < MANY - 1


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes all the addresses that there are")
def test_there_is_less_memory_than_the_start_takes(start):
    """By real means, and thus in the libraries, too. What happens before main() is the dynamic linker's."""
    ends = collections.Counter()

    def begin(limit):
        return start(may_end=True, wrap=["prlimit", f"--as={limit}", "--"], LD_PRELOAD=None, THREADS=THREADS)

    def came_to_main(server):
        return server.count_said("(?m)^pbu-log-server: ") > 0

    least = next(n for n in itertools.count(4096 * KIB, 32 * KIB) if came_to_main(begin(n)))
    for limit in range(least, least + 4096 * KIB, 16 * KIB):
        server = begin(limit)
        assert not server.serves
        ends["ended"] += 1
        ended_well(server)
        if "thread 1 of" in server.said and "not filtered" not in server.said:
            break
    assert ends["ended"] < 256
    add_row("less memory than the start takes, in steps of 16 KiB", "ulimit -v (prlimit)", ends)
