"""What the tests of start.sh share; those of its fixtures are in conftest.py."""

import contextlib
import os
import subprocess
from pathlib import Path

from server import RUN_BASE, START, TREE, clean_environment, free_port

AS_ROOT = os.geteuid() == 0
# How root becomes nobody.
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if AS_ROOT else []

# What listening() finds: of 127.0.0.1, and of all addresses.
LOOPBACK = {"0100007F"}
ANY = {"00000000", "0" * 32}


def run_start(cwd, *arguments, timeout=60, start=START, before=(), **settings):
    """start.sh, for a start that is meant to fail."""
    settings.setdefault("PORT", free_port())
    return subprocess.run(
        [*before, str(start), *arguments], cwd=cwd, env=clean_environment(**settings), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=timeout)


def render_nginx(folder, *addresses):
    """The configuration of start.sh's nginx, without starting it; the log server's socket is fcgi.sock in the folder."""
    subprocess.run(["bash", "-c", 'tree=$0; . "$tree/tools/nginx.sh"; nginx_render "$@"', TREE, folder, *addresses],
                   check=True, env=clean_environment())


def run_folders():
    """The run folders that are there now."""
    return set(RUN_BASE.glob("pbu-log.*"))


def listening(port):
    """The addresses that somebody listens on at a port, as /proc writes them."""
    found = set()
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(name).read_text().splitlines()[1:]:
                _, local, _, state = line.split()[:4]
                address, _, number = local.partition(":")
                if state == "0A" and int(number, 16) == port:
                    found.add(address)
    return found
