"""Random records through the handler. What CPython's own Formatter makes of each goes to EXPECTED, a line of JSON each.

    python differential.py SEED COUNT sent|calls LOG_FORMAT DATE_FORMAT

sent:  the records of tests/integration/test_differential.py, whose fields and arguments are what JSON knows
calls: calls of a logger, with any arguments that Python has; what can change is changed right after the call

VIA says by which handler, if it is not the one that is tested: "form" is logging.handlers.HTTPHandler, "json" sends what
json.dumps(record.__dict__) gives.
"""

import collections
import contextlib
import copy
import datetime
import decimal
import enum
import fractions
import json
import logging
import math
import os
import pathlib
import random
import re
import sys
import urllib.request
import uuid
from typing import Any, Callable, Optional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration"))

import reference  # noqa: E402 (it is found by the path above)
import setup_logging  # noqa: E402
from test_differential import Generator  # noqa: E402

via = os.environ.get("VIA", "handler")
seed, count, kind, fmt, datefmt = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5] or None
expected = open(os.environ["EXPECTED"], "w")


class Expect(logging.Handler):
    """Notes what CPython writes; where it raises, `msg` and the arguments as they are, or None where they have no text."""

    def emit(self, record: logging.LogRecord) -> None:
        entry: Optional[str] = None
        text, cpythons = message(record)
        if text is not None:
            made = copy.copy(record)
            made.getMessage = lambda: text  # type: ignore[method-assign]
            if not cpythons or type(record.msg) is not str or not is_kept(record.args):
                del made.args  # LOG_FORMAT prints it as lacking
                text = as_sent(text)
            if type(record.msg) is not str:
                made.msg = text if cpythons else str(record.msg)
            if via == "handler" or cpythons:
                entry = reference.made_safe(reference._Formatter(fmt, datefmt).format(made))
        expected.write(json.dumps([record.levelno, cpythons, entry]) + "\n")


def message(record: logging.LogRecord) -> tuple[Optional[str], bool]:
    """It, and whether CPython can make it."""
    try:
        return record.getMessage(), True
    except Exception:
        pass
    try:
        return f"{record.msg} args={record.args!r}" if record.args else str(record.msg), False
    except Exception:
        return None, False


def as_sent(text: str) -> str:
    """JSON makes one character of two halves that happen to meet."""
    return json.loads(json.dumps(text))


def is_kept(args: Any) -> bool:
    """Whether the handler sends the arguments, and not the message that they make: JSON keeps what they are."""
    if not args:
        return True
    if type(args) is dict:
        return all(type(name) is str for name in args) and all(map(is_scalar, args.values()))
    return type(args) is tuple and all(map(is_scalar, args))


def is_scalar(value: Any) -> bool:
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return type(value) in (str, bool, type(None)) or (type(value) is float and math.isfinite(value))


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


class Word(str, enum.Enum):
    HELLO = "hello"


class LoudText(str):
    def __str__(self) -> str:
        return self.upper()

    def __repr__(self) -> str:
        return f"<{self.upper()}>"


class LoudInt(int):
    def __str__(self) -> str:
        return "an int"

    __repr__ = __str__


class LoudFloat(float):
    def __repr__(self) -> str:
        return "a float"


class LoudList(list):
    def __repr__(self) -> str:
        return "a list"


class Sparse(dict):
    def __missing__(self, key: str) -> str:
        return f"no {key}"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Template:
    """A msg that is no str."""

    def __str__(self) -> str:
        return "a template of %s"


Point = collections.namedtuple("Point", "x y")


class Calls(Generator):
    """Arguments as Python programs have them."""

    def value(self, depth: int = 0) -> Any:
        r = self.r
        if r.random() < 0.6:
            return super().value(depth)
        made: list[Callable[[], Any]] = [
            lambda: (self.value(depth + 1), 1) if depth < 3 else (), lambda: {self.integer() % 1000}, lambda: frozenset([self.text()]),
            lambda: self.text().encode("utf-8", "replace"), lambda: bytearray(b"x\x00"), lambda: 1 + 2j,
            lambda: decimal.Decimal("1.10"), lambda: fractions.Fraction(1, 3), lambda: datetime.datetime(2026, 1, 2, 3, 4, 5),
            lambda: datetime.timedelta(seconds=self.integer() % 10**6), lambda: uuid.UUID(int=7), lambda: pathlib.PurePosixPath("/a b"),
            lambda: Colour.RED, lambda: Number.ONE, lambda: Word.HELLO, lambda: LoudText("ab"), lambda: LoudInt(3),
            lambda: LoudFloat(0.5), lambda: LoudList([1]), lambda: Point(1, "a"), lambda: range(3), lambda: ValueError("x", 2),
            lambda: Point, lambda: self.text, lambda: {1: "a"}, lambda: {None: 1}, lambda: {(1, 2): 3}, lambda: {True: 1, "True": 2},
            lambda: collections.OrderedDict(a=1), lambda: collections.defaultdict(list, b=[1]), lambda: Sparse(k=1), lambda: object(),
            lambda: circular(), lambda: [(), [], {}], lambda: {"a": (1,)}, lambda: [b""], lambda: [Number.ONE, {"k": Word.HELLO}],
            lambda: memoryview(b"ab"), lambda: 10**4200, lambda: Broken(), lambda: slice(1), lambda: ...,
        ]
        return r.choice(made)()

    def text(self, longest: int = 12) -> str:
        return as_sent(super().text(longest))

    def message(self) -> Any:
        while True:
            with contextlib.suppress(RuntimeError, ValueError):
                return super().message()  # it looks at the text of a msg, which Broken has none of

    def without_gigabytes(self, v: Any) -> Any:
        if type(v) not in (list, dict, int) or (type(v) is list and any(x is v for x in v)):
            return v
        return super().without_gigabytes(v)


def circular() -> list:
    made: list = [1]
    made.append(made)
    return made


def change(value: Any) -> None:
    """Whoever logs a list may go on with it."""
    if type(value) in (list, bytearray):
        for inner in value[:5] if type(value) is list else ():
            if inner is not value:
                change(inner)
        value.append(7)
    elif isinstance(value, dict):
        value["changed"] = True
    elif type(value) is set:
        value.add("changed")


def failed(r: random.Random, generator: Generator) -> BaseException:
    """An exception with a traceback."""
    try:
        try:
            [][1]
        except IndexError as e:
            how = r.randrange(4)
            if how == 0:
                raise
            if how == 1:
                raise KeyError(as_sent(generator.text())) from e
            if how == 2:
                raise UnicodeError("in between", as_sent(generator.text()))
            raise ValueError(as_sent(generator.text())) from None
    except Exception as e:
        if sys.version_info >= (3, 11) and r.random() < 0.5:
            e.add_note("noted: " + as_sent(generator.text()))
        return e


def send(log: logging.Logger) -> None:
    generator = Generator(f"{seed} {fmt}")
    for _ in range(count):
        fields = json.loads(json.dumps(generator.record()))  # as test_differential.py does
        args = fields["args"]
        # As a logger and LogRecord() have them.
        args = tuple(args) if isinstance(args, list) else (args,)
        fields["args"] = args[0] if len(args) == 1 and isinstance(args[0], dict) and args[0] else args
        if via != "handler":
            # Of the pbu client, and of another Formatter's: HTTPHandler sends the text of a list, and both what is stale.
            fields = {name: value for name, value in fields.items() if name not in ("trace", "message", "asctime")}
        if via == "form" and re.search("[\ud800-\udfff]", f"{fields}" + "".join(map(str, fields.values()))):
            continue  # HTTPHandler fails with it
        log.handle(logging.makeLogRecord(fields))


def call(log: logging.Logger) -> None:
    generator = Calls(f"{seed} {fmt}")
    r = generator.r
    for _ in range(count):
        msg, args = generator.message()
        args = args if isinstance(args, list) else [args]
        msg = as_sent(msg) if type(msg) is str else msg
        if r.random() < 0.02:
            msg = r.choice([Template(), None, 5, ("a", 1), b"bytes", ValueError("v"), LoudText("loud %s")])
        options: dict = {}
        if r.random() < 0.1:
            options["exc_info"] = r.choice([True, failed(r, generator), (None, None, None)])
        if r.random() < 0.1:
            options["stack_info"] = True
        if r.random() < 0.1:
            options["extra"] = {"extra": generator.value(), "request": object(), "circular": circular()}
        log.log(r.choice([10, 20, 25, 30, 40, 50]), msg, *args, **options)
        for value in args:
            change(value)


class JsonHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        headers = {"Content-Type": "application/json", "Authorization": os.environ["PBU_LOG_SERVER_AUTH"]}
        request = urllib.request.Request(os.environ["PBU_LOG_SERVER"] + "/api/log", json.dumps(record.__dict__).encode(), headers)
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()


def handler_settings() -> dict[str, Any]:
    if via == "json":
        return {"()": JsonHandler}
    if via == "form":
        address, token = os.environ["PBU_LOG_SERVER"].partition("//")[2], os.environ["PBU_LOG_SERVER_AUTH"]
        return {"class": "logging.handlers.HTTPHandler", "host": address, "url": "/api/log", "method": "POST", "credentials": ("", token)}
    return setup_logging.handler_settings()


setup_logging.configure(handlers={"server": handler_settings()}, root={"level": "DEBUG", "handlers": ["server"]})
root = logging.getLogger()
# Before the one that is tested, or after it: what others' Formatters leave in a record is no matter.
root.handlers.insert(random.Random(seed + fmt).randrange(2), Expect())
(send if kind == "sent" else call)(logging.getLogger("my.app"))
expected.close()
