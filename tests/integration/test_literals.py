"""src/python/pyliteral.c against CPython's repr() and ast.literal_eval().

PBU_SEED repeats a run (the seed is printed).
"""

import ast
import os
import random
import subprocess
import warnings
from pathlib import Path

import pytest

from server import TREE

SEED = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))
COUNT = 20_000

SOURCES = (
    "python/pyliteral.c", "python/pyliteral_scalar.c", "python/pyvalue.c", "python/pyunicode.c", "json/json.c",
    "json/json_decoder.c", "json/arena.c", "json/scan.c", "json/scan_put.c", "json/text.c", "json/value.c",
    "json/json_write.c", "base/buf.c", "base/budget.c",
)

CHARACTERS = [
    *"abz 09'\"\\%{}[](),:\t\n\r", "\x00", "\x07", "\x1b", "\x7f", "\x80", "\x9f", "\xa0", "\xad", "é", "\u0300", "\u2028", "中", "\ufeff",
    "\ud800", "\udfff", "\U0001f600", "\U000e0001", "\U0010ffff", "\uffff",
]
INTEGERS = [0, 1, -1, 42, -255, 2**31, 2**53 + 1, -(2**63), 2**64, 10**30]
FLOATS = [0.0, -0.0, 1.0, 0.1, 1e16, 1e-5, 1e300, 1.5e-320, 123456.789, float("nan"), float("inf"), float("-inf")]

Answer = list[tuple[bytes, bytes, bytes]] | None
"""str(), repr() and ascii() of each argument; None: it is no literal."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("literals") / "literal_answers"
    here = Path(__file__).parent
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libcjson"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-fsanitize=address,undefined", "-o", out, f"-I{TREE}/src",
         here / "literal_answers.c", *(TREE / "src" / s for s in SOURCES), *flags, "-lm"],
        check=True,
    )
    return out


def encode(text: str) -> bytes:
    """As the server has text: value.h."""
    return text.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")


def ask(program: Path, texts: list[str]) -> list[Answer]:
    questions = b"".join(b"%d\n%s" % (len(encode(t)), encode(t)) for t in texts)
    done = subprocess.run([program], input=questions, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
    at = 0

    def line() -> bytes:
        nonlocal at
        end = done.stdout.index(b"\n", at)
        text, at = done.stdout[at:end], end + 1
        return text

    def piece() -> bytes:
        nonlocal at
        length = int(line())
        text, at = done.stdout[at : at + length], at + length
        return text

    answers: list[Answer] = []
    for _ in texts:
        count = line()
        answers.append(None if count == b"-" else [(piece(), piece(), piece()) for _ in range(int(count))])
    assert at == len(done.stdout)
    return answers


class Generator:
    """Arguments as programs log them, all that is a literal."""

    def __init__(self, seed: int | str) -> None:
        self.r = random.Random(seed)

    def text(self) -> str:
        return "".join(self.r.choice(CHARACTERS) for _ in range(self.r.randrange(8)))

    def real(self) -> float:
        r = self.r
        return r.choice(FLOATS) if r.random() < 0.5 else r.uniform(-1, 1) * 10.0 ** r.randrange(-300, 300)

    def hashable(self, depth: int) -> object:
        r = self.r
        kind = r.randrange(9 if depth < 4 else 8)
        if kind < 2:
            return self.text()
        if kind == 2:
            return r.choice(INTEGERS)
        if kind == 3:
            return r.randbytes(r.randrange(6))
        if kind == 4:
            return r.choice([None, True, False])
        if kind == 5:
            return complex(self.real(), self.real())
        if kind < 8:
            return self.real()
        return tuple(self.hashable(depth + 1) for _ in range(r.randrange(4)))

    def value(self, depth: int = 0) -> object:
        r = self.r
        kind = r.randrange(10)
        if kind < 5 or depth > 4:
            return self.hashable(depth)
        size = range(r.randrange(4))
        if kind == 5:
            return tuple(self.value(depth + 1) for _ in size)
        if kind < 8:
            return [self.value(depth + 1) for _ in size]
        if kind == 8:
            key = (lambda: self.text()) if r.random() < 0.7 else (lambda: self.hashable(depth + 1))
            return {key(): self.value(depth + 1) for _ in size}
        return {self.hashable(depth + 1) for _ in size}

    def args(self) -> object:
        """What LogRecord makes of the arguments of a call: a tuple, or the one dict that was there."""
        r = self.r
        if r.random() < 0.2:
            return {self.text() if r.random() < 0.9 else self.hashable(1): self.value() for _ in range(r.randrange(4))}
        return tuple(self.value() for _ in range(r.randrange(4)))


def arguments(args: object) -> list[object]:
    return list(args) if isinstance(args, tuple) else [args]


def three(value: object) -> tuple[bytes, bytes, bytes]:
    return encode(str(value)), encode(repr(value)), encode(ascii(value))


def test_what_repr_gives_is_read(program: Path) -> None:
    print(f"seed {SEED}")
    generator = Generator(SEED)
    all_args = [generator.args() for _ in range(COUNT)]
    answers = ask(program, [repr(a) for a in all_args])
    wrong = [f"{args!r}: {answer}" for args, answer in zip(all_args, answers, strict=True) if answer != [three(v) for v in arguments(args)]]
    assert not wrong, f"{len(wrong)} of {COUNT}, PBU_SEED={SEED} repeats it:\n" + "\n".join(wrong[:10])


def literal(text: str) -> object:
    """Its value, or ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as e:
            raise ValueError(str(e)) from e


PIECES = [
    *"()[]{},:'\"\\+-.jJ_ \t\n0178", "()", "[]", "{}", "{1}", "None", "True", "False", "none", "set()", "set( )",
    "b'", "B\"", "r'", "Rb'", "bR'", "u'", "ur'", "f'", "'''", "\\x41", "\\u0041", "\\U00000041", "\\U00110000",
    "\\N{DASH}", "\\400", "\\8", "0x1f", "0X", "0o17", "0b101", "0_0", "01", "00", "1_000", "1__0", "1_", "1.", ".5",
    "1e5", "1E+5", "1e", "1.5j", "1+2j", "1-2J", "(1+2j)", "-1", "+1", "- 1", "--1", "1j+1", "'a'", '"b"', "'a' 'b'",
    "b'c'", "x", "a.b", "f()", "lambda: 1", "*(1,)", "**{}", "1 if 1 else 2", "#", "\\\n", "'k': 1", "1: 2", "é",
    "\u00a0", "{'a': 1}", "{[]: 1}", "{([],): 1}", "[1, 2]", "(1, 2)", "((1),)", "((1, 2))", ",", ", ", "...", "\x0c",
]


def mutated(r: random.Random, text: str) -> str:
    for _ in range(r.randrange(1, 4)):
        at = r.randrange(len(text) + 1)
        text = text[:at] + r.choice(PIECES) + text[at + r.randrange(3) :]
    return text


def invented(r: random.Random) -> str:
    return "(" * (r.random() < 0.8) + "".join(r.choice(PIECES) for _ in range(r.randrange(1, 7))) + r.choice([",)", ")", ""])


def test_what_is_no_literal_is_refused(program: Path) -> None:
    """What literal_eval() refuses is refused; what it takes and gives back as the same text is taken."""
    print(f"seed {SEED}")
    generator = Generator(f"{SEED} refused")
    r = generator.r
    texts = [mutated(r, repr(generator.args())) if r.random() < 0.5 else invented(r) for _ in range(3 * COUNT)]
    # literal_eval() does not take inf and nan, which repr() gives; the other test has them.
    texts = [t for t in texts if "inf" not in t and "nan" not in t]
    taken = refused = 0
    wrong = []
    for text, answer in zip(texts, ask(program, texts), strict=True):
        try:
            value = literal(text)
        except ValueError:
            refused += 1
            if answer is not None:
                wrong.append(f"{text!r} is no literal: {answer}")
            continue
        if repr(value) == text and isinstance(value, (tuple, dict)):
            taken += 1
            if answer != [three(v) for v in arguments(value)]:
                wrong.append(f"{text!r}: {answer}")
    assert not wrong, f"{len(wrong)} of {len(texts)}, PBU_SEED={SEED} repeats it:\n" + "\n".join(wrong[:20])
    assert taken > 500 and refused > COUNT


def test_what_people_write_is_read(program: Path) -> None:
    """Where the text is not repr()'s own, strings, None and booleans are what they are; other values keep it."""
    texts = [
        "( 'a' ,\n\t\"b\" , )", "(r'\\n', u'x', '\\x41\\u0041\\U00000041\\101\\e')", "('\\'\"', \"'\", '''')", "(1.0, 1e5, -0.0, 00)",
        "(0x1f, 1_000, +5, - 5, .5, 1.)", "((1), ('a'), ((None)))", "{'a': 1, 'b': 2, 'a': 3}", "[1, 2]", "(b\"a\", rb'\\', {1 , 2}, set( ))",
        "(u'a' , [ 1,2 ], [ ( ) ])",
    ]
    answers = ask(program, texts)

    def reprs(answer: Answer) -> list[str] | None:
        return None if answer is None else [a[1].decode() for a in answer]

    assert reprs(answers[0]) == ["'a'", "'b'"]
    assert reprs(answers[1]) == ["'\\\\n'", "'x'", "'AAAA\\\\e'"]
    assert answers[2] is None
    assert reprs(answers[3]) == ["1.0", "1e5", "-0.0", "00"]
    assert reprs(answers[4]) == ["0x1f", "1_000", "+5", "- 5", ".5", "1."]
    assert reprs(answers[5]) == ["(1)", "('a')", "((None))"]
    assert reprs(answers[6]) == ["{'a': 3, 'b': 2}"]
    assert reprs(answers[7]) == ["1", "2"]
    assert answers[8] is None  # a raw string cannot end in a backslash
    assert reprs(answers[9]) == ["'a'", "[1, 2]", "[ ( ) ]"]


@pytest.mark.parametrize("opening", ["(", "[", "{'a': ", "((1,), "])
def test_depth_costs_nothing(program: Path, opening: str) -> None:
    closing = {"(": ")", "[": "]", "{": "}"}[opening[0]]

    def nested(depth: int) -> str:
        return "(" + opening * depth + closing * depth + ",)" if opening != "{'a': " else "(" + opening * depth + "1" + closing * depth + ",)"

    fits, deep, deeper = ask(program, [nested(190), nested(10_000), nested(1_000_000)])
    assert fits is not None
    assert deep is None
    assert deeper is None
