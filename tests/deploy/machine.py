"""A container with systemd as its first process: a Debian machine to install the server on.

podman runs it, with a storage folder of the tests' own; no registry is needed. It has no network but
its own loopback, where a program of this machine can be put to work (Machine.inside()).
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import base_image
from server import wait_for

# What the package depends on is here already: there is no network to fetch it by.
PACKAGES = "systemd dbus nginx openssl curl procps spawn-fcgi multiwatch libfcgi0ldbl libcjson1 libcurl4 libpcre2-8-0 librdkafka1 libsodium23 libsystemd0 zlib1g"
CONTAINERFILE = f"""\
FROM base
RUN apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install {PACKAGES} >/dev/null
CMD ["/lib/systemd/systemd"]
"""
# What systemd in it needs to confine services as their units say; without, it leaves most of that out. (PTRACE:
# to find its own child where /proc shows a user its own processes only.)
CONFINES = ("--cap-add", "SYS_ADMIN,NET_ADMIN,SYS_PTRACE", "--security-opt", "unmask=ALL")


class Machine:
    """`with Machine() as machine: machine.run("systemctl status")`"""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pbu-machine-", dir="/var/tmp"))
        # Limits can't be raised everywhere: these are low enough. runc and cgroupfs need no systemd on
        # this machine.
        limits = '"nofile=1024:1024", "nproc=10000:10000"'
        conf = self.folder / "containers.conf"
        conf.write_text(f"[containers]\ndefault_ulimits = [{limits}]\n"
                        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n')
        self.env = {**os.environ, "CONTAINERS_CONF": str(conf)}
        self.name = self.folder.name

    def podman(self, *args, check=True):
        command = ["podman", "--root", self.folder / "root", "--runroot", self.folder / "run", *args]
        done = subprocess.run([str(x) for x in command], env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"podman {' '.join(map(str, args))}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout

    def __enter__(self):
        try:
            self.podman("import", "-q", base_image.tarball(), "base")
            (self.folder / "Containerfile").write_text(CONTAINERFILE)
            self.podman("build", "-q", "--network", "host", "-t", "machine", "-f", self.folder / "Containerfile",
                        self.folder)
            self.podman("create", "--name", self.name, "--systemd=always", "--network", "none", *CONFINES, "machine")
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _boot(self):
        self.podman("start", self.name)
        self.pid = int(self.podman("inspect", "--format", "{{.State.Pid}}", self.name))
        wait_for(lambda: self.run("systemctl is-system-running", check=False).strip() in ("running", "degraded"),
                 "systemd in the container is up", 180)
        # As systemd does on a real machine: credentials are mounted aside, and come to it from there.
        self.run("mount --make-rshared /")

    def restart(self):
        """Shuts the machine down and boots it again."""
        self.podman("stop", "-t", "60", self.name)
        self._boot()

    def __exit__(self, *_):
        self.podman("rm", "-f", "-t", "0", self.name, check=False)
        self.podman("rmi", "-a", "-f", check=False)
        subprocess.run(["umount", "-q", self.folder / "root/overlay"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, command, check=True):
        """What a shell in the machine says to a command."""
        return self.podman("exec", self.name, "sh", "-ec", command, check=check)

    def copy(self, source, target):
        self.podman("cp", source, f"{self.name}:{target}")

    def read(self, path):
        """A file of the machine, as it is at this moment."""
        return Path(f"/proc/{self.pid}/root{path}").read_bytes()

    def inside(self, *command, **options):
        """Starts a program of this machine in the network of that one."""
        return subprocess.Popen(["nsenter", f"--net=/proc/{self.pid}/ns/net", *map(str, command)], **options)
