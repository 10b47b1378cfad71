"""nginx in front of a FastCGI program, with the settings that start.sh gives them, for bench.py."""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
SETTINGS = re.compile("LOG_|AUTH_TOKEN|KAFKA_|METRICS_|READ_|QUERY_|ENABLED_LOG_LEVELS|MAX_|THREADS|PORT")
OPEN_FILES = 16384


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stack:
    """A running pair: `with Stack([program, argument...], LOG_FSYNC="always") as stack:`"""

    def __init__(self, command, **settings):
        self.folder = Path(tempfile.mkdtemp(prefix="pbu-bench-"))
        self.folder.chmod(0o755)
        self.logs = self.folder / "logs"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {k: v for k, v in os.environ.items() if not SETTINGS.match(k)}
        self.env.update(LOG_FOLDER=str(self.logs), **settings)
        path = self.folder / "fcgi.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(0o666)
            listener.listen(1024)
            self.program = subprocess.Popen(
                [str(x).replace("@FOLDER@", str(self.folder)) for x in command], stdin=listener, env=self.env,
                stderr=subprocess.DEVNULL)
        # As start.sh makes it.
        subprocess.run(["bash", "-c", 'tree=$0; . "$tree/tools/nginx.sh"; nginx_render "$@"', TREE, self.folder,
                        f"127.0.0.1:{self.port}"], env=self.env, check=True)
        self.nginx = subprocess.Popen(
            ["nginx", "-p", f"{self.folder}/", "-c", f"{self.folder}/nginx.conf", "-e", "stderr"],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def _wait(self):
        end = time.monotonic() + 10
        while True:
            try:
                return self.get("/api/health")
            except OSError:
                if time.monotonic() > end or self.program.poll() is not None or self.nginx.poll() is not None:
                    self.stop()
                    raise RuntimeError("nginx or its program does not run") from None
                time.sleep(0.02)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name):
        return float(re.search(rf"^pbu_log_{re.escape(name)} (\S+)$", self.get("/metrics"), re.M)[1])

    def cpu(self):
        """Seconds of processor time that the program has used."""
        fields = Path(f"/proc/{self.program.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what="VmHWM"):
        """Peak (VmHWM) or present (VmRSS) memory of the program, in MiB."""
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        return int(re.search(rf"{what}:\s*(\d+)", status)[1]) / 1024

    def stop(self):
        for process, number in ((self.nginx, signal.SIGQUIT), (self.program, signal.SIGTERM)):
            if process.poll() is None:
                process.send_signal(number)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def empty_logs(self):
        """Keeps the disk from filling up: the server is told by nothing, its files are O_APPEND."""
        for path in [*self.logs.glob("*.log"), *self.folder.glob("empty.log")]:
            os.truncate(path, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def raise_limits():
    """Every part of the bench may open as many files as this machine lets it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, OPEN_FILES), hard))
