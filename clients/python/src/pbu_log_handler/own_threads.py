"""Threads whose records are ignored: what a handler's thread logs must not come back to it."""

from __future__ import annotations

import threading

idents: set[int] = set()

enter = idents.add
leave = idents.discard
clear = idents.clear


def is_own() -> bool:
    return threading.get_ident() in idents
