"""Everything at once, for long: load, roll-over, reopening, new tokens, and the end.

SOAK_SECONDS and RACE_SECONDS say for how long; ./test.sh all gives a minute to each.
"""

import contextlib
import itertools
import json
import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

from figures import note
from load import FORMAT, InfoLoad
from server import wait_for

CLIENTS = 6


def state(server):
    """Descriptors, and memory in KiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return len(os.listdir(f"/proc/{server.pid}/fd")), int(re.search(r"VmRSS:\s*(\d+)", status)[1])


def disturb(server, tokens, end, seed):
    """Until the end: reopens, renames, deletes nothing, changes the tokens, asks."""
    choices = random.Random(seed)
    for turn in itertools.count():
        if time.monotonic() > end:
            return turn
        what = choices.choice(["reopen", "rename", "tokens", "ask", "ask"])
        if what == "reopen":
            os.kill(server.pid, signal.SIGHUP)
        elif what == "rename":
            # The server may be between the two steps of a roll-over.
            with contextlib.suppress(FileNotFoundError):
                (server.folder / "info.log").rename(server.folder / f"info.log.away{turn}")
        elif what == "tokens":
            # The one that is in use stays.
            spare = tokens.with_name("new")
            spare.write_text(f"the-token\nanother-{turn}\n")
            spare.rename(tokens)
        else:
            assert server.get("/metrics").status_code == 200 and server.healthy()


def test_races(start_server, tmp_path):
    """Full load, roll-over by size, reopening, renaming, new tokens; then the end, under load."""
    seconds, seed = float(os.environ.get("RACE_SECONDS", 5)), random.randrange(1 << 32)
    print(f"seed {seed}")
    tokens = tmp_path / "tokens"
    tokens.write_text("the-token\n")
    server = start_server(LOG_FORMAT=FORMAT, LOG_MAX_BYTES=200_000, LOG_BACKUP_COUNT=0, AUTH_TOKEN_FILE=tokens)
    with InfoLoad(server, CLIENTS, after="end", token="the-token") as clients:
        disturb(server, tokens, time.monotonic() + seconds, seed)
        clients.expect_the_end()
        server.stop()
    records = clients.check([server.folder])
    note("long", f"{seconds:.0f} s", f"{records:,} records, none lost or twice",
         what="roll-over, reopening, renaming, new tokens, the end, under full load")
    print(f"{records} records")


@pytest.mark.slow
def test_soak(start_server):
    """Descriptors and memory stay what they are, and every record is there."""
    seconds = float(os.environ.get("SOAK_SECONDS", 60))
    server = start_server(LOG_FORMAT=FORMAT, LOG_MAX_BYTES=20_000_000, LOG_BACKUP_COUNT=0, THREADS=4)
    states = []
    with InfoLoad(server, CLIENTS, after="end", batches=1) as clients:
        begin = time.monotonic()
        for part in range(1, 11):
            wait_for(lambda: time.monotonic() - begin > part * seconds / 10 or clients.refused(), "its time is up",
                     seconds + 60, pause=0.1)
            states.append(state(server))
    records = clients.check([server.folder])
    memories = [m / 1024 for _, m in states]
    note("long", f"{seconds:.0f} s", f"{records:,} records, none lost or twice; memory {min(memories):.1f} to {max(memories):.1f} MiB, "
         f"{states[0][0]} to {states[-1][0]} descriptors",
         what="load, roll-over, a batch client beside five with single records")
    print(f"{records} records; descriptors {[d for d, _ in states]}; KiB {[m for _, m in states]}")
    descriptors, memory = states[0]
    # Each nginx worker has a connection for each client, sooner or later.
    assert states[-1][0] <= descriptors + 2 * CLIENTS
    # After a tenth of the time everything that is kept has been allocated.
    assert states[-1][1] <= 1.2 * memory + 1024
    assert json.loads(server.get("/api/health").text) == {"status": True}
