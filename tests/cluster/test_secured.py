"""Brokers that ask for TLS and SASL/SCRAM, and how programs are told: a file named by KAFKA_CONFIG. Its secrets stay there."""

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from certificates import Authority
from cluster import GROUP, Cluster
from load import Load, get
from outcome import judged
from programs import BUILD, Program

USER, PASSWORD = "pbu", "s3cret-of-scram"

LISTENERS = """
listeners={{listeners}}
advertised.listeners={{advertised}}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secured.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


def properties(path: Path, ca: Path, password: str = PASSWORD, more: str = "") -> Path:
    path.write_text(f"# of the tests\nsecurity.protocol=SASL_SSL\nssl.ca.location={ca}\nsasl.mechanism=SCRAM-SHA-512\n"
                    f"sasl.username={USER}\nsasl.password={password}\n{more}")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def cluster(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("secured")
    authority.context("IP:127.0.0.1")
    keystore = folder / "keystore.pem"
    stem = authority.folder / "IP-127.0.0.1"
    keystore.write_text("".join(stem.with_suffix(end).read_text() for end in (".key", ".pem")) + authority.ca.read_text())
    cluster = Cluster(separate=False, brokers=LISTENERS.format(keystore=keystore), writer_settings={
        "KAFKA_CONFIG": properties(folder / "writer.properties", authority.ca, more=GROUP)}, server_settings={
        "KAFKA_CONFIG": properties(folder / "server.properties", authority.ca)})
    # All but the brokers themselves come by the secured way.
    for program in (*cluster.servers, *cluster.all_writers):
        program.environment["KAFKA_BROKERS"] = cluster.brokers.secured
    try:
        cluster.brokers.start()
        cluster.brokers.tool("kafka.admin.ConfigCommand", "--bootstrap-server", cluster.brokers.servers, "--alter", "--add-config",
                             f"SCRAM-SHA-512=[password={PASSWORD}]", "--entity-type", "users", "--entity-name", USER)
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def test_from_client_to_file(cluster):
    load = Load(cluster.nginx.path, 3)
    load.start()
    now = load.progress()
    cluster.wait_for(lambda: load.goes_on_after(now), "all clients get on")
    load.finish()
    verdict = judged(cluster, load, moved=False)
    assert verdict.good and not load.wrong, verdict


def complains(part: Program, begin: int) -> bool:
    return any(word in part.stderr[begin:].lower() for word in ("authentication", "certificate", "ssl"))


def outside(cluster: Cluster, config: Path, folder: Path) -> tuple[Program, Program]:
    """A server and a writer with that file, beside the cluster's."""
    server, writer = cluster.servers[0], cluster.writers[0]
    server.stop()
    writer.stop()
    before = {part: (part.environment["KAFKA_CONFIG"], len(part.stderr)) for part in (server, writer)}
    for part in (server, writer):
        part.environment["KAFKA_CONFIG"] = str(config)
        part.start()
    try:
        for part in (server, writer):
            cluster.wait_for(partial(complains, part, before[part][1]), f"{part.name} says what is wrong")
            assert part.running
        cluster.wait_for(lambda: any(get(cluster.nginx.path, "/api/health")[0] == 503 for _ in range(4)), "health says so, too")
        told = "".join(get(cluster.nginx.path, "/api/health")[1] for _ in range(4))
        assert "broker" in told
    finally:
        for part in (server, writer):
            part.kill()
            part.environment["KAFKA_CONFIG"] = before[part][0]
            part.start()
        cluster.wait_for(cluster.healthy, "all is as before")
    return server, writer


def test_wrong_password(cluster, authority, tmp_path):
    for part in outside(cluster, properties(tmp_path / "p", authority.ca, "wr0ng-of-scram"), tmp_path):
        assert "wr0ng-of-scram" not in part.stderr


def test_authority_that_is_not_theirs(cluster, tmp_path):
    outside(cluster, properties(tmp_path / "p", Authority(tmp_path / "other").ca), tmp_path)


def test_secrets_are_nowhere(cluster):
    """Not in what is said, asked, shown or kept."""
    said = "".join(part.stderr for part in (*cluster.servers, *cluster.writers))
    said += "".join(writer.metrics_file.read_text() for writer in cluster.writers)
    said += "".join(get(cluster.nginx.path, path)[1] for path in ("/api/health", "/metrics"))
    said += "".join(path.read_text(errors="replace") for writer in cluster.writers for path in writer.logs.iterdir())
    for program in ("pbu-log-server", "pbu-log-writer"):
        part = cluster.servers[0] if program == "pbu-log-server" else cluster.writers[0]
        said += subprocess.run([BUILD / program, "--check"], env=part.environment, capture_output=True, text=True,
                               check=True).stdout
    for part in (*cluster.servers, *cluster.writers):
        assert part.process
        said += Path(f"/proc/{part.process.pid}/cmdline").read_text()
        said += Path(f"/proc/{part.process.pid}/environ").read_text()
    assert "writer-1" in said and PASSWORD not in said
