"""Random records, rendered by CPython's own logging and by the server, compared byte for byte.

PBU_SEED repeats a run (the seed is printed), PBU_RECORDS sets how many there are.
"""

import json
import os
import random

import pytest

import reference

FORMATS = [
    ("%(asctime)s %(levelname)s:%(name)s %(message)s", None),
    ("%(message)s", None),
    ("%(asctime)s|%(levelname)-8s|%(name)-12.6s|%(process)d|%(threadName)r|%(message)s", "%d.%m.%Y %H:%M:%S"),
    ("%(created)f %(msecs)03d %(relativeCreated).2f [%(lineno)5d] %(funcName)10s %(extra)s %(message)a", None),
    ("%(levelno)#x %(thread)o %(pathname)s:%(lineno)s %(args)s %(msg)r %(taskName)s %(nosuch)6s %(message)r 100%%", None),
]

CHARACTERS = (
    ["a", "b", "Z", "0", " ", "'", '"', "\\", "%", "{", "\t", "\n", "\r", "\r\n", "\x00", "\x07", "\x1b[31m", "\x7f"]
    + ["\x80", "\x85", "\x9f", "\xa0", "\xad", "é", "ß", "ǅ", "\u0300", "\u200b", "\u2028", "\u202e", "中", "\ufeff", "\ufffd"]
    + ["\ud800", "\udcff", "\udfff", "\U0001f600", "\U00010000", "\U000e0001", "\U0010ffff", "\uffff", "\ue000"]
)
NAMES = ["a", "k", "key with space", "é", "(x)", "", "a%b"]


class Generator:
    """Records as json.dumps(record.__dict__) could give them, the odd ones often."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def text(self, longest=12):
        r = self.r
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
            "name": self.text() if r.random() < 0.3 else "my.app", "msg": msg, "args": args, "levelname": name, "levelno": level,
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


def compare(server, records, fmt, datefmt):
    """Posts the records as batches; returns a line for each difference."""
    before = {n: len(server.read_bytes(n)) for n in ("debug.log", "info.log", "warning.log", "error.log")}
    expected = {n: [] for n in before}
    for at in range(0, len(records), 500):
        answer = server.post(records[at:at + 500])
        assert answer.status_code == 200, answer.text
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
                # Find the place again behind what was written for it.
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
    return start_module_server(LOG_FORMAT=fmt, LOG_DATE_FORMAT=datefmt), fmt, datefmt


def run(formatted, count):
    server, fmt, datefmt = formatted
    seed = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))
    print(f"seed {seed}, {count} records, LOG_FORMAT={fmt}")
    generator = Generator(f"{seed} {fmt}")
    for at in range(0, count, 1000):
        # As they arrive: JSON makes one character of two halves that happen to meet.
        records = [json.loads(json.dumps(generator.record())) for _ in range(min(1000, count - at))]
        differences = compare(server, records, fmt, datefmt)
        if differences:
            pytest.fail(f"seed {seed}, PBU_SEED={seed} repeats it:\n" + "\n".join(differences[:5]))


def test_entries_are_cpythons(formatted):
    run(formatted, int(os.environ.get("PBU_RECORDS", "5000")) // len(FORMATS))


@pytest.mark.slow
def test_entries_are_cpythons_in_100000_records(formatted):
    run(formatted, 100_000 // len(FORMATS))
