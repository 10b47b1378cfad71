"""A docker engine for the tests: one that runs here, or a dockerd of their own that leaves nothing behind.

    with Engine() as engine:
        engine.run("docker", "ps")      # any program that talks to the engine; its output
    with Podman() as podman:
        podman.run("podman", "ps")      # podman, with a storage of the tests' own
"""

import fcntl
import os
import re
import resource
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import base_image
from server import PROXIES, wait_for

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# What is dockerd's, or that of podman's networks, in a list of rules or interfaces.
ENGINES = re.compile(r"\bDOCKER|\bdocker0\b|\bbr-[0-9a-f]{12}\b|\bCNI-|\bcni-podman\d+\b|\bNETAVARK|\bpodman\d+\b")
# What engines make outside of their folders: taken away if it was not there.
FOLDERS = [Path(x) for x in ("/etc/docker", "/run/docker", "/run/containerd", "/var/lib/cni")]
# dockerd takes the best storage driver that works. Where it is mistaken, copies always do.
ATTEMPTS = ([], ["--storage-driver", "vfs"])


class _Runner:
    def __init__(self):
        # The tests talk to containers on 127.0.0.1; the proxies are apt's, and are in the base image.
        self.env = {k: v for k, v in os.environ.items() if k not in PROXIES}

    def __exit__(self, *_):
        self.close()

    def run(self, *command, check=True, **options):
        """Runs a program, and returns its output; with check=False, its exit status and its output."""
        options.setdefault("env", self.env)
        done = subprocess.run([str(x) for x in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=600, **options)
        if not check:
            return done.returncode, done.stdout
        assert done.returncode == 0, f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}"
        return done.stdout


class Engine(_Runner):
    def __init__(self):
        super().__init__()
        self.folder = None
        self.daemon = None
        self.imported = False

    def __enter__(self):
        try:
            if not self._answers():
                self._start()
            self._import_base()
        except BaseException:
            self.close()
            raise
        return self

    def _answers(self):
        try:
            return self.run("docker", "version", check=False)[0] == 0
        except FileNotFoundError:
            pytest.fail("there is no docker: install docker.io")

    def _import_base(self):
        if self.run("docker", "image", "inspect", base_image.NAME, check=False)[0] != 0:
            self.run("docker", "import", base_image.tarball(), base_image.NAME)
            self.imported = True

    # --- a dockerd of our own ---

    def _start(self):
        if os.geteuid() != 0 or not shutil.which("dockerd"):
            pytest.fail("no docker engine answers, and none can be started: it needs root and dockerd")
        base_image.tarball()
        # They share an interface and chains of iptables: one at a time.
        self.turn = open(base_image.CACHE / "docker.lock", "w")
        fcntl.flock(self.turn, fcntl.LOCK_EX)
        self.before = _Traces()
        # On a disk: nothing can be stored on an overlay, or be much in a tmpfs.
        self.folder = Path(tempfile.mkdtemp(prefix="pbu-docker-", dir="/var/tmp"))
        self.env["DOCKER_HOST"] = f"unix://{self.folder}/docker.sock"
        for options in ATTEMPTS:
            if self._launch(options):
                return
        pytest.fail("dockerd does not start:\n" + (self.folder / "log").read_text(errors="replace")[-4000:])

    def _launch(self, options):
        folder = self.folder
        with open(folder / "log", "ab") as log:
            # Should the tests be killed, it ends as well.
            self.daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", "dockerd", "--data-root", folder / "data",
                 "--exec-root", folder / "exec", "--pidfile", folder / "pid",
                 "--host", self.env["DOCKER_HOST"], *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_for(lambda: self.daemon.poll() is not None or self._answers(), "dockerd answers", 60, 0.1)
        if self.daemon.poll() is not None or not self._runs_containers():
            self._stop()
            return False
        return True

    def _runs_containers(self):
        self._import_base()
        return self.run("docker", "run", "--rm", base_image.NAME, "true", check=False)[0] == 0

    def close(self):
        """Takes away what was made, in an engine of somebody else's, too."""
        if self.folder is None:
            if self.imported:
                self.run("docker", "image", "rm", base_image.NAME, check=False)
            return
        try:
            if self.daemon:
                self._stop()
            _remove(self.folder)
        finally:
            self.before.restore()
            self.turn.close()

    def _stop(self):
        if self.daemon.poll() is None:
            containers = self.run("docker", "ps", "-aq").split()
            if containers:
                self.run("docker", "rm", "-f", "-v", *containers)
            self.run("docker", "network", "prune", "-f")
            self.daemon.terminate()
            try:
                self.daemon.wait(60)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
                raise AssertionError("dockerd does not end") from None


class Podman(_Runner):
    """podman as root, with storage, networks and settings of its own."""

    def __enter__(self):
        if os.geteuid() != 0 or not shutil.which("podman"):
            pytest.fail("podman is needed here, and root")
        self.before = _Traces()
        self.folder = Path(tempfile.mkdtemp(prefix="pbu-podman-", dir="/var/tmp"))
        # Limits can't be raised everywhere, and podman asks for more than there is. Nor is systemd everywhere.
        files, processes = (min(resource.getrlimit(number)[1] % 2**64, most) for number, most in (
            (resource.RLIMIT_NOFILE, 16384), (resource.RLIMIT_NPROC, 10000)))
        containers, storage = self.folder / "containers.conf", self.folder / "storage.conf"
        containers.write_text(
            f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n'
            f'tmp_dir = "{self.folder}/tmp"\n'
            f'[network]\nnetwork_config_dir = "{self.folder}/networks"\n')
        storage.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{self.folder}/root"\n'
                           f'runroot = "{self.folder}/run"\n')
        self.env.update(CONTAINERS_CONF=str(containers), CONTAINERS_STORAGE_CONF=str(storage),
                        DISABLE_HC_SYSTEMD="true")
        return self

    def close(self):
        try:
            self.run("podman", "rm", "-f", "-a", "-t", "5")
            _remove(self.folder)
        finally:
            self.before.restore()


def _remove(folder):
    for mount in reversed(_mounts_below(folder)):
        subprocess.run(["umount", mount], check=True)
    shutil.rmtree(folder)


class _Traces:
    """What an engine changes on this machine, and does not take back."""

    def __init__(self):
        self.forwarding = FORWARDING.read_text()
        self.rules = {table: _rules(table) for table in ("filter", "nat")}
        self.interfaces = _interfaces()
        self.folders = [x for x in FOLDERS if x.exists()]

    def restore(self):
        for table, before in self.rules.items():
            new = [x for x in _rules(table) if x not in before]
            # Rules first: a chain that something leads to can't go. Others' new ones stay.
            for action, then in (("-A ", "-D "), ("-N ", "-X ")):
                for rule in new:
                    if rule.startswith(action) and ENGINES.search(rule):
                        _iptables(table, then + rule[3:])
            for policy in before:
                if policy.startswith("-P ") and policy not in _rules(table):
                    _iptables(table, policy)
        for name in _interfaces() - self.interfaces:
            if ENGINES.fullmatch(name):
                subprocess.run(["ip", "link", "delete", name], check=True)
        FORWARDING.write_text(self.forwarding)
        for folder in FOLDERS:
            if folder not in self.folders and folder.exists():
                shutil.rmtree(folder)


def _iptables(table, rule):
    subprocess.run(["iptables", "-w", "-t", table, *shlex.split(rule)], check=True)


def _rules(table):
    return subprocess.run(["iptables", "-w", "-t", table, "-S"], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def _interfaces():
    return {x.name for x in Path("/sys/class/net").iterdir()}


def _mounts_below(folder):
    points = (x.split()[4] for x in Path("/proc/self/mountinfo").read_text().splitlines())
    return [x for x in points if x.startswith(f"{folder}/")]
