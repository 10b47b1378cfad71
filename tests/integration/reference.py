"""What CPython's own logging writes for a record, and the contract's rules on top of it.

entry(record, fmt, datefmt) is the text that the server must write for a record (a dict, as
json.loads gives it), without the newline at its end. The `%` and the Formatter are CPython's.
"""

import json
import logging
import re


class _Fields(dict):
    """The fields of a record; one that it lacks prints as `-`."""

    def __missing__(self, key):
        return "-"


class _Style(logging.PercentStyle):
    def _format(self, record):
        return self._fmt % _Fields(record.__dict__)


class _Formatter(logging.Formatter):
    def __init__(self, fmt, datefmt):
        super().__init__(fmt, datefmt)
        self._style = _Style(fmt)

    def formatMessage(self, record):
        """The line, and the trace of the pbu client behind it, where exc_text would follow."""
        text = super().formatMessage(record)
        trace = getattr(record, "trace", None)
        if isinstance(trace, list) and trace:
            text += "" if text[-1:] == "\n" else "\n"
            text += "\n".join(t if isinstance(t, str) else str(t) for t in trace)
        elif isinstance(trace, str) and trace:
            text += "" if text[-1:] == "\n" else "\n"
            text += trace
        return text


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
        return text + " args=" + json.dumps(sent, separators=(",", ":"), ensure_ascii=False), False


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def made_safe(text):
    """The contract's fifth step."""
    text = text.replace("\r\n", "\n").rstrip("\n")
    text = text.replace("\n", "\n\t")
    return _CONTROL.sub(lambda m: ("\\x%02x" if ord(m[0]) < 0x100 else "\\u%04x") % ord(m[0]), text)


def entry(record, fmt="%(asctime)s %(levelname)s:%(name)s %(message)s", datefmt=None):
    made = logging.makeLogRecord({k: v for k, v in record.items() if k != "exc_info"})
    if isinstance(record.get("args"), list):
        made.args = tuple(record["args"])
    text, _ = message(record)
    made.getMessage = lambda: text
    made.exc_info = None
    return made_safe(_Formatter(fmt, datefmt).format(made))
