"""Entries that are made up, and the search through them, as far as the page's tests need it."""

import random
import re
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass
class Entry:
    ms: int
    level: str
    logger: str | None
    message: str | None
    text: str
    number: int = 0
    shown_level: str | None = None
    server: str | None = None

    @property
    def cursor(self) -> str:
        # That of several servers says which.
        return f"{self.level[0].lower()}1.0.{self.number:x}" + (f"~{zlib.crc32(self.server.encode()):08x}" if self.server else "")


def entry(ms: int, level: str, logger: str | None, message: str, more: str = "") -> Entry:
    stamp = datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") + f",{ms % 1000:03d}"
    text = f"{stamp} {level} {logger}: {message}{more}"
    return Entry(ms, level, logger, message, text)


TRACE = """
Traceback (most recent call last):
  File "/srv/shop/orders.py", line 212, in place
    receipt = gateway.charge(order.total, card)
  File "/srv/shop/gateway.py", line 88, in charge
    raise PaymentError(answer.reason)
shop.gateway.PaymentError: card refused by issuer (code 51)"""


def made_up(count: int, now: float | None = None, span: float = 20 * 3600, seed: int = 1, servers: Sequence[str] = ()) -> list[Entry]:
    """Entries as a shop would write them, oldest first; by turns of these servers."""
    rng = random.Random(seed)
    now_ms = int((now or time.time()) * 1000)
    entries = []
    times = sorted(now_ms - int(rng.random() ** 1.5 * span * 1000) - 1000 for _ in range(count))
    for ms in times:
        kind = rng.random()
        n = rng.randrange(10_000, 99_999)
        if kind < 0.02:
            entries.append(entry(ms, "ERROR", "shop.orders", f"order {n} could not be placed", TRACE))
        elif kind < 0.07:
            entries.append(entry(ms, "WARNING", "app.db.pool", f"connection {n % 40} was idle for {n % 900} s: reopened"))
        elif kind < 0.12:
            entries.append(entry(ms, "WARNING", "shop.stock", f"article {n}: 3 left"))
        elif kind < 0.45:
            entries.append(entry(ms, "DEBUG", "app.db", f"SELECT id, total FROM orders WHERE customer = {n} took {n % 300 / 10} ms"))
        elif kind < 0.75:
            entries.append(entry(ms, "INFO", "shop.web", f"GET /article/{n} 200 {n % 120} ms"))
        else:
            entries.append(entry(ms, "INFO", "shop.orders", f"order {n} placed, total {n / 100:.2f} EUR"))
    for i, e in enumerate(entries):
        e.server = servers[i % len(servers)] if servers else None
    return entries


class Search:
    """q, as far as the tests need it."""

    def __init__(self, q: str):
        self.terms = []
        at = 0
        for m in re.finditer(r'\s*(-?)(?:"((?:[^"\\]|\\.)*)"|/((?:[^/\\]|\\.)*)/([a-z]*)|logger:(\S+)|(\S+))', q):
            no, phrase, expression, flags, logger, word = m.groups()
            if expression is not None:
                text = expression.replace("\\/", "/")
                flag = re.M | (re.I if "i" in flags else 0)
                try:
                    self.terms.append((bool(no), None, re.compile(text, flag), None))
                except re.error as e:
                    at = len(q[: m.start(3)].encode()) + (e.pos or 0)
                    raise BadQuery(f"the expression is not valid: {e.msg}", at) from None
            elif logger:
                self.terms.append((bool(no), None, None, logger))
            else:
                self.terms.append((bool(no), word or phrase or "", None, None))

    def __call__(self, e: Entry) -> bool:
        for no, word, expression, logger in self.terms:
            if logger:
                found = e.logger == logger or (e.logger or "").startswith(logger + ".")
            elif expression:
                found = bool(expression.search(e.text))
            elif word != word.lower():
                found = word in e.text
            else:
                found = word in e.text.lower()
            if found == no:
                return False
        return True


class BadQuery(Exception):
    def __init__(self, words: str, at: int):
        super().__init__(words)
        self.at = at
