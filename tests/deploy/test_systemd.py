"""The package on a machine with systemd, installed as README.md says, restarted and killed under load."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from machine import Machine
from package import make_package
from server import wait_for

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
CERTIFICATE = "/etc/pbu-log-server/tls/cert.pem"
LOG = "/var/log/pbu-log-server/info.log"
CLIENTS = 12


def commands(heading):
    """The commands below a heading of README.md: the lines that are indented."""
    text = re.search(rf"^### {heading}\n(.*?)^##", README.read_text(), re.M | re.S)[1]
    return [line[4:] for line in text.splitlines() if line.startswith("    ")]


@pytest.fixture(scope="module")
def machine():
    with Machine() as machine:
        package = make_package()
        machine.copy(package, f"/root/{package.name}")
        *steps, last = commands("systemd")
        machine.run("cd /root\n" + "\n".join(steps))
        # The last posts a record; nginx reloads in the background, and we are quicker than people.
        wait_for(lambda: machine.run(last, check=False) == '{"status": true}', "the record is accepted")
        yield machine


def token(machine):
    return re.findall(rb"^AUTH_TOKEN=(.+)$", machine.read("/etc/pbu-log-server/env"), re.M)[-1].decode()


def post(machine, record):
    """The status that a record gets."""
    return machine.run(
        f"curl -s -o /dev/null -w '%{{http_code}}' --cacert {CERTIFICATE} -H 'Authorization: {token(machine)}'"
        f" -H 'Content-Type: application/json' -d '{json.dumps(record)}' https://localhost/api/log")


def show(machine, name, unit="pbu-log-server.service"):
    return machine.run(f"systemctl show -P {name} {unit}").strip()


class Load:
    """Clients that post all the time; `with Load(machine) as load:`, then load.check()."""

    def __init__(self, machine):
        self.machine = machine
        machine.run(f"cp {CERTIFICATE} /root/cert.pem")
        machine.run("systemctl stop pbu-log-server.service && rm -f /var/log/pbu-log-server/* &&"
                    " systemctl start pbu-log-server.service")

    def __enter__(self):
        self.process = self.machine.inside(
            sys.executable, HERE / "load.py", "https://localhost/api/log",
            f"/proc/{self.machine.pid}/root/root/cert.pem", token(self.machine), CLIENTS,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.grow()
        return self

    def size(self):
        try:
            return len(self.machine.read(LOG))
        except FileNotFoundError:
            return 0

    def grow(self):
        """Waits until every client, more or less, has got on: a record takes some 60 bytes."""
        before = self.size()
        wait_for(lambda: self.size() > before + 1000 * CLIENTS, "clients get on")

    def __exit__(self, *_):
        self.said, _ = self.process.communicate()

    def check(self, twice_at_most):
        """No client saw anything but 200, and every record is in the files; returns how many."""
        said = json.loads(self.said)
        assert said["wrong"] == []
        lines = []
        for name in self.machine.run("ls /var/log/pbu-log-server").split():
            lines += self.machine.read(f"/var/log/pbu-log-server/{name}").decode().splitlines()
        texts = [re.fullmatch(r"\S+ \S+ INFO:root (client \d+ record \d+)", line)[1] for line in lines]
        expected = {f"client {c} record {n}" for c, sent in enumerate(said["sent"]) for n in range(sent)}
        assert set(texts) == expected
        assert len(texts) - len(expected) <= twice_at_most
        return len(expected)


def test_it_is_what_the_units_say(machine):
    assert show(machine, "ActiveState") == "active" and show(machine, "Type") == "notify"
    assert show(machine, "StatusText").startswith("version ")
    assert show(machine, "MemoryMax") == str(2 << 30) and show(machine, "TasksMax") == "256"
    assert machine.run("stat -c '%a %G' /run/pbu-log-server/fcgi.sock").strip() == "660 www-data"
    assert machine.run("stat -c '%a %U' /var/log/pbu-log-server " + LOG).split() == [
        "750", "pbu-log-server", "640", "pbu-log-server"]
    assert machine.run("ps -o user= -C pbu-log-server").strip() in ("pbu-log-server", "pbu-log+")


def test_exposure(machine):
    said = machine.run("systemd-analyze security --no-pager pbu-log-server.service")
    assert float(re.search(r"Overall exposure level .*: ([\d.]+)", said)[1]) <= 0.3, said


def test_the_units_are_without_mistakes(machine):
    assert machine.run("systemd-analyze verify --man=no pbu-log-server.service pbu-log-server.socket") == ""


def test_messages_have_priorities(machine):
    machine.run("echo ENABLED_LOG_LEVELS=INFO,ERROR,NOSUCH >> /etc/pbu-log-server/env; systemctl restart pbu-log-server")
    try:
        said = machine.run("journalctl -o cat -p warning..warning -u pbu-log-server.service")
        assert "NOSUCH" in said and "serves" not in said
        assert "serves" in machine.run("journalctl -o cat -p info..info -u pbu-log-server.service")
    finally:
        machine.run("sed -i /NOSUCH/d /etc/pbu-log-server/env; systemctl restart pbu-log-server")


def test_stopping_takes_no_time(machine):
    started = time.monotonic()
    machine.run("systemctl stop pbu-log-server.service")
    took = time.monotonic() - started
    assert show(machine, "ExecMainStatus") == "0" and took < 2
    # The socket is there still: a request starts the server.
    assert post(machine, {"msg": "x"}) == "200"
    assert show(machine, "ActiveState") == "active"


def test_tokens_by_credential(machine):
    folder = "/etc/systemd/system/pbu-log-server.service.d"
    machine.run(
        f"mkdir -p {folder}; printf 'first\\nsecond\\n' > /etc/pbu-log-server/tokens; chmod 600 /etc/pbu-log-server/tokens;"
        f" printf '[Service]\\nLoadCredential=tokens:/etc/pbu-log-server/tokens\\nEnvironment=AUTH_TOKEN_FILE=%%d/tokens\\n'"
        f" > {folder}/tokens.conf; systemctl daemon-reload; systemctl restart pbu-log-server")
    try:
        ask = f"curl -s -o /dev/null -w '%{{http_code}}' --cacert {CERTIFICATE} -H 'Content-Type: application/json' -d '{{\"msg\": 1}}'"
        got = [machine.run(f"{ask} -H 'Authorization: {t}' https://localhost/api/log")
               for t in ("first", "second", token(machine), "third")]
        assert got == ["200", "200", "200", "401"]
        assert token(machine) not in machine.run("systemctl show pbu-log-server; ps axww -o args")
    finally:
        machine.run(f"rm -r {folder}; systemctl daemon-reload; systemctl restart pbu-log-server")


def test_restarts_under_load(machine):
    """100 clean restarts: nothing refused, nothing missing, nothing twice."""
    with Load(machine) as load:
        for _ in range(100):
            machine.run("systemctl restart pbu-log-server.service")
            load.grow()
    print(f"{load.check(twice_at_most=0)} records")


def test_reloads_under_load(machine):
    """Files renamed away and opened again by a reload: every record in one or the other."""
    with Load(machine) as load:
        for number in range(20):
            machine.run(f"mv {LOG} {LOG}.{number}.away; systemctl reload pbu-log-server.service")
            wait_for(lambda: load.size() > 0, "a new file is written")
    print(f"{load.check(twice_at_most=0)} records")


def test_kills_under_load(machine):
    """50 times SIGKILL: nothing refused, nothing missing; a request that was repeated may be there twice."""
    with Load(machine) as load:
        for _ in range(50):
            old = show(machine, "MainPID")
            machine.run(f"kill -KILL {old}")
            load.grow()
            assert show(machine, "MainPID") not in ("0", old)
    print(f"{load.check(twice_at_most=50 * CLIENTS)} records")


def test_the_package_is_upgraded_under_load(machine):
    with Load(machine) as load:
        for _ in range(3):
            before = show(machine, "MainPID")
            machine.run("apt-get -qq -y install --reinstall /root/pbu-log-server_*.deb")
            assert show(machine, "MainPID") != before
            load.grow()
    print(f"{load.check(twice_at_most=0)} records")


def test_it_is_there_after_a_boot(machine):
    machine.restart()
    assert post(machine, {"msg": "after the boot"}) == "200"
    assert b"after the boot" in machine.read(LOG)


def test_spawn_fcgi_as_documented(machine):
    """README's command line: it serves, outlives SIGKILL, and ends when it is told to."""
    machine.run("systemctl stop pbu-log-server.socket pbu-log-server.service; rm -r /var/log/pbu-log-server")
    *steps, last = commands("spawn-fcgi")
    machine.run("\n".join(steps) + f"\nAUTH_TOKEN={token(machine)} {last} </dev/null >/dev/null 2>&1 &")
    servers = "pgrep -x pbu-log-server || true"
    try:
        wait_for(lambda: machine.run(servers), "it runs")
        for number in range(5):
            assert post(machine, {"msg": f"spawned {number}"}) == "200"
            machine.run("pkill -KILL -x pbu-log-server")
        assert machine.run("stat -c '%a %U' /run/pbu-log-server/fcgi.sock").strip() == "660 www-data"
    finally:
        machine.run("pkill -TERM -x multiwatch")
        wait_for(lambda: machine.run("pkill -TERM -x multiwatch || echo gone") == "gone\n", "multiwatch ends")
    assert machine.run(servers) == ""
    # A request that was answered and then repeated, as its answer got lost, may be there twice.
    assert {line[-9:] for line in machine.read(LOG).splitlines()} == {b"spawned %d" % n for n in range(5)}


def test_a_removed_package_leaves_the_logs(machine):
    machine.run("systemctl restart pbu-log-server.socket")
    assert post(machine, {"msg": "after the boot"}) == "200"
    machine.run("apt-get -qq -y remove pbu-log-server")
    assert machine.run("systemctl is-active pbu-log-server.service pbu-log-server.socket", check=False).split() == [
        "inactive", "inactive"]
    assert b"after the boot" in machine.read(LOG)
