"""What CPython's own logging writes for a record, made safe by the rules of src/record/entry.h.

entry(record, fmt, datefmt) is the text that the server must write for a record (a dict, as
json.loads gives it), without the newline at its end. The `%` and the Formatter are CPython's.
"""

import json
import logging
import re


class _Lacking(str):
    """Prints as `-`, with %r too."""

    def __repr__(self):
        return str(self)


class _Fields(dict):
    """The fields of a record; one that it lacks prints as `-`."""

    def __missing__(self, key):
        return _Lacking("-")


class _Style(logging.PercentStyle):
    def _format(self, record):
        return self._fmt % _Fields(record.__dict__)


class _Formatter(logging.Formatter):
    def __init__(self, fmt, datefmt):
        super().__init__(fmt, datefmt)
        self._style = _Style(fmt)

    def formatMessage(self, record):
        """The line, and the trace of the pbu client after it, where exc_text would follow."""
        text = super().formatMessage(record)
        trace = getattr(record, "trace", None)
        if isinstance(trace, list) and trace:
            text += "" if text[-1:] == "\n" else "\n"
            text += "\n".join(t if isinstance(t, str) else str(t) for t in trace)
        elif isinstance(trace, str) and trace:
            text += "" if text[-1:] == "\n" else "\n"
            text += trace
        return text


def _has_json(v):
    """Whether JSON has all that is in a value: no bytes, tuples, sets, complex numbers, keys that are no strings."""
    if isinstance(v, list):
        return all(_has_json(x) for x in v)
    if isinstance(v, dict):
        return all(isinstance(k, str) and _has_json(x) for k, x in v.items())
    return v is None or isinstance(v, (str, int, float))


def _shown(args):
    """Arguments that do not fit their message, as JSON. What JSON does not have is its repr()."""
    if isinstance(args, (list, tuple)):
        args = [v if _has_json(v) else repr(v) for v in args]
    elif isinstance(args, dict):
        args = {k if isinstance(k, str) else repr(k): v if _has_json(v) else repr(v) for k, v in args.items()}
    return json.dumps(args, separators=(",", ":"), ensure_ascii=False)


def message(record):
    """(the message, whether CPython would have made it)"""
    if record.get("message") is not None:
        return str(record["message"]), True
    args = record.get("args")
    sent = args
    if isinstance(args, list):
        args = tuple(args)
        if len(args) == 1 and isinstance(args[0], dict) and args[0]:
            args = args[0]
    text = str(record["msg"])
    if not args:
        return text, True
    try:
        return text % args, True
    except Exception:
        return text + " args=" + _shown(sent), False


_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def made_safe(text):
    """One entry, told apart from others, with nothing that a terminal would act on."""
    text = text.replace("\r\n", "\n").rstrip("\n")
    text = text.replace("\n", "\n\t")
    if text.startswith("\t"):
        text = "\\x09" + text[1:]
    return _UNSAFE.sub(lambda m: ("\\x%02x" if ord(m[0]) < 0x100 else "\\u%04x") % ord(m[0]), text)


def entry(record, fmt="%(asctime)s %(levelname)s:%(name)s %(message)s", datefmt=None):
    made = logging.makeLogRecord({k: v for k, v in record.items() if k != "exc_info"})
    if isinstance(record.get("args"), list):
        made.args = tuple(record["args"])
    text, _ = message(record)
    made.getMessage = lambda: text
    made.exc_info = None
    return made_safe(_Formatter(fmt, datefmt).format(made))
