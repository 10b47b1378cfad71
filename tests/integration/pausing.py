"""Processes that are stopped for a while."""

import os
import signal
from pathlib import Path

from server import wait_for


def _is_stopped(pid: int) -> bool:
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def pause(pid: int) -> None:
    """SIGSTOP, and returns when all threads have stopped: until the one that takes the signal has a processor, the
    others go on."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: _is_stopped(pid), f"{pid} has stopped", 60)
