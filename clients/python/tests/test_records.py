"""What a record looks like to the server."""

from __future__ import annotations

import enum
import json
import logging
import math
from typing import Any

import pytest

from fake_server import FakeServer, message
from pbu_log_handler.records import encode

FORMATTER = logging.Formatter()


def fail(record: logging.LogRecord) -> None:
    raise AssertionError("formatting failed")


def make(msg: Any, *args: Any, **more: Any) -> logging.LogRecord:
    return logging.Logger("app").makeRecord(
        "app.db", more.pop("level", 20), "/srv/app/worker.py", 14, msg, args, more.pop("exc_info", None), "work", **more
    )


def sent(record: logging.LogRecord) -> dict[str, Any]:
    """Twice: the second time its place and thread are known."""
    first = encode(record, FORMATTER, fail)
    assert encode(record, FORMATTER, fail) == first
    assert first.isascii() and "\n" not in first
    return json.loads(first)


FIELDS = (
    *("name", "msg", "levelname", "levelno", "pathname", "filename", "module", "lineno", "funcName"),
    *("created", "msecs", "relativeCreated", "thread", "threadName", "processName", "process"),
)


def test_fields_are_those_of_the_record() -> None:
    record = make("%s and %d", "x", 3)
    fields = sent(record)
    for name in FIELDS:
        assert fields[name] == getattr(record, name), name
        assert type(fields[name]) is type(getattr(record, name)), name
    assert fields["args"] == ["x", 3]
    assert "message" not in fields
    if hasattr(record, "taskName"):
        assert fields["taskName"] == record.taskName


def test_what_another_formatter_left_makes_no_difference() -> None:
    record = make("%s", "x")
    before = sent(record)
    logging.Formatter("%(asctime)s %(message)s").format(record)
    assert sent(record) == before


class Text(str):
    def __str__(self) -> str:
        return "other"


class Level(enum.IntEnum):
    HIGH = 3


class Brace(logging.LogRecord):
    def getMessage(self) -> str:
        return str(self.msg).format(*self.args)  # type: ignore[misc]


@pytest.mark.parametrize(
    "msg, args",
    [
        ("%s %d %r", ("ü\n\u2028\udcff", 3, True)),
        ("%(a)s", ({"a": 1.5},)),
        ("%s", (None,)),
        ("no arguments: 100%", ()),
        (12, ()),
        ("%d", (1 << 62,)),
        ("%.3f", (0.1,)),
    ],
)
def test_arguments_that_json_keeps_go_as_they_are(msg: Any, args: Any) -> None:
    record = make(msg, *args)
    fields = sent(record)
    assert message(fields) == record.getMessage()
    if args and not isinstance(args[0], dict):
        assert fields["args"] == list(args)
        assert [type(a) for a in fields["args"]] == [type(a) for a in args]


@pytest.mark.parametrize(
    "args",
    [
        (object,),
        (b"x",),
        ((1, 2),),
        ([1],),
        (math.inf,),
        (math.nan,),
        (Text("x"),),
        (Level.HIGH,),
        (1 << 70,),
        (ValueError("x"),),
    ],
)
def test_other_arguments_make_the_message_now(args: Any) -> None:
    record = make("%s", *args)
    fields = sent(record)
    assert fields["message"] == record.getMessage()
    assert "args" not in fields


def test_a_list_that_changes_later() -> None:
    seen = [1]
    record = make("%s", seen, extra={"seen": seen})
    text = encode(record, FORMATTER, fail)
    seen.append(2)
    fields = json.loads(text)
    assert (fields["message"], fields["seen"]) == ("[1]", [1])


def test_messages_that_are_made_by_a_record_of_another_class() -> None:
    record = Brace("app", 20, "x.py", 1, "{} %s", ("x",), None)
    assert sent(record)["message"] == "x %s"


class Same:
    """Equal to each other, whatever they are called."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __str__(self) -> str:
        return self.name


def test_a_cached_place_is_that_place() -> None:
    for name in ("a", "b"):
        record = make("x")
        record.name = Same(name)  # type: ignore[assignment]
        assert sent(record)["name"] == name
    for lineno in (1, True, 1.0):
        record = make("x")
        record.lineno = lineno  # type: ignore[assignment]
        assert sent(record)["lineno"] == 1 and type(sent(record)["lineno"]) is int
    record = make("x")
    record.levelname = "other"
    assert sent(record)["levelname"] == "other"


def test_extra_fields() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    loop: dict[str, Any] = {}
    loop["loop"] = loop
    fields = sent(make("x", extra={"user": "u", "n": 1, "deep": {"a": [1, None, Odd()]}, "odd": Odd(), "b": Broken()}))
    assert (fields["user"], fields["n"], fields["odd"]) == ("u", 1, "odd")
    assert fields["deep"] == {"a": [1, None, "odd"]}
    assert "Broken" in fields["b"]
    assert "loop" in sent(make("x", extra={"loop": loop}))["loop"]


def test_exceptions_become_text() -> None:
    try:
        raise ValueError("boom")
    except ValueError as e:
        record = make("x", exc_info=(type(e), e, e.__traceback__))
    fields = sent(record)
    assert fields["exc_text"] == FORMATTER.formatException(record.exc_info)  # type: ignore[arg-type]
    assert record.exc_text is None, "other handlers format it by themselves"
    record.exc_text = "cached"
    assert sent(record)["exc_text"] == "cached"


def test_stack_info() -> None:
    assert sent(make("x", sinfo="Stack:\n  x"))["stack_info"] == "Stack:\n  x"


def test_odd_values_of_standard_fields_refuse_no_record() -> None:
    record = make("x")
    record.created = math.nan
    record.lineno = "unknown"  # type: ignore[assignment]
    record.name = None  # type: ignore[assignment]
    record.thread = object()  # type: ignore[assignment]
    fields = sent(record)
    assert fields["created"] is None and fields["lineno"] is None and fields["name"] is None
    assert fields["thread"] is None


def test_a_formatting_error_is_shown_and_the_record_goes(
    server: FakeServer, make_log: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ZeroDivisionError

        __repr__ = __str__

    log = make_log()
    # The second time the place is known.
    for _ in range(2):
        log.info("%d", "x")
        log.info("%s", Broken())
        log.info("%s %s", "one")
        log.info("after")
    assert log.handlers[0].flush(20)
    once = ["%d args=('x',)", "%s args=(<Broken that can't be shown>)", "%s %s args=('one',)", "after"]
    assert server.messages() == once * 2
    said = capsys.readouterr().err
    assert said.count("--- Logging error ---") == 6
    assert "Message: '%d'" in said


def test_nothing_is_raised_where_stderr_is_closed(
    make_log: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with open(tmp_path / "x", "w") as closed:
        pass
    monkeypatch.setattr("sys.stderr", closed)
    make_log().info("%d", "x")
