"""compose.cluster.yaml as it is shipped: three brokers, two of everything else, in an engine."""

import collections
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

import kafka_image
from engine import Engine
from project import READ_TOKEN, TOKEN, UP_SECONDS, Project
from server import wait_for

SETTINGS = {"AUTH_TOKEN": TOKEN, "READ_TOKEN": READ_TOKEN}
OURS = {"server1": "4999:4999", "server2": "4999:4999", "writer1": "4999:4999", "writer2": "4999:4999",
        "reader1": "4997:4999", "reader2": "4997:4999", "nginx": "4998:4999"}
BROKERS = ("kafka1", "kafka2", "kafka3")
# A broker that is killed is found missing after 9 s, and its partitions have other leaders.
SECONDS = 90


class Cluster(Project):
    refused: list[str]  # when, what and why, of the last send()

    def up(self, *args: str, **settings: str) -> None:
        self.now = settings or SETTINGS
        self.compose("up", "-d", *args, **self.now)
        for path in "/api/health", "/api/log/health":
            wait_for(lambda: self.status(path) == 200, f"{path} answers", 2 * UP_SECONDS, 0.2)
        self.trust()
        # What is written before both have come may be written again by the other.
        for writer in "writer1", "writer2":
            wait_for(lambda: "\npbu_log_writer_partitions 6\n" in self.inside(writer, "cat $METRICS_FILE", check=False)[1],
                     f"{writer} has its share", UP_SECONDS, 0.5)

    def kill(self, service: str) -> None:
        self.engine.run("docker", "kill", self.id(service))

    def start(self, service: str) -> None:
        self.engine.run("docker", "start", self.id(service))

    def send(self, count: int, word: str) -> list[str]:
        """Records of as many loggers as there are partitions; each until it is taken, with a key of its own."""
        client = uuid.uuid4().hex
        sent = []
        self.refused = []
        for number in range(count):
            message = f"{word} {number:04d}"

            def taken(message: str = message, number: int = number) -> bool:
                try:
                    answer = self.post(message, name=f"app.{number % 24}", key=f"{client}-{number}")
                except requests.RequestException as e:
                    self.refused.append(f"{time.strftime('%X')} {message}: {e!r}")
                    return False
                if answer.status_code != 200:
                    self.refused.append(f"{time.strftime('%X')} {message}: {answer.status_code} {answer.text}")
                assert answer.status_code in (200, 502, 503, 504), answer.text
                return answer.status_code == 200

            wait_for(taken, f"{message} is taken", SECONDS, 0.1)
            sent.append(message)
        return sent

    def find(self, word: str, **options: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
        """The status of a query, the entries it found, and its last line, or the error."""
        query = "&".join(f"{key}={text}" for key, text in {"q": word, "limit": "10000", **options}.items())
        answer = self.read(f"/api/log/query?{query}")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        return answer.status_code, [x for x in lines if "message" in x], lines[-1]

    def wait_for_all(self, sent: list[str]) -> list[dict[str, Any]]:
        """Until what begins with the first one's word can be read, all of it; each must be there once."""
        word = sent[0].split()[0]
        found: list[dict[str, Any]] = []

        def complete() -> bool:
            nonlocal found
            status, found, _ = self.find(word)
            return status == 200 and len({x["message"] for x in found}) == len(sent)

        wait_for(complete, f"{len(sent)} records can be read", SECONDS, 0.5)
        counted = collections.Counter(x["message"] for x in found)
        assert counted == collections.Counter(sent), [x for x in counted.items() if x[1] != 1]
        return found


@pytest.fixture(scope="module")
def cluster(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = kafka_image.make(engine, tmp_path_factory.mktemp("kafka"))
    cluster = Cluster(engine, tmp_path_factory.mktemp("cluster"), "compose.cluster.yaml")
    try:
        cluster.compose("build", **SETTINGS)
        cluster.up()
        yield cluster
    finally:
        cluster.now = SETTINGS
        cluster.down("-v", "--remove-orphans", *(() if engine.folder else ("--rmi", "local")))
        if made and not engine.folder:
            engine.run("docker", "image", "rm", kafka_image.name())


def test_without_tokens_it_is_refused(cluster: Cluster) -> None:
    for settings in {}, {"AUTH_TOKEN": TOKEN}, {"READ_TOKEN": READ_TOKEN}, {"AUTH_TOKEN": "", "READ_TOKEN": READ_TOKEN}:
        status, said = cluster.compose("config", check=False, **settings)
        assert status != 0 and "no token" in said, settings


def test_records_are_read_as_one(cluster: Cluster) -> None:
    """What came by two servers, and lies in two writers' files."""
    found = cluster.wait_for_all(cluster.send(200, "plain"))
    assert {x["server"] for x in found} == {"log1:8080", "log2:8080"}
    lines = [cluster.inside(f"writer{number}", "cat /logs/info.log") for number in (1, 2)]
    assert [text.count("plain") for text in lines] == [
        sum(x["server"] == f"log{number}:8080" for x in found) for number in (1, 2)]
    # A logger's records are in one file, in order.
    of_loggers = collections.defaultdict(list)
    for line in "".join(lines).splitlines():
        if "plain" in line:
            of_loggers[line.split(":")[3].split()[0]].append(line.split()[-1])
    assert len(of_loggers) == 24 and all(x == sorted(x) for x in of_loggers.values())


def test_both_servers_take(cluster: Cluster) -> None:
    """nginx asks one after the other, and a killed one costs nobody a request."""
    cluster.kill("server1")
    try:
        refused = [x.text for x in (cluster.post(f"alone {number}", name="app") for number in range(20))
                   if x.status_code != 200]
        assert refused == []
    finally:
        cluster.start("server1")
    cluster.wait_for_all([f"alone {number}" for number in range(20)])
    cluster.kill("server2")
    try:
        assert cluster.post("another", name="app").status_code == 200
    finally:
        cluster.start("server2")


def test_a_killed_broker_costs_nothing(cluster: Cluster) -> None:
    sent: list[str] = []
    trouble: list[BaseException] = []

    def send() -> None:
        try:
            sent.extend(cluster.send(300, "broker"))
        except BaseException as e:
            trouble.append(e)

    client = threading.Thread(target=send)
    client.start()
    try:
        cluster.kill("kafka2")
        client.join(3 * SECONDS)
    finally:
        cluster.start("kafka2")
    assert not trouble and not client.is_alive(), (trouble, cluster.refused)
    cluster.wait_for_all(sent)
    topics = "/opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka1:9092 --describe --under-replicated-partitions"
    wait_for(lambda: cluster.inside("kafka1", topics, check=False) == (0, ""), "it has caught up", SECONDS, 1)


def test_a_new_container_of_a_writer_goes_on(cluster: Cluster) -> None:
    sent = cluster.send(50, "before")
    before = cluster.id("writer1")
    cluster.compose("up", "-d", "--force-recreate", "--no-deps", "writer1", **cluster.now)
    assert cluster.id("writer1") != before
    cluster.wait_for_all(sent)
    cluster.wait_for_all(cluster.send(50, "after"))


def test_a_missing_reader_is_named(cluster: Cluster) -> None:
    cluster.wait_for_all(cluster.send(50, "missing"))
    for number, other in (1, 2), (2, 1):
        cluster.kill(f"reader{number}")
        try:
            status, _, error = cluster.find("missing")
            assert status == 502 and f"log{number}:8080" in error["error"]
            status, found, end = cluster.find("missing", partial="1")
            assert status == 200 and [x["server"] for x in end["missing"]] == [f"log{number}:8080"]
            assert {x["server"] for x in found} == {f"log{other}:8080"}
        finally:
            cluster.start(f"reader{number}")
        wait_for(lambda: cluster.find("missing")[0] == 200, "both are there", SECONDS, 0.5)


@pytest.mark.parametrize("service", OURS)
def test_what_a_container_may(cluster: Cluster, service: str) -> None:
    now = cluster.inspect(service)
    host = now["HostConfig"]
    assert now["Config"]["User"] == OURS[service]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges"] and host["RestartPolicy"]["Name"] == "unless-stopped"
    code, said = cluster.inside(service, "touch /mark", check=False)
    assert code != 0 and "Read-only file system" in said
    wait_for(lambda: cluster.inspect(service)["State"]["Health"]["Status"] == "healthy", f"{service} is healthy", UP_SECONDS)


def test_a_writer_that_stands_still_is_unhealthy(cluster: Cluster) -> None:
    """Its figures are old then."""
    cluster.inside("writer1", "healthy")
    code, _ = cluster.inside("writer1", "touch -d '2 minutes ago' /tmp/old; METRICS_FILE=/tmp/old healthy", check=False)
    assert code != 0


def test_who_reaches_whom(cluster: Cluster) -> None:
    internal = {}
    for service in (*OURS, *BROKERS):
        networks = cluster.inspect(service)["NetworkSettings"]["Networks"]
        names = {x.partition("_")[2] for x in networks}
        assert names == ({"kafka"} if service[:-1] in ("kafka", "server", "writer") else
                         {"readers"} if service[:-1] == "reader" else {"default", "readers"}), service
        ports = cluster.inspect(service)["HostConfig"]["PortBindings"]
        assert bool(ports) == (service == "nginx")
        for network in networks:
            internal[network.partition("_")[2]] = cluster.engine.run(
                "docker", "network", "inspect", "-f", "{{.Internal}}", network).strip()
    assert internal == {"kafka": "true", "readers": "true", "default": "false"}
    # A server has nothing to do with the files, nor a reader with more than reading its own.
    assert {x["Destination"] for x in cluster.inspect("server1")["Mounts"]} == {"/run/pbu-log-server"}
    mounts = {x["Destination"]: x["RW"] for x in cluster.inspect("reader2")["Mounts"]}
    assert mounts == {"/logs": False, "/run/pbu-log-reader": True}
    # Where the readers ask each other, nobody can write.
    assert cluster.inside("nginx", "grep -c 'return 405' /etc/nginx/conf.d/readers.conf").strip() == "2"


def test_down_and_up_keep_all(cluster: Cluster) -> None:
    sent = cluster.send(50, "kept")
    # Some of it perhaps only in Kafka.
    cluster.down()
    cluster.up()
    cluster.wait_for_all(sent)
    cluster.wait_for_all(cluster.send(50, "then"))
    ids = [cluster.id(x) for x in OURS]
    cluster.compose("stop", *OURS, **cluster.now)
    assert cluster.engine.run("docker", "inspect", "-f", "{{.State.ExitCode}}", *ids).split() == ["0"] * len(OURS)
