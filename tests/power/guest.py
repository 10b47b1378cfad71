"""A small virtual machine that runs the server: Debian's cloud kernel and an initramfs of our own.

    boot = Boot(folder)                        # once: kernel and initramfs
    guest = Guest(boot, folder, LOG_FSYNC="always")
    guest.start()                              # boots; the server serves on guest.port of this machine
    guest.kill(); guest.lose_cache(rng)        # SIGKILL, and the write cache of its disk is lost
    with guest.mounted() as root: ...          # what is left on its disk

Software emulation: nothing is needed of the processor. Root: for the loop device.
"""

import contextlib
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from base_image import CACHE
from disk import Disk
from server import TREE, free_port, wait_for

HERE = Path(__file__).resolve().parent

# What a kernel has built in is not there as a file.
MODULES = "virtio_pci", "virtio_blk", "virtio_net", "ext4"

# Under emulation on a busy machine; what takes this long is a failure.
BOOT_SECONDS = 120
DISK_BYTES = 192 * 1024 * 1024


def run(*command, **options):
    """Runs a program; what it said is in the exception if it fails."""
    done = subprocess.run([str(x) for x in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout


def debian_files():
    """A folder with vmlinuz, modules and busybox, out of Debian's packages; nothing gets installed here."""
    assert platform.machine() == "x86_64", "these tests know the amd64 kernel only"
    depends = run("apt-cache", "depends", "linux-image-cloud-amd64")
    found = re.search(r"Depends: (linux-image-\S+-cloud-amd64)", depends)
    assert found, f"apt knows of no Debian cloud kernel:\n{depends}"
    folder = CACHE / found[1]
    if folder.exists():
        return folder
    part = CACHE / f"{found[1]}.{os.getpid()}.part"
    part.mkdir(mode=0o700, parents=True)
    try:
        # As root: apt would warn that its own user can't write here.
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", "download", found[1],
            "busybox-static", cwd=part)
        for package in part.glob("*.deb"):
            run("dpkg-deb", "-x", package, part / "root")
        (part / "ready").mkdir()
        for kernel in part.glob("root/boot/vmlinuz-*"):
            kernel.rename(part / "ready/vmlinuz")
        modules = {path.stem: path for path in part.glob("root/**/kernel/**/*.ko")}
        wanted = in_order(modules)
        for name in wanted:
            modules[name].rename(part / "ready" / f"{name}.ko")
        (part / "ready/list").write_text("".join(f"{name}.ko\n" for name in wanted))
        for busybox in (*part.glob("root/bin/busybox"), *part.glob("root/usr/bin/busybox")):
            busybox.rename(part / "ready/busybox")
        if not folder.exists():
            (part / "ready").rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def in_order(modules):
    """The names of MODULES and of those they need, each after what it needs itself."""
    found = []

    def visit(name):
        if name in modules and name not in found:
            # depmod's table is made where a kernel gets installed; this is what it is made from.
            needs = re.search(rb"\0depends=([^\0]*)\0", modules[name].read_bytes())
            for need in needs[1].decode().split(",") if needs else ():
                visit(need)
            found.append(name)

    for name in MODULES:
        visit(name)
    return found


class Boot:
    """Kernel and initramfs, for any number of guests."""

    def __init__(self, folder):
        assert os.geteuid() == 0, "loop devices are root's: run this as root"
        for program in ("qemu-system-x86_64", "cpio", "mkfs.ext4", "setpriv", "mount", "cc"):
            assert shutil.which(program), f"{program} is not installed"
        files = debian_files()
        self.kernel = files / "vmlinuz"
        self.initramfs = folder / "initramfs"
        self._make(files, folder / "initramfs.root")

    def _make(self, files, root):
        for name in ("bin", "dev", "proc", "data", "modules", "lib"):
            (root / name).mkdir(parents=True)
        shutil.copy(files / "busybox", root / "bin")
        for path in (*files.glob("*.ko"), files / "list"):
            shutil.copy(path, root / "modules")
        shutil.copy(HERE / "init", root / "init")
        (root / "init").chmod(0o755)
        run("cc", "-static", "-O1", "-o", root / "listen", HERE / "listen.c")
        server = TREE / os.environ.get("BUILD_DIR", "build") / "pbu-log-server"
        shutil.copy(server, root / "pbu-log-server")
        # The libraries at the paths they have here: the loader finds them where it looks by itself.
        for line in run("ldd", server).splitlines():
            for path in re.findall(r"(/\S+) \(0x", line):
                target = root / path.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
        names = "\n".join(str(p.relative_to(root)) for p in sorted(root.rglob("*")))
        with open(self.initramfs, "wb") as out:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names.encode(), stdout=out,
                           check=True)
        shutil.rmtree(root)


class Guest:
    def __init__(self, boot, folder, **settings):
        self.boot, self.folder, self.settings = boot, folder, settings
        self.image = folder / "disk"
        with open(self.image, "wb") as f:
            f.truncate(DISK_BYTES)
        # Blocks of the usual size, which mkfs would not give so small a disk.
        run("mkfs.ext4", "-q", "-b", "4096", self.image)
        self.disk = Disk(self.image, folder / "nbd")
        self.process = None
        self.boots = 0

    def start(self):
        """Boots, and waits until the server serves."""
        self.disk.plug_in()
        self.port, self.kill_port = free_port(), free_port()
        self.boots += 1
        self.console = self.folder / f"console.{self.boots}"
        settings = " ".join(f"{k}={v}" for k, v in self.settings.items())
        forward = "".join(f",hostfwd=tcp:127.0.0.1:{here}-10.0.2.15:{there}"
                          for here, there in ((self.port, 9000), (self.kill_port, 9001)))
        with open(self.folder / "qemu.log", "ab") as log:
            self.process = subprocess.Popen([
                # Dies with the tests, however they end.
                "setpriv", "--pdeathsig", "KILL",
                "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-accel", "tcg",
                "-m", "256", "-kernel", self.boot.kernel, "-initrd", self.boot.initramfs,
                # no_timer_check: a busy machine stands still for long enough to fail that.
                "-append", f"console=ttyS0 quiet panic=-1 no_timer_check mitigations=off nokaslr {settings}",
                "-serial", f"file:{self.console}",
                # The write cache is the disk's own (disk.py), and the guest is told of it: it flushes.
                # QEMU has none of its own in between: what it is sent, it sends on.
                "-blockdev", f"driver=nbd,node-name=disk,server.type=unix,server.path={self.disk.path},export=",
                "-device", "virtio-blk-pci,drive=disk,write-cache=on",
                "-netdev", f"user,id=net,restrict=on{forward}",
                "-device", "virtio-net-pci,netdev=net,romfile=",
            ], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._serves, "the server in the guest serves", BOOT_SECONDS, 0.05)

    def _serves(self, times=1):
        said = self.said()
        assert self.process.poll() is None, f"QEMU ended with {self.process.returncode}:\n{said}"
        return said.count(" serves; ") >= times

    def said(self):
        """What QEMU, the guest's kernel and the server have said."""
        return "".join(p.read_text(errors="replace") for p in (self.folder / "qemu.log", self.console) if p.exists())

    def kill_server(self):
        """Kills the server alone, once in the life of a guest, and waits until it is there again."""
        with socket.create_connection(("127.0.0.1", self.kill_port), 60):
            pass
        wait_for(lambda: self._serves(2), "the server in the guest serves again", BOOT_SECONDS)

    def kill(self):
        """The moment of the cut."""
        assert self.process.poll() is None, f"QEMU ended with {self.process.returncode}:\n{self.said()}"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def lose_cache(self, rng):
        return self.disk.power_cut(rng)

    @contextlib.contextmanager
    def mounted(self):
        """What is on the disk, after the journal's replay by the kernel, as a folder."""
        root = self.folder / "mnt"
        root.mkdir(exist_ok=True)
        run("mount", "-t", "ext4", "-o", "loop,noatime", self.image, root)
        try:
            yield root
        finally:
            # Its loop device goes with it.
            run("umount", root)

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.disk.unplug()
