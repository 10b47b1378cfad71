"""The text is CPython's: random records through the handler, compared with what CPython's own Formatter makes of them.

Equal wherever CPython can format the message, whatever the arguments are: those that JSON would not keep, the handler
formats. Of the fields, LOG_FORMAT prints as CPython does all that JSON keeps. Not the same are
- `%(args)s` where the handler has formatted the message: it is lacking, `-`;
- `%(msg)r` of a msg that is no str: it is sent as its text;
- two halves of a character that happen to meet (`\\ud83d` beside `\\ude00`): JSON makes one of them;
- fields by `extra=` that JSON doesn't know, as `%(request)r`: they are sent as their text. No format here has one;
- messages that CPython can't format, and loses: `msg`, ` args=` and the arguments' repr(). Where that raises, too, the
  record is there, once, in its place.

PBU_SEED repeats a run.
"""

import json
import os
import random

import pytest
import witness
from outcome import FILES, file_of
from program import Program
from test_differential import FORMATS, Generator

SEED = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))

# One of the message, and one of the other fields.
QUICK = (5, 7)


def differences(server, expected):
    """A line for each record whose entry is another; and how many CPython formatted, it couldn't, and have no text."""
    found = {name: iter(server.entries(name)) for name in FILES}
    different, counts = [], [0, 0, 0]
    for n, line in enumerate(expected.read_text().splitlines()):
        level, cpythons, text = json.loads(line)
        entry = next(found[file_of(level)], None)
        counts[0 if cpythons else 1 if text is not None else 2] += 1
        if entry is None or (text is not None and entry != text):
            different.append(f"record {n}, {'CPython' if cpythons else 'as it is'}: {text!r}\n   entry: {entry!r}")
            if entry is None:
                break
    left = [entry for entries in found.values() for entry in entries]
    if left:
        different.append(f"{len(left)} entries beside: {left[0]!r}")
    return different, counts


def compare(server, folder, kind, count, fmt, datefmt, via="handler"):
    expected = folder / "expected"
    program = Program(folder, server.url, "differential.py", str(SEED), str(count), kind, fmt, datefmt or "",
                      env={"EXPECTED": str(expected), "VIA": via}, capacity=100_000)
    try:
        program.ends_well(quiet=False, seconds=120)
    finally:
        program.clear()
    different, counts = differences(server, expected)
    print(f"seed {SEED}, LOG_FORMAT={fmt}: {counts[0]} records as CPython formats them, {counts[1]} that it can't, "
          f"{counts[2]} without any text")
    assert not different, f"PBU_SEED={SEED} repeats it; LOG_FORMAT={fmt!r}\n" + "\n".join(different[:5])
    assert counts[0] > count / 3


def formatted(start_server, number):
    fmt, datefmt = FORMATS[number]
    fmt = fmt or Generator(SEED).log_format()
    return start_server(LOG_FORMAT=fmt, LOG_DATE_FORMAT=datefmt), fmt, datefmt


@pytest.mark.parametrize("number", QUICK)
def test_records(start_server, tmp_path, number):
    server, fmt, datefmt = formatted(start_server, number)
    compare(server, tmp_path, "sent", 1_000, fmt, datefmt)


@pytest.mark.parametrize("via", ["form", "json"])
def test_the_same_by_other_ways(start_server, tmp_path, via):
    """The same records as the handler's: by HTTPHandler, and a request with JSON for each. Only of what CPython can format
    the text is looked at; HTTPHandler itself fails where there is a lone surrogate."""
    server, fmt, datefmt = formatted(start_server, QUICK[0])
    compare(server, tmp_path, "sent", 400, fmt, datefmt, via)


def test_calls(server, tmp_path):
    compare(server, tmp_path, "calls", 3_000, witness.FORMAT, None)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(FORMATS)))
def test_many_records(start_server, tmp_path, number):
    server, fmt, datefmt = formatted(start_server, number)
    compare(server, tmp_path, "sent", 5_000, fmt, datefmt)


@pytest.mark.slow
def test_many_calls(server, tmp_path):
    compare(server, tmp_path, "calls", 40_000, witness.FORMAT, None)
