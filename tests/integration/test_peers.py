"""Servers that ask each other, each with its nginx: names, loops, restarts, TLS, and many questions at a time."""

import json
import os
import signal
import ssl
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from fake_peer import FakePeer, begin, end, entry
from fcgi_peer import BUILD
from pausing import pause
from peers import Peers, needs_peers
from read_reference import FORMATS
from reading import Reader
from server import Server, clean_environment, free_port, wait_for

pytestmark = needs_peers

HERE = Path(__file__).resolve().parent

Start = Callable[..., Server]


def line(second: int, text: str) -> str:
    return f"2026-11-24 08:{second // 60:02d}:{second % 60:02d},000 INFO:app {text}\n"


def write(server: Server, text: str, name: str = "info.log") -> None:
    """A file that is whole when it has its name."""
    path = server.folder / name
    path.with_name("filling").write_text(text)
    path.with_name("filling").rename(path)


def texts(server: Server, path: str = "/api/log/query", **parameters: Any) -> list[str]:
    answer = server.session.get(server.url + path, params={"direction": "forward", **parameters}, timeout=60)
    assert answer.status_code == 200, answer.text
    return [e["message"] for e in map(dict, map(json.loads, answer.text.splitlines())) if "message" in e]


@pytest.fixture
def three(start_server: Start) -> Peers:
    return Peers(start_server, 3, FORMATS["default"], "UTC", "default", READ_TOKEN="reading", READ_PEERS_TOKEN="reading",
                 READ_PEERS_TIMEOUT="60", QUERY_TIMEOUT="300")


def test_all_ask_all(three: Peers) -> None:
    """Each is asked by each other, and for itself alone: nothing goes round."""
    servers = [case.server for case in three.cases.values()]
    for i, server in enumerate(servers):
        server.session.headers["Authorization"] = "reading"
        write(server, "".join(line(3 * n + i, f"{n}.{i}") for n in range(50)))
    expected = [f"{n}.{i}" for n in range(50) for i in range(3)]
    for server in servers:
        assert texts(server, limit=1000) == expected
        assert texts(server, limit=1000, peers=0) == [x for x in expected if x.endswith(f".{servers.index(server)}")]
        # The seed's own, of a day.
        answer = server.session.get(server.url + "/api/log/messages", params={"date": "2026-11-24", "level": "INFO"}, timeout=60)
        assert [m["msg"] for m in answer.json()] == expected
    # A cursor of one is good at each other.
    cursor = None
    got: list[str] = []
    for n in range(40):
        server = servers[n % 3]
        *entries, last = [json.loads(x) for x in server.session.get(
            server.url + "/api/log/query", params={"limit": 7, "direction": "forward", **({"cursor": cursor} if cursor else {})}, timeout=60).text.splitlines()]
        got += [e["message"] for e in entries]
        cursor = last["next"]
        if last["complete"]:
            break
    assert got == expected


def test_wrong_token(start_server: Start) -> None:
    other = start_server(READ_TOKEN="right")
    server = start_server(READ_PEERS=other.url, READ_PEERS_TOKEN="wrong")
    answer = server.session.get(server.url + "/api/log/query", timeout=60)
    assert answer.status_code == 502
    assert answer.json()["error"] == f"127.0.0.1:{other.port} answered 401: READ_PEERS_TOKEN is none of its tokens for reading"
    assert "wrong" not in answer.text.replace("wrongly", "")


def test_itself_under_another_name(start_server: Start) -> None:
    """Would give each entry twice."""
    port = free_port()
    server = start_server(PORT=port, READ_NAME="log1.example", READ_PEERS=f"http://127.0.0.1:{port}")
    answer = server.session.get(server.url + "/api/log/query", timeout=60)
    assert (answer.status_code, answer.json()["error"]) == (
        502, f"127.0.0.1:{port} is this server itself: its READ_NAME should say so")


def test_an_entry_is_found_after_a_roll_over_elsewhere(three: Peers) -> None:
    servers = [case.server for case in three.cases.values()]
    for server in servers:
        server.session.headers["Authorization"] = "reading"
    write(servers[1], "".join(line(n, f"{n}") for n in range(20)))
    entries = servers[0].session.get(servers[0].url + "/api/log/query", params={"limit": 3}, timeout=60).text.splitlines()
    cursor = json.loads(entries[1])["cursor"]
    (servers[1].folder / "info.log").rename(servers[1].folder / "info.log.2026-11-24")
    write(servers[1], line(60, "new"))
    # As soon as that server has the new file.
    wait_for(lambda: texts(servers[2], "/api/log/context", cursor=cursor, before=2, after=3) == ["16", "17", "18", "19", "new"], "both files are read")
    (servers[1].folder / "info.log.2026-11-24").unlink()
    answer = servers[2].session.get(servers[2].url + "/api/log/context", params={"cursor": cursor}, timeout=60)
    assert (answer.status_code, answer.json()["error"].split(";")[0]) == (
        410, f"the file that the cursor is of is gone on 127.0.0.1:{servers[1].port}")


def test_a_peer_that_is_killed(start_server: Start) -> None:
    """Its nginx answers 502 meanwhile; it is named, and is back by itself."""
    servers = [case.server for case in Peers(start_server, 2, FORMATS["default"], "UTC", "default", READ_PEERS_TIMEOUT="8").cases.values()]
    for server in servers:
        write(server, line(1, str(server.port)))
    reader = servers[1].reader_pid
    assert reader
    pause(reader)
    try:
        # It takes connections, and says nothing.
        answer = servers[0].session.get(servers[0].url + "/api/log/query", timeout=60)
        assert (answer.status_code, answer.json()["error"]) == (502, f"127.0.0.1:{servers[1].port} does not answer")
    finally:
        os.kill(reader, signal.SIGCONT)
    os.kill(reader, signal.SIGKILL)
    wait_for(lambda: sorted(texts(servers[0], partial=1)) == sorted(str(s.port) for s in servers), "it is back")


def test_many_questions_at_a_time(three: Peers) -> None:
    """More than there are threads at each, and no more than may wait: none waits for one that waits for it."""
    servers = [case.server for case in three.cases.values()]
    for i, server in enumerate(servers):
        write(server, "".join(line(3 * n + i, f"{n}.{i}") for n in range(300)))

    def ask(n: int) -> tuple[int, int, str | None]:
        server = servers[n % 3]
        answer = requests.get(server.url + "/api/log/query", params={"limit": 2000}, headers={"Authorization": "reading"}, timeout=120, proxies={"http": ""})
        lines = [json.loads(x) for x in answer.text.splitlines()]
        return answer.status_code, len([x for x in lines if "message" in x]), lines[-1].get("why") or lines[-1].get("error")

    with ThreadPoolExecutor(90) as pool:
        answers = list(pool.map(ask, range(270)))
    assert set(answers) == {(200, 900, None)}


def test_a_slow_download_goes_on_after_a_peer_hung_up(tmp_path: Path) -> None:
    """As both a peer and its nginx do after a minute in which nobody takes what they send."""
    entries = [(1795507200000 + n, 10 + 100 * n, b"peer %d" % n) for n in range(3000)]

    def script(ask: Any) -> None:
        at = int(ask.query.get("cursor", "i0.0.0").split(".")[2], 16)
        left = [entry(*e) for e in entries if e[1] >= at]
        ask.head()
        ask.send(begin())
        if len(left) > 500:
            # The first time in the middle of one, then at its end.
            ask.send(*left[:499], left[499][: 20 if len(left) == 3000 else None])
            ask.connection.close()
        else:
            ask.send(*left, end())
            ask.end()

    with FakePeer(script) as peer:
        reader = Reader(tmp_path, TZ="UTC", READ_PEERS=peer.url)
        answer = reader.get("/api/log/raw")
        assert not answer.cut
        assert answer.body == b"".join(e[2] + b"\n" for e in entries)
        assert len(peer.asked) > 5
        # A query is not asked for again: it says so, and where to go on.
        answer = reader.get("/api/log/query", direction="forward", limit=5000)
        assert answer.end["why"] == f"failed: {peer.name} hung up in the middle of its answer"
        assert len(answer.entries) == 499
        reader.stop()


# --- TLS ---


def certificate(folder: Path, name: str) -> Path:
    """By itself, for a host of that name."""
    path = folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path.with_suffix(".key"),
                    "-out", path, "-days", "365", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"], check=True, capture_output=True)
    return path


def test_tls(tmp_path: Path) -> None:
    right, wrong = certificate(tmp_path, "localhost"), certificate(tmp_path, "elsewhere.example")
    for number, (path, trusted, words) in enumerate([
            (right, right, None),
            (right, None, "cannot be trusted: "),  # by the system's authorities
            (right, wrong, "cannot be trusted: "),
            (wrong, wrong, "cannot be trusted: "),  # another host's
    ]):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, path.with_suffix(".key"))
        with FakePeer(lambda ask: ask.good(begin(), entry(1795507200000, 1, b"over TLS"), end()), context) as peer:
            reader = Reader(tmp_path / str(number), TZ="UTC", READ_PEERS=peer.url, READ_PEERS_TOKEN="secret", **({"READ_PEERS_CA": trusted} if trusted else {}))
            answer = reader.query()
            if words is None:
                assert answer.texts == ["over TLS"]
                assert peer.headers[0]["authorization"] == "secret"
                # And again, on the same connection.
                assert reader.query().texts == ["over TLS"]
                assert len(peer.threads) == 1
            else:
                assert (answer.status, answer.error.startswith(f"{peer.name} {words}")) == (502, True), answer.error
                assert peer.asked == []
            reader.stop()


def test_tls_by_nobody_else(tmp_path: Path) -> None:
    """READ_PEERS_CA is instead of the authorities that libcurl knows, here those of a folder."""
    right, other = certificate(tmp_path, "localhost"), certificate(tmp_path, "elsewhere.example")
    folder, library = tmp_path / "authorities", tmp_path / "default_capath.so"
    folder.mkdir()
    known = subprocess.run(["openssl", "x509", "-in", right, "-noout", "-hash"], check=True, capture_output=True, text=True).stdout.strip()
    (folder / f"{known}.0").write_bytes(right.read_bytes())
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-Wall", "-shared", "-fPIC", "-o", library, HERE / "default_capath.c"], check=True)
    settings = {"TZ": "UTC", "READ_PEERS_TOKEN": "secret", "LD_PRELOAD": library, "DEFAULT_CAPATH": folder,
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(right, right.with_suffix(".key"))
    with FakePeer(lambda ask: ask.good(begin(), entry(1795507200000, 1, b"over TLS"), end()), context) as peer:
        reader = Reader(tmp_path / "system's", READ_PEERS=peer.url, **settings)
        assert reader.query().texts == ["over TLS"]
        reader.stop()
        peer.asked.clear()
        reader = Reader(tmp_path / "own", READ_PEERS=peer.url, READ_PEERS_CA=other, **settings)
        answer = reader.query()
        assert (answer.status, answer.error.startswith(f"{peer.name} cannot be trusted: ")) == (502, True), answer.error
        assert peer.asked == []
        reader.stop()


def test_no_plain_answer_to_tls(tmp_path: Path) -> None:
    with FakePeer(lambda ask: ask.good(begin(), end())) as peer:
        reader = Reader(tmp_path, READ_PEERS=peer.url.replace("http:", "https:"), READ_PEERS_TIMEOUT=4)
        answer = reader.query()
        assert (answer.status, peer.asked) == (502, [])
        reader.stop()


# --- settings ---


@pytest.mark.parametrize(("settings", "words"), [
    ({"READ_PEERS": "log1.example"}, "READ_PEERS: must be addresses such as https://log1.example"),
    ({"READ_PEERS": "ftp://log1.example"}, "READ_PEERS: must be addresses"),
    ({"READ_PEERS": "https://user:password@log1.example"}, "READ_PEERS: must be addresses"),
    ({"READ_PEERS": "https://log1.example?x"}, "READ_PEERS: must be addresses"),
    ({"READ_PEERS": "https://"}, "READ_PEERS: must be addresses"),
    ({"READ_PEERS": "https://:80"}, "READ_PEERS: must be addresses"),
    ({"READ_PEERS": "https://log1.example;https://log2.example"}, "READ_PEERS: must be addresses"),
    ({"READ_PEERS": "http://a,http://b,http://a/"}, "READ_PEERS: a is there twice"),
    ({"READ_PEERS": ",".join(f"http://h{i}" for i in range(40))}, "READ_PEERS: 32 servers at most, with this one"),
    ({"READ_PEERS": "http://a", "READ_PEERS_CA": "/nowhere/ca.pem"}, "READ_PEERS_CA: /nowhere/ca.pem cannot be read"),
    ({"READ_PEERS": "http://a", "READ_PEERS_TOKEN": "a\rb"}, "READ_PEERS_TOKEN: has a control character in it"),
    ({"READ_PEERS_TIMEOUT": "0"}, "READ_PEERS_TIMEOUT=0: must be a whole number from 1 to 600"),
    ({"READ_NAME": "two words"}, "READ_NAME: must be a name such as log1.example, without spaces"),
])
def test_wrong_settings(settings: dict[str, str], words: str) -> None:
    for option in (["--check"], ["--socket", "/nowhere/socket"]):
        done = subprocess.run([BUILD / "pbu-log-reader", *option], env=clean_environment(**settings), check=False, capture_output=True, text=True, timeout=30)
        assert done.returncode == 2, done
        assert words in done.stderr
        assert "password" not in done.stderr


def test_check_shows_no_token() -> None:
    done = subprocess.run([BUILD / "pbu-log-reader", "--check"], env=clean_environment(READ_PEERS="https://a,https://b/logs/", READ_PEERS_TOKEN="secret"),
                          check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert "READ_PEERS_TOKEN=(set)" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_without_peers_nothing_changes(tmp_path: Path) -> None:
    """No server in an entry, the cursors that there were, no figures; what only peers ask for is known nevertheless."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "info.log").write_text("".join(line(n, str(n)) for n in range(5)))
    reader = Reader(tmp_path, TZ="UTC")
    answer = reader.query()
    assert set(answer.entries[0]) == {"ts", "level", "logger", "message", "text", "cursor"}
    assert "~" not in answer.body.decode()
    assert set(answer.end) == {"end", "complete", "why", "scanned", "of", "matched", "ms", "next"}
    assert "X-PBU" not in answer.head
    assert b"peer" not in reader.get("/metrics/reader").body
    for more in ({"partial": 1}, {"peers": 0}, {"partial": 0, "peers": 1}):
        assert reader.query(**more).entries == answer.entries
    answer = reader.query(cursor="i77.1.0~00000000")
    assert (answer.status, answer.error) == (400, "cursor: is one of several servers, which are not read here")
    assert reader.query(partial="yes").status == 400
    assert reader.get("/api/log/query", **{"as": "json"}).status == 400
    assert "X-PBU-Log-Reader: 1 -" in reader.get("/api/log/query", **{"as": "peer"}).head
    reader.stop()
