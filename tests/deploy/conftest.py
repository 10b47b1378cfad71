"""These tests use the helpers of the integration tests, too."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from engine import Engine  # noqa: E402
from tls import CLIENT_CERTIFICATES, Backend, Certificates, Site  # noqa: E402


@pytest.fixture(scope="module")
def engine():
    with Engine() as engine:
        yield engine


# --- the sites, by tls.py ---


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def backend():
    with Backend() as backend:
        yield backend


@pytest.fixture(scope="module")
def site(backend, certificates):
    with Site(backend, certificates) as site:
        yield site


@pytest.fixture(scope="module")
def guarded(backend, certificates):
    """The site that asks for client certificates."""
    with Site(backend, certificates, changes=CLIENT_CERTIFICATES) as site:
        yield site


@pytest.fixture
def unwritten(backend):
    """After the test no record has been written."""
    before = backend.lines()
    yield
    assert backend.lines() == before
