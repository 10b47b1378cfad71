"""The page as nginx serves it, and the files of nginx/ that are to be installed."""

import os
import shutil
import signal
import socket
import subprocess

import pytest
from responses import assert_json_error

from server import TREE, free_port, wait_for

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(start_module_server):
    """The client's address is in each line."""
    return start_module_server(LOG_FORMAT="%(remote_addr)s %(message)s", THREADS=2)


# --- the page ---


TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
PAGE = sorted(f"/page/{path.relative_to(TREE / 'page')}" for path in (TREE / "page").rglob("*") if path.suffix[1:] in TYPES)


@pytest.mark.parametrize("path", ["/", *[x for x in PAGE if not x.endswith("index.html")]])
def test_the_page_is_served_as_it_is(server, path):
    """Each file, with a type that a browser takes, as nothing but what it is, and to be asked for again when it changed."""
    file = TREE / ("page/index.html" if path == "/" else path[1:])
    answer = server.get(path, headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, file.read_bytes())
    assert answer.headers["Content-Type"] == f"{TYPES[file.suffix[1:]]}; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Referrer-Policy"] == "no-referrer"
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("form-action") == "'none'"
    assert policy.pop("frame-ancestors") == "'none'" and policy.pop("require-trusted-types-for") == "'script'"
    assert policy.pop("connect-src") == policy.pop("script-src") == policy.pop("style-src") == policy.pop("img-src") == "'self'"
    assert set(policy) <= {"trusted-types", "worker-src"} and "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in answer.headers and "Set-Cookie" not in answer.headers
    again = server.get(path, headers={"Accept-Encoding": "identity", "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    if len(answer.content) > 500:
        packed = server.get(path, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip" and packed.content == answer.content


@pytest.mark.parametrize("path", [
    "/page", "/page/", "/page/index.html", "/page/nothing.js", "/page/../nginx.conf", "/page/%2e%2e/nginx.conf",
    "/page/..%2fnginx.conf", "/page../nginx.conf", "/page/main.js/", "/page/main.js%00", "/page//../../nginx.conf",
    "/index.html", "/main.js", "/nginx.conf", "/pbu-log-server/runner",
])
def test_no_other_file_is_served(server, path):
    answer = server.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert_json_error(answer, 400, 404)


def test_the_page_takes_no_other_method(server):
    for path in ("/", "/page/main.js"):
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert assert_json_error(server.request(method, path), 405)["allow"] == "GET, HEAD"
        answer = server.request("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")


# --- the files of nginx/ ---


@pytest.fixture
def site(tmp_path):
    """The site as pbu-log-server-plain.conf says to install it, under an nginx.conf like a distribution's."""
    snippets = tmp_path / "snippets"
    snippets.mkdir()
    for name in ("pbu-log-server-http.conf", "pbu-log-server-locations.conf"):
        shutil.copy(TREE / "nginx" / name, snippets)
    text = (TREE / "nginx/pbu-log-server-plain.conf").read_text()
    port = free_port()
    # Not all addresses of this machine, for a test.
    text = text.replace("listen 4999;", f"listen 127.0.0.1:{port};").replace("listen [::]:4999;", "")
    text = text.replace("/var/log/nginx/", f"{tmp_path}/")
    (tmp_path / "site.conf").write_text(text)
    temporary = "".join(
        f'{name}_temp_path "{tmp_path}/{name}";\n' for name in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    (tmp_path / "nginx.conf").write_text(
        f'pid "{tmp_path}/nginx.pid";\nerror_log stderr;\ndaemon off;\nevents {{}}\n'
        f"http {{\naccess_log off;\ndefault_type text/plain;\ntypes {{ text/html html; }}\n{temporary}\n"
        "include site.conf;\n}\n")
    return tmp_path, port


def test_the_site_is_valid(site):
    folder, _ = site
    done = subprocess.run(
        ["nginx", "-t", "-p", f"{folder}/", "-c", f"{folder}/nginx.conf"], capture_output=True, text=True)
    assert done.returncode == 0 and "warn" not in done.stderr, done.stderr


def test_the_site_serves(site, server):
    """The site in an nginx of its own, in front of a server that runs."""
    folder, port = site
    http = folder / "snippets/pbu-log-server-http.conf"
    http.write_text(http.read_text().replace("/run/pbu-log-server/fcgi.sock", str(server.run_folder / "fcgi.sock")))
    with open(folder / "stderr", "wb") as err:
        nginx = subprocess.Popen(
            ["nginx", "-p", f"{folder}/", "-c", f"{folder}/nginx.conf",
             *(["-g", "user www-data;"] if os.geteuid() == 0 else [])],
            stdin=subprocess.DEVNULL, stdout=err, stderr=err)
    try:
        def ask(method, path, **more):
            return server.session.request(method, f"http://127.0.0.1:{port}{path}", timeout=10, **more)

        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0

        wait_for(listens, "nginx listens")
        assert ask("POST", "/api/log", data=b'{"msg": "by the site"}', headers=JSON).json() == {"status": True}
        assert server.lines("info.log")[-1] == "127.0.0.1 by the site"
        assert ask("GET", "/api/health").status_code == 200
        assert ask("GET", "/metrics").status_code == 200
        assert_json_error(ask("GET", "/x.html"), 404)
    finally:
        nginx.send_signal(signal.SIGQUIT)
        assert nginx.wait(20) == 0
    assert "emerg" not in (folder / "stderr").read_text()


def test_every_line_of_the_rendered_configuration_is_filled_in(server):
    text = (server.run_folder / "nginx.conf").read_text()
    code = "\n".join(line.partition("#")[0] for line in text.splitlines())
    assert "@" not in code
    assert f"listen 127.0.0.1:{server.port};" in code and "client_max_body_size 16777216;" in code
