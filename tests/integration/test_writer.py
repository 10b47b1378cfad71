"""pbu-log-writer on mock brokers: what is published is in the files, once, also after it was stopped."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from writing import PROGRAM, SECONDS, TOPIC, Writer, line

from kafka import Cluster, has_kafka
from server import clean_environment, wait_for

pytestmark = [pytest.mark.writer, pytest.mark.skipif(not has_kafka(), reason="built without Kafka")]


@pytest.fixture(scope="module")
def brokers() -> Iterator[Cluster]:
    with Cluster(brokers=3, topics={}) as cluster:
        yield cluster


@pytest.fixture
def cluster(brokers: Cluster, request: pytest.FixtureRequest) -> tuple[Cluster, str]:
    """The brokers, and a topic of this test's own with two partitions."""
    topic = "topic-" + re.sub(r"[^a-z0-9]", "-", request.node.name)
    brokers.topic(topic, 2)
    return brokers, topic


@pytest.fixture
def writer(cluster: tuple[Cluster, str], tmp_path: Path) -> Iterator[Writer]:
    made = Writer(tmp_path, cluster[0], KAFKA_TOPIC=cluster[1], KAFKA_GROUP=cluster[1])
    yield made
    made.kill()


def test_each_record_is_written_once_in_the_order_of_its_partition(cluster: tuple[Cluster, str], writer: Writer) -> None:
    brokers, topic = cluster
    for i in range(100):
        brokers.produce(topic, i % 2, b"a", line(i, level=40 if i % 5 == 0 else 20))
    writer.start()
    writer.wait_until_read({0: 50, 1: 50})
    for i in range(100, 110):
        brokers.produce(topic, i % 2, b"a", line(i))
    writer.wait_until_read({0: 55, 1: 55})
    writer.stop()
    numbers = {name: [int(text.split()[1]) for text in writer.lines(name)] for name in ("info.log", "error.log")}
    assert sorted(numbers["error.log"]) == list(range(0, 100, 5))
    assert sorted(numbers["info.log"]) == [i for i in range(110) if i % 5 or i >= 100]
    for found in numbers.values():
        for partition in (0, 1):
            mine = [n for n in found if n % 2 == partition]
            assert mine == sorted(mine)


def test_a_writer_that_is_started_again_goes_on(cluster: tuple[Cluster, str], writer: Writer) -> None:
    brokers, topic = cluster
    for i in range(20):
        brokers.produce(topic, 0, b"a", line(i))
        if i % 5 == 4:
            writer.start()
            writer.wait_until_read({0: i + 1})
            writer.stop()
    assert writer.lines("info.log") == [f"message {i}" for i in range(20)]


def test_a_killed_writer_takes_back_what_is_not_in_the_checkpoint(cluster: tuple[Cluster, str], writer: Writer) -> None:
    brokers, topic = cluster
    brokers.produce(topic, 0, b"a", line(0))
    writer.start()
    writer.wait_until_read({0: 1})
    writer.kill()
    with (writer.folder / "info.log").open("a") as file:
        file.write("message 1\nhalf a li")
    (writer.folder / "error.log").write_text("message 2\n")
    brokers.produce(topic, 0, b"a", line(1))
    writer.start()
    writer.wait_until_read({0: 2})
    writer.stop()
    assert writer.lines("info.log") == ["message 0", "message 1"]
    assert writer.text("error.log") == ""
    assert writer.stderr.count("back to the checkpoint") == 2


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_written_is_not_written_again(cluster: tuple[Cluster, str], writer: Writer, restart: bool) -> None:
    """By batch and index, in one partition; also after a restart."""
    brokers, topic = cluster

    def send(number: int, batch: str, index: int, partition: int = 0) -> None:
        brokers.produce(topic, partition, b"a", line(number), batch=f"{batch}:{index}".encode())

    send(0, "abc-1", 0)
    send(2, "abc-1", 2)
    writer.start()
    writer.wait_until_read({0: 2})
    if restart:
        writer.stop()
        writer.start()
    for index in range(3):
        send(index, "abc-1", index)
    send(3, "abc-2", 0)
    send(3, "abc-2", 0)
    send(4, "abd-1", 0)
    send(5, "no key", 0)
    send(5, "no key", 0)
    send(6, "abc-1", 0, partition=1)
    writer.wait_until_read({0: 10, 1: 1})
    assert writer.metrics()["repeated_messages_total"] == 3
    writer.stop()
    assert sorted(writer.lines("info.log")) == [f"message {i}" for i in (0, 1, 2, 3, 4, 5, 5, 6)]


def test_what_is_no_record_goes_to_a_file_of_its_own(cluster: tuple[Cluster, str], writer: Writer) -> None:
    brokers, topic = cluster
    bad = [b"not json", b"[]", b'[{"msg": "m"}]', b'{"msg": "m"} x', b"{}", b'{"msg": "m", "levelno": "high"}', b"\xff\x00", b"",
           b'{"msg": "m", "created": 1e300}', b'{"msg": "' + b"x" * 500]
    for value in bad:
        brokers.produce(topic, 0, b"k", value)
    brokers.produce(topic, 0, b"a", line(1))
    writer.start()
    writer.wait_until_read({0: len(bad) + 1})
    assert writer.metrics()["rejected_messages_total"] == len(bad)
    writer.stop()
    assert writer.lines("info.log") == ["message 1"]
    rows = [json.loads(row) for row in writer.lines("rejected.log")]
    values = [bytes.fromhex(row["value_hex"]) if "value_hex" in row else row["value"].encode() for row in rows]
    assert values == bad
    assert [row["offset"] for row in rows] == list(range(len(bad)))
    assert {(row["topic"], row["partition"], row["key"]) for row in rows} == {(topic, 0, "k")}
    assert [row["why"].partition(",")[0] for row in rows][:3] == [
        "not JSON: expected a value", "not a record but an array of them", "not a record but an array of them"] or rows
    assert '"levelno" must be an integer' in rows[5]["why"]
    # Once, also when it is read again.
    writer.start()
    brokers.produce(topic, 0, b"a", line(2))
    writer.wait_until_read({0: len(bad) + 2})
    writer.stop()
    assert len(writer.lines("rejected.log")) == len(bad)


def test_levels_that_are_not_enabled(cluster: tuple[Cluster, str], writer: Writer) -> None:
    brokers, topic = cluster
    for level in (10, 20, 30, 40, 50):
        brokers.produce(topic, 0, b"a", line(level, level=level))
    writer.start()
    writer.wait_until_read({0: 5})
    assert writer.metrics()["dropped_records_total"] == 1
    writer.stop()
    assert writer.lines("info.log") == ["message 20", "message 30"]
    assert writer.lines("error.log") == ["message 40", "message 50"]
    assert not (writer.folder / "debug.log").exists()


def test_files_are_opened_again_at_sighup(cluster: tuple[Cluster, str], writer: Writer) -> None:
    brokers, topic = cluster
    brokers.produce(topic, 0, b"a", line(0))
    brokers.produce(topic, 0, b"a", b"bad")
    writer.start()
    writer.wait_until_read({0: 2})
    for name in ("info.log", "rejected.log"):
        (writer.folder / name).rename(writer.folder / f"moved-{name}")
    writer.send(signal.SIGHUP)
    wait_for(lambda: (writer.folder / "info.log").exists(), "a new file", seconds=SECONDS)
    brokers.produce(topic, 0, b"a", line(1))
    brokers.produce(topic, 0, b"a", b"worse")
    writer.wait_until_read({0: 4})
    writer.kill()  # the new ones are in the checkpoint
    with (writer.folder / "info.log").open("a") as file:
        file.write("not in it\n")
    writer.start()
    brokers.produce(topic, 0, b"a", line(2))
    writer.wait_until_read({0: 5})
    writer.stop()
    assert (writer.folder / "moved-info.log").read_text() == "message 0\n"
    assert (writer.folder / "info.log").read_text() == "message 1\nmessage 2\n"
    assert len((writer.folder / "moved-rejected.log").read_text().splitlines()) == 1
    assert len((writer.folder / "rejected.log").read_text().splitlines()) == 1


def test_metrics(cluster: tuple[Cluster, str], writer: Writer) -> None:
    brokers, topic = cluster
    for i in range(3):
        brokers.produce(topic, 0, b"a", line(i))
    writer.start()
    writer.wait_until_read({0: 3})
    wait_for(lambda: writer.metrics().get('lag_messages{partition="0"}') == 0 and writer.metrics().get("commits_total", 0) > 0,
             "the lag and a commit", seconds=SECONDS)
    found = writer.metrics()
    assert found['records_total{level="INFO"}'] == 3
    assert found["written_bytes_total"] == 3 * len("message 0\n")
    assert found['next_offset{partition="0"}'] == 3
    assert found["partitions"] == 2
    assert abs(found["checkpoint_timestamp_seconds"] - (writer.folder / ".checkpoint").stat().st_mtime) < 5
    writer.stop()


def test_a_checkpoint_of_another_topic_is_not_passed_over(cluster: tuple[Cluster, str], writer: Writer) -> None:
    writer.start()
    wait_for(lambda: (writer.folder / ".checkpoint").exists(), "a checkpoint", seconds=SECONDS)
    writer.stop()
    writer.settings["KAFKA_TOPIC"] = "another"
    writer.start()
    assert writer.wait() == 1
    assert "a folder of its own" in writer.stderr
    (writer.folder / ".checkpoint").write_text('{"version":1,')
    writer.start()
    assert writer.wait() == 1
    assert "it is not whole" in writer.stderr


def test_one_writer_a_folder(cluster: tuple[Cluster, str], writer: Writer, tmp_path: Path) -> None:
    writer.start()
    wait_for(lambda: (writer.folder / ".checkpoint").exists(), "a checkpoint", seconds=SECONDS)
    second = Writer(tmp_path, cluster[0], KAFKA_TOPIC=cluster[1], KAFKA_INSTANCE="second").start()
    assert second.wait() == 1
    assert f"{writer.pid}" in second.stderr
    writer.stop()


def test_mistakes_are_told() -> None:
    env = clean_environment(KAFKA_INSTANCE="a b", KAFKA_TOPIC="x" * 300, KAFKA_GROUP="y" * 300)
    done = subprocess.run([PROGRAM, "--check"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    for text in ("KAFKA_BROKERS: must be set", "KAFKA_INSTANCE=a b: must be", "KAFKA_TOPIC: is too long", "KAFKA_GROUP: is too long"):
        assert text in done.stderr


def test_systemd_is_told(cluster: tuple[Cluster, str], writer: Writer, tmp_path: Path) -> None:
    import socket
    if "#define HAVE_LIBSYSTEMD 1" not in (PROGRAM.parent / "config.h").read_text():
        pytest.skip("built without libsystemd")
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(SECONDS)
        writer.environment["NOTIFY_SOCKET"] = str(path)
        writer.start()
        assert b"READY=1" in listener.recv(4096)
        os.kill(writer.pid, signal.SIGHUP)
        assert b"RELOADING=1" in listener.recv(4096)
        assert b"READY=1" in listener.recv(4096)
        writer.send(signal.SIGTERM)
        assert b"STOPPING=1" in listener.recv(4096)
    assert writer.wait() == 0


def test_without_a_topic_it_waits(brokers: Cluster, tmp_path: Path) -> None:
    with Writer(tmp_path, brokers, KAFKA_TOPIC="later", KAFKA_GROUP="later") as writer:
        # The mock cluster makes a topic that is asked for: so it is told that there is none.
        brokers.topic("later", 1)
        brokers.topic_error("later", 3)
        wait_for(lambda: "there is no topic later" in writer.stderr, "that it is told", seconds=SECONDS)
        brokers.topic_error("later", 0)
        brokers.produce("later", 0, b"a", line(1))
        writer.wait_until_read({0: 1})
        assert writer.metrics()["topic_errors_total"] > 0
        writer.stop()
        assert writer.lines("info.log") == ["message 1"]


def test_the_default_topic() -> None:
    env = clean_environment(KAFKA_BROKERS="127.0.0.1:1")
    done = subprocess.run([PROGRAM, "--check"], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert f"KAFKA_TOPIC={TOPIC}" in done.stdout
