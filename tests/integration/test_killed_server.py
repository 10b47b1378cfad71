"""pbu-log-server is killed, and comes back: no client notices, and no record is missing."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from load import FORMAT, InfoLoad

from measured import measured
from pausing import pause
from server import process_table, wait_for


def kill_again_and_again(server, times):
    took = []
    with InfoLoad(server, 8, after="end") as clients:
        for _ in range(times):
            # Not before it has worked since its last death.
            before = clients.acknowledged()
            wait_for(lambda: clients.acknowledged() > before + 100 or clients.refused(), "clients get on", pause=0.1)
            old = wait_for(lambda: server.pid, "a server runs")
            started = time.monotonic()
            server.kill()
            wait_for(lambda: server.pid not in (None, old), "it was started again")
            took.append(time.monotonic() - started)
    # At least once: what a repeated request wrote twice is a few at each death, at most.
    clients.check([server.folder], twice=8 * times)
    # At once, unless the machine is busy with something else.
    assert sorted(took)[times // 2] < 2, took


@measured
def test_a_killed_server_comes_back(start_server):
    """SIGKILL under load: no client notices, no record is missing, no line is torn."""
    kill_again_and_again(start_server(LOG_FORMAT=FORMAT), 5)


@pytest.mark.slow
@measured
def test_a_server_killed_many_times(start_server):
    kill_again_and_again(start_server(LOG_FORMAT=FORMAT), 100)


def test_killed_without_a_pause(start_server):
    """It is never given up, however quickly it dies."""
    server = start_server(LOG_FORMAT="%(message)s")
    for _ in range(12):
        server.kill()
    wait_for(server.healthy, "it is there again", 15)
    assert server.post({"msg": "alive"}).status_code == 200
    assert server.lines("info.log")[-1] == "alive"


def connections(server):
    """How many connections the server's socket has, those that nobody has accepted among them."""
    sockets = (x.split() for x in Path("/proc/net/unix").read_text().splitlines())
    return sum(x[-1] == str(server.run_folder / "fcgi.sock") and x[3] == "00000000" for x in sockets)


def test_requests_wait_while_there_is_no_server(start_server):
    """The supervisor keeps the socket: a request that comes between two lives is only late."""
    server = start_server(LOG_FORMAT="%(message)s")
    # There are two of them: the server's, and the reader's.
    supervisor = process_table()[server.pid][0]
    pause(supervisor)
    try:
        # So that it can't be started again for now.
        os.kill(server.pid, signal.SIGKILL)
        wait_for(lambda: not connections(server), "its connections end")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(server.post({"msg": "late"}).status_code))
        thread.start()
        wait_for(lambda: connections(server), "nginx connects")
        assert thread.is_alive() and not answers
    finally:
        os.kill(supervisor, signal.SIGCONT)
    thread.join(30)
    assert answers == [200] and server.lines("info.log") == ["late"]
