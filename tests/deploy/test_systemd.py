"""The package on a machine with systemd, installed as doc/deploy.md says, restarted and killed under load."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import load
from installed import CERTIFICATE, LOG, SETTINGS, ask, commands, installed, messages, post, settings, show, token
from load import FORMAT
from server import wait_for

CLIENTS = 12
PROGRAMS = ("pbu-log-server", "pbu-log-reader")


@pytest.fixture(scope="module")
def machine():
    with installed() as machine:
        yield machine


class Load:
    """Clients that post all the time; `with Load(machine) as clients:`, then load.check()."""

    def __init__(self, machine):
        self.machine = machine
        self.folder = Path(f"/proc/{machine.pid}/root/var/log/pbu-log-server")
        machine.run(f"cp {CERTIFICATE} /root/cert.pem")
        machine.run(f"grep -q '^LOG_FORMAT=' {SETTINGS} || echo 'LOG_FORMAT={FORMAT}' >> {SETTINGS}")
        machine.run("systemctl stop pbu-log-server.service && rm -f /var/log/pbu-log-server/* &&"
                    " systemctl start pbu-log-server.service")

    def __enter__(self):
        self.process = self.machine.inside(
            sys.executable, load.__file__, "https://localhost", "--clients", CLIENTS, "--fresh", CLIENTS // 2,
            "--ca", f"/proc/{self.machine.pid}/root/root/cert.pem", "--token", token(self.machine),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.grow()
        return self

    def size(self):
        try:
            return len(self.machine.read(LOG))
        except FileNotFoundError:
            return 0

    def grow(self):
        """Waits until every client, more or less, has got on: a record takes some 20 bytes."""
        before = self.size()
        wait_for(lambda: self.size() > before + 400 * CLIENTS, "clients get on", 60)

    def __exit__(self, *_):
        self.said, _ = self.process.communicate()

    def check(self, twice_at_most):
        """No client saw anything but 200, and every record is in the files; returns how many."""
        sent = load.sent_by(self.said)
        assert [(s.key, s.status) for s in sent if s.status != 200] == []
        load.Outcome(sent, [self.folder], text=load.short).check(twice_at_most)
        return len(sent)


def test_it_is_what_the_units_say(machine):
    for name, memory, tasks in ("pbu-log-server", 1 << 30, 1100), ("pbu-log-reader", 512 << 20, 128):
        unit = f"{name}.service"
        assert show(machine, "ActiveState", unit) == "active" and show(machine, "Type", unit) == "notify"
        assert show(machine, "StatusText", unit).startswith("version ")
        assert show(machine, "MemoryMax", unit) == str(memory) and show(machine, "TasksMax", unit) == str(tasks)
        socket = f"/run/{name}/fcgi.sock"
        assert machine.run(f"stat -c '%a %G' {socket}").strip() == "660 www-data"
        # ps cuts it short.
        assert machine.run(f"stat -c %U /proc/{show(machine, 'MainPID', unit)}").strip() == name
    assert machine.run("stat -c '%a %U' /var/log/pbu-log-server " + LOG).split() == [
        "750", "pbu-log-server", "640", "pbu-log-server"]


def test_reading_comes_after_writing(machine):
    """Where there is not enough of something for both."""
    server, reader = (f"{name}.service" for name in PROGRAMS)
    for weight in "CPUWeight", "IOWeight":
        assert show(machine, weight, server) in ("[not set]", str(2**64 - 1))  # 100
        assert show(machine, weight, reader) == "20"
    pid = show(machine, "MainPID", reader)
    assert machine.run(f"ps -o ni= -p {pid}; cat /proc/{pid}/oom_score_adj").split() == ["10", "500"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_exposure(machine, name):
    said = machine.run(f"systemd-analyze security --no-pager {name}.service")
    assert float(re.search(r"Overall exposure level .*: ([\d.]+)", said)[1]) <= 0.2, said


def test_the_units_are_without_mistakes(machine):
    units = " ".join(f"{name}.{kind}" for name in PROGRAMS for kind in ("service", "socket"))
    assert machine.run(f"systemd-analyze verify --man=no {units}") == ""


# What a service may find writable: what is its own in /proc, and a terminal, which it has not.
WRITABLE = {"/proc", "/dev/pts"}


@pytest.mark.parametrize("name, more", [
    ("pbu-log-server", {"/var/log/pbu-log-server", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/dev/hugepages"}),
    ("pbu-log-reader", set()),
])
def test_what_is_writable(machine, name, more):
    """Each place that is mounted for writing, root's view from the inside; the reader has none."""
    pid = show(machine, "MainPID", f"{name}.service")
    mounts = [line.split() for line in machine.run(f"cat /proc/{pid}/mountinfo").splitlines()]
    writable = {x[4] for x in mounts if "rw" in x[5].split(",")}
    assert WRITABLE <= writable <= WRITABLE | more


def test_the_reader_can_not_write(machine):
    """Not from its sandbox, whoever it were; and not as its own user, were there no sandbox."""
    pid = show(machine, "MainPID", "pbu-log-reader.service")
    folder = "/var/log/pbu-log-server"
    user = "setpriv --reuid pbu-log-reader --regid pbu-log-server --init-groups"
    for action in f"touch {folder}/new", f"mv {LOG} {LOG}.away", f"rm -f {LOG}", f"truncate -s 0 {LOG}", f"chmod 0666 {LOG}":
        assert "Read-only file system" in machine.run(f"nsenter -t {pid} -m {action} 2>&1 || :"), action
        assert re.search("Permission denied|not permitted", machine.run(f"{user} {action} 2>&1 || :")), action
    assert "hello" in machine.run(f"{user} cat {LOG}")
    # The way that is written through is closed to it as well.
    knock = "import socket; socket.socket(socket.AF_UNIX).connect('/run/pbu-log-server/fcgi.sock')"
    assert machine.run("which python3 || :") == "" or "PermissionError" in machine.run(f'{user} python3 -c "{knock}" 2>&1 || :')
    assert machine.run(f"{user} test -w /run/pbu-log-server/fcgi.sock && echo yes || echo no").strip() == "no"
    # And there is no network.
    nets = machine.run(f"readlink /proc/1/ns/net /proc/{pid}/ns/net").split()
    assert len(nets) == 2 and nets[0] != nets[1]
    assert machine.run(f"grep -c : /proc/{pid}/net/dev").strip() == "1"


def test_who_may_read(machine):
    """The page is everybody's; a token opens what it is for, and nothing else."""
    status, text = ask(machine, "/", options="-i")
    assert status == 200 and "<html" in text and "content-type: text/html" in text.lower()
    assert "content-security-policy: default-src 'none'" in text.lower()
    read, write = token(machine, "READ_TOKEN"), token(machine)
    assert [ask(machine, "/api/log/query", word)[0] for word in (None, "wrong", write, read)] == [401, 401, 403, 200]
    assert machine.run(f"curl -s -o /dev/null -w '%{{http_code}}' --cacert {CERTIFICATE} -H 'Authorization: {read}'"
                       " -H 'Content-Type: application/json' -d '{\"msg\": 1}' https://localhost/api/log") == "401"


def test_reading_is_never_open_by_mistake(machine):
    """The server's token may be in a drop-in, where the reader does not see it."""
    with settings(machine, "/^AUTH_TOKEN=/d", "/^READ_TOKEN=/d"):
        status, text = ask(machine, "/api/log/query")
        assert status == 403 and "READ_TOKEN" in text
    with settings(machine, "/^AUTH_TOKEN=/d", "/^READ_TOKEN=/d", "$aAUTH_TOKEN="):
        assert ask(machine, "/api/log/query")[0] == 200


def test_the_reader_is_there_before_the_logs(machine):
    """And finds them when they come."""
    machine.run("systemctl stop pbu-log-server.socket pbu-log-server.service; mv /var/log/pbu-log-server /root/;"
                " systemctl restart pbu-log-reader.service")
    try:
        assert messages(machine) == []
    finally:
        machine.run("rm -rf /var/log/pbu-log-server; mv /root/pbu-log-server /var/log/; systemctl start pbu-log-server.socket")
    assert post(machine, {"msg": "they came"}) == "200"
    assert messages(machine)[0] == "they came"


def test_messages_have_priorities(machine):
    machine.run("echo ENABLED_LOG_LEVELS=INFO,ERROR,NOSUCH >> /etc/pbu-log-server/env; systemctl restart pbu-log-server")

    def said(priority):
        return machine.run(f"journalctl -o cat -p {priority}..{priority} -u pbu-log-server.service")

    try:
        # The journal takes what is said when it comes to it.
        wait_for(lambda: "NOSUCH" in said("warning"), "the warning")
        wait_for(lambda: "serves" in said("info"), "what is no warning")
        assert "serves" not in said("warning")
    finally:
        machine.run("sed -i /NOSUCH/d /etc/pbu-log-server/env; systemctl restart pbu-log-server")


def test_stopping_takes_no_time(machine):
    machine.run("systemctl stop pbu-log-server.service")
    # By systemd's own clock: to have a command run in the machine takes its time.
    told, ended = (int(show(machine, f"{x}TimestampMonotonic")) for x in ("ActiveExit", "InactiveEnter"))
    assert show(machine, "ExecMainStatus") == "0" and 0 < ended - told < 2_000_000
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


def test_a_read_token_by_credential(machine):
    folder = "/etc/systemd/system/pbu-log-reader.service.d"
    machine.run(
        f"mkdir -p {folder}; echo third > /etc/pbu-log-server/readers; chmod 600 /etc/pbu-log-server/readers;"
        f" printf '[Service]\nLoadCredential=readers:/etc/pbu-log-server/readers\nEnvironment=READ_TOKEN_FILE=%%d/readers\n"
        f"MemoryDenyWriteExecute=yes\n' > {folder}/readers.conf; systemctl daemon-reload; systemctl restart pbu-log-reader")
    try:
        words = ("third", token(machine, "READ_TOKEN"), "second", token(machine))
        assert [ask(machine, "/api/log/files", word)[0] for word in words] == [200, 200, 401, 403]
        # Where no code may be made, expressions are interpreted.
        assert messages(machine, "/api/log/query?limit=1&q=/^.*(hello|they)/")
    finally:
        machine.run(f"rm -r {folder}; systemctl daemon-reload; systemctl restart pbu-log-reader")


class Reading:
    """Four clients that search through everything, again and again, whatever comes of it, as long as this process is there."""

    def __init__(self, machine):
        self.machine = machine

    def __enter__(self):
        ca = f"/proc/{self.machine.pid}/root{CERTIFICATE}"
        loop = (f"while kill -0 {os.getpid()}; do"
                f" curl -s -m 5 -o /dev/null --noproxy '*' --cacert {ca} -H 'Authorization: {token(self.machine, 'READ_TOKEN')}'"
                " 'https://localhost/api/log/query?limit=0&q=/(a%2B)%2Bb/'; done")
        self.clients = [self.machine.inside("sh", "-c", loop, start_new_session=True) for _ in range(4)]
        return self

    def __exit__(self, *_):
        for client in self.clients:
            os.killpg(client.pid, signal.SIGKILL)
            client.wait()


def test_whatever_becomes_of_the_reader(machine):
    """It searches, is killed, stopped, and out of memory: who writes notices nothing."""
    unit = "pbu-log-reader.service"
    with Load(machine) as clients, Reading(machine):
        for _ in range(5):
            old = show(machine, "MainPID", unit)
            machine.run(f"kill -KILL {old}")
            clients.grow()
            wait_for(lambda: show(machine, "MainPID", unit) not in ("0", old), "it is there again")
        machine.run(f"systemctl kill -s STOP {unit}")
        for _ in range(3):
            clients.grow()
        machine.run(f"systemctl kill -s CONT {unit}")
        # No page more than it has: what it needs for a query it does not get.
        pid = show(machine, "MainPID", unit)
        machine.run(f"prlimit --pid {pid} --as=1")
        for _ in range(3):
            clients.grow()
        status, text = ask(machine, "/api/log/query?limit=1", token(machine, "READ_TOKEN"))
        assert status in (200, 502, 503), text
        machine.run(f"systemctl restart {unit}")
        clients.grow()
    print(f"{clients.check(twice_at_most=0)} records")
    assert len(messages(machine)) == 1000


def test_restarts_under_load(machine):
    """60 clean restarts: nothing refused, nothing missing, nothing twice."""
    with Load(machine) as clients:
        for _ in range(60):
            machine.run("systemctl restart pbu-log-server.service")
            clients.grow()
    print(f"{clients.check(twice_at_most=0)} records")


def test_reloads_under_load(machine):
    """Files renamed away and opened again by a reload: every record in one or the other."""
    with Load(machine) as clients:
        for number in range(20):
            machine.run(f"mv {LOG} {LOG}.{number}.away; systemctl reload pbu-log-server.service")
            wait_for(lambda: clients.size() > 0, "a new file is written")
    print(f"{clients.check(twice_at_most=0)} records")


def test_a_reload_holds_no_thread(machine):
    """systemd makes the socket a blocking one with it: the only thread serves whoever connects afterwards."""
    machine.run(f"echo THREADS=1 >> {SETTINGS}; systemctl restart pbu-log-server.service")
    try:
        machine.run("systemctl reload pbu-log-server.service; systemctl restart nginx.service")
        assert [post(machine, {"msg": number}) for number in range(3)] == ["200"] * 3
    finally:
        machine.run(f"sed -i /THREADS=1/d {SETTINGS}; systemctl restart pbu-log-server.service")


def test_kills_under_load(machine):
    """30 times SIGKILL: nothing refused, nothing missing; a request that was repeated may be there twice."""
    with Load(machine) as clients:
        for _ in range(30):
            old = show(machine, "MainPID")
            machine.run(f"kill -KILL {old}")
            clients.grow()
            assert show(machine, "MainPID") not in ("0", old)
    print(f"{clients.check(twice_at_most=30 * CLIENTS)} records")


def test_the_package_is_upgraded_under_load(machine):
    with Load(machine) as clients:
        for _ in range(3):
            before = [show(machine, "MainPID", f"{name}.service") for name in PROGRAMS]
            machine.run("apt-get -qq -y install --reinstall /root/pbu-log-server_*.deb")
            after = [show(machine, "MainPID", f"{name}.service") for name in PROGRAMS]
            assert not set(before) & set(after)
            clients.grow()
    print(f"{clients.check(twice_at_most=0)} records")
    assert len(messages(machine)) == 1000


def test_it_is_there_after_a_boot(machine):
    machine.restart()
    assert post(machine, {"msg": "after the boot"}) == "200"
    assert b"after the boot" in machine.read(LOG)
    assert messages(machine)[0] == "after the boot"


def test_spawn_fcgi_as_documented(machine):
    """deploy.md's command lines: both serve, outlive SIGKILL, and end when they are told to."""
    machine.run("systemctl stop 'pbu-log-*.socket' 'pbu-log-*.service'; rm -r /var/log/pbu-log-server")
    *steps, reader, server = commands("spawn-fcgi")
    tokens = " ".join(f"{name}={token(machine, name)}" for name in ("AUTH_TOKEN", "READ_TOKEN"))
    machine.run("\n".join(steps))
    for command in reader, server:
        machine.run(f"export {tokens}\n{command} </dev/null >/dev/null 2>&1 &")
    running = "pidof pbu-log-server pbu-log-reader || true"
    try:
        wait_for(lambda: len(machine.run(running).split()) == 2, "they run")
        for number in range(5):
            assert post(machine, {"msg": f"spawned {number}"}) == "200"
            assert messages(machine)[0].endswith(f"spawned {number}")
            machine.run("pkill -KILL -x 'pbu-log-(server|reader)'")
        assert machine.run("stat -c '%a %U' /run/pbu-log-server/fcgi.sock /run/pbu-log-reader/fcgi.sock").split() == [
            "660", "www-data"] * 2
        wait_for(lambda: len(machine.run(running).split()) == 2, "they run again")
        assert machine.run("ps -o user:32=,ni= -C pbu-log-reader").split() == ["pbu-log-reader", "10"]
    finally:
        machine.run("pkill -TERM -x multiwatch")
        wait_for(lambda: machine.run("pkill -TERM -x multiwatch || echo gone") == "gone\n", "multiwatch ends")
    wait_for(lambda: machine.run(running) == "", "both have ended")
    # A request that was answered and then repeated, as its answer got lost, may be there twice.
    assert {line[-9:] for line in machine.read(LOG).splitlines()} == {b"spawned %d" % n for n in range(5)}


def test_a_removed_package_leaves_the_logs(machine):
    """A purged one as well, and no page."""
    machine.run("systemctl restart pbu-log-server.socket pbu-log-reader.socket")
    assert post(machine, {"msg": "after the boot"}) == "200"
    machine.run("apt-get -qq -y remove pbu-log-server")
    assert machine.run("systemctl is-active 'pbu-log-*.service' 'pbu-log-*.socket'", check=False).strip() in ("", "inactive")
    assert machine.run("ps -C pbu-log-server,pbu-log-reader -o pid= || :") == ""
    machine.run("apt-get -qq -y purge pbu-log-server")
    assert b"after the boot" in machine.read(LOG)
    assert machine.run("ls -d /usr/share/pbu-log-server /etc/nginx/sites-enabled/pbu-log-server.conf 2>/dev/null || :") == ""
