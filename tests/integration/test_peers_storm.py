"""Readers are killed and stopped at random, and asked meanwhile: what is said to be complete is, and else it says so."""

import json
import os
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from peers import Folders, Peers, needs_peers
from read_case import SEED
from read_reference import FORMATS, LEVELS, Entry, Selection
from server import Server, wait_for
from test_read_same import draw

pytestmark = needs_peers

ROUNDS = int(os.environ.get("PEERS_ROUNDS", "300"))


class Storm:
    """Kills a reader, or stops one for a moment, again and again."""

    def __init__(self, r: random.Random, servers: list[Server]) -> None:
        self.r, self.servers = r, servers
        self.over = threading.Event()
        self.done = {"kill": 0, "stop": 0}
        self.thread = threading.Thread(target=self._rage)
        self.thread.start()

    def _rage(self) -> None:
        while not self.over.wait(self.r.random() * 0.1):
            pid = self.r.choice(self.servers).reader_pid
            if pid is None:
                continue
            try:
                if self.r.random() < 0.5:
                    os.kill(pid, signal.SIGKILL)
                    self.done["kill"] += 1
                    continue
                os.kill(pid, signal.SIGSTOP)
                self.over.wait(self.r.random() * 0.5)
                os.kill(pid, signal.SIGCONT)
                self.done["stop"] += 1
            except ProcessLookupError:
                pass

    def end(self) -> None:
        self.over.set()
        self.thread.join()


def ask(server: Server, path: str, parameters: dict[str, Any]) -> tuple[int, bytes, bool]:
    """Status, body, and whether it was cut: by a reader that was asked itself, and killed."""
    body = b""
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(server.url + path, params=parameters, timeout=60, stream=True)
            for chunk in answer.iter_content(65536):
                body += chunk
    except requests.RequestException:
        return 0, body, True
    return answer.status_code, body, False


def check_each(folders: Folders, s: Selection, got: list[tuple[str, str]], what: str) -> None:
    """One may be missing, from somewhere on; the others' are there, each in its order."""
    for name in folders.folders:
        mine = [x for x in got if x[0] == name]
        all_of_it = [(e.server, str(e.answer(folders_zone(folders))["text"])) for e in folders.selected(s) if e.server == name]
        assert mine == all_of_it[: len(mine)], f"{name} of {what}"


def check_query(server: Server, folders: Folders, s: Selection, partial: bool) -> str:
    parameters = {**s.parameters(), **({"partial": 1} if partial else {})}
    status, body, cut = ask(server, "/api/log/query", parameters)
    expected = folders.selected(s)[: 100 if s.limit is None else s.limit]
    what = f"{parameters}: {body[-300:]!r}"
    if cut or status != 200:
        assert cut or status in (502, 503), f"{status} {what}"
        return "refused"
    lines = [json.loads(x) for x in body.decode().split("\n")[:-1]]
    got = [(x["server"], x["text"]) for x in lines if "cursor" in x]
    want = [(e.server, str(e.answer(folders_zone(folders))["text"])) for e in expected]
    if not lines or not lines[-1].get("end"):
        # nginx passes a cut answer on as one that has ended. Without its last line it is none, and doesn't tell who is missing.
        if partial:
            check_each(folders, s, got, what)
        else:
            assert got == want[: len(got)], what
        return "cut"
    end = lines[-1]
    if "missing" in end:
        check_each(folders, s, got, what)
        assert end["complete"] is False
        return "missing"
    assert end["why"] in (None, "limit"), what
    assert got == want, what
    return "whole"


def check_raw(server: Server, folders: Folders, s: Selection) -> str:
    status, body, cut = ask(server, "/api/log/raw", s.parameters())
    expected = b"".join(e.entry.text + b"\n" for e in folders.selected(s)[: s.limit])
    if cut or status != 200:
        assert cut or status in (502, 503), status
        return "refused"
    assert body == expected, f"raw {s.parameters()}"
    return "whole"


def folders_zone(folders: Folders) -> Any:
    return next(iter(folders.folders.values())).zone


def test_what_is_said_to_be_complete_is(start_server: Callable[..., Server]) -> None:
    peers = Peers(start_server, 3, FORMATS["default"], "UTC", "default", QUERY_TIMEOUT="60", READ_PEERS_TIMEOUT="10")
    r = random.Random(SEED)
    for case in peers.cases.values():
        case.fill(r)
    folders = peers.reference()
    entries: list[Entry] = [e for folder in folders.folders.values() for level in LEVELS for e in folder.entries(level)]
    servers = [case.server for case in peers.cases.values()]
    counts: dict[str, int] = {}

    def one(n: int) -> str:
        r = random.Random(f"{SEED} {n}")
        s = draw(r, entries)
        if r.random() < 0.3:
            return check_raw(r.choice(servers), folders, s)
        return check_query(r.choice(servers), folders, s, r.random() < 0.5)

    storm = Storm(random.Random(SEED + 1), servers)
    try:
        with ThreadPoolExecutor(8) as pool:
            # Until the storm has hit something.
            for batch in range(10):
                for result in pool.map(one, range(batch * ROUNDS, (batch + 1) * ROUNDS)):
                    counts[result] = counts.get(result, 0) + 1
                if set(counts) > {"whole"}:
                    break
    finally:
        storm.end()
    print(f"seed {SEED}: {counts}, {storm.done}")
    assert set(counts) > {"whole"}
    assert storm.done["kill"] > 0
    # And all is well again.
    s = Selection(limit=100_000)
    for server in servers:
        wait_for(lambda server=server: check_query(server, folders, s, False) == "whole", "all answer again")  # type: ignore[misc]
