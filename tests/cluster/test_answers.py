"""What a server answers when brokers are away, with real ones: in time, in words, and it goes on by itself."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers import TOPIC
from cluster import Cluster
from load import Load, get, post
from server import wait_for

# 503 within 5 s, and again 200 within 5 s: with room for a machine that is busy with three brokers.
ROOM = 3.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(separate=False, writers=0, topic={"max.message.bytes": 100_000}) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def all_well(cluster: Cluster) -> Iterator[None]:
    yield
    for broker in cluster.brokers.all:
        if broker.stopped:
            broker.resume()
        if not broker.running:
            broker.start()
    cluster.brokers.wait_in_sync()
    cluster.wait_for(cluster.healthy, "the servers are ready again")


def memory(cluster: Cluster) -> int:
    """Of both servers, in bytes."""
    pids = [server.process.pid for server in cluster.servers if server.process]
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * 4096


def pause(cluster: Cluster) -> None:
    for broker in cluster.brokers.all:
        broker.pause()


def kill(cluster: Cluster) -> None:
    for broker in cluster.brokers.all:
        broker.kill()


@pytest.mark.parametrize("end", [pause, kill])
def test_all_brokers_away(cluster, end):
    """Sixteen clients keep trying meanwhile: memory stays where it is."""
    load = Load(cluster.nginx.path, 1)
    load.start()
    wait_for(lambda: all(load.progress()), "all clients are at it")
    end(cluster)
    for _ in range(3):
        began = time.monotonic()
        status, text, headers = post(cluster.nginx.path, {"msg": "x"})
        took = time.monotonic() - began
        assert status == 503 and int(headers["Retry-After"]) > 0 and took < 5 + ROOM, (status, text, headers, took)
        assert json.loads(text)["status"] is False
    wait_for(lambda: get(cluster.nginx.path, "/api/health")[0] == 503, "health says so", 15, 0.1)
    before = memory(cluster)
    for _ in range(40):
        assert post(cluster.nginx.path, [{"msg": "x" * 20_000}] * 20)[0] == 503
    assert memory(cluster) - before < 64 << 20
    assert post(cluster.nginx.path, {"msg": "x"})[1].count("broker"), "and why"
    for broker in cluster.brokers.all:
        if broker.stopped:
            broker.resume()
        else:
            broker.start()
    cluster.brokers.wait()
    wait_for(lambda: all(x["leader"] > 0 for x in cluster.brokers.partitions()) and cluster.brokers.partitions(),
             "the brokers are back", 60, 0.1)
    back = time.monotonic()
    now = load.progress()
    cluster.wait_for(lambda: load.goes_on_after(now), "all clients go on")
    assert time.monotonic() - back < 5 + ROOM
    load.finish()
    assert not load.wrong


def test_one_broker_away(cluster):
    """Two of three are enough; whose partitions it led, they lead."""
    broker = cluster.brokers.leader(0)
    broker.kill()
    cluster.wait_for(lambda: all(post(cluster.nginx.path, {"msg": "x", "name": f"n{n}"})[0] == 200 for n in range(20)),
                     "all partitions take records")
    assert get(cluster.nginx.path, "/api/health")[0] == 200


def test_too_few_replicas(cluster):
    """One broker of three leads nobody: nothing is acknowledged that only it would have."""
    for broker in cluster.brokers.all[:2]:
        broker.pause()
    with contextlib.suppress(AssertionError):
        wait_for(lambda: post(cluster.nginx.path, {"msg": "x"})[0] == 503, "it is refused", 20)
    began = time.monotonic()
    status, _, headers = post(cluster.nginx.path, {"msg": "x"})
    assert status == 503 and headers["Retry-After"] and time.monotonic() - began < 5 + ROOM


def test_larger_than_the_topic_takes(cluster):
    """As random as it may be: it is the bytes as they are that count. Others in the same moment are taken."""
    # A server asks the brokers for it; until they answer, Kafka's default counts.
    cluster.wait_for(lambda: all(post(cluster.nginx.path, {"msg": "x" * 120_000})[0] == 413 for _ in range(4)), "both servers know")
    load = Load(cluster.nginx.path, 2)
    load.start()
    for _ in range(20):
        status, text, _ = post(cluster.nginx.path, {"msg": "x" * 120_000})
        assert status == 413, text
        # Among others, it is named.
        status, text, _ = post(cluster.nginx.path, [{"msg": "small"}, {"msg": "x" * 120_000}])
        assert status == 413 and "1" in text, text
    load.finish()
    assert not load.wrong and set(load.answers) == {"200"}, load.answers


def test_topic_that_is_not_there(cluster):
    """It is said at the start, and by health; the topic made, it is used without a restart."""
    server = cluster.servers[0]
    server.stop()
    before = len(server.stderr)
    server.environment["KAFKA_TOPIC"] = "other"
    server.start()
    try:
        cluster.wait_for(lambda: "other" in server.stderr[before:] and "topic" in server.stderr[before:], "it is said")
        cluster.wait_for(lambda: any("other" in get(cluster.nginx.path, "/api/health")[1] for _ in range(4)), "by health, too")
        cluster.brokers.create_topic("other")
        cluster.wait_for(cluster.healthy, "it is used")
    finally:
        server.stop()
        server.environment["KAFKA_TOPIC"] = TOPIC
        server.start()
