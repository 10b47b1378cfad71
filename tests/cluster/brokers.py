"""Three Kafka brokers, each a process that can be killed, stopped, started again, cut off, or run out of disk.

    brokers = Brokers(folder, [Machine("127.0.0.1")] * 3)
    brokers.start()
    brokers.create_topic("pbu-log")
    brokers.all[0].kill()
    brokers.close()
"""

import base64
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from disk import Disk
from network import WITH_US, Machine
from server import TREE, free_port, wait_for

KAFKA = TREE / os.environ.get("BUILD_DIR", "build") / "kafka"
TOPIC = "pbu-log"
PARTITIONS = 12
MEMORY = 256  # MiB of heap for each
START_SECONDS = 120.0


def shell(script: str, *arguments: object) -> str:
    """What tools/kafka.sh does for start-cluster.sh."""
    done = subprocess.run(["bash", "-c", f'tree=$0; . "$tree/tools/kafka.sh"; {script}', str(TREE), *map(str, arguments)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fetch() -> None:
    """Once: Kafka from Maven Central."""
    shell('kafka_fetch "$@"', KAFKA)


def java(memory: int, folder: Path, *words: object) -> list[str]:
    return shell('kafka_java "$@"; printf "%s\\n" "${java[@]}"', KAFKA, memory, folder, *words).splitlines()


class Broker:
    def __init__(self, number: int, folder: Path, machine: Machine, disk: Disk | None, warm: bool) -> None:
        self.number, self.folder, self.machine, self.disk = number, folder, machine, disk
        self.command = java(1024 if warm else MEMORY, folder / "unpacked", "kafka.Kafka", folder / "broker.properties")
        if warm:
            self.command.insert(1, "-server")
            self.command = [word for word in self.command if not word.startswith("-XX:TieredStopAtLevel")]
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        assert not self.running
        before = self.disk.before if self.disk else ()
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen(
                [*WITH_US, *self.machine.before, *before, *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stopped = False

    def kill(self, number: int = signal.SIGKILL) -> None:
        """And waits for its end."""
        assert self.process
        self.process.send_signal(number)
        if self.stopped and number != signal.SIGKILL:
            self.resume()
        self.process.wait(60)
        self.stopped = False

    def pause(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    @property
    def log(self) -> str:
        return (self.folder / "broker.log").read_text(errors="replace")


class Brokers:
    def __init__(self, folder: Path, machines: Sequence[Machine], *, extra: str = "", disk: bool = False,
                 warm: bool = False) -> None:
        """
        extra: lines for the broker's properties, which win; {listeners} and
        {advertised} stand there for those with one more, named SECURED. disk: the first one has one of its own. warm:
        they are to be fast, after a while, and not to start fast.
        """
        fetch()
        self.topic = TOPIC
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        places = [(machine.address, free_port(), free_port()) for machine in machines]
        self.secured_ports = [free_port() for _ in machines]
        self.all: list[Broker] = []
        self.machine = machines[0]
        for number, machine in enumerate(machines, 1):
            at = folder / f"broker-{number}"
            at.mkdir(parents=True)
            small = Disk(at / "data") if disk and number == 1 else None
            within = small.before if small else ()
            words = " ".join(f"{address}:{port}:{controller}" for address, port, controller in places)
            subprocess.run([*within, "bash", "-c", f'tree=$0; . "$tree/tools/kafka.sh"; kafka_render "$@" {words}', str(TREE),
                            str(at), cluster, str(number)], check=True)
            with open(at / "broker.properties", "a", encoding="utf-8") as f:
                _, port, controller = places[number - 1]
                client = f"CLIENT://{machine.address}:{port}"
                secured = f"SECURED://{machine.address}:{self.secured_ports[number - 1]}"
                f.write(extra.format(listeners=f"{client},CONTROLLER://{machine.address}:{controller},{secured}",
                                     advertised=f"{client},{secured}"))
            self.all.append(Broker(number, at, machine, small, warm))
        self.secured = ",".join(f"{p[0]}:{port}" for p, port in zip(places, self.secured_ports, strict=True))
        self.servers = ",".join(f"{address}:{port}" for address, port, _ in places)

    def start(self) -> None:
        for broker in self.all:
            broker.start()
        self.wait()

    def wait(self) -> None:
        """Until all of them are there."""
        def there() -> bool:
            for broker in self.all:
                assert broker.running, f"broker {broker.number} has ended:\n{broker.log[-3000:]}"
            return len(self.metadata().get("brokers", ())) == len(self.all)

        wait_for(there, "three brokers", START_SECONDS, 0.1)

    def tool(self, *words: object) -> str:
        done = subprocess.run([*self.machine.before, *java(64, self.all[0].folder / "unpacked", *words)], capture_output=True,
                              text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def create_topic(self, name: str = TOPIC, partitions: int = PARTITIONS, config: Mapping[str, object] | None = None) -> None:
        settings = {"min.insync.replicas": 2, **(config or {})}
        self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.servers, "--create", "--if-not-exists",
                  "--topic", name, "--partitions", partitions, "--replication-factor", len(self.all),
                  *(word for key, value in settings.items() for word in ("--config", f"{key}={value}")))
        self.wait_in_sync(name)

    def delete_topic(self, name: str = TOPIC) -> None:
        self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.servers, "--delete", "--topic", name)

    # --- what they say ---

    def metadata(self, topic: str | None = None) -> dict[str, Any]:
        """As kcat prints it; empty when none of them answers."""
        done = subprocess.run([*self.machine.before, "kcat", "-b", self.servers, "-L", "-J", "-m", "5",
                               *(("-t", topic) if topic else ())], capture_output=True, text=True, timeout=30, check=False)
        found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 and done.stdout else {}
        return found

    def partitions(self, topic: str = TOPIC) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [x for t in self.metadata(topic).get("topics", ()) for x in t["partitions"]]
        return sorted(found, key=lambda x: int(x["partition"]))

    def leader(self, partition: int) -> Broker:
        number = wait_for(lambda: [x["leader"] for x in self.partitions() if x["partition"] == partition and x["leader"] > 0],
                          f"partition {partition} has a leader", 60, 0.1)[0]
        return self.all[number - 1]

    def in_sync(self, topic: str = TOPIC) -> bool:
        found = self.partitions(topic)
        return bool(found) and all(len(x["isrs"]) == len(self.all) and x["leader"] > 0 for x in found)

    def wait_in_sync(self, topic: str = TOPIC, seconds: float = START_SECONDS) -> None:
        """Until every partition has all its replicas again."""
        wait_for(lambda: self.in_sync(topic), f"all replicas of {topic} are in sync", seconds, 0.2)

    def close(self) -> None:
        for broker in self.all:
            if broker.running:
                broker.kill()
            if broker.disk:
                broker.disk.close()
