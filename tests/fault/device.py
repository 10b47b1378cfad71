"""
A disk that can break and be replaced: a file system on a loop device whose file lies on a small tmpfs.

All of it is mounted in a namespace that a process of its own keeps: the server runs in it (`Disk.wrap`), and it goes, with
mounts and device, when that process ends, which it does with this one.
"""

import subprocess
from pathlib import Path

MIB = 1024 * 1024
TMPFS, DEVICE = 32 * MIB, 64 * MIB


class Disk:
    def __init__(self, base, folder):
        """The file system is mounted on that folder, and the tmpfs on one in `base`."""
        self.folder, self.store = folder, base / "store"
        self.keeper = subprocess.Popen(["unshare", "-m", "--", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        self.keeper.stdout.readline()
        self.wrap = ["nsenter", "-t", str(self.keeper.pid), "-m", "--"]
        try:
            self.store.mkdir()
            folder.mkdir()
            self._run("mount", "-t", "tmpfs", "-o", f"size={TMPFS}", "tmpfs", self.store)
            self._run("mkfs.ext4", "-q", "-E", "nodiscard", "-O", "^has_journal", self.store / "image", f"{DEVICE // MIB}M")
            self.mount()
        except BaseException:
            self.close()
            raise

    def _run(self, *command):
        done = subprocess.run([*self.wrap, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def inside(self, path):
        """A path as it is seen there."""
        return Path(f"/proc/{self.keeper.pid}/root{path}")

    def mount(self, *options):
        """Its loop device goes with the mount."""
        self._run("mount", "-o", ",".join(("loop", "errors=remount-ro", *options)), self.store / "image", self.folder)
        self.device = Path(self._run("findmnt", "-n", "-o", "SOURCE", "--target", self.folder))

    def unmount(self, *options):
        self._run("umount", *options, self.folder)

    @property
    def errors(self):
        """ext4's own switch: it has found itself damaged."""
        return Path("/sys/fs/ext4", self.device.name, "trigger_fs_error")

    def close(self):
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait(20)
