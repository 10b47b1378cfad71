"""The Debian packages, made once for all tests."""

import functools
import os
import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]


@functools.cache
def make_packages() -> dict[str, Path]:
    """The paths of the packages that `make deb` makes of this tree, by their names."""
    build = TREE / os.environ.get("BUILD_DIR", "build")
    done = subprocess.run(["make", "-s", "-C", build, "deb"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    found = {path.name.partition("_")[0]: path for path in build.glob("*.deb") if "-dbgsym_" not in path.name}
    assert set(found) == {"pbu-log-server", "pbu-log-writer"}, done.stdout[-4000:]
    return found
