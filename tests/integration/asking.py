"""A reader with one peer that says what a test wants; a fixture `asking` is one of them, which a module shares.

    def test_x(asking: Asking) -> None:
        asking.script = lambda ask: ask.good(begin(), *frames(), end())
        asking.query().texts == merged()
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake_peer import Ask, FakePeer, begin, end, entry
from reading import Answer, Reader

# Of this server's own; the peer's are beside them, a second apart: half a second later.
OWN = [f"2026-11-24 08:00:{i:02d},000 INFO:app own {i}" for i in range(10)]
MS = 1795507200000  # 2026-11-24 08:00:00 UTC
PEER = [(MS + 1000 * i + 500, 100 + 50 * i, b"2026-11-24 08:00:%02d,500 INFO:app peer %d" % (i, i)) for i in range(10)]
# READ_PEERS_TIMEOUT, seconds: how long a peer may be silent here. The machine may stop for two seconds.
PATIENCE = 4


def frames(forward: bool = True, count: int = 10) -> list[bytes]:
    chosen = PEER[:count] if forward else PEER[::-1][:count]
    return [entry(*e) for e in chosen]


class Asking:
    """A reader with one peer that follows a script, which a test may change."""

    def __init__(self, base: Path, **settings: Any) -> None:
        self.script: Callable[[Ask], None] = lambda ask: ask.good(begin(), *frames(), end(matched=10))
        self.peer = FakePeer(lambda ask: self.script(ask))
        self.peer.__enter__()
        folder = base / "logs"
        folder.mkdir(parents=True)
        (folder / "info.log").write_text("".join(line + "\n" for line in OWN))
        self.reader = Reader(base, TZ="UTC", READ_PEERS=self.peer.url, READ_NAME="own.example",
                             **{"READ_PEERS_TIMEOUT": PATIENCE, "READ_PEERS_TOKEN": "let me read", **settings})

    def stop(self) -> None:
        self.peer.__exit__()
        self.reader.stop()

    def query(self, path: str = "/api/log/query", **parameters: Any) -> Answer:
        return self.reader.get(path, **{"direction": "forward", **parameters})


def merged(count: int = 10) -> list[str]:
    both = [(MS + 1000 * i, line) for i, line in enumerate(OWN)] + [(ms, text.decode()) for ms, _, text in PEER[:count]]
    return [line for _, line in sorted(both)]


# How a failure's reason begins.
NONSENSE = "sends what no reader would"
