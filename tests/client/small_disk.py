"""A small disk that can be filled: a tmpfs in a mount namespace of its own, which goes with its keeper, and that with this
process."""

import errno
import subprocess
from pathlib import Path

MIB = 1024 * 1024


class SmallDisk:
    def __init__(self, folder: Path, mebibytes: int) -> None:
        folder.mkdir()
        self.keeper = subprocess.Popen(
            ["unshare", "-m", "--", "sh", "-c", 'mount -t tmpfs -o "size=$1m" tmpfs "$2" && echo mounted && exec cat', "sh",
             str(mebibytes), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.keeper.stdin and self.keeper.stdout
        assert self.keeper.stdout.readline() == b"mounted\n"
        # What a program is started with to have its files there.
        self.before = ("nsenter", "-t", str(self.keeper.pid), "-m", "--")
        self.folder = folder
        self.seen = Path(f"/proc/{self.keeper.pid}/root{folder}")  # the same, from outside

    def fill(self) -> None:
        """No byte more."""
        with open(self.seen / "filler", "ab", buffering=0) as filler:
            for size in (MIB, 1):
                try:
                    while filler.write(bytes(size)) == size:
                        pass
                except OSError as e:
                    assert e.errno == errno.ENOSPC

    def empty(self) -> None:
        (self.seen / "filler").write_bytes(b"")

    def close(self) -> None:
        assert self.keeper.stdin and self.keeper.stdout
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait(20)
