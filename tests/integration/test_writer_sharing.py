"""Several pbu-log-writers of a group: partitions change hands, and nothing is lost."""

import resource
import signal
from collections.abc import Callable

import pytest
from writing import LARGE, SECONDS, Writer, fill_disk, line, numbers, partitions

from kafka import Cluster, has_kafka
from pausing import pause
from server import wait_for

pytestmark = [pytest.mark.writer, pytest.mark.skipif(not has_kafka(), reason="built without Kafka")]


def test_what_another_writer_has_read_is_not_read_again(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    first, second = make("first"), make("second", KAFKA_INSTANCE="second")
    brokers.produce(topic, 0, b"a", line(0))
    first.start()
    first.wait_until_read({0: 1})
    first.stop()
    second.start()
    brokers.produce(topic, 0, b"a", line(1))
    second.wait_until_read({0: 2})
    second.stop()
    brokers.produce(topic, 0, b"a", line(2))
    first.start()
    first.wait_until_read({0: 3})
    assert "another writer has read it from offset 1 to 2" in first.stderr
    first.stop()
    assert (numbers(first), numbers(second)) == ([0, 2], [1])


def test_writers_share_the_partitions(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    """Each record is there once. Unlike real brokers (tests/cluster/test_storm.py), these take no commit while others join: so
    nothing is sent then, and what was sent before is committed."""
    first, second = make("first").start(), make("second", KAFKA_INSTANCE="second")
    sent = 0

    def send(count: int) -> None:
        nonlocal sent
        for _ in range(count):
            brokers.produce(topic, sent % 2, b"a", line(sent))
            sent += 1

    def all_are_there() -> bool:
        return set(numbers(first, second)) == set(range(sent))

    wait_for(lambda: partitions(first) == 2, "both partitions", seconds=SECONDS)
    send(10)
    wait_for(lambda: brokers.committed(topic, group=topic) == {0: 5, 1: 5}, "what was read is committed", seconds=SECONDS)
    second.start()
    wait_for(lambda: partitions(first) == partitions(second) == 1, "a partition each", seconds=SECONDS)
    send(20)
    wait_for(all_are_there, "all records", seconds=SECONDS)
    # One that is gone is replaced, when the group has not heard of it for some time.
    second.stop()
    send(10)
    wait_for(lambda: partitions(first) == 2, "both partitions", seconds=SECONDS)
    wait_for(all_are_there, "all records", seconds=SECONDS)
    first.stop()
    assert sorted(numbers(first, second)) == list(range(sent)), first.stderr + second.stderr
    assert len(numbers(second)) >= 5


def test_a_writer_that_was_stopped_for_too_long_has_lost_its_partitions(
        brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    """What it had written and not committed is written by another once more, and by nobody a third time."""
    first, second = make("first").start(), make("second", KAFKA_INSTANCE="second")
    for i in range(10):
        brokers.produce(topic, i % 2, b"a", line(i))
    wait_for(lambda: partitions(first) == 2, "both partitions", seconds=SECONDS)
    pause(first.pid)
    try:
        second.start()
        for i in range(10, 20):
            brokers.produce(topic, i % 2, b"a", line(i))
        wait_for(lambda: partitions(second) == 2 and set(numbers(second)) >= set(range(10, 20)), "the other one", seconds=SECONDS)
    finally:
        first.send(signal.SIGCONT)
    wait_for(lambda: partitions(first) == partitions(second) == 1, "a partition each", seconds=SECONDS)
    for i in range(20, 30):
        brokers.produce(topic, i % 2, b"a", line(i))
    wait_for(lambda: set(numbers(first, second)) == set(range(30)), "all records", seconds=SECONDS)
    first.stop()
    second.stop()
    both = numbers(first, second)
    assert all(both.count(n) <= 2 for n in both)
    assert sorted(set(numbers(first))) == sorted(numbers(first)) and sorted(set(numbers(second))) == sorted(numbers(second))
    assert {n for n in both if both.count(n) == 2} <= set(range(20))


def test_one_that_has_no_partition_takes_over(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    """More writers than partitions: a spare one waits, reads when it is needed, and ends like the others."""
    brokers.topic(one := topic + "-one", 1)
    writers = [make(name, KAFKA_INSTANCE=name, KAFKA_TOPIC=one).start() for name in ("first", "second")]
    brokers.produce(one, 0, b"a", line(0))
    wait_for(lambda: all(w.metrics().get("rebalances_total", 0) > 0 for w in writers)
             and sorted(map(partitions, writers)) == [0, 1] and numbers(*writers), "one has the partition", seconds=SECONDS)
    reader, spare = sorted(writers, key=partitions, reverse=True)
    reader.kill()
    brokers.produce(one, 0, b"a", line(1))
    wait_for(lambda: partitions(spare) == 1 and 1 in numbers(spare), "the other has it", seconds=SECONDS)
    reader.start()
    wait_for(lambda: reader.metrics().get("rebalances_total", 0) > 0
             and sorted(map(partitions, writers)) == [0, 1], "one has the partition", seconds=SECONDS)
    for writer in sorted(writers, key=partitions):
        writer.stop()
        assert "don't answer" not in writer.stderr
    assert sorted(set(numbers(*writers))) == [0, 1]


def test_partitions_change_hands_while_a_disk_is_full(brokers: Cluster, topic: str, make: Callable[..., Writer]) -> None:
    """What a writer keeps, or gets back, it reads when there is room again."""
    first, second = make("first").start(), make("second", KAFKA_INSTANCE="second")
    for partition in 0, 1:
        brokers.produce(topic, partition, b"a", line(0, message=LARGE))
    first.wait_until_read({0: 1, 1: 1})
    fill_disk(first)
    for i in range(1, 11):
        brokers.produce(topic, i % 2, b"a", line(i))
    wait_for(lambda: first.metrics()["waits_for_disk"] == 1, "it waits", seconds=SECONDS)
    second.start()
    wait_for(lambda: partitions(first) == partitions(second) == 1, "a partition each", seconds=SECONDS)
    second.stop()
    wait_for(lambda: partitions(first) == 2, "both partitions", seconds=SECONDS)
    resource.prlimit(first.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for i in range(11, 21):
        brokers.produce(topic, i % 2, b"a", line(i))
    wait_for(lambda: set(numbers(first, second)) == set(range(21)), "all records", seconds=SECONDS)
    first.stop()
