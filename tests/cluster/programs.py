"""pbu-log-server and pbu-log-writer as the tests of a cluster run them: each life is started here, and ended by a test."""

import contextlib
import itertools
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Mapping
from mmap import mmap
from pathlib import Path

from disk import Disk
from network import WITH_US, Machine
from server import SANITIZER_MARKS, TREE, clean_environment, wait_for

BUILD = TREE / os.environ.get("BUILD_DIR", "build")


class Program:
    """One that can be killed, stopped, and started again. What it says is appended to a file."""

    def __init__(self, name: str, program: str, folder: Path, machine: Machine, settings: Mapping[str, object],
                 disk: Disk | None = None) -> None:
        self.name, self.program, self.machine, self.disk = name, program, machine, disk
        self.said = folder / f"{name}.stderr"
        self.environment = clean_environment(**settings)
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False
        self.wanted = False  # started, and neither killed nor stopped since
        self.ends = 0  # by itself

    def _stdin(self) -> int:
        return subprocess.DEVNULL

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        assert not self.running
        within = self.disk.before if self.disk else ()
        with open(self.said, "ab") as log:
            self.process = subprocess.Popen(
                [*WITH_US, *self.machine.before, *within, str(BUILD / self.program)], env=self.environment,
                stdin=self._stdin(), stdout=log, stderr=log)
        self.stopped = False
        self.wanted = True

    def revive(self) -> None:
        """As systemd does it: one that has ended by itself is started again."""
        if self.wanted and not self.running:
            self.ends += 1
            self.start()

    def kill(self) -> None:
        assert self.process
        self.wanted = False
        self.process.kill()
        self.process.wait(60)
        self.stopped = False

    def stop(self) -> None:
        """SIGTERM, and it ends well."""
        assert self.process
        self.wanted = False
        if self.stopped:
            self.resume()
        self.process.terminate()
        assert self.process.wait(60) == 0, self.stderr[-3000:]
        self.check()

    def pause(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def send(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    @property
    def stderr(self) -> str:
        return self.said.read_text(errors="replace")

    def check(self) -> None:
        for mark in SANITIZER_MARKS:
            assert mark not in self.stderr, self.stderr

    def close(self) -> None:
        if self.running:
            self.kill()


class Server(Program):
    """On a socket that stays, whatever becomes of it: as multiwatch does it for start.sh."""

    def __init__(self, name: str, folder: Path, machine: Machine, settings: Mapping[str, object]) -> None:
        super().__init__(name, "pbu-log-server", folder, machine, settings)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / f"{name}.sock"))
        (folder / f"{name}.sock").chmod(0o666)
        self.listener.listen(1024)

    def _stdin(self) -> int:
        return self.listener.fileno()

    def close(self) -> None:
        super().close()
        self.listener.close()


class Hold:
    """What hold.c reads: where a writer stops, for a test to kill it there."""

    SIZE = 24 + 64

    def __init__(self, path: Path) -> None:
        path.write_bytes(struct.pack("qqq64x", -1, 0, 0))
        self.path = path
        with open(path, "r+b") as f:
            self._shared = mmap(f.fileno(), self.SIZE)

    def arm(self, places: int, *, checkpoint: bool) -> None:
        """After so many places; those count from the next checkpoint on, or at once."""
        self._shared[8:88] = struct.pack("qq64x", int(checkpoint), 0)
        self._shared[0:8] = struct.pack("q", places)

    def off(self) -> None:
        self._shared[0:24] = struct.pack("qqq", -1, 0, 0)

    @property
    def place(self) -> str | None:
        """Where it stands: "after rename"."""
        if not struct.unpack("q", self._shared[16:24])[0]:
            return None
        return bytes(self._shared[24:88]).split(b"\0")[0].decode()


class Writer(Program):
    numbers = itertools.count()

    def __init__(self, name: str, folder: Path, machine: Machine, settings: Mapping[str, object], *, hold: Path | None = None,
                 disk: Disk | None = None) -> None:
        """hold: the library of hold.c. Its log folder is folder/name, or its disk's."""
        self.hold = Hold(folder / f"{name}.hold") if hold else None
        logs = disk.folder if disk else folder / name
        own: dict[str, object] = {"LOG_FOLDER": logs, "KAFKA_INSTANCE": name, "METRICS_FILE": folder / f"{name}.prom"}
        if self.hold:
            own |= {"LD_PRELOAD": hold, "HOLD_CONTROL": self.hold.path}
        super().__init__(name, "pbu-log-writer", folder, machine, {**own, **settings}, disk)
        self.logs = disk.seen if disk else logs
        self.metrics_file = folder / f"{name}.prom"

    def start(self) -> None:
        if self.hold:
            self.hold.off()
        super().start()

    def metrics(self) -> dict[str, float]:
        """What it last said of itself: a figure by name and labels."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for line in self.metrics_file.read_text().splitlines():
                if line and not line.startswith("#"):
                    name, _, value = line.rpartition(" ")
                    found[name] = float(value)
        return found


class Nginx:
    """In front of the servers, listening on a socket beside theirs (`path`), for clients of any network."""

    def __init__(self, folder: Path, machine: Machine, servers: list[Server], port: int | None = None) -> None:
        self.folder, self.machine = folder, machine
        self.path = folder / "http.sock"
        names = " ".join(f"{server.name}.sock" for server in servers)
        addresses = [f"unix:{self.path}", f"127.0.0.1:{port or 80}"]
        subprocess.run(
            ["bash", "-c", f'tree=$0 with_token=; . "$tree/tools/nginx.sh"; server_sockets=({names}); nginx_render "$@"',
             str(TREE), str(folder), *addresses], check=True, env=clean_environment())
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.folder / "nginx.stderr", "ab") as log:
            self.process = subprocess.Popen(
                [*WITH_US, *self.machine.before, "nginx", "-p", f"{self.folder}/", "-c", str(self.folder / "nginx.conf"),
                 "-e", "stderr"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.path.exists, "nginx listens")

    def reload(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.path.unlink(missing_ok=True)
