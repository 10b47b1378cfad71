"""A cluster for tests: three brokers, two servers behind nginx, two writers and a spare one, each on a machine of its own."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from brokers import TOPIC, Brokers
from disk import Disk
from load import get
from network import Machine, Network
from programs import BUILD, Nginx, Server, Writer
from records import LOG_FORMAT
from server import RUN_BASE, wait_for

HERE = Path(__file__).resolve().parent

FAILED = BUILD / "cluster-failed"

# Rolled over every few seconds under load, and nothing is deleted.
WRITING = {"LOG_FORMAT": LOG_FORMAT, "ENABLED_LOG_LEVELS": "INFO,ERROR", "LOG_MAX_BYTES": 500_000, "LOG_BACKUP_COUNT": 0}
# So that a writer that is gone is replaced within seconds.
GROUP = "session.timeout.ms=6000\nheartbeat.interval.ms=1000\n"

MACHINES = ("broker-1", "broker-2", "broker-3", "servers", "writer-1", "writer-2", "writer-3")


def library(name: str, folder: Path) -> Path:
    """One of the libraries in this folder, for LD_PRELOAD."""
    path = folder / f"{name}.so"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", path, HERE / f"{name}.c"], check=True)
    return path


class Cluster:
    """
    `with Cluster() as cluster:` starts all but the spare writer. separate: each is on a machine of its own, which can be cut
    off; the first broker and the first writer have disks that can be filled. brokers: lines of their properties.
    """

    def __init__(self, *, separate: bool = True, writers: int = 2, server_settings: dict[str, object] | None = None,
                 writer_settings: dict[str, object] | None = None, topic: dict[str, object] | None = None,
                 brokers: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=RUN_BASE))
        self.folder.chmod(0o711)
        self.network = Network(*MACHINES) if separate else None
        machines = self.network.machines if self.network else dict.fromkeys(MACHINES, Machine("127.0.0.1"))
        self.disks = [Disk(self.folder / "disk")] if separate else []
        self.topic = topic or {}
        self.brokers = Brokers(self.folder, [machines[f"broker-{n}"] for n in (1, 2, 3)], extra=brokers,
                               disk=separate)
        common = {"KAFKA_BROKERS": self.brokers.servers, "KAFKA_TOPIC": TOPIC}
        hold = library("hold", self.folder)
        group = self.folder / "group.properties"
        group.write_text(GROUP)
        self.servers = [Server(f"server-{n}", self.folder, machines["servers"], {**common, **(server_settings or {})})
                        for n in (1, 2)]
        self.all_writers = [
            Writer(f"writer-{n}", self.folder, machines[f"writer-{n}"],
                   {**WRITING, **common, "KAFKA_CONFIG": group, **(writer_settings or {})}, hold=hold,
                   disk=self.disks[0] if separate and n == 1 else None)
            for n in (1, 2, 3)]
        self.writers = self.all_writers[:writers]
        self.nginx = Nginx(self.folder, machines["servers"], self.servers)

    def start(self) -> None:
        if not any(broker.running for broker in self.brokers.all):
            self.brokers.start()
        self.brokers.create_topic(config=self.topic)
        for server in self.servers:
            server.start()
        self.nginx.start()
        for writer in self.writers:
            writer.start()
        self.wait_for(self.healthy, "the servers are ready")

    def wait_for(self, condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        """And tells, when it is in vain, what the programs said."""
        def holds() -> object:
            self.revive()
            return condition()

        try:
            wait_for(holds, what, seconds, 0.05)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.said()}") from None

    def revive(self) -> None:
        """
        One may end by itself, when librdkafka has given up: whoever runs it starts it again. (A writer whose group does not take
        it any more; a server whose numbers are not those of the brokers.)
        """
        for part in (*self.servers, *self.writers):
            part.revive()

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.revive()
            time.sleep(min(left, 0.1))

    def healthy(self) -> bool:
        """Both of them, as far as a few requests in turn can tell."""
        return all(get(self.nginx.path, "/api/health")[0] == 200 for _ in range(6))

    def folders(self) -> list[Path]:
        return [writer.logs for writer in self.all_writers if writer.logs.exists()]

    def said(self) -> str:
        parts = [*self.servers, *self.writers]
        return "".join(f"--- {part.name}\n{part.stderr[-2000:]}\n" for part in parts if part.said.exists())

    def close(self) -> None:
        for part in (*self.servers, *self.all_writers):
            part.close()
        self.nginx.close()
        self.brokers.close()
        for disk in self.disks:
            disk.close()
        if self.network:
            self.network.close()

    def __enter__(self) -> "Cluster":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._keep()
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self) -> None:
        """What a failed test leaves, for whoever looks into it: but for what the brokers have."""
        shutil.rmtree(FAILED, ignore_errors=True)
        for path in (*self.folder.glob("*.stderr"), *self.folder.glob("broker-*/broker.*"), *self.folder.glob("*.prom"),
                     *(file for logs in self.folders() for file in logs.iterdir() if file.is_file())):
            to = FAILED / path.parent.name
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to)
        # Each message: partition, offset, key, headers, time, size.
        with open(FAILED / "topic", "w", encoding="utf-8") as f:
            subprocess.run([*self.brokers.machine.before, "timeout", "60", "kcat", "-b", self.brokers.servers, "-C", "-t", TOPIC,
                            "-e", "-q", "-f", "%p %o %k %h %T %s\n"], stdout=f, check=False)
