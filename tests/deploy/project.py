"""A project of Compose, of this tree, in an engine; how clients and people ask it."""

import json
import shutil
import ssl
import subprocess
import uuid
from pathlib import Path

import requests

from server import SETTINGS, TREE, free_port, wait_for

TOKEN, READ_TOKEN = "s3cret", "r3ad"
VARIABLES = (*SETTINGS, "TZ", "ADDRESS", "TLS_FOLDER", "TLS_NAMES", "CONFIG_FOLDER")

# For containers to start, and to be found healthy: on a busy machine an engine takes its time.
UP_SECONDS = 120


class Project:
    """A copy of the tree with a compose project, a port, and volumes of its own; of these files, or compose.yaml."""

    def __init__(self, engine, folder: Path, *files: str):
        self.engine = engine
        self.name = f"pbu{uuid.uuid4().hex[:8]}"
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.folder = folder / "tree"
        copy_tree(self.folder)
        self.certificate = folder / "cert.pem"
        self.command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        for name in files:
            self.command += ["-f", name]
        self.now: dict[str, str] = {}

    def compose(self, *args, check=True, **settings):
        """docker-compose with these settings in its environment, and no other."""
        return self.engine.run(*self.command, "-p", self.name, *args, check=check, cwd=self.folder,
                               env=environment(self.engine.env, PORT=self.port, **settings))

    def up(self, *args, **settings):
        """Up with these settings, healthy to a client, and trusted by what its certificate is."""
        self.now = settings or {"AUTH_TOKEN": TOKEN, "READ_TOKEN": READ_TOKEN}
        self.compose("up", "-d", *args, **self.now)
        for path in "/api/health", "/api/log/health":
            wait_for(lambda: self.status(path) == 200, f"{path} answers", UP_SECONDS, 0.1)

    def down(self, *args):
        return self.compose("down", *args, **self.now)

    def id(self, service):
        return self.compose("ps", "-q", service, **self.now).strip()

    def inspect(self, service):
        return json.loads(self.engine.run("docker", "inspect", self.id(service)))[0]

    def inside(self, service, script, check=True):
        return self.engine.run("docker", "exec", self.id(service), "sh", "-c", script, check=check)

    def log(self, name="info.log"):
        return self.inside("server", f"cat /logs/{name}")

    def trust(self):
        """Gets the certificate from the volume, as doc/deploy.md tells clients to."""
        self.certificate.write_text(self.inside("nginx", "cat /etc/pbu-log-server/tls/cert.pem"))
        return str(self.certificate)

    def status(self, path):
        """What an address answers, whoever's its certificate is; None without an answer."""
        try:
            # No proxies, and no warning about verify.
            done = subprocess.run(["curl", "-sk", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}",
                                   self.url + path], capture_output=True, text=True, timeout=30)
            return int(done.stdout) or None
        except (ValueError, subprocess.TimeoutExpired):
            return None

    def post(self, message, token=TOKEN, verify=None, key=None, **fields):
        """A record; key: its Idempotency-Key."""
        headers = {name: text for name, text in (("Authorization", token), ("Idempotency-Key", key)) if text}
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{self.url}/api/log", json={"msg": message, **fields}, timeout=30, headers=headers,
                                verify=verify or str(self.certificate))

    def read(self, path, token=READ_TOKEN, verify=None):
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url + path, timeout=30, headers={"Authorization": token} if token else {},
                               verify=verify or str(self.certificate))

    def messages(self):
        """What the newest entries say, by a query."""
        answer = self.read("/api/log/query")
        assert answer.status_code == 200, answer.text
        return [x["message"] for x in map(json.loads, answer.text.splitlines()) if "message" in x]

    def served(self):
        """The certificate that clients get, without a look at who signed it."""
        return ssl.get_server_certificate(("127.0.0.1", self.port))


def copy_tree(target):
    """What git tracks or would track: no .env, no build folder. For nobody else to read, as `umask 077` has it."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TREE,
                           check=True, capture_output=True, text=True).stdout.split("\0")
    for name in names:
        if name and (TREE / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TREE / name, target / name)
            (target / name).chmod((TREE / name).stat().st_mode & 0o700)


def environment(base, **settings):
    """Without the variables that compose.yaml knows, but for these."""
    env = {k: v for k, v in base.items() if k not in VARIABLES and not k.startswith("COMPOSE_")}
    return {**env, **{k: str(v) for k, v in settings.items() if v is not None}}
