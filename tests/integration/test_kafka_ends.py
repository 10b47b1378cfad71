"""A server that publishes, by itself: how it starts without brokers, how it ends, what it says and what it holds."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgi_peer import Responder, body, request
from kafka import BUILD, PRODUCE, Cluster, has_kafka
from server import clean_environment, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(not has_kafka(), reason="built without Kafka")]

TOPIC = "pbu-log"
OUT_OF_ORDER_SEQUENCE = 45
# What a machine that is busy with something else may add.
BUSY = 15.0
SECRET = "s3cret-and-long-enough"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(3, {TOPIC: 4}) as made:
        yield made


class Publisher(Responder):
    """pbu-log-server, with brokers."""

    def health(self) -> tuple[int, str]:
        with self.connect() as c:
            c.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health"))
            answer = c.answer()
        head, text = answer.decode().split("\r\n\r\n", 1)
        return int(head.split()[1]), text

    def is_ready(self) -> bool:
        return self.health()[0] == 200


def post(server: Publisher, text: str) -> int:
    with server.connect() as c:
        c.send(request(body(text)))
        status = c.status()
    assert status is not None
    return int(status)


def values(cluster: Cluster) -> list[str]:
    return sorted(json.loads(m.value or b"")["msg"] for m in cluster.read(TOPIC))


def test_a_start_without_brokers(tmp_path: Path, cluster: Cluster) -> None:
    """It starts, says what is missing, refuses at once, and takes records when the brokers are there."""
    cluster.down()
    server = Publisher(tmp_path, KAFKA_BROKERS=cluster.brokers)
    try:
        wait_for(lambda: "can be reached" in server.health()[1], "it knows", BUSY)
        begun = time.monotonic()
        assert post(server, "too early") == 503
        assert time.monotonic() - begun < 3
        wait_for(lambda: "no broker (KAFKA_BROKERS) can be reached" in server.said, "it says so", BUSY)
        cluster.up()
        wait_for(server.is_ready, "it is ready", BUSY)
        assert post(server, "now") == 200
        wait_for(lambda: "records are published" in server.said, "it says so", BUSY)
        server.stop()
    finally:
        server.kill()
    assert values(cluster) == ["now"]


def test_what_is_under_way_is_answered(tmp_path: Path, cluster: Cluster) -> None:
    """SIGTERM, while the brokers take their time: they are waited for, and nothing else is taken."""
    server = Publisher(tmp_path, KAFKA_BROKERS=cluster.brokers)
    try:
        wait_for(server.is_ready, "it is ready", BUSY)
        for broker in (1, 2, 3):
            cluster.slow(broker, 700)
        connections = [server.connect() for _ in range(20)]
        for number, c in enumerate(connections):
            c.send(request(body(f"{number:02}")))
        wait_for(lambda: b"in_flight_records 20" in metrics(server), "all are under way", BUSY)
        server.process.send_signal(signal.SIGTERM)
        assert [c.status() for c in connections] == [200] * 20
        assert server.process.wait(30) == 0, server.said
        server.check_said()
    finally:
        server.kill()
    for broker in (1, 2, 3):
        cluster.slow(broker, 0)
    assert values(cluster) == [f"{number:02}" for number in range(20)]


def metrics(server: Publisher) -> bytes:
    with server.connect() as c:
        c.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/metrics"))
        return bytes(c.answer())


def test_an_end_while_the_brokers_hang(tmp_path: Path, cluster: Cluster) -> None:
    """What is under way is answered 503 when its time is over, and the server ends."""
    server = Publisher(tmp_path, KAFKA_BROKERS=cluster.brokers)
    try:
        wait_for(server.is_ready, "it is ready", BUSY)
        cluster.pause()
        connections = [server.connect() for _ in range(5)]
        for number, c in enumerate(connections):
            c.send(request(body(str(number))))
        wait_for(lambda: b"in_flight_records 5" in metrics(server), "all are under way", BUSY)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert [c.status() for c in connections] == [503] * 5
        assert server.process.wait(30) == 0, server.said
        print(f"ended after {time.monotonic() - begun:.1f} s")
        server.check_said()
    finally:
        server.kill()


def test_librdkafka_gives_up(tmp_path: Path, cluster: Cluster) -> None:
    """What is under way, in whichever partition, has an answer; then the server ends with 1, and says why."""
    server = Publisher(tmp_path, KAFKA_BROKERS=cluster.brokers)
    try:
        wait_for(server.is_ready, "it is ready", BUSY)
        for broker in (1, 2, 3):
            cluster.slow(broker, 700)
        # For the first record of a partition librdkafka takes it for one that was lost.
        cluster.error(PRODUCE, OUT_OF_ORDER_SEQUENCE)
        connections = [server.connect() for _ in range(40)]
        for number, c in enumerate(connections):
            c.send(request(json.dumps({"msg": number, "name": f"l{number}"}).encode()))
        statuses = [c.status() for c in connections]
        assert set(statuses) <= {200, 503} and 503 in statuses, statuses
        assert server.process.wait(60) == 1, server.said
        assert "librdkafka has given up: the server ends" in server.said
        server.check_said()
    finally:
        server.kill()


@pytest.mark.once  # a sanitizer's memory is its own
def test_memory_is_bounded(tmp_path: Path, cluster: Cluster) -> None:
    """While the brokers hang, requests come as fast as they can: what they hold has a bound, and comes down again."""
    server = Publisher(tmp_path, KAFKA_BROKERS=cluster.brokers, MAX_MEMORY_BYTES=128 * 1024 * 1024, MAX_BODY_BYTES=4 * 1024 * 1024)
    try:
        wait_for(server.is_ready, "it is ready", BUSY)
        assert post(server, "before") == 200
        cluster.pause()
        # 256 of 1 MiB, in small records: four times what may be.
        text = json.dumps([{"msg": "x" * 100, "name": f"l{i}"} for i in range(8000)]).encode()
        connections = [server.connect() for _ in range(256)]
        for c in connections:
            c.send(request(text))
        statuses = [c.status() for c in connections]
        assert set(statuses) == {503}
        high = server.kib("VmHWM")
        print(f"at most {high / 1024:.0f} MiB")
        # Those of the requests, those of librdkafka for PUBLISH_IN_FLIGHT records, and what it is without.
        assert high < (128 + 128 + 64) * 1024
        cluster.resume()
        wait_for(server.is_ready, "it is ready", BUSY)
        wait_for(lambda: post(server, "after") == 200, "it goes on", BUSY)
        server.stop()
    finally:
        cluster.resume()
        server.kill()


def checked(program: str = "pbu-log-server", **settings: object) -> tuple[int, str]:
    done = subprocess.run([BUILD / program, "--check"], capture_output=True, text=True, timeout=60, check=False,
                          env=clean_environment(**settings))
    assert SECRET not in done.stdout + done.stderr
    return done.returncode, done.stderr


def test_mistakes_in_the_configuration(tmp_path: Path) -> None:
    """All at once, and no value of a property."""
    config = tmp_path / "kafka.properties"
    config.write_text(f"acks=1\nsasl.password={SECRET}\n{SECRET}\nmessage.timeout.ms={SECRET}\n"
                      f"linger.ms={SECRET}\nsasl.pasword={SECRET}\n")
    status, said = checked(KAFKA_BROKERS="a:1", KAFKA_CONFIG=config)
    assert status == 2
    assert f"line 1 of {config}: acks can't be set" in said
    assert f"line 3 of {config} is no name=value" in said
    assert f"line 4 of {config}: message.timeout.ms can't be set" in said
    # What librdkafka finds, too.
    assert f"line 5 of {config}: linger.ms can't have the value" in said
    assert f"line 6 of {config}: sasl.pasword is no property" in said
    status, said = checked(KAFKA_BROKERS="a:1", KAFKA_CONFIG="/nonexistent")
    assert status == 2 and "KAFKA_CONFIG=/nonexistent: No such file" in said
    config.write_text(f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=u\nsasl.password={SECRET}\n")
    assert checked(KAFKA_BROKERS="a:1", KAFKA_CONFIG=config) == (0, "")
    # Without brokers nobody looks.
    assert checked(KAFKA_CONFIG="/nonexistent") == (0, "")


@pytest.mark.parametrize("program", ["pbu-log-server", "pbu-log-writer"])
@pytest.mark.parametrize("name", ["plugin.library.paths", "ssl.engine.location", "ssl.engine.id", "ssl_engine_callback_data",
                                  "ssl.providers", "sasl.kerberos.kinit.cmd", "sasl.kerberos.min.time.before.relogin"])
def test_a_property_that_runs_code_is_refused(tmp_path: Path, program: str, name: str) -> None:
    """By its name, before anything is loaded: --check loads what the properties name, as a start does."""
    config = tmp_path / "kafka.properties"
    config.write_text(f"# {name}\n{name} = {SECRET}\n")
    settings = {"KAFKA_BROKERS": "a:1", "KAFKA_CONFIG": config, "LOG_FOLDER": tmp_path}
    status, said = checked(program, **settings)
    assert status == 2
    assert f"KAFKA_CONFIG: line 2 of {config}: {name} can't be set: no " in said
    started = subprocess.run([BUILD / program, *(("--socket", tmp_path / "s") if program == "pbu-log-server" else ())],
                             env=clean_environment(**settings), capture_output=True, text=True, timeout=60, check=False)
    assert started.returncode == 2 and f"{name} can't be set" in started.stderr and SECRET not in started.stderr


def test_kerberos_starts_no_program(tmp_path: Path) -> None:
    """librdkafka would have a shell start kinit, with the keytab, when it is started and each minute."""
    config = tmp_path / "kafka.properties"
    config.write_text("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI\nsasl.kerberos.keytab=/nonexistent\n")
    server = Publisher(tmp_path, KAFKA_BROKERS="127.0.0.1:1", KAFKA_CONFIG=config)
    try:
        wait_for(lambda: "no broker (KAFKA_BROKERS) can be reached" in server.said, "it knows", BUSY)
        server.stop()
    finally:
        server.kill()
    assert "kinit" not in server.said


def test_secrets_are_in_no_log(tmp_path: Path, cluster: Cluster) -> None:
    """Brokers that understand no SASL: all that librdkafka has to say of it."""
    config = tmp_path / "kafka.properties"
    config.write_text(f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\nsasl.username=u-{SECRET}\n"
                      f"sasl.password=p-{SECRET}\nssl.key.password=k-{SECRET}\n")
    server = Publisher(tmp_path, KAFKA_BROKERS=cluster.brokers, KAFKA_CONFIG=config)
    try:
        wait_for(lambda: "librdkafka: " in server.said, "it says what is wrong", BUSY)
        assert post(server, "x") == 503
        assert server.health()[0] == 503
        server.stop()
    finally:
        server.kill()
    assert SECRET not in server.said


def test_what_cannot_go_together(tmp_path: Path) -> None:
    """Each good by itself: librdkafka says it when it is started, and the server ends with 1."""
    config = tmp_path / "kafka.properties"
    config.write_text(f"linger.ms=60000\nsasl.password={SECRET}\n")
    server = Publisher(tmp_path, KAFKA_BROKERS="a:1", KAFKA_CONFIG=config, may_end=True)
    try:
        assert server.process.wait(30) == 1
        assert "linger.ms" in server.said and SECRET not in server.said
    finally:
        server.kill()


@pytest.mark.once  # a sanitizer is not confined
def test_it_is_confined(tmp_path: Path, cluster: Cluster) -> None:
    """All of its threads, librdkafka's too, have the filter of system calls."""
    if "#define HAVE_SECCOMP 1" not in (BUILD / "config.h").read_text():
        pytest.skip("built without libseccomp")
    server = Publisher(tmp_path, KAFKA_BROKERS=cluster.brokers)
    try:
        wait_for(server.is_ready, "it is ready", BUSY)
        threads = os.listdir(f"/proc/{server.pid}/task")
        assert len(threads) > 5  # librdkafka's main thread, and one for each broker
        for thread in threads:
            assert "Seccomp:\t2\n" in Path(f"/proc/{server.pid}/task/{thread}/status").read_text()
        server.stop()
    finally:
        server.kill()
