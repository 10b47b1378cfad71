"""pbu-log-writer when something goes wrong: the disk, the brokers, the topic, the clock. Nothing is lost, what is twice is
counted, and each is told."""

import json
import os
import resource
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from writing import LARGE, PROGRAM, SECONDS, Writer, fill_disk, line, numbers

from kafka import Cluster, has_kafka
from server import wait_for

pytestmark = [pytest.mark.writer, pytest.mark.skipif(not has_kafka(), reason="built without Kafka")]


def test_a_full_disk_is_waited_for(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    writer = make().start()
    brokers.produce(topic, 0, b"a", line(0, message=LARGE))
    writer.wait_until_read({0: 1})
    fill_disk(writer)
    for i in range(1, 100):
        brokers.produce(topic, i % 2, b"a", line(i))
    wait_for(lambda: "can't write" in writer.stderr, "that it is told", seconds=SECONDS)
    assert writer.alive
    writer.wait_until_read({0: 1})  # still
    wait_for(lambda: writer.metrics()["waits_for_disk"] == 1, "that the metrics say so", seconds=SECONDS)
    resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    writer.wait_until_read({0: 50, 1: 50})
    wait_for(lambda: writer.metrics()["waits_for_disk"] == 0, "that the metrics say so", seconds=SECONDS)
    assert writer.metrics()["write_errors_total"] > 0
    assert writer.metrics()["rebalances_total"] == 1
    writer.stop()
    assert sorted(numbers(writer)) == list(range(100))


def test_it_ends_while_the_disk_is_full(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    writer = make().start()
    brokers.produce(topic, 0, b"a", line(0, message=LARGE), batch=b"x-1:0")
    writer.wait_until_read({0: 1})
    fill_disk(writer)
    for i in range(1, 10):
        brokers.produce(topic, 0, b"a", line(i), batch=b"x-1:%d" % i)
    wait_for(lambda: "can't write" in writer.stderr, "that it is told", seconds=SECONDS)
    writer.stop()
    assert numbers(writer) == [0]
    writer.start()
    writer.wait_until_read({0: 10})
    writer.stop()
    assert numbers(writer) == list(range(10))


@pytest.mark.parametrize("killed", [False, True], ids=["goes-on", "killed"])
def test_a_checkpoint_that_has_no_room(brokers: Cluster, topic: str, make: Callable[..., Writer], killed: bool) -> None:
    """Log files have some still, and it can't be replaced: the one that is there stays, whole, until there is room."""
    writer = make(METRICS_FILE=None).start()
    # What was seen makes it by far the longest of all files.
    for i in range(40):
        brokers.produce(topic, 0, b"a", line(i), batch=b"client-%040d-1:0" % i)
    writer.wait_until_read({0: 40})
    size = (writer.folder / ".checkpoint").stat().st_size
    resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (size - 100, resource.RLIM_INFINITY))
    for i in range(40, 50):
        brokers.produce(topic, 0, b"a", line(i))
    wait_for(lambda: ".checkpoint\": " in writer.stderr, "that it is told", seconds=SECONDS)
    wait_for(lambda: len(numbers(writer)) == 50, "that they are appended", seconds=SECONDS)
    writer.wait_until_read({0: 40})  # still
    if killed:
        writer.kill()
        writer.start()
    else:
        resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    writer.wait_until_read({0: 50})
    writer.stop()
    assert numbers(writer) == list(range(50))


def test_brokers_that_are_away_are_waited_for(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    with Cluster(brokers=1, topics={topic: 1}) as cluster:
        writer = make(cluster=cluster).start()
        cluster.produce(topic, 0, b"a", line(0))
        writer.wait_until_read({0: 1})
        cluster.down()
        wait_for(lambda: "broker" in writer.stderr, "that it is told", seconds=SECONDS)
        # It ends all the same, and starts without brokers.
        writer.stop()
        writer.start()
        wait_for(lambda: writer.stderr.count("broker") > 1, "that it is told", seconds=SECONDS)
        assert writer.alive
        cluster.up()
        cluster.produce(topic, 0, b"a", line(1))
        writer.wait_until_read({0: 2})
        writer.stop()
    assert numbers(writer) == [0, 1]


def test_it_ends_while_a_commit_has_no_answer(topic: str, make: Callable[..., Writer]) -> None:
    """librdkafka alone would wait for it for ever."""
    with Cluster(brokers=1, topics={topic: 1}) as cluster:
        writer = make(cluster=cluster).start()
        cluster.produce(topic, 0, b"a", line(0))
        writer.wait_until_read({0: 1})
        wait_for(lambda: writer.metrics()["commits_total"] > 0, "it is committed", seconds=SECONDS)
        commits = writer.metrics()["commits_total"]
        cluster.slow(1, 4000)
        cluster.produce(topic, 0, b"a", line(1))
        wait_for(lambda: writer.metrics()["commits_total"] > commits, "it is on its way to be committed", seconds=SECONDS)
        cluster.down()
        writer.stop()
        # The checkpoint has it.
        cluster.slow(1, 0)
        cluster.up()
        writer.start()
        cluster.produce(topic, 0, b"a", line(2))
        writer.wait_until_read({0: 3})
        writer.stop()
    assert numbers(writer) == [0, 1, 2]


def test_what_the_topic_has_deleted_is_told(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    writer = make(LOG_FORMAT="%(k)s").start()
    brokers.produce(topic, 0, b"a", line(0, k=0))
    writer.wait_until_read({0: 1})
    writer.stop()
    # A partition of the mock brokers keeps 5 MiB.
    for i in range(1, 90):
        brokers.produce(topic, 0, b"a", line(i, k=i, filler="x" * 80_000))
    writer.start()
    writer.wait_until_read({0: 90})
    lost = int(writer.metrics()["lost_messages_total"])
    assert lost > 10
    assert f"{lost} messages, from offset 1 on, were deleted from the topic before they were read" in writer.stderr
    writer.stop()
    assert numbers(writer) == [0, *range(1 + lost, 90)]


def edit_checkpoint(writer: Writer, **changes: object) -> None:
    found = writer.checkpoint()
    parts = found["partitions"]
    assert isinstance(parts, list)
    for name, value in changes.items():
        if name in found:
            found[name] = value
        else:
            parts[0][name] = value
    (writer.folder / ".checkpoint").write_text(json.dumps(found))


def test_it_goes_on_where_the_topic_has_deleted_all_that_was_read(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    """The last message that was read can't be read once more, to see whether the topic is the same."""
    writer = make(LOG_FORMAT="%(k)s")
    for i in range(90):
        brokers.produce(topic, 0, b"a", line(i, k=i, filler="x" * 80_000))
    writer.start()
    writer.wait_until_read({0: 90})
    writer.stop()
    first = numbers(writer)[0]
    assert first > 10
    # As if it had read up to there, and so had its group.
    writer.settings["KAFKA_GROUP"] = f"{topic}-2"
    edit_checkpoint(writer, next=first, group=f"{topic}-2")
    (writer.folder / "info.log").unlink()
    writer.start()
    writer.wait_until_read({0: 90})
    assert writer.metrics()["lost_messages_total"] == 0
    writer.stop()
    assert numbers(writer) == list(range(first, 90))


@pytest.mark.parametrize("changes, told, again", [
    # What is at the last offset that was read is another message; there is none, and the last that is marked is the same, or is
    # another; it is another cluster.
    ({"timestamp": 5}, "is another message than the one that was read", True),
    ({"next": 1000}, "ends at offset 3, and was read up to 1000", False),
    ({"next": 1000, "marks": [{"offset": 0, "timestamp": 5}]}, "at offset 0 is another message than the one that was read", True),
    ({"cluster": "another"}, "this is another cluster than before", True),
], ids=["message", "end", "end-and-message", "cluster"])
def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
        brokers: Cluster, topic: str, make: Callable[..., Writer], changes: dict[str, object], told: str, again: bool) -> None:
    """But for what was sent before."""
    writer = make().start()
    brokers.produce(topic, 0, b"a", line(0), batch=b"x-1:0")
    for i in (1, 2):
        brokers.produce(topic, 0, b"a", line(i))
    writer.wait_until_read({0: 3})
    writer.stop()
    edit_checkpoint(writer, **changes)
    # As the brokers forget what a group has committed of a topic that is deleted.
    edit_checkpoint(writer, group=f"{topic}-2")
    writer.settings["KAFKA_GROUP"] = f"{topic}-2"
    writer.start()
    wait_for(lambda: told in writer.stderr, "that it is told", seconds=SECONDS)
    brokers.produce(topic, 0, b"a", line(3))
    writer.wait_until_read({0: 4})
    writer.stop()
    assert numbers(writer) == [0, 1, 2, *([1, 2] if again else []), 3]


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(number: int) -> bytes:
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def raw_produce(cluster: Cluster, topic: str, partition: int, values: list[bytes], broken: bool = False) -> None:
    """A Produce request (version 3) of a set of messages, whose checksum may be wrong: the Kafka protocol guide, "Record Batch"."""
    records = b""
    for i, value in enumerate(values):
        record = b"\0" + varint(0) + varint(i) + varint(-1) + varint(len(value)) + value + varint(0)
        records += varint(len(record)) + record
    tail = struct.pack(">hiqqqhii", 0, len(values) - 1, 1000, 1000, -1, -1, -1, len(values)) + records
    batch = struct.pack(">ibI", 0, 2, crc32c(tail) ^ (1 if broken else 0)) + tail
    batch = struct.pack(">qi", 0, len(batch)) + batch
    name = topic.encode()
    body = struct.pack(">hhih", 0, 3, 1, -1) + struct.pack(">hhi", -1, 1, 5000) + struct.pack(">ih", 1, len(name)) + name
    body += struct.pack(">iii", 1, partition, len(batch)) + batch
    host, _, port = cluster.brokers.split(",")[0].partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as s:
        s.sendall(struct.pack(">i", len(body)) + body)
        assert len(s.recv(4096)) > 8


def test_messages_whose_checksum_is_wrong_are_counted_and_told(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    assert crc32c(b"123456789") == 0xE3069283
    raw_produce(brokers, topic, 0, [line(0)])
    raw_produce(brokers, topic, 0, [line(i) for i in range(1, 12)], broken=True)
    raw_produce(brokers, topic, 0, [line(i) for i in range(12, 15)])
    raw_produce(brokers, topic, 1, [line(100)])
    raw_produce(brokers, topic, 1, [line(101)], broken=True)  # the last one
    writer = make().start()
    writer.wait_until_read({0: 15, 1: 2})
    wait_for(lambda: writer.metrics()["lost_messages_total"] == 12, "that they are counted", seconds=SECONDS)
    assert writer.metrics()["broken_sets_total"] == 2
    assert "partition 0, offset 1: the checksum of messages is wrong" in writer.stderr
    assert "partition 0: 11 messages, from offset 1 on, are broken, and passed over" in writer.stderr
    brokers.produce(topic, 1, b"a", line(102))
    writer.wait_until_read({0: 15, 1: 3})
    writer.stop()
    assert sorted(numbers(writer)) == [0, 12, 13, 14, 100, 102]


def zone_of(seconds: int) -> str:
    """A time zone, as POSIX writes it, in which it is midnight in so many seconds."""
    east = (-seconds - int(time.time())) % 86400
    west = -east if east <= 43200 else 86400 - east
    sign, west = ("-", -west) if west < 0 else ("+", west)
    return f"TST{sign}{west // 3600:02d}:{west // 60 % 60:02d}:{west % 60:02d}"


def test_files_are_rolled_over_at_midnight(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    """Without a message, too; and what comes afterwards is in the new file."""
    writer = make(TZ=zone_of(45))
    brokers.produce(topic, 0, b"a", line(0))
    writer.start()
    writer.wait_until_read({0: 1})
    assert len(writer.files("info.log")) == 1, "it took too long to start"
    wait_for(lambda: len(writer.files("info.log")) == 2, "midnight", seconds=SECONDS)
    wait_for(lambda: (writer.folder / "info.log").exists(), "the new file", seconds=SECONDS)
    brokers.produce(topic, 0, b"a", line(1))
    writer.wait_until_read({0: 2})
    writer.stop()
    assert [path.read_text() for path in writer.files("info.log")] == ["message 0\n", "message 1\n"]


def test_old_files_are_deleted(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    writer = make(LOG_MAX_BYTES=20, LOG_BACKUP_COUNT=2)
    for i in range(20):
        brokers.produce(topic, 0, b"a", line(i))
    writer.start()
    writer.wait_until_read({0: 20})
    wait_for(lambda: len(writer.files("info.log")) == 3, "that old files are deleted", seconds=SECONDS)
    writer.stop()
    assert numbers(writer) == list(range(14, 20)) or numbers(writer)[-1] == 19
    assert max(len(path.read_text()) for path in writer.files("info.log")) <= 22


def test_an_entry_larger_than_a_file(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    writer = make(LOG_MAX_BYTES=30, LOG_FORMAT="%(message)s")
    for i, text in enumerate(["a", "b" * 100, "c", "d" * 30, "e" * 29, "f", "g"]):
        brokers.produce(topic, 0, b"a", line(i, message=text))
    writer.start()
    writer.wait_until_read({0: 7})
    writer.stop()
    assert [path.read_text() for path in writer.files("info.log")] == [
        "a\n", "b" * 100 + "\n", "c\n", "d" * 30 + "\n", "e" * 29 + "\n", "f\ng\n"]


@pytest.mark.once  # a sanitizer's memory is its own
def test_memory_is_waited_for(brokers: Cluster, topic: str, make: Callable[..., Writer], tmp_path: Path) -> None:
    """Also for an entry that goes into the next file: none is left out, none is torn."""
    library = tmp_path / "fail_realloc.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-Wall", "-shared", "-fPIC", "-o", library,
                    Path(__file__).with_name("fail_realloc.c")], check=True)
    writer = make(LOG_MAX_BYTES=60_000, LOG_BACKUP_COUNT=100, preload=[library])
    texts = [letter * size for letter, size in zip("abcde", (70_000, 150_000, 300_000, 600_000, 900_000), strict=True)]
    for i, text in enumerate(texts):
        brokers.produce(topic, 0, b"a", line(i, message=text))
    writer.start()
    writer.wait_until_read({0: 5})
    assert "there is no memory for a message: waiting" in writer.stderr
    writer.stop()
    assert writer.lines("info.log") == texts


def test_readers_are_shown_what_is_in_a_checkpoint(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    """Nothing that may be cut back: the lock of the file says so (files/committed.h)."""
    writer = make()
    brokers.produce(topic, 0, b"a", line(0))
    writer.start()
    writer.wait_until_read({0: 1})
    locks = Path("/proc/locks").read_text()
    inode = (writer.folder / "info.log").stat().st_ino
    # OFDLCK ADVISORY WRITE -1 device:inode FROM TO
    assert [row.split()[-2:] for row in locks.splitlines() if f":{inode} " in row and "OFDLCK" in row] == [["10", "EOF"]]
    writer.stop()


def test_every_thread_is_confined(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    """librdkafka's, too: by a filter of system calls, where it was built with one."""
    writer = make()
    brokers.produce(topic, 0, b"a", line(0))
    writer.start()
    writer.wait_until_read({0: 1})
    tasks = [(path / "status").read_text() for path in Path(f"/proc/{writer.pid}/task").iterdir()]
    assert len(tasks) > 3 and all("NoNewPrivs:\t1" in task for task in tasks)
    if "#define HAVE_SECCOMP 1" in (PROGRAM.parent / "config.h").read_text():
        assert all("Seccomp:\t2" in task for task in tasks)
    writer.stop()
