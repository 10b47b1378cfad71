"""A LogRecord as JSON text, such that the server prints what CPython would.

It is made where the record is logged: whatever it refers to may change later.
"""

from __future__ import annotations

import json
import logging
import math
import time
from json.encoder import encode_basestring_ascii as _quote
from operator import itemgetter
from typing import Any, Callable

# What a record has by itself; everything else came by `extra`, a filter or a factory.
STANDARD = frozenset(
    (
        *("name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info", "exc_text"),
        *("stack_info", "lineno", "funcName", "created", "msecs", "relativeCreated", "thread", "threadName"),
        *("processName", "process", "taskName", "message", "asctime"),
    )
)

# The parts of records that come again and again: those of a place in the program, and of a thread.
_PLACE = ["pathname", "lineno", "levelno", "levelname", "name", "funcName", "filename", "module"]
_THREAD = ["thread", "threadName", "processName", "process"]
_CACHED = 4096
_places: dict[tuple[Any, ...], str] = {}
_threads: dict[tuple[Any, ...], str] = {}

_own = logging.LogRecord("", 0, "", 0, "", None, None).__dict__
if "taskName" in _own:
    # From Python 3.12 on.
    _THREAD.append("taskName")
else:
    # A record of a later Python may have one here, too.
    STANDARD -= {"taskName"}
_usual = itemgetter(
    *["msg", "args", "created", "msecs", "relativeCreated", "exc_info", "exc_text", "stack_info"], *_PLACE, *_THREAD
)
_USUAL = len(_own)

# Of a record that has no taskName.
_NO_TASK = "\0"

_SCALARS: dict[type, Callable[[Any], str]] = {
    str: _quote,
    int: int.__repr__,
    bool: lambda b: "true" if b else "false",
    type(None): lambda _: "null",
}


# They have these, too: a format that shows one prints `None`.
_NO_TRACEBACK = ', "exc_info": null, "exc_text": null, "stack_info": null'


class NotExact(Exception):
    """JSON would not keep the arguments what they are."""


OnError = Callable[[logging.LogRecord], None]


def encode(record: logging.LogRecord, formatter: logging.Formatter, on_error: OnError) -> str:
    """One line of ASCII. `on_error` is called in an `except` block when the message can't be made.

    This is most of what a call of the handler costs. So what is usual goes a way of its own: a record
    as LogRecord makes it, of a place and a thread that are known, with simple arguments.
    """
    fields = record.__dict__
    # As many as those that are all there, and what a Formatter leaves: so there is no other one.
    others = len(fields) - _USUAL
    if type(record) is logging.LogRecord and (others == 0 or others == ("message" in fields) + ("asctime" in fields)):
        try:
            values = _usual(fields)
            place = _places[values[8:16]]
            thread = _threads[values[16:]]
        except (KeyError, TypeError):
            return _encode_any(record, fields, formatter, on_error)
        msg, args, created, msecs, relative, exc_info, exc_text, stack_info = values[:8]
        if (
            type(created) is type(msecs) is type(relative) is float
            # False for NaN, too.
            and -1e15 < created + msecs + relative < 1e15
            and type(msg) is str
            and type(args) is tuple
        ):
            parts = []
            for value in args:
                kind = type(value)
                if kind is str:
                    parts.append(_quote(value))
                elif kind is int and -(1 << 63) <= value < 1 << 63:
                    parts.append(f"{value!r}")
                else:
                    break
            else:
                try:
                    # The server will do it; but an error is to be seen where it was made.
                    if parts:
                        msg % args
                except Exception:
                    return _encode_any(record, fields, formatter, on_error)
                text = (
                    f'{{"msg": {_quote(msg)}, "args": [{", ".join(parts)}]{place}{thread}, '
                    f'"created": {created!r}, "msecs": {msecs!r}, "relativeCreated": {relative!r}'
                )
                if exc_info or exc_text or stack_info:
                    return text + _traceback(fields, formatter) + "}"
                return text + _NO_TRACEBACK + "}"
    return _encode_any(record, fields, formatter, on_error)


def _encode_any(
    record: logging.LogRecord, fields: dict[str, Any], formatter: logging.Formatter, on_error: OnError
) -> str:
    get = fields.get
    text = _message(record, fields, on_error)
    text += _place(tuple([get(name) for name in _PLACE]))
    text += _thread(tuple([get(name, _NO_TASK) for name in _THREAD]))
    text += (
        f', "created": {_number(get("created"))}, "msecs": {_number(get("msecs"))}, '
        f'"relativeCreated": {_number(get("relativeCreated"))}'
    )
    if get("exc_info") or get("exc_text") or get("stack_info"):
        text += _traceback(fields, formatter)
    else:
        text += _NO_TRACEBACK
    if not STANDARD.issuperset(fields):
        for name, value in list(fields.items()):
            if name not in STANDARD:
                text += f", {_quote(_as_text(name))}: {_value(value)}"
    return text + "}"


def encode_own(message: str, levelno: int = logging.WARNING) -> str:
    """A record of the handler's own, made now."""
    now = time.time()
    return json.dumps(
        {
            "msg": message,
            "name": "pbu_log_handler",
            "levelname": logging.getLevelName(levelno),
            "levelno": levelno,
            "created": now,
            "msecs": now % 1 * 1000,
        }
    )


def _message(record: logging.LogRecord, fields: dict[str, Any], on_error: OnError) -> str:
    """The beginning of the object: msg and args, or msg and message."""
    msg: Any = fields.get("msg")
    args: Any = fields.get("args")
    usual = type(msg) is str and type(record) is logging.LogRecord and "getMessage" not in fields
    if usual and not args:
        return f'{{"msg": {_quote(msg)}, "args": {"null" if args is None else "[]"}'
    try:
        # Also where the server will do it: an error is to be seen where it was made.
        message = msg % args if usual else record.getMessage()
    except Exception:
        on_error(record)
        message = _as_text(msg)
        if args:
            message += f" args={_as_repr(args)}"
    else:
        if usual:
            try:
                return f'{{"msg": {_quote(msg)}, "args": {_exact_arguments(args)}'
            except NotExact:
                pass
    return f'{{"msg": {_string(_as_text(msg))}, "message": {_string(message)}'


def _exact_arguments(args: Any) -> str:
    if type(args) is tuple:
        return f"[{', '.join([_exact(value) for value in args])}]"
    if type(args) is dict:
        return "{" + ", ".join([f"{_exact_name(k)}: {_exact(v)}" for k, v in args.items()]) + "}"
    raise NotExact


def _exact(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return _quote(value)
    if kind is int:
        # Longer ones may be refused by int() and str() of either side.
        if -(1 << 63) <= value < 1 << 63:
            return int.__repr__(value)
    elif kind is float:
        if math.isfinite(value):
            return float.__repr__(value)
    elif kind is bool:
        return "true" if value else "false"
    elif value is None:
        return "null"
    raise NotExact


def _exact_name(name: Any) -> str:
    if type(name) is str:
        return _quote(name)
    raise NotExact


def _place(place: tuple[Any, ...]) -> str:
    pathname, lineno, levelno, levelname, name, function, filename, module = place
    text = (
        f', "name": {_string(name)}, "levelname": {_string(levelname)}, "levelno": {_integer(levelno)}, '
        f'"pathname": {_string(pathname)}, "filename": {_string(filename)}, "module": {_string(module)}, '
        f'"lineno": {_integer(lineno)}, "funcName": {_string(function)}'
    )
    return _remember(_places, place, text)


def _thread(thread: tuple[Any, ...]) -> str:
    ident, name, process_name, process = thread[:4]
    text = (
        f', "thread": {_integer(ident)}, "threadName": {_string(name)}, '
        f'"processName": {_string(process_name)}, "process": {_integer(process)}'
    )
    if thread[4:] and thread[4] is not _NO_TASK:
        text += f', "taskName": {_string(thread[4])}'
    return _remember(_threads, thread, text)


def _remember(cache: dict[tuple[Any, ...], str], key: tuple[Any, ...], text: str) -> str:
    if len(cache) >= _CACHED:
        cache.clear()
    # 1, True and 1.0 are the same key, and an object may be equal to whatever it likes.
    if all(type(part) in _SCALARS for part in key):
        cache[key] = text
    return text


def _traceback(fields: dict[str, Any], formatter: logging.Formatter) -> str:
    """What follows the line. The text that another handler made of the exception counts."""
    exc_text = fields.get("exc_text")
    exc_info = fields.get("exc_info")
    if exc_info and not exc_text:
        try:
            exc_text = formatter.formatException(exc_info) if isinstance(exc_info, tuple) else _as_text(exc_info)
        except Exception as e:
            exc_text = f"<the traceback can't be shown: {type(e).__name__}>"
    return f', "exc_text": {_string(exc_text)}, "stack_info": {_string(fields.get("stack_info"))}'


def _number(value: Any) -> str:
    if type(value) is float and math.isfinite(value):
        return float.__repr__(value)
    if type(value) is int:
        return int.__repr__(value)
    try:
        number = float(value)
        return float.__repr__(number) if math.isfinite(number) else "null"
    except Exception:
        return "null"


def _integer(value: Any) -> str:
    try:
        return int.__repr__(int(value))
    except Exception:
        return "null"


def _string(value: Any) -> str:
    if value is None:
        return "null"
    return _quote(value if isinstance(value, str) else _as_text(value))


def _value(value: Any) -> str:
    """As JSON takes it, else its text."""
    try:
        scalar = _SCALARS.get(type(value))
        if scalar is not None:
            return scalar(value)
        return json.dumps(value, default=_as_text)
    except Exception:
        return _quote(_as_text(value))


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return _as_repr(value)


def _as_repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:
        pass
    if isinstance(value, (tuple, list)):
        return f"({', '.join([_as_repr(v) for v in value])})"
    return f"<{type(value).__name__} that can't be shown>"
