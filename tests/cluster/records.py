"""What the clients of the load send, and the judge finds: a record's text says whose it is, and which."""

import re
from typing import NamedTuple

# What the servers of the load write: nothing but the text.
LOG_FORMAT = "%(message)s"

# Of every ten records of a client the last goes to another level, and so another file, by a logger of its own.
LEVELS = {"i": "INFO", "e": "ERROR"}
FORM = re.compile(r"(c\d\d\.[ie]) (\d{7}) x*\.")


class Record(NamedTuple):
    logger: str
    number: int


def text_of(logger: str, number: int) -> str:
    """Of a length of its own, so that a part of it is no other."""
    return f"{logger} {number:07} {'x' * (number * 37 % 300)}."


def fields_of(logger: str, number: int) -> dict[str, object]:
    return {"name": logger, "levelname": LEVELS[logger[-1]], "msg": text_of(logger, number)}


def record_of(line: str) -> Record | None:
    """None: the line is not one of them."""
    found = FORM.fullmatch(line)
    if not found or line != text_of(found[1], int(found[2])):
        return None
    return Record(found[1], int(found[2]))
