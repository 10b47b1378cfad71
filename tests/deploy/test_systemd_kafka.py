"""The packages on a machine with systemd, as doc/deploy.md says for Kafka and for peers; the brokers are librdkafka's."""

import json
import re
from collections.abc import Iterator

import pytest

import kafka
from installed import CERTIFICATE, LOG, SETTINGS, ask, commands, entries, installed, messages, post, show, token
from machine import Machine
from server import wait_for

WRITER = "pbu-log-writer.service"
FIGURES = "/run/pbu-log-writer/pbu-log-writer.prom"
DOCUMENTED = "kafka1.example:9092,kafka2.example:9092,kafka3.example:9092"
WRITES, READS = "pbu-log-server.service", "pbu-log-reader.service"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with installed() as machine:
        yield machine


@pytest.fixture(scope="module")
def brokers(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Cluster]:
    """In the machine's network, which is its loopback."""
    program, inside = kafka.program(), tmp_path_factory.mktemp("kafka") / "mock_cluster"
    inside.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{machine.pid}/ns/net {program} "$@"\n')
    inside.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka, "program", lambda: inside)
        with kafka.Cluster(topics={"pbu-log": 6}) as cluster:
            yield cluster


def said(machine: Machine, unit: str) -> str:
    return machine.run(f"journalctl -o cat -u {unit}")


def count(machine: Machine, message: str) -> int:
    try:
        return machine.read(LOG).count(message.encode())
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("unit, setting", [(WRITES, "KAFKA_BROKERS=localhost:9"), (READS, "READ_PEERS=https://localhost")])
def test_without_the_drop_in_it_says_what_is_missing(machine: Machine, unit: str, setting: str) -> None:
    machine.run(f"echo {setting} >> {SETTINGS}; systemctl restart {unit} || :")
    try:
        name = setting.partition("=")[0]
        wait_for(lambda: re.search(rf"{name}: .*network\.conf", said(machine, unit)), "it says what it needs")
    finally:
        machine.run(f"sed -i '/^{name}=/d' {SETTINGS}; systemctl restart {unit}")
    wait_for(lambda: post(machine, {"msg": "as before"}) == "200" and "as before" in messages(machine), "all is as before")


def test_the_writer_waits_to_be_started(machine: Machine) -> None:
    """Its package is there, and has left the settings to people."""
    assert machine.run("cd /root && apt-get -qq -y install ./pbu-log-writer_*.deb && systemctl is-enabled pbu-log-writer || :"
                       ).splitlines()[-1] == "disabled"
    assert show(machine, "ActiveState", WRITER) == "inactive"


def test_the_server_hands_over(machine: Machine, brokers: kafka.Cluster) -> None:
    steps = "\n".join(commands("The server hands over to Kafka"))
    assert steps.count(DOCUMENTED) == 1
    machine.run(steps.replace(DOCUMENTED, brokers.brokers))
    # The first words with brokers take a moment.
    wait_for(lambda: ask(machine, "/api/health")[0] == 200, "the server is healthy", 60)
    assert [post(machine, {"msg": f"handed over {number}", "name": f"app.{number}"}) for number in range(20)] == ["200"] * 20
    held = [json.loads(x.value or b"{}")["message"] for x in brokers.read("pbu-log")]
    assert sorted(held) == sorted(f"handed over {number}" for number in range(20))
    assert count(machine, "handed over") == 0


def test_the_writer_writes(machine: Machine, brokers: kafka.Cluster) -> None:
    # A file that is root's alone. librdkafka's brokers know no static members: one that comes back waits until they
    # have missed it.
    folder = f"/etc/systemd/system/{WRITER}.d"
    machine.run(f"mkdir -p {folder}; cd /etc/pbu-log-server; echo session.timeout.ms=6000 > kafka; chmod 0600 kafka;"
                f" printf '[Service]\nLoadCredential=kafka:/etc/pbu-log-server/kafka\nEnvironment=KAFKA_CONFIG=%%d/kafka\n'"
                f" > {folder}/kafka.conf; systemctl daemon-reload")
    machine.run("cd /root\n" + "\n".join(commands("A writer")))
    wait_for(lambda: count(machine, "handed over") == 20, "all is in the file", 90)
    # It is shown when it is in a checkpoint.
    wait_for(lambda: sum(x.startswith("handed over") for x in messages(machine)) == 20, "all of it is shown")
    assert show(machine, "Type", WRITER) == "notify" and show(machine, "StatusText", WRITER).startswith("version ")
    assert machine.run(f"stat -c %U /proc/{show(machine, 'MainPID', WRITER)}").strip() == "pbu-log-server"
    # The files as without Kafka.
    assert machine.run(f"stat -c '%a %U' /var/log/pbu-log-server {LOG}").split() == [
        "750", "pbu-log-server", "640", "pbu-log-server"]


def test_restarts_write_nothing_twice(machine: Machine, brokers: kafka.Cluster) -> None:
    for number in range(9):
        assert post(machine, {"msg": f"between {number}", "name": f"app.{number}"}) == "200"
        how = ("systemctl restart", "systemctl kill -s KILL", "systemctl reload")[number % 3]
        machine.run(f"{how} {WRITER}")
        wait_for(lambda: show(machine, "ActiveState", WRITER) == "active", "it is there again")
    assert post(machine, {"msg": "between all"}) == "200"
    wait_for(lambda: count(machine, "between") >= 10, "all is in the file", 180)
    assert [count(machine, f"between {x}\n") for x in (*range(9), "all")] == [1] * 10
    assert count(machine, "handed over") == 20


def test_its_figures_are_for_everybody(machine: Machine) -> None:
    """As node_exporter, which is not in its group, finds them."""
    nobody = "setpriv --reuid nobody --regid nogroup --clear-groups"

    def lags() -> list[str]:
        return re.findall(r'^pbu_log_writer_lag_messages\{partition="\d"\} \d+$', machine.run(f"{nobody} cat {FIGURES}"), re.M)

    # As soon as it has all partitions again.
    wait_for(lambda: len(lags()) == 6, "the lag of each partition is told", 60, 0.2)
    assert "Permission denied" in machine.run(f"{nobody} ls /var/log/pbu-log-server 2>&1 || :")


@pytest.mark.parametrize("unit", [WRITES, WRITER])
def test_exposure_with_a_network(machine: Machine, unit: str) -> None:
    """Beyond the 0.2 without: the network, and that its addresses are not known. Nothing else."""
    text = machine.run(f"systemd-analyze security --no-pager {unit}")
    assert [float(x) for x in re.findall(r"Overall exposure level .*: ([\d.]+)", text)] == [1.1], text
    wrong = set(re.findall(r"^✗ (\S+) ", text, re.M))
    network = {"RestrictAddressFamilies=~AF_(INET|INET6)", "PrivateNetwork=", "IPAddressDeny="}
    assert network <= wrong <= network | {"RestrictAddressFamilies=~AF_UNIX", "RootDirectory=/RootImage=", "DeviceAllow=",
                                          "UMask="}, wrong


def test_a_closer_drop_in(machine: Machine) -> None:
    """What the example says of addresses: they are allowed, whatever else is denied by the unit."""
    dropin = f"/etc/systemd/system/{WRITES}.d/network.conf"
    text = machine.run(f"cat {dropin}")
    assert text.rstrip().endswith("\nIPAddressDeny=") and "#   IPAddressAllow=localhost " in text
    machine.run(f"cp {dropin} /root; sed -i 's/^IPAddressDeny=$/IPAddressAllow=localhost/' {dropin};"
                f" systemctl daemon-reload; systemctl restart {WRITES}")
    try:
        assert show(machine, "IPAddressDeny", WRITES) and show(machine, "IPAddressAllow", WRITES)
        wait_for(lambda: post(machine, {"msg": "closer"}) == "200", "brokers are reached", 60)
    finally:
        machine.run(f"cp /root/network.conf {dropin}; systemctl daemon-reload; systemctl restart {WRITES}")


def test_the_writers_unit_is_without_mistakes(machine: Machine) -> None:
    assert machine.run(f"systemd-analyze verify --man=no {WRITER}") == ""


def test_what_the_writer_may_write(machine: Machine) -> None:
    pid = show(machine, "MainPID", WRITER)
    mounts = [line.split() for line in machine.run(f"cat /proc/{pid}/mountinfo").splitlines()]
    writable = {x[4] for x in mounts if "rw" in x[5].split(",")}
    own = {"/var/log/pbu-log-server", "/run/pbu-log-writer", "/proc"}
    assert own <= writable <= own | {"/dev/pts", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/dev/hugepages"}


def second_reader(machine: Machine) -> None:
    """Of another folder, with another socket and another name of the site; and a certificate for both names."""
    read = token(machine, "READ_TOKEN")
    machine.run(f"""
        echo 127.0.0.1 log1.example log2.example >> /etc/hosts
        mkdir /srv/second && echo '2026-11-26 12:00:00,000 INFO:app of the second' > /srv/second/info.log
        systemd-run --quiet --unit second -p User=pbu-log-reader -p Group=www-data -p RuntimeDirectory=second \\
            -E LOG_FOLDER=/srv/second -E READ_TOKEN={read} /usr/sbin/pbu-log-reader --socket /run/second/fcgi.sock
        cd {CERTIFICATE.rpartition("/")[0]}
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=log \\
            -addext subjectAltName=DNS:localhost,DNS:log1.example,DNS:log2.example -keyout key.pem -out cert.pem 2>/dev/null
        cp cert.pem /etc/pbu-log-server/peers.pem
        cd /etc/nginx
        echo 'upstream second {{ server unix:/run/second/fcgi.sock; }}' > conf.d/second.conf
        sed 's/pbu_log_reader;/second;/' snippets/pbu-log-server-locations.conf > snippets/second.conf
        sed -e '/^include/d' -e 's/# server_name .*/server_name log2.example;/' -e 's/pbu-log-server-locations/second/' \\
            sites-available/pbu-log-server.conf > sites-enabled/second.conf
        nginx -t 2>/dev/null && systemctl reload nginx""")


def test_readers_that_ask_each_other(machine: Machine) -> None:
    alone = messages(machine)
    second_reader(machine)
    machine.run(f"cp -p {SETTINGS} {SETTINGS}.before; echo READ_PEERS_CA=/etc/pbu-log-server/peers.pem >> {SETTINGS}")
    try:
        machine.run("\n".join(commands("Readers that ask each other")))
        said = (0, "")

        def answers() -> bool:
            nonlocal said
            said = ask(machine, "/api/log/query?limit=1", token(machine, "READ_TOKEN"))
            return said[0] == 200

        wait_for(answers, "both are asked")
        found = entries(machine)
        assert [x["message"] for x in found if x["server"] == "log1.example"] == alone
        assert [x["message"] for x in found if x["server"] == "log2.example"] == ["of the second"]
        # It is asked, and with its certificate looked at.
        machine.run("systemctl stop second")
        status, text = ask(machine, "/api/log/query", token(machine, "READ_TOKEN"))
        assert status == 502 and "log2.example" in text
    finally:
        machine.run(f"mv {SETTINGS}.before {SETTINGS}; rm -r /etc/systemd/system/{READS}.d; systemctl daemon-reload;"
                    f" systemctl restart {READS}")
    assert messages(machine) == alone


def test_an_upgrade_starts_the_writer_again(machine: Machine, brokers: kafka.Cluster) -> None:
    before = show(machine, "MainPID", WRITER)
    machine.run("apt-get -qq -y install --reinstall /root/pbu-log-writer_*.deb")
    wait_for(lambda: show(machine, "MainPID", WRITER) not in ("0", before), "another one writes")
    assert post(machine, {"msg": "upgraded"}) == "200"
    wait_for(lambda: count(machine, "upgraded") == 1, "it writes", 90)


def test_a_removed_writer_leaves_the_logs(machine: Machine) -> None:
    machine.run("apt-get -qq -y purge pbu-log-writer")
    assert show(machine, "ActiveState", WRITER) == "inactive" and count(machine, "upgraded") == 1
    # And the server writes files again, when it is told of no brokers.
    machine.run(f"sed -i /^KAFKA_/d {SETTINGS}; systemctl restart {WRITES}")
    assert post(machine, {"msg": "without Kafka"}) == "200" and count(machine, "without Kafka") == 1
