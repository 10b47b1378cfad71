"""A Kafka cluster for tests: librdkafka's mock brokers (mock_cluster.c), in a process of their own.

    with Cluster(topics={"pbu-log": 4}) as cluster:
        cluster.brokers                # host:port,... for KAFKA_BROKERS
        cluster.down()                 # all brokers refuse connections; down(2): one
        cluster.up()
        cluster.error(PRODUCE, 19)     # the next answer to a produce request is NOT_ENOUGH_REPLICAS
        cluster.read("pbu-log")        # all messages, by partition and offset
        cluster.pause()                # all brokers hang, until cluster.resume()
"""

import fcntl
import functools
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pausing import pause
from server import TREE

BUILD = TREE / os.environ.get("BUILD_DIR", "build")
PROGRAM = "tests/integration/mock_cluster"

# Numbers of Kafka's requests (ApiKey).
PRODUCE, FETCH, METADATA, INIT_PRODUCER_ID = 0, 1, 3, 22


def has_kafka() -> bool:
    """Whether the build has Kafka."""
    return "#define HAVE_KAFKA 1" in (BUILD / "config.h").read_text()


@functools.cache
def program() -> Path:
    """The brokers, made where they are not yet; by one run of tests at a time."""
    with (BUILD / "config.h").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", BUILD, PROGRAM], check=True, stdout=subprocess.DEVNULL)
    return BUILD / PROGRAM


@dataclass
class Message:
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


def _bytes(text: str) -> bytes | None:
    return None if text == "-" else bytes.fromhex(text)


def _message(line: str) -> Message:
    _, partition, offset, key, value, headers = line.rstrip("\n").split(" ")
    pairs = [pair.split("=") for pair in headers.split(",") if pair]
    named = {bytes.fromhex(name).decode(): bytes.fromhex(text) for name, text in pairs}
    return Message(int(partition), int(offset), _bytes(key), _bytes(value), named)


class Cluster:
    """See the head of this file."""

    def __init__(self, brokers: int = 3, topics: dict[str, int] | None = None):
        self.lock = threading.Lock()
        self.topics = dict(topics if topics is not None else {"pbu-log": 4})
        words = [f"{name}:{partitions}" for name, partitions in self.topics.items()]
        self.process = subprocess.Popen(
            [program(), str(brokers), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.brokers = self._line().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the cluster ended with {self.process.wait()}"
        return line

    def command(self, *words: object) -> list[str]:
        """Gives a command, and returns the lines before its "ok". Any thread."""
        assert self.process.stdin is not None
        with self.lock:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            lines = []
            while (line := self._line()).startswith("message "):
                lines.append(line)
        assert line == "ok\n", (words, line)
        return lines

    def down(self, broker: int = 0) -> None:
        self.command("down", broker)

    def up(self, broker: int = 0) -> None:
        self.command("up", broker)

    def slow(self, broker: int, milliseconds: int) -> None:
        self.command("slow", broker, milliseconds)

    def error(self, api: int, *codes: int, times: int = 1) -> None:
        self.command("error", api, times, *codes)

    def clear(self, api: int) -> None:
        self.command("clear", api)

    def topic(self, name: str, partitions: int) -> None:
        self.command("topic", name, partitions)
        self.topics[name] = partitions

    def topic_error(self, name: str, code: int) -> None:
        self.command("topic_error", name, code)

    def leader(self, topic: str, partition: int, broker: int) -> None:
        self.command("leader", topic, partition, broker)

    def produce(self, topic: str, partition: int, key: bytes, value: bytes, **headers: bytes) -> None:
        self.command("produce", topic, partition, key.hex() or "-", value.hex() or "-",
                     *(f"{name.encode().hex()}={text.hex()}" for name, text in headers.items()))

    def read(self, topic: str) -> list[Message]:
        found = [_message(line) for line in self.command("read", topic, self.topics[topic])]
        return sorted(found, key=lambda message: (message.partition, message.offset))

    def committed(self, topic: str, group: str) -> dict[int, int]:
        """The offset of each partition; one below 0: none."""
        found = (row.split() for row in self.command("committed", topic, self.topics[topic], group))
        return {int(partition): int(offset) for _, partition, offset in found}

    def pause(self) -> None:
        pause(self.process.pid)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """All brokers are gone for good."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            assert self.process.stdin is not None
            self.process.stdin.close()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
