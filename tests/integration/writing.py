"""pbu-log-writer for tests, on the mock cluster of kafka.py.

    with Cluster(topics={"pbu-log": 2}) as cluster:
        with Writer(tmp_path, cluster, LOG_FORMAT="%(message)s") as writer:
            cluster.produce("pbu-log", 0, b"my.app", line(1))
            wait_for(lambda: writer.lines("info.log") == ["message 1"], "the record")
            writer.stop()                  # SIGTERM, and it must end well

A writer that is started again in the same folder (`writer.start()`) goes on from its checkpoint. `preload` and `environment`:
what LD_PRELOAD has, and further variables of the environment.
"""

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from kafka import BUILD, Cluster
from server import SANITIZER_MARKS, clean_environment, wait_for

PROGRAM = BUILD / "pbu-log-writer"
TOPIC = "pbu-log"

# The mock cluster lets a group wait for others for three seconds, and a writer that was killed is known for longer.
SECONDS = 90.0


def line(number: int, level: int = 20, name: str | None = "my.app", **fields: object) -> bytes:
    """A message as the server publishes it."""
    record: dict[str, object] = {
        "name": name, "msg": "message %d", "args": [number], "levelno": level, "created": 1795387123.5, "msecs": 500.0,
        "message": f"message {number}", "remote_addr": "192.0.2.7", "received": "2026-11-22T22:38:43.048Z"}
    record |= fields
    return json.dumps({k: v for k, v in record.items() if v is not ...}, separators=(",", ":")).encode()


class Writer:
    """See the head of this file."""

    def __init__(self, folder: Path, cluster: Cluster, preload: Sequence[str | Path] = (),
                 environment: dict[str, str] | None = None, **settings: object):
        self.cwd = folder
        self.folder = folder / "logs"
        self.metrics_file = folder / "writer.prom"
        self.stderr_file = folder / "stderr"
        self.preload = list(preload)
        self.environment = environment or {}
        # As brokers do not take less. A real one lets a member that was killed come back at once; these wait until it is forgotten.
        config = folder / "kafka.properties"
        config.write_text("session.timeout.ms=6000\nheartbeat.interval.ms=500\n")
        self.settings: dict[str, object] = {
            "LOG_FOLDER": self.folder, "METRICS_FILE": self.metrics_file, "KAFKA_BROKERS": cluster.brokers,
            "KAFKA_CONFIG": config,
            "LOG_FORMAT": "%(message)s", "KAFKA_TOPIC": TOPIC, **settings}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> Self:
        env = clean_environment(**self.settings) | self.environment
        if self.preload:
            env["LD_PRELOAD"] = ":".join(map(str, self.preload))
        with self.stderr_file.open("ab") as stderr:
            self.process = subprocess.Popen([PROGRAM], env=env, cwd=self.cwd, stdin=subprocess.DEVNULL, stderr=stderr)
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        assert self.process is not None
        return self.process.poll() is None

    @property
    def stderr(self) -> str:
        return self.stderr_file.read_text(errors="replace") if self.stderr_file.exists() else ""

    def wait(self, seconds: float = SECONDS) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        """SIGTERM; it must end well."""
        assert self.alive, self.stderr
        self.send(signal.SIGTERM)
        assert self.wait() == 0, self.stderr
        self.check()

    def kill(self) -> None:
        if self.process is not None and self.alive:
            self.send(signal.SIGKILL)
            self.wait()
        self.check()

    def check(self) -> None:
        for mark in SANITIZER_MARKS:
            assert mark not in self.stderr, self.stderr

    def files(self, name: str) -> list[Path]:
        """A log file and those that it was rolled over to, the oldest first."""
        def age(path: Path) -> tuple[int, str, int]:
            rest = path.name[len(name) + 1:]
            period, _, number = rest.partition(".")
            return (1 if rest == "" else 0, period, int(number or 0))
        found = [path for path in self.folder.glob(f"{name}*") if re.fullmatch(rf"{re.escape(name)}(\.[-\d_]+(\.\d+)?)?", path.name)]
        return sorted(found, key=age)

    def text(self, name: str) -> str:
        text = ""
        for path in self.files(name):
            with contextlib.suppress(FileNotFoundError):  # it is being renamed
                text += path.read_text()
        return text

    def lines(self, name: str) -> list[str]:
        return self.text(name).splitlines()

    def checkpoint(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / ".checkpoint").read_text())
        return found

    def metrics(self) -> dict[str, float]:
        if not self.metrics_file.exists():
            return {}
        rows = re.findall(r"^pbu_log_writer_(\S+) (\S+)$", self.metrics_file.read_text(), re.MULTILINE)
        return {name: float(value) for name, value in rows}

    def wait_for_lines(self, name: str, count: int) -> list[str]:
        wait_for(lambda: len(self.lines(name)) >= count or not self.alive, f"{count} lines in {name}", seconds=SECONDS, pause=0.05)
        assert len(self.lines(name)) >= count, self.stderr
        return self.lines(name)

    def _has_told(self) -> bool:
        """Whether the metrics, if there are any, are younger than the checkpoint, after which they are written."""
        if self.settings["METRICS_FILE"] is None:
            return True
        made = (self.folder / ".checkpoint").stat().st_mtime_ns
        return self.metrics_file.exists() and self.metrics_file.stat().st_mtime_ns > made

    def wait_until_read(self, places: dict[int, int]) -> None:
        """Until all that was produced is in a checkpoint, the next offset of each partition, and the metrics say so."""
        def read() -> bool:
            if not self.alive or not (self.folder / ".checkpoint").exists():
                return not self.alive
            parts = self.checkpoint()["partitions"]
            assert isinstance(parts, list)
            return {p["partition"]: p["next"] for p in parts} == places and self._has_told()
        wait_for(read, f"a checkpoint at {places}", seconds=SECONDS, pause=0.05)
        assert self.alive, self.stderr


def numbers(*writers: Writer) -> list[int]:
    return [int(row.split()[-1]) for writer in writers for row in writer.lines("info.log")]


# So long that no other file, such as stderr, is as long as info.log.
LARGE = "x" * 200_000 + " 0"


def fill_disk(writer: Writer) -> None:
    """info.log takes four bytes more, as if there was no room."""
    size = (writer.folder / "info.log").stat().st_size
    resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (size + 4, resource.RLIM_INFINITY))


def partitions(writer: Writer) -> int:
    return int(writer.metrics().get("partitions", 0)) if writer.alive else 0
