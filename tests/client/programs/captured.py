"""Tests of a program whose logging is configured: pytest captures beside the handler. Run by pytest."""

import logging

import pytest
import setup_logging

setup_logging.configure()
log = logging.getLogger("captured")


@pytest.mark.parametrize("k", range(5))
def test_that_logs(k: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for n in range(20):
            log.info("test %d, record %d", k, n)
        try:
            [][k]
        except IndexError:
            log.exception("test %d", k)
    assert [record.getMessage() for record in caplog.records] == [f"test {k}, record {n}" for n in range(20)] + [f"test {k}"]
    assert "IndexError: list index out of range" in caplog.text


def test_that_fails() -> None:
    log.error("just before the failure")
    raise AssertionError("as meant")
