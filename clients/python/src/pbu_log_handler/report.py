"""What goes to stderr, as logging reports its own errors: unless logging.raiseExceptions is false."""

from __future__ import annotations

import logging
import sys
import time

# Seconds between two warnings of the same kind.
PAUSE = 60.0


class Reporter:
    """Never raises. A kind of warning is written once a minute at most."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def warn(self, kind: str, text: str) -> None:
        now = time.monotonic()
        last = self._last.get(kind)
        if last is None or now - last >= PAUSE:
            self._last[kind] = now
            self.say(text)

    def say(self, text: str) -> None:
        if not logging.raiseExceptions:
            return
        try:
            # pythonw and some services have none.
            if sys.stderr is not None:
                sys.stderr.write(f"pbu-log-handler: {text}\n")
                sys.stderr.flush()
        except Exception:
            pass
