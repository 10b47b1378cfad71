"""Random records, rendered by CPython's own logging and by the server, compared byte for byte: those that come as JSON,
and those that the standard library's HTTPHandler sends.

PBU_SEED repeats a run (the seed is printed), PBU_RECORDS sets how many there are.
"""

import json
import logging
import logging.handlers
import os
import random
import urllib.parse

import pytest

import reference

SEED = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))

FORMATS = [
    ("%(asctime)s %(levelname)s:%(name)s %(message)s", None),
    ("%(message)s", None),
    ("%(name)s %(message)s", None),
    ("%(asctime)s %(message)s", "%t%H:%M"),
    (None, None),  # drawn
    ("%(asctime)s|%(levelname)-8s|%(name)-12.6s|%(process)d|%(threadName)r|%(message)s", "%d.%m.%Y %H:%M:%S"),
    ("%(created)f %(msecs)03d %(relativeCreated).2f [%(lineno)5d] %(funcName)10s %(extra)s %(message)a", None),
    ("%(levelno)#x %(thread)o %(pathname)s:%(lineno)s %(args)s %(args)a %(args)12r %(msg)r %(taskName)s %(nosuch)6s %(message)r 100%%", None),
]

CHARACTERS = (
    ["a", "b", "Z", "0", " ", "'", '"', "\\", "%", "{", "\t", "\n", "\r", "\r\n", "\x00", "\x07", "\x1b[31m", "\x7f"]
    + ["\x80", "\x85", "\x9f", "\xa0", "\xad", "é", "ß", "ǅ", "\u0300", "\u200b", "\u2028", "\u202e", "\u2066", "\u201c", "中", "\ufeff", "\ufffd"]
    + ["\ud800", "\udcff", "\udfff", "\U0001f600", "\U00010000", "\U000e0001", "\U0010ffff", "\uffff", "\ue000"]
)
NAMES = ["a", "k", "key with space", "é", "(x)", "", "a%b"]


class Generator:
    """Records as json.dumps(record.__dict__) could give them, the odd ones often."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def text(self, longest=12):
        r = self.r
        if r.random() < 0.05:
            return r.choice(["\t", "\t\t", "\n\t", "\r\t"]) + self.text(longest)
        if r.random() < 0.5:
            return "".join(r.choice("abc xyz") for _ in range(r.randrange(longest)))
        return "".join(r.choice(CHARACTERS) for _ in range(r.randrange(longest)))

    def integer(self):
        r = self.r
        return r.choice([0, 1, -1, 5, 42, 255, -255, 2**31, 2**53 + 1, -(2**63), 2**64, 2**70, 10**30, -(10**45),
                         r.randrange(-1000, 1000), r.getrandbits(r.randrange(1, 300)), 0x110000, 0x10FFFF, 0xD800, 97])

    def number(self):
        r = self.r
        if r.random() < 0.5:
            return self.integer()
        return r.choice([0.0, -0.0, 1.0, 0.1, 1e16, 1e17, 1e-5, 1e300, 1.5e-320, 2.5, -2.5, 0.5, 123456.789, 1e22,
                         float("nan"), float("inf"), float("-inf"), r.uniform(-1e6, 1e6), r.uniform(-1, 1) * 10.0 ** r.randrange(-300, 300)])

    def log_format(self):
        """Some fields, most of them the client's, from the very start."""
        r = self.r
        out = ""
        for _ in range(r.randrange(1, 5)):
            field = r.choice(["message", "name", "extra", "taskName", "msg", "args", "exc_text", "levelname", "nosuch"])
            out += f"%({field}){r.choice(['', '', '', '', '-9', '3', '.4'])}{r.choice('sssra')}" + r.choice(["", "", " ", "\t", "|", "100%%"])
        return out

    def value(self, depth=0):
        r = self.r
        kind = r.random()
        if kind < 0.35:
            return self.text()
        if kind < 0.7:
            return self.number()
        if kind < 0.85 or depth > 3:
            return r.choice([None, True, False])
        if kind < 0.93:
            return [self.value(depth + 1) for _ in range(r.randrange(4))]
        return {self.name(): self.value(depth + 1) for _ in range(r.randrange(4))}

    def name(self):
        return self.r.choice(NAMES) if self.r.random() < 0.8 else self.text(5)

    def conversion(self, keyed):
        r = self.r
        out = "%"
        if keyed and r.random() < 0.9:
            out += "(" + r.choice(NAMES[:5] + ["(x)", "missing"]) + ")"
        out += "".join(r.choice("-+ #0") for _ in range(r.choice([0, 0, 0, 1, 1, 2, 3])))
        out += r.choice(["", "", "", "1", "5", "12", "40", "*" if r.random() < 0.5 else "3"])
        if r.random() < 0.35:
            out += "." + r.choice(["", "0", "1", "3", "10", "30", "*" if r.random() < 0.3 else "2"])
        out += r.choice(["", "", "", "", "", "h", "l", "L", "ll"]) if r.random() < 0.1 else ""
        return out + (r.choice("diouxXeEfFgGcrsa") if r.random() < 0.97 else r.choice("%yb(é\x00"))

    def message(self):
        """msg and args that go together, mostly."""
        r = self.r
        keyed = r.random() < 0.25
        parts, conversions = [], 0
        for _ in range(r.randrange(5)):
            if r.random() < 0.5:
                parts.append(self.text().replace("%", "%%" if r.random() < 0.95 else "%"))
            else:
                parts.append(self.conversion(keyed))
                conversions += 1 + parts[-1].count("*")
        if keyed:
            args = {n: self.value() for n in NAMES if r.random() < 0.9}
            if r.random() < 0.3:
                args = [args]
        else:
            count = conversions if r.random() < 0.9 else r.randrange(5)
            args = [self.number() if r.random() < 0.5 else self.value() for _ in range(count)]
            if r.random() < 0.02:
                args = self.value()
        msg = "".join(parts) if r.random() < 0.97 else self.value()
        return msg, args if "*" not in str(msg) else self.without_gigabytes(args)

    def without_gigabytes(self, v):
        """A `*` may take any number as a width: CPython would fill that much memory, or fail."""
        if isinstance(v, list):
            return [self.without_gigabytes(x) for x in v]
        if isinstance(v, dict):
            return {k: self.without_gigabytes(x) for k, x in v.items()}
        return self.r.randrange(300) if isinstance(v, int) and 300 < abs(v) < 2**48 else v

    def record(self):
        r = self.r
        msg, args = self.message()
        level, name = r.choice([(10, "DEBUG"), (20, "INFO"), (30, "WARNING"), (40, "ERROR"), (50, "CRITICAL"), (25, "NOTICE")])
        created = r.choice([1795387123.0, r.uniform(0, 4e9), 1795387123.9999998, 0.001])
        record = {
            "name": self.text() if r.random() < 0.3 else r.choice(["my.app", "my.app", "my.app", None]), "msg": msg, "args": args, "levelname": name, "levelno": level,
            "pathname": "/srv/app/" + self.text(4), "filename": "x.py", "module": "x", "exc_info": None, "exc_text": None,
            "stack_info": None, "lineno": r.randrange(5000), "funcName": r.choice(["f", "<module>"]), "created": created,
            "msecs": r.choice([float(int(created % 1 * 1000)), created % 1 * 1000, 999.9]), "relativeCreated": r.uniform(0, 1e6),
            "thread": r.getrandbits(47), "threadName": "MainThread", "processName": "MainProcess", "process": r.randrange(99999),
        }
        if r.random() < 0.3:
            record["taskName"] = r.choice([None, "Task-1"])
        if r.random() < 0.15:
            record["exc_text"] = "Traceback\n  " + self.text() + r.choice(["", "\n"])
        if r.random() < 0.15:
            record["stack_info"] = self.text()
        if r.random() < 0.1:
            record["trace"] = [self.text() for _ in range(r.randrange(4))]
        if r.random() < 0.1:
            record["message"] = self.text()
        if r.random() < 0.2:
            record["extra"] = self.value()
        if r.random() < 0.1:
            record["asctime"] = "2001-01-01 00:00:00,000"
        return record


class LiteralGenerator(Generator):
    """LogRecords, in whose arguments is more than JSON has: all that Python has literals for."""

    def hashable(self, depth):
        r = self.r
        kind = r.randrange(6)
        if kind == 0:
            return r.randbytes(r.randrange(5))
        if kind == 1:
            return complex(self.number(), self.number()) if r.random() < 0.5 else r.choice([1j, -0.5j, complex(-0.0, -0.0)])
        if kind == 2 and depth < 3:
            return tuple(self.hashable(depth + 1) for _ in range(r.randrange(3)))
        return self.text() if kind < 5 else self.number()

    def value(self, depth=0):
        r = self.r
        kind = r.random()
        if kind > 0.3 or depth > 3:
            return super().value(depth)
        size = range(r.randrange(4))
        if kind < 0.15:
            return self.hashable(depth)
        if kind < 0.2:
            return tuple(self.value(depth + 1) for _ in size)
        if kind < 0.25:
            return {self.hashable(depth) for _ in size}
        return {self.hashable(depth): self.value(depth + 1) for _ in size}

    def made(self):
        """A LogRecord, with the arguments as a call gives them: a tuple, or the one dict that there was."""
        record = self.record()
        args = record["args"]
        if isinstance(args, list) and len(args) == 1 and isinstance(args[0], dict) and args[0]:
            args = args[0]
        elif not isinstance(args, dict):
            args = tuple(args) if isinstance(args, list) else (args,)
        made = logging.makeLogRecord({})
        made.__dict__.clear()
        made.__dict__.update(record, args=args)
        # As msg or in extra=, bytes that are no UTF-8 are refused.
        made.__dict__.update({k: v if v.isascii() else b"\xc3\xa9" for k, v in record.items() if k != "args" and isinstance(v, bytes)})
        return made


# All other fields come as text.
NUMBERS = ("levelno", "lineno", "created", "msecs", "relativeCreated", "thread", "process")
NONE_IS_NONE = ("exc_info", "exc_text", "stack_info", "taskName")


def as_form(made):
    """The record that there is after a form: str() of each field but the numbers, None and the arguments.

    So msg is text, as getMessage() makes it, and of a field of extra= %r is that of a text. Bytes go as they are.
    """

    def text(v):
        return v.decode() if isinstance(v, bytes) else str(v)

    return {
        k: v if k in NUMBERS or k == "args" or (k in NONE_IS_NONE and v is None) else text(v)
        for k, v in made.__dict__.items()
    }


def can_be_sent(made):
    """A form is UTF-8: of a lone surrogate beside the arguments HTTPHandler makes an exception."""
    try:
        urllib.parse.urlencode(made.__dict__)
    except UnicodeEncodeError:
        return False
    return True


class FailingHandler(logging.handlers.HTTPHandler):
    def handleError(self, record):
        raise


def post_batches(server, records):
    for at in range(0, len(records), 500):
        answer = server.post(records[at:at + 500])
        assert answer.status_code == 200, answer.text


def compare(server, records, fmt, datefmt, send=post_batches):
    """Sends the records; returns a line for each difference."""
    before = {n: len(server.read_bytes(n)) for n in ("debug.log", "info.log", "warning.log", "error.log")}
    expected = {n: [] for n in before}
    send(server, records)
    for record in records:
        level = record["levelno"]
        name = "error.log" if level >= 40 else "warning.log" if level >= 30 else "info.log" if level >= 20 else "debug.log"
        expected[name].append((record, reference.entry(record, fmt, datefmt)))
    differences = []
    for name, entries in expected.items():
        written = server.read_bytes(name)[before[name]:]
        at = 0
        for record, text in entries:
            want = (text + "\n").encode()
            got = written[at:at + len(want)]
            if got != want:
                end = written.find(b"\n", at + max(len(want) - 1, 0))
                differences.append(f"{record!r}\n  python: {want!r}\n  server: {written[at:end + 1]!r}")
                # Find the place again after what was written for it.
                while end >= 0 and written[end + 1:end + 2] == b"\t":
                    end = written.find(b"\n", end + 1)
                at = end + 1
                break  # one difference shifts all that follows
            at += len(want)
        else:
            if written[at:]:
                differences.append(f"{name}: {written[at:at + 200]!r} was written beside")
    return differences


@pytest.fixture(scope="module", params=range(len(FORMATS)))
def formatted(request, start_module_server):
    fmt, datefmt = FORMATS[request.param]
    fmt = fmt or Generator(SEED).log_format()
    return start_module_server(LOG_FORMAT=fmt, LOG_DATE_FORMAT=datefmt), fmt, datefmt


def run(formatted, count):
    server, fmt, datefmt = formatted
    print(f"seed {SEED}, {count} records, LOG_FORMAT={fmt}")
    generator = Generator(f"{SEED} {fmt}")
    for at in range(0, count, 1000):
        # As they arrive: JSON makes one character of two halves that happen to meet.
        records = [json.loads(json.dumps(generator.record())) for _ in range(min(1000, count - at))]
        differences = compare(server, records, fmt, datefmt)
        if differences:
            pytest.fail(f"LOG_FORMAT={fmt!r}, PBU_SEED={SEED} repeats it:\n" + "\n".join(differences[:5]))


def run_forms(formatted, count):
    server, fmt, datefmt = formatted
    print(f"seed {SEED}, {count} records, LOG_FORMAT={fmt}")
    generator = LiteralGenerator(f"{SEED} form {fmt}")
    handler = FailingHandler(f"127.0.0.1:{server.port}", "/api/log", method="POST")
    for at in range(0, count, 1000):
        all_made = [generator.made() for _ in range(min(1000, count - at))]
        made = [m for m in all_made if can_be_sent(m)]
        for unable in [m for m in all_made if not can_be_sent(m)][:20]:
            with pytest.raises(UnicodeEncodeError):
                handler.emit(unable)
        assert len(made) > len(all_made) // 4
        differences = compare(server, [as_form(m) for m in made], fmt, datefmt, lambda *_, m=made: [handler.emit(x) for x in m])
        if differences:
            pytest.fail(f"LOG_FORMAT={fmt!r}, PBU_SEED={SEED} repeats it:\n" + "\n".join(differences[:5]))


def test_entries_are_cpythons(formatted):
    run(formatted, int(os.environ.get("PBU_RECORDS", "5000")) // len(FORMATS))


def test_entries_of_http_handler_are_cpythons(formatted):
    run_forms(formatted, int(os.environ.get("PBU_RECORDS", "5000")) // len(FORMATS))


@pytest.mark.slow
def test_entries_are_cpythons_in_100000_records(formatted):
    run(formatted, 100_000 // len(FORMATS))
    run_forms(formatted, 20_000 // len(FORMATS))
