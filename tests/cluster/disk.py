"""A disk that is full when a test says so: a tmpfs in a mount namespace that lives as long as a process that keeps it."""

import errno
import os
import subprocess
from pathlib import Path

from network import WITH_US

LARGE = "4g"


class Disk:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.keeper = subprocess.Popen(
            [*WITH_US, "unshare", "-m", "--", "sh", "-c", 'mount -t tmpfs -o "size=$1" tmpfs "$2" && echo mounted && exec cat',
             "sh", LARGE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.keeper.stdin and self.keeper.stdout
        assert self.keeper.stdout.readline() == b"mounted\n"
        # What a program is started with to have its files there, and the folder as it is seen from outside.
        self.before = ("nsenter", "-t", str(self.keeper.pid), "-m", "--")
        self.folder, self.seen = folder, Path(f"/proc/{self.keeper.pid}/root{folder}")

    def _resize(self, size: str) -> None:
        subprocess.run([*self.before, "mount", "-o", f"remount,size={size}", str(self.folder)], check=True)

    def fill(self) -> None:
        """Not a byte more than what is there."""
        used = os.statvfs(self.seen)
        self._resize(str((used.f_blocks - used.f_bfree + 16) * used.f_frsize))
        with open(self.seen / "filler", "ab", buffering=0) as filler:
            for size in (65536, 1):
                try:
                    while filler.write(bytes(size)) == size:
                        pass
                except OSError as e:
                    assert e.errno == errno.ENOSPC

    def empty(self) -> None:
        self._resize(LARGE)
        (self.seen / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        assert self.keeper.stdin and self.keeper.stdout
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait(20)
