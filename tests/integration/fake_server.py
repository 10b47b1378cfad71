"""nginx as start.sh configures it, in front of a FastCGI server that does what a test wants.

    with FakeServer(lambda request: HANG) as server, Front(server, {"fastcgi_read_timeout 25s;": ...}) as front:
        front.post(b"...")
        assert [x["DOCUMENT_URI"] for x in server.requests] == ["/api/log"]
"""

import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

import requests

from fcgi_peer import END, PARAMS, STDIN, STDOUT, record
from server import free_port, wait_for
from starting import render_nginx

# What a fake server may do in place of an answer.
HANG, CLOSE = object(), object()
GOOD = b'Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{"status": true}'


class FakeServer:
    """Calls behave(parameters) for each request, when it is whole: it returns a CGI response, HANG or CLOSE."""

    def __init__(self, behave):
        # Not below pytest's own folders: nginx's workers, another user, must reach it.
        self.temporary = tempfile.TemporaryDirectory(prefix="pbu-fake-")
        self.folder = Path(self.temporary.name)
        self.folder.chmod(0o755)
        self.behave = behave
        self.requests = []
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / "fcgi.sock"))
        (self.folder / "fcgi.sock").chmod(0o666)
        self.listener.listen(1024)

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        # Wakes accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()
        self.temporary.cleanup()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream, parameters = connection.makefile("rb"), b""
        try:
            while len(head := stream.read(8)) == 8:
                _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", head)
                content = stream.read(length + padding)[:length]
                if kind == PARAMS:
                    parameters += content
                elif kind == STDIN and not content:
                    parsed, parameters = pairs(parameters), b""
                    self.requests.append(parsed)
                    answer = self.behave(parsed)
                    if answer is HANG:
                        continue
                    if answer is CLOSE:
                        break
                    connection.sendall(record(STDOUT, answer) + record(STDOUT) + record(END, bytes(8)))
        except OSError:  # the test has ended
            pass
        finally:
            connection.close()

    def asked_for(self, path):
        return sum(x["DOCUMENT_URI"] == path for x in self.requests)


def pairs(data):
    """The parameters in a stream of name-value pairs (FastCGI specification, 3.4)."""
    found, at = {}, 0

    def length():
        nonlocal at
        size = data[at]
        if size >= 128:
            size = struct.unpack(">I", data[at:at + 4])[0] & 0x7FFFFFFF
            at += 3
        at += 1
        return size

    while at < len(data):
        name, value = length(), length()
        found[data[at:at + name].decode()] = data[at + name:at + name + value].decode()
        at += name + value
    return found


class Front:
    """nginx in front of a FakeServer. `changes`, {old text: new text}, are made in its configuration."""

    def __init__(self, server, changes=()):
        self.folder = server.folder
        self.port = free_port()
        render_nginx(self.folder, f"127.0.0.1:{self.port}")
        unused = set(changes)
        for path in self.folder.glob("*.conf"):
            text = path.read_text()
            unused -= {old for old in changes if old in text}
            for old in changes:
                text = text.replace(old, changes[old])
            path.write_text(text)
        assert not unused, f"not in the configuration: {unused}"
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self):
        command = ["nginx", "-p", f"{self.folder}/", "-c", f"{self.folder}/nginx.conf"]
        with open(self.folder / "stderr", "wb") as err:
            self.nginx = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=err)
        wait_for(lambda: (self.folder / "nginx.pid").exists() or self.nginx.poll() is not None, "nginx listens")
        assert self.nginx.poll() is None, (self.folder / "stderr").read_text()
        return self

    def __exit__(self, *_):
        os.kill(self.nginx.pid, signal.SIGTERM)
        assert self.nginx.wait(20) == 0
        self.session.close()

    def post(self, body=b'{"msg": "x"}', **options):
        options.setdefault("timeout", 60)
        return self.session.post(f"http://127.0.0.1:{self.port}/api/log", data=body,
                                 headers={"Content-Type": "application/json"}, **options)
