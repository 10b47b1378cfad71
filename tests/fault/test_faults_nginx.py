"""The same faults seen from outside: nginx and start.sh, as they are used."""

import errno
import re

import pytest

import faulty
from control import Control
from load import FORMAT, Outcome, WebLoad
from server import ALL_LEVELS, Server, wait_for


@pytest.fixture
def web(library, tmp_path):
    control = Control(tmp_path / "control")
    server = Server(tmp_path, LD_PRELOAD=library, FAULT_CONTROL=tmp_path / "control", LOG_FORMAT=FORMAT,
                    LOG_FSYNC="always", ENABLED_LOG_LEVELS=ALL_LEVELS,
                    ASAN_OPTIONS="verify_asan_link_order=0").start()
    server.control = control
    yield server
    if server in Server.running:
        server.stop()


@pytest.mark.parametrize("point, error, reason", [
    ("writev", errno.ENOSPC, "No space left on device"), ("fdatasync", errno.EIO, "Input/output error"),
])
def test_what_clients_behind_nginx_get(web, point, error, reason):
    load = WebLoad(web).start()
    load.wait_for_more(200)
    web.control.on(point, error)
    load.wait_for_more(503)
    wait_for(lambda: len(re.findall(f"error: [^\n]*{reason}", web.stderr)) >= 2, f"{reason} on stderr")
    web.control.off(point)
    course = faulty.Recovery(load)
    load.wait_for_more(200)
    load.stop()
    outcome = Outcome(load.all(), [web.folder])
    faulty.add_row(f"{errno.errorcode[error]}, through nginx", f"LD_PRELOAD: {point}", load.all(), outcome, course.seconds)
    outcome.check()
    assert {s.status for s in load.all()} == {200, 503}


def test_the_server_dies_for_want_of_memory_in_libfcgi(web):
    """libfcgi uses what malloc returned without a look. start.sh starts the server again, and nginx
    sends the request once more: the client is late, and what it is told is true."""
    load = WebLoad(web).start()
    for k in range(3):
        pid = web.pid
        load.wait_for_more(200)
        web.control.on("malloc_fcgi", skip=k, count=1)
        wait_for(lambda: web.pid != pid, "the end of the process")
        web.control.off("malloc_fcgi")
        wait_for(lambda: web.pid is not None and web.healthy(), "its next life")
    course = faulty.Recovery(load)
    load.wait_for_more(200)
    load.stop()
    outcome = Outcome(load.all(), [web.folder])
    faulty.add_row("no memory in libfcgi: the process ends, three times", "LD_PRELOAD: malloc; start.sh, nginx", load.all(),
                   outcome, course.seconds)
    # A request whose process died after its write may be there twice, and one that died in it in part.
    assert not outcome.lost and not outcome.unknown
    assert {s.status for s in load.all()} <= {200, 502, 503}
