"""What the server's answers mean for what was sent; its README has the table."""

from __future__ import annotations

import email.utils
import enum
import json
import re
import time
from typing import NamedTuple

# Nobody waits longer, whatever Retry-After says.
RETRY_AFTER_MOST = 300.0

_RECORD = re.compile(r"record (\d{1,9}): ")


class Outcome(enum.Enum):
    TAKEN = "taken"  # it is in the files
    BAD = "bad"  # a record in it is none; nothing was written
    TOO_LARGE = "too large"  # for one request
    REFUSED = "refused"  # a wrong token or address: somebody has to mend it
    LATER = "later"  # the server is away, or busy


class Answer(NamedTuple):
    outcome: Outcome
    text: str  # what was wrong, in words
    record: int | None = None  # BAD: which one, from 0, if the server says so
    retry_after: float = 0.0  # seconds
    status: int = 0  # of HTTP, where there was one


def judge(status: int, reason: str, retry_after: str | None, body: bytes) -> Answer:
    answer = _json(body)
    error = answer.get("error") if answer is not None else None
    text = f"{status} {error if isinstance(error, str) else reason}".strip()[:500]
    # It goes to stderr.
    text = "".join([c if c.isprintable() else "?" for c in text])
    if status == 200:
        # Not that of a portal that wants a login, nor another server's.
        if answer is not None and answer.get("status") is True:
            return Answer(Outcome.TAKEN, text, status=status)
        return Answer(Outcome.LATER, "200, but the answer is not a PBU Log Server's", status=status)
    if status == 400:
        named = _RECORD.match(error) if isinstance(error, str) else None
        return Answer(Outcome.BAD, text, int(named.group(1)) if named else None, status=status)
    if status == 413:
        return Answer(Outcome.TOO_LARGE, text, status=status)
    if status in (408, 429) or status >= 500:
        return Answer(Outcome.LATER, text, retry_after=_seconds(retry_after), status=status)
    return Answer(Outcome.REFUSED, text, status=status)


def _json(body: bytes) -> dict[str, object] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _seconds(retry_after: str | None) -> float:
    """Seconds, or a date (RFC 9110, 10.2.3)."""
    if not retry_after:
        return 0.0
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), RETRY_AFTER_MOST)
    try:
        seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError, IndexError, OverflowError, OSError):
        return 0.0
    return min(max(seconds, 0.0), RETRY_AFTER_MOST)
