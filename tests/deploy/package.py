"""The Debian package, made once for all tests."""

import functools
import os
import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]


@functools.cache
def make_package():
    """The path of the package that `make deb` makes of this tree."""
    build = TREE / os.environ.get("BUILD_DIR", "build")
    done = subprocess.run(["make", "-s", "-C", build, "deb"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    found = sorted(build.glob("pbu-log-server_*.deb"), key=lambda path: path.stat().st_mtime)
    assert found, done.stdout[-4000:]
    return found[-1]
