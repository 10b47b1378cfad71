"""The shipped nginx sites in an nginx of their own, in front of a real server, with test certificates.

    with Backend() as backend, Site(backend, certificates) as site:
        answer = site.curl("/api/health")
        assert answer.status == 200

A site is rendered from nginx/ as an operator would install it; only ports, paths and what a test asks
to change are other. Settings are changed by `changes`, {old text: new text}; the old text must be there.
"""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "integration"))

from server import TREE, clean_environment, free_port, wait_for  # noqa: E402

BUILD = TREE / os.environ.get("BUILD_DIR", "build")
TOKEN, READ_TOKEN = "correct-horse-battery-staple", "tr0ub4dor-and-3"
HEAD = "POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CLIENT_CERTIFICATES = {"# ssl_client_certificate": "ssl_client_certificate", "# ssl_verify_client": "ssl_verify_client"}

# What Debian's nginx.conf has, as far as it touches a site: weak versions and compression among it.
NGINX_CONF = """\
daemon off;
{user}
pid "{folder}/nginx.pid";
lock_file "{folder}/nginx.lock";
error_log "{folder}/logs/main.log" warn;
worker_processes 2;
worker_rlimit_nofile 16384;
events {{ worker_connections 4096; }}
http {{
	default_type application/octet-stream;
	ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
	ssl_prefer_server_ciphers on;
	access_log "{folder}/logs/main.log";
	gzip on;
	{temporary}
	include site.conf;
}}
"""


def run(*command, **more):
    """Runs a program that must succeed; what it wrote, its line ends as they are."""
    more.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(x) for x in command], capture_output=True, **more)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.decode()


class Certificates:
    """A CA with a server's and a client's certificate, and a CA that nobody trusts with a client's."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca, self.stranger_ca = self._authority("ca"), self._authority("stranger-ca")
        self.server = self._issue("server", self.ca, "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                                  "extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n")
        self.client = self._issue("client", self.ca, "extendedKeyUsage=clientAuth\n")
        self.stranger = self._issue("stranger", self.stranger_ca, "extendedKeyUsage=clientAuth\n")

    def key(self, certificate):
        return certificate.with_suffix(".key")

    def _authority(self, name):
        path = self.folder / f"{name}.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.key(path), "-out", path, "-days", "365", "-subj", f"/CN=PBU test {name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        return path

    def _issue(self, name, authority, extensions):
        path = self.folder / f"{name}.pem"
        request, file = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        file.write_text("basicConstraints=critical,CA:FALSE\n" + extensions)
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.key(path), "-out", request, "-subj", f"/CN={'localhost' if name == 'server' else name}")
        run("openssl", "x509", "-req", "-in", request, "-CA", authority, "-CAkey", self.key(authority),
            "-CAcreateserial", "-days", "365", "-extfile", file, "-out", path)
        return path


def stop(process, number):
    process.send_signal(number)
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


class Backend:
    """pbu-log-server and pbu-log-reader with tokens, on unix sockets that nginx's workers may connect to."""

    def __init__(self):
        # Not below pytest's own folders: nginx's workers, another user, must reach it.
        self.temporary = tempfile.TemporaryDirectory(prefix="pbu-tls-")
        self.folder = Path(self.temporary.name)
        self.folder.chmod(0o755)
        self.socket, self.reader_socket = self.folder / "fcgi.sock", self.folder / "reader.sock"
        self.log = self.folder / "logs/info.log"
        self.processes = [self._start("pbu-log-server", self.socket), self._start("pbu-log-reader", self.reader_socket)]

    def _start(self, name, path):
        with socket.socket(socket.AF_UNIX) as listener, open(self.folder / f"{name}.stderr", "wb") as err:
            listener.bind(str(path))
            path.chmod(0o666)
            listener.listen(1024)
            return subprocess.Popen(
                [BUILD / name], stdin=listener, stderr=err,
                env=clean_environment(LOG_FOLDER=self.folder / "logs", AUTH_TOKEN=TOKEN, READ_TOKEN=READ_TOKEN,
                                      LOG_FORMAT="%(message)s"))

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        said = [x.read_text() for x in self.folder.glob("*.stderr")]
        assert [stop(process, signal.SIGTERM) for process in self.processes] == [0, 0], said
        self.temporary.cleanup()


class Answer:
    """Status, headers (names in lower case) and body of a response, from its text."""

    def __init__(self, text):
        # A 100 Continue goes before the answer itself.
        while re.match(r"HTTP/\S+ 1\d\d", text):
            text = text.partition("\r\n\r\n")[2]
        head, _, self.body = text.partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        self.version, self.status = first.split()[0], int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}


def answer(s, data):
    """Sends bytes to a socket; the answer, whole by its length or because the peer closes."""
    s.sendall(data)
    got = b""
    try:
        while chunk := s.recv(65536):
            got += chunk
            head, _, body = got.partition(b"\r\n\r\n")
            length = re.search(rb"\ncontent-length: (\d+)", head, re.I)
            if length and len(body) >= int(length[1]):
                break
    except ConnectionResetError:
        # What nginx has not read when it closes is a reset to us, after the answer.
        pass
    return Answer(got.decode("latin-1"))


class Site:
    """A rendered site: `tls` or `plain`, in a folder of its own. Entered, nginx serves it."""

    def __init__(self, backend, certificates, kind="tls", changes=None):
        self.certificates = certificates
        self.kind = kind
        self.context = ssl.create_default_context(cafile=certificates.ca)
        self.temporary = tempfile.TemporaryDirectory(prefix="pbu-tls-")
        self.folder = Path(self.temporary.name)
        self.folder.chmod(0o755)
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.port = free_port()
        self.url = f"{'https' if kind == 'tls' else 'http'}://localhost:{self.port}"
        # Where workers can read it.
        shutil.copytree(TREE / "page", self.folder / "page")
        self._render(backend, changes or {})

    def _render(self, backend, changes):
        fixed = {
            "/run/pbu-log-server/fcgi.sock": backend.socket, "/var/log/nginx/": f"{self.logs}/",
            "/run/pbu-log-reader/fcgi.sock": backend.reader_socket, "/usr/share/pbu-log-server/page": self.folder / "page",
            "/etc/pbu-log-server/tls/cert.pem": self.certificates.server,
            "/etc/pbu-log-server/tls/key.pem": self.certificates.key(self.certificates.server),
            "/etc/pbu-log-server/tls/client-ca.pem": self.certificates.ca,
            # Loopback only, for a test.
            "listen 443 ": f"listen 127.0.0.1:{self.port} ", "listen [::]:443 ": "#",
            "listen 4999;": f"listen 127.0.0.1:{self.port};", "listen [::]:4999;": "",
        }
        unused = set(changes)
        site = {"tls": "pbu-log-server.conf", "plain": "pbu-log-server-plain.conf"}[self.kind]
        (self.folder / "snippets").mkdir()
        for source in sorted((TREE / "nginx").glob("*.conf")):
            text = source.read_text()
            if source.name == site:
                target = self.folder / "site.conf"
            elif re.search(rf"include snippets/{source.name};", (TREE / "nginx" / site).read_text()):
                target = self.folder / "snippets" / source.name
            else:
                continue
            unused -= {old for old in changes if old in text}
            for old, new in {**changes, **fixed}.items():
                text = text.replace(old, str(new))
            target.write_text(text)
        assert not unused, f"not in the site's files: {unused}"
        temporary = " ".join(
            f'{x}_temp_path "{self.folder}/{x}";' for x in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
        user = "user www-data;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            NGINX_CONF.format(folder=self.folder, temporary=temporary, user=user))

    @property
    def command(self):
        return ["nginx", "-p", f"{self.folder}/", "-c", f"{self.folder}/nginx.conf", "-e", f"{self.logs}/main.log"]

    def __enter__(self):
        self.nginx = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        try:
            wait_for(self._listens, "nginx listens")
        except BaseException:
            stop(self.nginx, signal.SIGTERM)
            raise
        return self

    def _listens(self):
        assert self.nginx.poll() is None, self.logged()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_):
        assert stop(self.nginx, signal.SIGTERM) == 0, self.logged()
        self.temporary.cleanup()

    def logged(self):
        """All that nginx has written to any of its logs."""
        return "".join(x.read_text(errors="replace") for x in sorted(self.logs.iterdir()))

    def refused(self):
        """The lines of the log of refused requests."""
        path = self.logs / "pbu-log-server.log"
        return path.read_text().splitlines() if path.exists() else []

    # --- requests ---

    def curl(self, path, *options, **more):
        """What curl gets for a path, the certificate checked."""
        return Answer(run("curl", "-sS", "-i", "--noproxy", "*", "--max-time", "20", "--cacert",
                          self.certificates.ca, *options, self.url + path, **more))

    def post(self, message, *options):
        """POST /api/log with the token."""
        return self.curl("/api/log", "-H", "Content-Type: application/json", "-H", f"Authorization: {TOKEN}",
                         "-d", '{"msg": "%s"}' % message, *options)

    def read(self, path, *options):
        """GET with the token for reading."""
        return self.curl(path, "-H", f"Authorization: {READ_TOKEN}", *options)

    def connect(self, source="127.0.0.1", timeout=20):
        """A connection, with TLS if the site has it."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout, source_address=(source, 0))
        if self.kind == "plain":
            return plain
        return self.context.wrap_socket(plain, server_hostname="localhost")

    def raw(self, data, **more):
        """Sends bytes; the answer: say `Connection: close`."""
        with self.connect(**more) as s:
            return answer(s, data)


def assert_json_error(got, status, *words):
    assert got.status == status, (got.headers, got.body)
    assert got.headers["content-type"] == "application/json"
    document = json.loads(got.body)
    assert document["status"] is False and all(word in document["error"] for word in words), document
    assert got.headers["server"] == "nginx"
