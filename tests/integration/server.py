"""A running PBU Log Server for tests: the real start.sh, nginx and server.

    server = Server(tmp_path, LOG_ROTATE="hourly").start()   # settings are keyword arguments
    answer = server.post({"msg": "hello"})                   # an object, a list, or raw bytes
    assert answer.status_code == 200, answer.text
    assert server.lines("info.log") == [...]
    server.stop()                                            # asserts that nothing is left behind

In a test, don't construct it yourself; use the fixtures of conftest.py, which stop it:

    def test_one(server): ...                   # one for the whole module: all four levels, no token
    def test_two(start_server):                 # a server of its own, with settings
        server = start_server(AUTH_TOKEN="secret", LOG_FORMAT="%(message)s")
    @pytest.fixture(scope="module")
    def quiet(start_module_server):             # settings shared by a module
        return start_module_server(ENABLED_LOG_LEVELS="ERROR")

What each server gets: a free port, a working folder of its own (`server.cwd`, where a `.env` may be
put) with LOG_FOLDER `_logs` in it (`server.folder`), TZ=UTC, and none of the settings that happen to
be in the environment of the tests. A setting of None is left unset: Server(tmp, LOG_FOLDER=None).
stderr_to=<descriptor>: what start.sh has as stderr instead of a file. before=<words>: what start.sh is started
with, and becomes. BUILD_DIR is passed on, so that the suite can run against a sanitizer build.

server.url              http://127.0.0.1:<port>
server.post(x, ...)     POST /api/log; keyword arguments go to requests (headers=, timeout=, ...)
server.get(path)        GET
server.request(m, path) anything else that `requests` can say
server.raw(data)        bytes to the port as they are, and everything that comes back
server.read(name)       text of a log file, "" when it is not there; read_bytes, lines, entries beside it
server.pid, .reader_pid process id of pbu-log-server, or pbu-log-reader, itself (changes when it is killed)
server.kill(signal)     sends a signal to it, SIGKILL unless told otherwise
server.send(signal)     sends a signal to start.sh
server.stdout, .stderr  what start.sh, nginx and the server have said so far
server.stop()           SIGTERM, exit 0, no process, no run folder, no finding of a sanitizer

For a moved clock in the server alone: LD_PRELOAD=<libfaketime>, FAKETIME=..., FAKETIME_ONLY_CMDS=
pbu-log-server. Nothing here sleeps for a fixed time; wait_for(condition, what) polls.
"""

import atexit
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import requests

TREE = Path(__file__).resolve().parents[2]
START = TREE / "start.sh"

SETTINGS = (
    "LOG_FOLDER AUTH_TOKEN AUTH_TOKEN_FILE PORT ENABLED_LOG_LEVELS LOG_FORMAT LOG_DATE_FORMAT "
    "LOG_ROTATE LOG_MAX_BYTES LOG_BACKUP_COUNT LOG_FSYNC MAX_BODY_BYTES MAX_MEMORY_BYTES THREADS "
    "KAFKA_BROKERS KAFKA_TOPIC KAFKA_CONFIG KAFKA_GROUP KAFKA_INSTANCE METRICS_FILE "
    "READ_TOKEN READ_TOKEN_FILE QUERY_TIMEOUT READ_PEERS READ_PEERS_TOKEN READ_PEERS_CA READ_PEERS_TIMEOUT READ_NAME"
).split()
# Proxies are for the world outside; the tests stay on 127.0.0.1.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

# Where start.sh makes its run folders, apart from those of others on this machine. Everybody may write
# there, because some tests are another user's.
RUN_BASE = Path(tempfile.mkdtemp(prefix="pbu-run-"))
RUN_BASE.chmod(0o1777)
atexit.register(shutil.rmtree, RUN_BASE, ignore_errors=True)

ALL_LEVELS = "DEBUG,INFO,WARNING,ERROR"

# Long enough for a build by the first start of a session; what takes this long is a failure.
START_SECONDS = 300
STOP_SECONDS = 40

SANITIZER_MARKS = (
    "AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "UndefinedBehaviorSanitizer", "runtime error:",
)


def wait_for(condition, what, seconds=20.0, pause=0.01):
    """Polls until condition() is true, and returns what it returned; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def free_port():
    """A TCP port that can be listened on now, on all addresses. None that the system gives to clients: one of these
    may be in use on some address for a minute after its client has ended."""
    for _ in range(1000):
        with socket.socket() as s, contextlib.suppress(OSError):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = random.randrange(10_000, 32_000)
            s.bind(("", port))
            return port
    raise AssertionError("no port is free")


def clean_environment(**settings):
    """The environment of the tests without any setting of the server, plus the given ones."""
    env = {k: v for k, v in os.environ.items() if k not in SETTINGS and k not in PROXIES}
    env["TZ"] = "UTC"
    env["RUN_DIR"] = str(RUN_BASE)
    for name, value in settings.items():
        env.pop(name, None)
        if value is not None:
            env[name] = str(value)
    return env


def process_table():
    """{pid: (parent's pid, state, name)} of every process, from /proc."""
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue
            # The name stands in parentheses and may contain some.
            head, _, rest = stat.rpartition(")")
            state, parent = rest.split()[:2]
            table[int(entry.name)] = (int(parent), state, head.partition("(")[2])
    return table


def descendants(pid):
    """{pid: name} of everything below a process."""
    table = process_table()
    below, fresh = {}, {pid}
    while fresh:
        fresh = {p for p, (parent, _, _) in table.items() if parent in fresh and p not in below}
        below.update({p: table[p][2] for p in fresh})
    return below


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def start_time(pid):
    """When a process started, in clock ticks: with its id, this names it for good. None: it is gone.

    One that has ended and that nobody has asked for yet is gone: when start.sh ends before its child,
    that is for the system's first process to do.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


class Server:
    """See the head of this file."""

    running = []  # started and not stopped yet, for the is-it-alive check of conftest.py
    launched = []  # all of them, so that a test that fails half-way leaves none behind

    def __init__(self, cwd, **settings):
        self.cwd = Path(cwd)
        self.cwd.mkdir(parents=True, exist_ok=True)
        self.stderr_to = settings.pop("stderr_to", None)
        self.before = settings.pop("before", ())
        self.port = int(settings.get("PORT") or free_port())
        defaults = {"PORT": self.port, "LOG_FOLDER": "_logs"}
        self.env = clean_environment(**{**defaults, **settings})
        self.folder = self.cwd / (settings.get("LOG_FOLDER") or "_logs")
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.seen = {}  # pid -> start time, of everything ever found below start.sh
        self.run_folder = None
        self.session = requests.Session()
        self.session.trust_env = False

    # --- its life ---

    def launch(self, *arguments):
        """Starts start.sh and does not wait for it."""
        self._out = self.cwd / f"stdout.{self.port}"
        self._err = self.cwd / f"stderr.{self.port}"
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process = subprocess.Popen(
                [*self.before, str(START), *arguments], cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=err if self.stderr_to is None else self.stderr_to, start_new_session=True,
            )
        Server.launched.append(self)
        return self

    def start(self):
        """Starts it and waits until it answers and has said where it is."""
        self.launch()
        try:
            wait_for(self._is_ready, "start.sh is ready", START_SECONDS)
            self.note_processes()
        except BaseException:
            self.abandon()
            raise
        Server.running.append(self)
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"start.sh ended with {self.process.returncode}:\n{self.stdout}{self.stderr}")
        return "curl " in self.stdout and self.healthy()

    def healthy(self):
        try:
            return self.get("/api/health", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def check_alive(self):
        """What must be true of a running server after any test whatever."""
        assert self.process.poll() is None, f"start.sh ended with {self.process.returncode}:\n{self.stderr}"
        wait_for(self.healthy, f"/api/health answers 200; stderr:\n{self.stderr}", 30)
        self.note_processes()
        self.check_sanitizers()

    def check_sanitizers(self):
        for mark in SANITIZER_MARKS:
            assert mark not in self.stderr, self.stderr

    def note_processes(self):
        """Remembers what runs below start.sh, for the check at the end; returns {pid: name}."""
        below = descendants(self.process.pid)
        for pid, name in below.items():
            self.seen[pid] = start_time(pid)
            if name == "nginx" and self.run_folder is None:
                line = command_line(pid)
                # The workers' title is another, and has no options.
                if "-p" in line:
                    self.run_folder = Path(line[line.index("-p") + 1])
        if self.run_folder is None:
            for pid, name in below.items():
                words = " ".join(command_line(pid)).split()
                if name == "nginx" and "-p" in words:
                    self.run_folder = Path(words[words.index("-p") + 1])
        return below

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=STOP_SECONDS):
        """Waits for start.sh to end by itself; returns its exit status."""
        status = self.process.wait(seconds)
        if self in Server.running:
            Server.running.remove(self)
        self.session.close()
        return status

    def stop(self, number=signal.SIGTERM):
        """Stops it; exit status 0, and nothing is left behind."""
        self.note_processes()
        self.send(number)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.abandon()
            raise AssertionError(f"start.sh does not stop:\n{self.stderr}") from None
        assert status == 0, f"exit status {status}:\n{self.stdout}{self.stderr}"
        self.check_gone()
        self.check_sanitizers()

    def left(self):
        """Processes of it that are still there: {pid: command line}."""
        return {p: command_line(p) for p, t in self.seen.items() if t is not None and start_time(p) == t}

    def check_gone(self):
        """No process and no run folder of it is there any more."""
        assert not self.left(), f"left behind: {self.left()}"
        assert self.run_folder is None or not self.run_folder.exists(), f"left behind: {self.run_folder}"

    def abandon(self):
        """For a server that misbehaves: kills exactly the processes it started."""
        if self in Server.running:
            Server.running.remove(self)
        if self.process and self.process.poll() is None:
            self.note_processes()
            self.process.kill()
            self.process.wait()
        for pid, started in self.seen.items():
            if started is not None and start_time(pid) == started:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    # --- the server's own process ---

    def pid_of(self, program):
        """The id of a program below start.sh; None between its death and its next life."""
        below = descendants(self.process.pid)
        for pid, (_, state, name) in process_table().items():
            if pid in below and name == program and state != "Z":
                return pid
        return None

    @property
    def pid(self):
        return self.pid_of("pbu-log-server")

    @property
    def reader_pid(self):
        return self.pid_of("pbu-log-reader")

    def kill(self, number=signal.SIGKILL, program="pbu-log-server"):
        def sent():
            try:
                os.kill(self.pid_of(program), number)
            except (TypeError, ProcessLookupError):  # between two lives
                return False
            return True

        wait_for(sent, f"{program} has a process")

    # --- requests ---

    def request(self, method, path, **options):
        options.setdefault("timeout", 30)
        return self.session.request(method, self.url + path, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, what, headers=None, **options):
        """POST /api/log. Bytes go as they are; anything else as Python's json.dumps writes it."""
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        return self.request(
            "POST", "/api/log", data=body,
            headers={"Content-Type": "application/json", **(headers or {})}, **options,
        )

    def connect(self, timeout=30):
        """A plain connection to the port."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, data, timeout=30):
        """Sends bytes and returns all that comes until the peer closes: say `Connection: close`."""
        with self.connect(timeout) as s:
            s.sendall(data)
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
        return answer

    # --- files ---

    def read_bytes(self, name):
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    def read(self, name):
        return self.read_bytes(name).decode("utf-8")

    def lines(self, name):
        return self.read(name).split("\n")[:-1]

    def entries(self, name):
        """The entries of a file: a first line with the lines that continue it, tabs still there."""
        found = []
        for line in self.lines(name):
            if line.startswith("\t") and found:
                found[-1] += "\n" + line
            else:
                found.append(line)
        return found

    # --- what was said ---

    @property
    def stdout(self):
        return self._out.read_text(errors="replace")

    @property
    def stderr(self):
        return self._err.read_text(errors="replace")


@atexit.register
def _abandon_what_is_left():
    for server in Server.launched:
        if server.process.poll() is None:
            server.abandon()
