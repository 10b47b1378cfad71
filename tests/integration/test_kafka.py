"""KAFKA_BROKERS: the server publishes to a topic, through the real nginx; the brokers are librdkafka's mock ones."""

import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from kafka import BUILD, PRODUCE, Cluster, Message, has_kafka
from measured import measured
from server import TREE, Server, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(not has_kafka(), reason="built without Kafka")]

TOPIC = "pbu-log"
NOT_ENOUGH_REPLICAS, TOPIC_UNKNOWN, TOO_LARGE = 19, 3, 10
# What the program promises, and what a machine that is busy with something else may add.
PROMISED, BUSY = 5.0, 15.0

Start = Callable[..., Server]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(3, {TOPIC: 4}) as made:
        yield made


@pytest.fixture(scope="module")
def publisher(cluster: Cluster, start_module_server: Start) -> Server:
    """A server that publishes, for what breaks nothing."""
    server: Server = start_module_server(KAFKA_BROKERS=cluster.brokers, AUTH_TOKEN=None)
    return server


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """For a test that breaks it."""
    with Cluster(3, {TOPIC: 4}) as made:
        yield made


def key(name: str, number: int) -> dict[str, str]:
    return {"Idempotency-Key": f"{name}-{number}"}


def batch(message: Message) -> str:
    """Which record of which request: what a header of that name begins with."""
    return message.headers["batch"].decode().split(";")[0]


def of(messages: list[Message], client: str) -> list[Message]:
    """Those of a client's requests, by the header."""
    return [m for m in messages if m.headers["batch"].startswith(f"{client}-".encode())]


def name_of() -> str:
    return f"{random.getrandbits(64):016x}"


def metric(server: Server, name: str) -> float:
    for line in server.get("/metrics").text.splitlines():
        if line.startswith(f"pbu_log_{name} "):
            return float(line.split()[1])
    raise AssertionError(name)


def refused(answer: requests.Response, words: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "1"
    assert words in answer.json()["error"], answer.text


def until_taken(server: Server, what: object, client: str, number: int) -> None:
    wait_for(lambda: server.post(what, key(client, number)).status_code == 200, "it is taken", BUSY)


def test_a_record_is_a_message(publisher: Server, cluster: Cluster) -> None:
    client = name_of()
    record = {"name": "app.db", "levelname": "WARNING", "levelno": 30, "msg": "%s is %d", "args": ["x", 7], "own": [1.0, None]}
    assert publisher.post(record, key(client, 3)).json() == {"status": True}
    [message] = of(cluster.read(TOPIC), client)
    assert message.key == b"app.db"
    assert message.headers == {"level": b"WARNING", "batch": f"{client}-3:0;message".encode()}
    assert message.value is not None and b"\n" not in message.value
    line = json.loads(message.value)
    assert line.pop("received").endswith("Z")
    assert line == {**record, "message": "x is 7", "remote_addr": "127.0.0.1"}


def test_a_message_is_the_line_of_a_file(publisher: Server, cluster: Cluster, start_server: Start) -> None:
    """Of the records of two releases of the client, and of odd ones: what LOG_FORMAT=json writes."""
    files = start_server(LOG_FORMAT="json")
    client, expected = name_of(), []
    bodies = [line for path in sorted((TREE / "tests/records").glob("pbu-*[0-9].jsonl")) for line in path.read_bytes().splitlines()]
    bodies += [rb'{"msg":"\u0000\udcff\u2028","name":"\u0000"}', b'{"msg":NaN,"n":1e999,"i":123456789012345678901234567890}',
               b'{"event":"x","logger":"y","level":"error"}']
    for number, body in enumerate(bodies):
        assert publisher.post(body, key(client, number)).status_code == 200, body
        assert files.post(body).status_code == 200
    for name in ("debug.log", "info.log", "warning.log", "error.log"):
        expected += files.lines(name)

    def without_time(line: str) -> str:
        return line[:line.rindex('"received":')]

    found = [(m.value or b"").decode() for m in of(cluster.read(TOPIC), client)]
    assert sorted(map(without_time, found)) == sorted(map(without_time, expected))
    assert len(found) == len(bodies)


def test_order_and_partition_of_each_logger(publisher: Server, cluster: Cluster) -> None:
    client = name_of()
    loggers = [f"logger{i}" for i in range(12)]
    choice = random.Random(7)
    sent: dict[str, list[int]] = {name: [] for name in loggers}
    number = 0
    for request in range(40):
        records = []
        for _ in range(choice.randrange(1, 30)):
            name = choice.choice(loggers)
            sent[name].append(number)
            records.append({"name": name, "msg": number, "levelno": choice.choice([10, 20, 30, 40, 50])})
            number += 1
        assert publisher.post(records, key(client, request)).json()["records"] == len(records)
    found: dict[str, list[int]] = {name: [] for name in loggers}
    partitions: dict[str, set[int]] = {name: set() for name in loggers}
    for message in of(cluster.read(TOPIC), client):
        assert message.key is not None and message.value is not None
        found[message.key.decode()].append(json.loads(message.value)["msg"])
        partitions[message.key.decode()].add(message.partition)
    assert found == sent
    assert all(len(used) == 1 for used in partitions.values())
    assert len(set.union(*partitions.values())) > 1


def test_records_below_all_levels_are_left_out(cluster: Cluster, start_server: Start) -> None:
    server, client = start_server(KAFKA_BROKERS=cluster.brokers, ENABLED_LOG_LEVELS="INFO,ERROR"), name_of()
    records = [{"msg": i, "levelno": level} for i, level in enumerate([10, 20, 15, 30, 50, 5])]
    assert server.post(records, key(client, 1)).json() == {"status": True, "records": 6}
    found = {batch(m).split(":")[1]: m.headers["level"] for m in of(cluster.read(TOPIC), client)}
    assert found == {"1": b"INFO", "3": b"WARNING", "4": b"ERROR"}
    assert server.post({"msg": "x", "levelno": 10}).status_code == 200


def test_a_repeated_request_is_published_once(publisher: Server, cluster: Cluster) -> None:
    client = name_of()
    for _ in range(3):
        assert publisher.post([{"msg": "a"}, {"msg": "b"}], key(client, 1)).json() == {"status": True, "records": 2}
    assert len(of(cluster.read(TOPIC), client)) == 2
    assert metric(publisher, "repeated_requests_total") >= 2


def test_many_at_once(publisher: Server, cluster: Cluster) -> None:
    """Nobody waits for anybody: 64 at once, on three threads."""
    client = name_of()

    def send(number: int) -> int:
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{publisher.url}/api/log", json={"msg": number, "name": f"l{number % 7}"},
                                headers=key(client, number), timeout=60).status_code

    with ThreadPoolExecutor(64) as pool:
        assert set(pool.map(send, range(1000))) == {200}
    found = sorted(json.loads(m.value or b"")["msg"] for m in of(cluster.read(TOPIC), client))
    assert found == list(range(1000))
    assert metric(publisher, "kafka_in_flight_records") == 0
    assert metric(publisher, "kafka_in_flight_bytes") == 0


@pytest.mark.slow
def test_more_records_than_may_be_under_way(cluster: Cluster, start_server: Start) -> None:
    """PUBLISH_IN_FLIGHT of src/kafka/publish.h, and half of it."""
    server = start_server(KAFKA_BROKERS=cluster.brokers)
    body = b"[" + b",".join([b'{"msg":"0123456789"}'] * 150_000) + b"]"
    assert server.post(body, timeout=60).json() == {"status": True, "records": 150_000}
    assert metric(server, "kafka_acknowledged_records_total") == 150_000


def test_a_record_that_is_too_large(publisher: Server, cluster: Cluster) -> None:
    client = name_of()
    answer = publisher.post([{"msg": "small"}, {"msg": "x" * 1_048_588}], key(client, 1))
    assert answer.status_code == 413
    assert answer.json()["error"].startswith("record 1: larger than the topic takes")
    # Once as it was sent, and once as the message.
    assert publisher.post({"msg": "x" * 520_000}, key(client, 2)).status_code == 200
    [message] = of(cluster.read(TOPIC), client)
    assert batch(message) == f"{client}-2:0"


def test_metrics(publisher: Server) -> None:
    assert publisher.post({"msg": "x"}).status_code == 200
    assert metric(publisher, "kafka_brokers_up") == 3
    assert metric(publisher, "kafka_partitions") == 4
    assert metric(publisher, "kafka_acknowledged_records_total") > 0
    assert metric(publisher, "kafka_latency_seconds_count") > 0
    assert 'pbu_log_kafka_failed_records_total{reason="time"} 0' in publisher.get("/metrics").text


def test_without_brokers_there_is_no_librdkafka(publisher: Server, server: Server) -> None:
    """Neither linked nor loaded; and no metric tells of it."""
    assert "librdkafka" in Path(f"/proc/{publisher.pid}/maps").read_text()
    maps = Path(f"/proc/{server.pid}/maps").read_text()
    assert "libc" in maps and "librdkafka" not in maps
    assert "kafka" not in server.get("/metrics").text
    for program in ("pbu-log-server", "pbu-log-reader"):
        assert "librdkafka" not in subprocess.run(["ldd", BUILD / program], capture_output=True, text=True, check=True).stdout


def test_there_is_no_log_folder(publisher: Server) -> None:
    assert publisher.post({"msg": "x", "levelno": 40}).status_code == 200
    assert not list(publisher.folder.glob("*.log"))


# --- what breaks ---


def test_a_broker_goes(own_cluster: Cluster, start_server: Start) -> None:
    """One of three: its partitions have another leader, and nothing is refused for long."""
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()
    assert server.post({"msg": 0}, key(client, 0)).status_code == 200
    own_cluster.down(2)
    for partition in range(4):
        own_cluster.leader(TOPIC, partition, 1)
    for number in range(1, 30):
        until_taken(server, {"msg": number, "name": f"l{number}"}, client, number)
    found = {json.loads(m.value or b"")["msg"] for m in of(own_cluster.read(TOPIC), client)}
    assert found == set(range(30))


def test_all_brokers_go_and_come_back(own_cluster: Cluster, start_server: Start) -> None:
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()
    assert server.post({"msg": "before"}, key(client, 1)).status_code == 200
    own_cluster.down()
    wait_for(lambda: server.get("/api/health").status_code == 503, "health tells", BUSY)
    assert "can be reached" in server.get("/api/health").json()["error"]
    begun = time.monotonic()
    refused(server.post({"msg": "meanwhile"}, key(client, 2)), "no broker can be reached")
    assert time.monotonic() - begun < 3.0  # at once, and not when its time is over
    own_cluster.up()
    begun = time.monotonic()
    wait_for(server.healthy, "it recovers by itself", BUSY)
    print(f"recovered in {time.monotonic() - begun:.1f} s")
    assert server.post({"msg": "meanwhile"}, key(client, 2)).status_code == 200
    assert [batch(m) for m in of(own_cluster.read(TOPIC), client)] == [f"{client}-{n}:0" for n in (1, 2)]
    assert "no broker" in server.stderr


def test_brokers_that_hang(own_cluster: Cluster, start_server: Start) -> None:
    """Connected, and silent: each request has its answer in time, however many there are."""
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()
    assert server.post({"msg": "before"}).status_code == 200
    own_cluster.pause()

    def send(number: int) -> tuple[requests.Response, float]:
        with requests.Session() as session:
            session.trust_env = False
            begun = time.monotonic()
            answer = session.post(f"{server.url}/api/log", json=[{"msg": number, "name": f"l{number}"}] * 50,
                                  headers=key(client, number), timeout=60)
            return answer, time.monotonic() - begun

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(send, range(40)))
    for answer, seconds in answers:
        refused(answer, "again")
        assert seconds < PROMISED + BUSY
    print(f"answered within {max(seconds for _, seconds in answers):.1f} s")
    assert server.get("/api/health").status_code == 503
    assert server.get("/metrics").status_code == 200
    own_cluster.resume()
    wait_for(lambda: server.post({"msg": "x"}, key(client, 40)).status_code == 200, "it recovers by itself", BUSY)
    # The same request again, with its key: whatever of it is in the topic by now has the same header.
    for number in range(40):
        until_taken(server, [{"msg": number, "name": f"l{number}"}] * 50, client, number)
    found = {batch(m) for m in of(own_cluster.read(TOPIC), client)}
    assert found == {f"{client}-{n}:{i}" for n in range(40) for i in range(50)} | {f"{client}-40:0"}


@measured
@pytest.mark.once  # with a sanitizer it is not full within the time of a record
@pytest.mark.parametrize("gone", ["stopped", "killed"])
def test_a_full_server_while_all_brokers_are_away(own_cluster: Cluster, start_server: Start, gone: str) -> None:
    """More records than may be under way (PUBLISH_IN_FLIGHT): those that wait for room have their answer as soon as the others."""
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()
    assert server.post({"msg": "before"}).status_code == 200
    own_cluster.pause()
    body = b"[" + b",".join([b'{"msg":1}'] * 8000) + b"]"

    def send(number: int) -> tuple[requests.Response, float]:
        with requests.Session() as session:
            session.trust_env = False
            begun = time.monotonic()
            answer = session.post(f"{server.url}/api/log", data=body, timeout=60,
                                  headers={"Content-Type": "application/json", **key(client, number)})
            return answer, time.monotonic() - begun

    with ThreadPoolExecutor(30) as pool:
        sent = [pool.submit(send, number) for number in range(30)]
        wait_for(lambda: metric(server, "kafka_waiting_requests") > 10, "they wait for room", BUSY)
        if gone == "killed":
            own_cluster.kill()
        answers = [one.result() for one in sent]
    print(f"answered within {max(seconds for _, seconds in answers):.1f} s")
    for answer, seconds in answers:
        refused(answer, "again")
        # One round of time-outs: who waits for room is not sent into a second.
        assert seconds < PROMISED * 1.5
    assert metric(server, "kafka_waiting_requests") == 0


def test_too_few_replicas(own_cluster: Cluster, start_server: Start) -> None:
    """Tried again until the time is over; then 503, and the next is taken."""
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()
    assert server.post({"msg": "before"}, key(client, 0)).status_code == 200
    own_cluster.error(PRODUCE, NOT_ENOUGH_REPLICAS, times=3)
    assert server.post({"msg": "again"}, key(client, 1)).status_code == 200
    own_cluster.error(PRODUCE, NOT_ENOUGH_REPLICAS, times=900)
    begun = time.monotonic()
    refused(server.post({"msg": "never"}, key(client, 2)), "again")
    assert time.monotonic() - begun < PROMISED + BUSY
    own_cluster.clear(PRODUCE)
    assert server.post({"msg": "after"}, key(client, 3)).status_code == 200
    assert len(of(own_cluster.read(TOPIC), client)) == 3


def test_a_set_that_is_too_large(own_cluster: Cluster, start_server: Start) -> None:
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()
    assert server.post({"msg": "before"}, key(client, 0)).status_code == 200
    own_cluster.error(PRODUCE, TOO_LARGE)
    refused(server.post({"msg": "x"}, key(client, 1)), "too large together")
    assert server.post({"msg": "x"}, key(client, 1)).status_code == 200
    assert 'failed_records_total{reason="size"} 1' in server.get("/metrics").text


def test_a_request_that_fails_in_part(own_cluster: Cluster, start_server: Start) -> None:
    """One partition has no leader: what the others have of the request has the same headers when it comes again."""
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()
    records = [{"msg": i, "name": f"l{i}"} for i in range(20)]
    assert server.post(records, key(client, 1)).status_code == 200
    first = of(own_cluster.read(TOPIC), client)
    [lost] = random.Random(1).sample(sorted({m.partition for m in first}), 1)
    own_cluster.leader(TOPIC, lost, -1)
    # Of which it hears when it asks, or is told that a broker isn't the leader.
    wait_for(lambda: metric(server, "kafka_partitions") == 3 or server.post(records).status_code == 503, "it is lost", 120)
    refused(server.post(records, key(client, 2)), "again")
    own_cluster.leader(TOPIC, lost, 1)
    wait_for(lambda: server.post(records, key(client, 2)).status_code == 200, "it is taken", BUSY)
    found = [batch(m) for m in of(own_cluster.read(TOPIC), client)]
    second = [name for name in found if name.startswith(f"{client}-2:")]
    assert set(second) == {f"{client}-2:{i}" for i in range(20)}
    assert len(second) == 20 + sum(m.partition != lost for m in first)


def test_a_topic_that_is_not_there(own_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The server runs, and says so: to its operator, and to whoever asks for its health."""
    server = Server(tmp_path_factory.mktemp("topic"), KAFKA_BROKERS=own_cluster.brokers, KAFKA_TOPIC="other")
    own_cluster.topic_error("other", TOPIC_UNKNOWN)
    server.launch()
    try:
        wait_for(lambda: server.process.poll() is not None, "start.sh gives up", 60)
        assert "the brokers don't have the topic other (KAFKA_TOPIC)" in server.stderr
    finally:
        server.abandon()


def test_the_topic_goes_and_comes_back(own_cluster: Cluster, start_server: Start) -> None:
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()
    assert server.post({"msg": "before"}, key(client, 1)).status_code == 200
    own_cluster.topic_error(TOPIC, TOPIC_UNKNOWN)
    for partition in range(4):
        own_cluster.leader(TOPIC, partition, -1)
    wait_for(lambda: server.get("/api/health").status_code == 503 or server.post({"msg": "x"}).status_code == 503, "it is gone", 60)
    begun = time.monotonic()
    refused(server.post({"msg": "meanwhile"}, key(client, 2)), "again")
    assert time.monotonic() - begun < PROMISED + BUSY
    own_cluster.topic_error(TOPIC, 0)
    for partition in range(4):
        own_cluster.leader(TOPIC, partition, 1)
    wait_for(lambda: server.post({"msg": "meanwhile"}, key(client, 2)).status_code == 200, "it is back", BUSY)


def test_the_server_is_killed_under_load(own_cluster: Cluster, start_server: Start) -> None:
    """nginx asks the next one: nobody notices, and nothing is missing."""
    server, client = start_server(KAFKA_BROKERS=own_cluster.brokers), name_of()

    def send(number: int) -> int:
        with requests.Session() as session:
            session.trust_env = False
            for _ in range(20):
                status = session.post(f"{server.url}/api/log", json={"msg": number, "name": f"l{number % 5}"},
                                      headers=key(client, number), timeout=60).status_code
                if status == 200:
                    break
                time.sleep(1)  # as Retry-After says
            return status

    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(send, range(400))
        for _ in range(3):
            server.kill()
            wait_for(lambda: server.pid is not None and server.healthy(), "the next one runs", BUSY)
        assert set(answers) == {200}
    found = {json.loads(m.value or b"")["msg"] for m in of(own_cluster.read(TOPIC), client)}
    assert found == set(range(400))
