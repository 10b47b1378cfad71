from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
# What is installed, or what is here.
INSTALLED = "PBU_INSTALLED" in os.environ
sys.path[:0] = [str(HERE)] if INSTALLED else [str(SOURCE), str(HERE)]

from fake_server import FakeServer  # noqa: E402
from pbu_log_handler import LogServerHandler  # noqa: E402

# A background job of a shell ignores SIGINT, and so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PBU_LOG_SERVER", "PBU_LOG_SERVER_AUTH"):
        monkeypatch.delenv(name, raising=False)
    if not INSTALLED:
        path = os.environ.get("PYTHONPATH")
        monkeypatch.setenv("PYTHONPATH", f"{SOURCE}:{path}" if path else str(SOURCE))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.stop()


@pytest.fixture
def make_handler(server: FakeServer) -> Iterator[Callable[..., LogServerHandler]]:
    """Handlers of the server's, unless told otherwise; closed at the end."""
    made: list[LogServerHandler] = []

    def make(url: Any = None, **settings: Any) -> LogServerHandler:
        settings.setdefault("interval", 0.02)
        settings.setdefault("shutdown_timeout", 0.1)
        handler = LogServerHandler(url or server.url, **settings)
        made.append(handler)
        return handler

    yield make
    for handler in made:
        handler.close()


@pytest.fixture
def make_log(make_handler: Callable[..., LogServerHandler]) -> Callable[..., logging.Logger]:
    """A logger of its own over a handler: log.handlers[0]."""

    def make(url: Any = None, **settings: Any) -> logging.Logger:
        log = logging.Logger("app.worker")
        log.addHandler(make_handler(url, **settings))
        return log

    return make
