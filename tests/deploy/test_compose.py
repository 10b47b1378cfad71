"""compose.yaml and Dockerfile as they are shipped: the tracked files of this tree, in an engine."""

import shutil
import subprocess
import threading
import time

import pytest
import requests

from engine import Podman
from project import READ_TOKEN, TOKEN, UP_SECONDS, Project, environment
from server import wait_for
from test_clients import PBU_PROGRAM, run

SERVICES = ("server", "reader", "nginx")


@pytest.fixture(scope="module")
def project(engine, tmp_path_factory):
    project = Project(engine, tmp_path_factory.mktemp("compose"))
    project.compose("build", AUTH_TOKEN=TOKEN)
    try:
        yield project
    finally:
        project.now = {"AUTH_TOKEN": TOKEN}
        # The images go with an engine of ours.
        project.down("-v", "--remove-orphans", *(() if engine.folder else ("--rmi", "local")))


def test_without_a_token_it_is_refused(project):
    status, said = project.compose("up", "-d", check=False)
    assert status != 0 and "no token. Set AUTH_TOKEN in .env" in said
    assert project.engine.run("docker", "ps", "-aq", "--filter", f"name={project.name}") == ""


@pytest.mark.parametrize("address", [None, "0.0.0.0", "192.0.2.1"])
def test_a_token_that_is_nothing_is_refused(project, address):
    status, said = project.compose("run", "--rm", "-T", "server", check=False, AUTH_TOKEN="", ADDRESS=address)
    assert status == 2 and "no token: set AUTH_TOKEN or AUTH_TOKEN_FILE" in said


def test_nginx_waits_for_nothing(project):
    project.now = {"AUTH_TOKEN": TOKEN}
    project.compose("up", "-d", "--no-deps", "nginx", **project.now)
    wait_for(lambda: project.status("/api/health") == 502, "nginx answers by itself", UP_SECONDS, 0.1)
    project.up()
    project.trust()
    assert project.post("late is not never").status_code == 200


def test_the_pbu_client_over_tls(project):
    project.up(AUTH_TOKEN=TOKEN, ENABLED_LOG_LEVELS="DEBUG,INFO,WARNING,ERROR", LOG_FORMAT="%(levelname)s|%(message)s",
               LOG_DATE_FORMAT="%Y", THREADS=4)
    said = run(PBU_PROGRAM, PBU_LOG_SERVER=project.url, PBU_LOG_SERVER_AUTH=TOKEN,
               REQUESTS_CA_BUNDLE=project.trust())
    assert "Error sending" not in said, said
    assert "INFO|hello world, 5%\nINFO|{'a': {'b': None}}\n" in project.log()
    assert project.log("debug.log") == "DEBUG|details\n"
    assert project.log("warning.log") == "WARNING|careful\n"
    assert "ERROR|it broke\n\tStack (most recent call last):\n" in project.log("error.log")


def test_a_wrong_token(project):
    project.up()
    project.trust()
    for token in ("wrong", None):
        assert project.post("who is it", token=token).status_code == 401
    assert "who is it" not in project.log()


def test_who_may_read(project):
    """The page is everybody's, and what it asks for is not."""
    project.up()
    project.trust()
    assert project.post("to be read").status_code == 200
    page = project.read("/", token=None)
    assert page.status_code == 200 and "<html" in page.text and "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert project.messages()[0] == "to be read"
    assert [project.read("/api/log/query", x).status_code for x in (None, "wrong", TOKEN)] == [401, 401, 403]
    # Without a token of its own reading is closed, wherever that for writing is.
    for settings in {"AUTH_TOKEN": TOKEN}, {"AUTH_TOKEN": TOKEN, "ADDRESS": "127.0.0.1"}:
        project.up(**settings)
        for token in None, TOKEN, "none":
            answer = project.read("/api/log/query", token)
            assert answer.status_code == 403 and "READ_TOKEN" in answer.json()["error"]


@pytest.mark.parametrize("service, user", [("server", "4999:4999"), ("reader", "4997:4999"), ("nginx", "4998:4999")])
def test_what_a_container_may(project, service, user):
    project.up()
    now = project.inspect(service)
    host = now["HostConfig"]
    assert now["Config"]["User"] == user
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    # And what has become of it.
    status = dict(x.split(":\t", 1) for x in project.inside(service, "cat /proc/1/status").splitlines() if ":\t" in x)
    assert status["Uid"].split() == [user.split(":")[0]] * 4 and status["Gid"].split() == ["4999"] * 4
    assert int(status["CapBnd"], 16) == int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    for path in ("/", "/etc", "/usr/local/bin", "/var/lib"):
        code, said = project.inside(service, f"touch {path}/mark", check=False)
        assert code != 0 and "Read-only file system" in said
    wait_for(lambda: project.inspect(service)["State"]["Health"]["Status"] == "healthy", f"{service} is healthy", UP_SECONDS)


def test_who_reaches_what(project):
    project.up()
    project.trust()
    assert project.post("not for nginx").status_code == 200
    assert project.inside("server", "stat -c %a:%u:%g /run/pbu-log-server/fcgi.sock").strip() == "660:4999:4999"
    assert {x["Destination"] for x in project.inspect("nginx")["Mounts"]} == {
        "/run/pbu-log-server", "/run/pbu-log-reader", "/etc/pbu-log-server/tls"}
    # The server and the reader have no port and no way out.
    for service in "server", "reader":
        assert not project.inspect(service)["HostConfig"]["PortBindings"]
        networks = project.inspect(service)["NetworkSettings"]["Networks"]
        assert [x.partition("_")[2] for x in networks] == ["nowhere"]
        internal = "{{.Internal}}"
        assert project.engine.run("docker", "network", "inspect", "-f", internal, *networks).strip() == "true"
    # The reader sees the logs and the tokens for reading, and can change nothing; the server's way in is not there.
    assert {x["Destination"]: x["RW"] for x in project.inspect("reader")["Mounts"] if "secrets" not in x["Destination"]} == {
        "/logs": False, "/run/pbu-log-reader": True}
    assert "not for nginx" in project.inside("reader", "cat /logs/info.log")
    for action in "touch /logs/mark", "rm -f /logs/info.log", "mv /logs/info.log /logs/info.log.1":
        code, said = project.inside("reader", action, check=False)
        assert code != 0 and "Read-only file system" in said, action
    # The files are another user's as well.
    code, said = project.inside("reader", "echo >>/logs/info.log", check=False)
    assert code != 0 and "Permission denied" in said
    assert project.inside("reader", "ls -A /run/pbu-log-server") == ""
    # The health checks can fail: with nobody behind the socket both do.
    project.engine.run("docker", "kill", "-s", "STOP", project.id("server"))
    try:
        code, _ = project.inside("nginx", "timeout 2 healthy", check=False)
        assert code != 0
        # Reading goes on.
        assert project.messages()[0] == "not for nginx"
    finally:
        project.engine.run("docker", "kill", "-s", "CONT", project.id("server"))
    project.compose("kill", "server", **project.now)
    assert project.inside("nginx", "healthy", check=False)[0] != 0
    project.up()


def test_restarts_lose_nothing(project):
    project.up()
    project.trust()
    sent, done, trouble = [], threading.Event(), []

    def send():
        try:
            while not done.is_set():
                message = f"numbered {len(sent):05d}"
                # As a client does that must not lose a record.
                wait_for(lambda: _accepted(project, message), f"{message} is taken", 60, 0.05)
                sent.append(message)
        except AssertionError as e:
            trouble.append(e)

    client = threading.Thread(target=send)
    client.start()
    try:
        for service in SERVICES:
            before = len(sent)
            wait_for(lambda: len(sent) > before + 5 or trouble, "some requests", 60)
            began, container = time.time(), project.id(service)
            project.compose("restart", service, **project.now)
            # Ended by SIGTERM and SIGQUIT: one that is killed after the grace period has another status.
            assert project.engine.run(
                "docker", "events", "--since", began, "--until", time.time(), "--filter", f"container={container}",
                "--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}}").split() == ["0"]
            assert project.inspect(service)["State"]["Running"]
        before = len(sent)
        wait_for(lambda: len(sent) > before + 5 or trouble, "some more requests", 60)
    finally:
        done.set()
        client.join(70)
    assert not trouble, trouble[0]
    log = project.log()
    assert [x for x in sent if x not in log] == []


def _accepted(project, message):
    try:
        return project.post(message).status_code == 200
    except requests.RequestException:
        return False


def test_stopped_cleanly(project):
    project.up()
    ids = [project.id(x) for x in SERVICES]
    project.compose("stop", **project.now)
    assert project.engine.run("docker", "inspect", "-f", "{{.State.ExitCode}}", *ids).split() == ["0"] * 3


def test_down_and_up_keep_records_and_certificate(project):
    project.up()
    project.trust()
    assert project.post("before the end").status_code == 200
    certificate = project.served()
    # As volumes were before there was a reader.
    project.inside("server", "chmod 0700 /logs")
    project.down()
    project.up()
    assert project.served() == certificate
    assert project.post("after the end").status_code == 200
    log = project.log()
    assert "before the end" in log and "after the end" in log
    assert project.messages()[:2] == ["after the end", "before the end"]


def test_no_token_on_this_host_alone(project):
    project.up(AUTH_TOKEN="", ADDRESS="127.0.0.1")
    project.trust()
    assert project.post("among us", token=None).status_code == 200
    assert "among us" in project.read("/api/log/query", token=None).text
    bound = project.inspect("nginx")["HostConfig"]["PortBindings"]["8443/tcp"]
    assert [x["HostIp"] for x in bound] == ["127.0.0.1"]


@pytest.fixture
def own_tls(project):
    """A folder with a certificate of a CA of its own, for nginx's user; the path of the CA's."""
    folder = project.folder / "own"
    folder.mkdir()
    ca, key, request = folder / "ca.pem", folder / "ca.key", folder / "request.pem"
    names = folder / "names"
    names.write_text("subjectAltName = DNS:localhost\n")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
            [*new, "-x509", "-days", "2", "-subj", "/CN=Own CA", "-keyout", key, "-out", ca],
            [*new, "-subj", "/CN=own", "-keyout", folder / "key.pem", "-out", request],
            ["openssl", "x509", "-req", "-days", "2", "-in", request, "-CA", ca, "-CAkey", key, "-CAcreateserial",
             "-extfile", names, "-out", folder / "cert.pem"]):
        subprocess.run(command, check=True, capture_output=True)
    key.unlink()
    folder.chmod(0o755)
    for name in ("cert.pem", "key.pem"):
        shutil.chown(folder / name, 4998)
    yield str(ca)
    shutil.rmtree(folder)


def test_settings_secret_and_certificate_from_files(project, own_tls):
    """All by .env and by files: nothing in the environment but the port."""
    tokens = project.folder / "tokens"
    tokens.write_text("first\nsecond\n")
    readers = project.folder / "readers"
    readers.write_text("third\n")
    for path, user in (tokens, 4999), (readers, 4997):
        shutil.chown(path, user)
        path.chmod(0o400)
    (project.folder / ".env").write_text(
        "AUTH_TOKEN=\nAUTH_TOKEN_FILE=./tokens\nREAD_TOKEN_FILE=./readers\nTLS_FOLDER=./own\nMAX_BODY_BYTES=2000\n"
        "LOG_FORMAT=\"%(asctime)s|%(message)s\"\nLOG_DATE_FORMAT=\"%H %Z\"\nTZ=Europe/Berlin\n")
    try:
        project.up(TZ=None)
        for token, status in (("first", 200), ("second", 200), ("", 401), (TOKEN, 401)):
            assert project.post("by files", token=token, verify=own_tls).status_code == status
        for token, status in (("third", 200), ("first", 401), ("", 401)):
            assert project.read("/api/log/query", token, verify=own_tls).status_code == status
        assert project.served() != project.certificate.read_text()
        assert project.log().splitlines()[-1].split("|")[1] == "by files"
        assert project.log().splitlines()[-1].split("|")[0].split()[1] in ("CET", "CEST")
        assert project.post("x" * 3000, token="first", verify=own_tls).status_code == 413
        secrets = project.engine.run("docker", "inspect", *(project.id(x) for x in SERVICES))
        assert "first" not in secrets and "third" not in secrets
        # What is not there is named.
        (project.folder / "own/cert.pem").unlink()
        (project.folder / "own/key.pem").unlink()
        project.compose("restart", "nginx", **project.now)
        wait_for(lambda: "no cert.pem and key.pem in TLS_FOLDER" in project.compose("logs", "nginx", **project.now),
                 "nginx says what is missing", UP_SECONDS, 0.2)
    finally:
        (project.folder / ".env").unlink()
        tokens.unlink()
        readers.unlink()


def test_a_network_for_kafka_and_peers(project):
    """By compose.network.yaml; without it the server has no librdkafka either, and says so."""
    settings = {"AUTH_TOKEN": TOKEN, "READ_TOKEN": READ_TOKEN, "KAFKA_BROKERS": "kafka.invalid:9092"}
    try:
        project.compose("up", "-d", "server", **settings)
        wait_for(lambda: "librdkafka is needed" in project.compose("logs", "server", **settings), "it says what is missing",
                 UP_SECONDS, 0.2)
        both = [*project.command, "-f", "compose.yaml", "-f", "compose.network.yaml"]
        config = project.folder / "config"
        config.mkdir()
        (config / "kafka").write_text("client.id=somebody\nno.such.property=1\n")
        config.chmod(0o755)
        (config / "kafka").chmod(0o644)
        within = {**settings, "CONFIG_FOLDER": "./config"}
        project.command, plain, project.now = both, project.command, within
        try:
            project.compose("up", "-d", "--build", KAFKA_CONFIG="/config/kafka", **within)
            wait_for(lambda: "no.such.property is no property" in project.compose("logs", "server", **within),
                     "its configuration is read", UP_SECONDS, 0.2)
            project.compose("up", "-d", READ_PEERS="http://peer.invalid", READ_NAME="own", **within)
            wait_for(lambda: project.status("/api/health") == 503, "the server is there", UP_SECONDS, 0.2)
            project.trust()
            assert "no broker" in project.read("/api/health").json()["error"]
            assert project.post("nowhere to go").status_code == 503
            answer = project.read("/api/log/query")
            assert answer.status_code == 502 and "peer.invalid" in answer.json()["error"]
            for service in "server", "reader":
                networks = project.inspect(service)["NetworkSettings"]["Networks"]
                assert {x.partition("_")[2] for x in networks} == {"nowhere", "default"}
        finally:
            project.command = plain
    finally:
        # The images without.
        project.compose("build", "server", AUTH_TOKEN=TOKEN)
        project.up()


def test_podman_compose(project):
    """The same images and compose.yaml: up, a record, a query, what it may, restart, down, up, down."""
    project.up()
    images = [project.inspect(x)["Config"]["Image"] for x in SERVICES]
    # They have the port.
    project.down()
    with Podman() as podman:
        archive = podman.folder / "images.tar"
        project.engine.run("docker", "save", "-o", archive, *images)
        podman.run("podman", "load", "-q", "-i", archive)
        for image, service in zip(images, SERVICES):
            podman.run("podman", "tag", image, f"localhost/{project.name}_{service}")

        def compose(*args, check=True, **settings):
            return podman.run("podman-compose", "-p", project.name, *args, check=check, cwd=project.folder,
                              env=environment(podman.env, PORT=project.port, **settings))

        def inside(service, script, check=True):
            return podman.run("podman", "exec", f"{project.name}_{service}_1", "sh", "-c", script, check=check)

        status, said = compose("up", "-d", check=False)
        assert status != 0 and "no token. Set AUTH_TOKEN in .env" in said
        # TLS_FOLDER and AUTH_TOKEN_FILE are Docker's test; here the ways that need nothing of the host.
        for message in ("by podman", "by podman again"):
            said = compose("up", "-d", AUTH_TOKEN=TOKEN, READ_TOKEN=READ_TOKEN, LOG_FORMAT="%(name)s|%(message)s")
            for path in "/api/health", "/api/log/health":
                wait_for(lambda: project.status(path) == 200, f"{path} answers:\n{said}", UP_SECONDS, 0.1)
            project.certificate.write_text(inside("nginx", "cat /etc/pbu-log-server/tls/cert.pem"))
            assert project.post(message).status_code == 200
            assert project.post(message, token="wrong").status_code == 401
            assert project.messages()[0] == message
            assert project.read("/api/log/query", TOKEN).status_code == 403
            assert inside("reader", "touch /logs/mark", check=False)[0] != 0
            for service in SERVICES:
                assert inside(service, "touch /mark", check=False)[0] != 0
                assert "CapBnd:\t0000000000000000" in inside(service, "cat /proc/1/status")
                podman.run("podman", "healthcheck", "run", f"{project.name}_{service}_1")
            log = inside("server", "cat /logs/info.log")
            compose("down", AUTH_TOKEN=TOKEN)
        assert log == "root|by podman\nroot|by podman again\n"
        compose("down", "-v", AUTH_TOKEN=TOKEN)
        assert podman.run("podman", "volume", "ls", "-q") == ""


def test_down_with_its_volumes_leaves_nothing(project):
    project.up()
    project.down("-v")
    for kind in (["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"]):
        assert project.engine.run("docker", *kind, "--filter", f"name={project.name}") == ""
