"""The handler itself."""

from __future__ import annotations

import contextlib
import logging
from threading import get_ident
from typing import Iterable

from .own_threads import idents as OWN_THREADS
from .pipeline import Pipeline
from .records import encode
from .settings import Path, make_settings

_FORMATTER = logging.Formatter()


class LogServerHandler(logging.Handler):
    """Sends records to a PBU Log Server, by a thread of its own, in batches.

    emit() does no I/O, never blocks and never raises. README.md describes the arguments; one that
    can't be used raises ValueError.
    """

    def __init__(
        self,
        url: str | Iterable[str] | None = None,
        token: str | None = None,
        *,
        spool: Path | None = None,
        capacity: int = 10_000,
        batch: int = 500,
        interval: float = 0.2,
        timeout: float = 10.0,
        shutdown_timeout: float = 2.0,
        level: int | str = logging.NOTSET,
    ) -> None:
        settings = make_settings(url, token, spool, capacity, batch, interval, timeout, shutdown_timeout)
        super().__init__(level)
        self._pipeline = Pipeline(settings)

    def handle(self, record: logging.LogRecord) -> bool:
        """As logging.Handler's, without its lock: there is nothing that it would have to protect."""
        if self.filters or type(self).filter is not logging.Handler.filter:
            passed = self.filter(record)
            if not passed:
                return False
            if isinstance(passed, logging.LogRecord):
                # A filter may return another record, from Python 3.12 on.
                record = passed
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        if get_ident() in OWN_THREADS:
            return
        try:
            self._pipeline.buffer.put(encode(record, self.formatter or _FORMATTER, self._report))
        except Exception:
            self._report(record)

    def _report(self, record: logging.LogRecord) -> None:
        # It raises where stderr is closed, say.
        with contextlib.suppress(Exception):
            self.handleError(record)

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        """Waits until what was logged is sent, for shutdown_timeout or `timeout` seconds; says whether it is.

        False also when records were dropped meanwhile.
        """
        return self._pipeline.flush(timeout)

    def close(self) -> None:
        """Sends what is left, for shutdown_timeout; the rest stays in the spool, or is lost and counted on stderr."""
        self._pipeline.close()
        super().close()
