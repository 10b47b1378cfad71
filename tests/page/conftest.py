"""Fixtures: one Chromium for all tests, a fake reader for each, and the real server of start.sh.

The helpers of the integration tests are used, too: server.py starts the real thing."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from browser import browser, look  # noqa: E402
from fake_reader import FakeReader  # noqa: E402
from page import Page  # noqa: E402
from server import ALL_LEVELS, Server  # noqa: E402


@pytest.fixture(scope="session")
def chrome() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


@pytest.fixture
def page(chrome: webdriver.Chrome) -> Iterator[Page]:
    """The browser as new: a window of 1280 × 800, light, nothing stored. What the page should not have said on
    its console fails the test."""
    look(chrome)
    page = Page(chrome)
    page.forget()
    yield page
    page.check_console()
    chrome.get("about:blank")


@pytest.fixture
def start_reader() -> Iterator[Callable[..., FakeReader]]:
    started = []

    def start(*args: object, **settings: object) -> FakeReader:
        reader = FakeReader(*args, **settings).start()  # type: ignore[arg-type]
        started.append(reader)
        return reader

    yield start
    for reader in started:
        if not reader.closing:
            reader.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real start.sh, for all tests that can share one: all four levels, no token."""
    server = Server(tmp_path_factory.mktemp("server"), ENABLED_LOG_LEVELS=ALL_LEVELS)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    started = []

    def start(**settings: object) -> Server:
        server = Server(tmp_path / f"server{len(started)}", **{"ENABLED_LOG_LEVELS": ALL_LEVELS, **settings})
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        if server in Server.running:
            server.stop()
