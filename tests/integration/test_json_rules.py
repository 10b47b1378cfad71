"""Every rule of RFC 8259, as a table of texts that must be accepted or refused.

Each is sent as the value of a record's `extra`. CPython's json has a say where it has an opinion: it must
agree, but for what the contract names (bytes that are not UTF-8, which json.loads takes for UTF-16 or
UTF-32 when they look like it). What is accepted must come out of LOG_FORMAT=json with the same value.
"""

import json
import math

import pytest

ACCEPTED = {
    # 2, white space: these four, anywhere between tokens
    b" 1", b"1 ", b"\t1\n", b"\r\n1\r\n", b" [ 1 , 2 ] ", b'\n{\t"a"\r:\n1 }',
    # 3, values
    b"null", b"true", b"false", b"0", b'""', b"[]", b"{}", b'"null"',
    # 4, objects
    b'{"a": 1}', b'{"a": 1, "b": 2}', b'{"": 1}', b'{"a": {"a": {"a": 1}}}', b'{"a": 1, "a": 2}', b'{"\\u0061": 1}',
    b'{"a\\u0000b": 1}',
    # 5, arrays
    b"[1]", b"[1,2,3]", b'[null, true, false, 1, "x", [], {}]', b"[[[[[[[[[[]]]]]]]]]]", b"[" * 300 + b"]" * 300,
    # 6, numbers
    b"-0", b"1", b"-1", b"10", b"1234567890", b"0.0", b"-0.0", b"0.1", b"1.5", b"-1.5", b"1.000", b"1e1", b"1E1", b"1e+1",
    b"1e-1", b"1E-01", b"0e0", b"0e+00", b"1.5e10", b"-1.5E-10", b"123123e100000", b"9007199254740993",
    b"123456789012345678901234567890", b"-123456789012345678901234567890", b"0." + b"1" * 400, b"1" * 400,
    # 7, strings
    b'"a"', b'" "', b'"\\""', b'"\\\\"', b'"\\/"', b'"/"', b'"\\b\\f\\n\\r\\t"', b'"\\u0061"', b'"\\u00e4"', b'"\\u20AC"',
    b'"\\u20ac"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"\\u001f"', b'"\\u007f"', b'"\x7f"', b'"\\\\u0061"',
    "\"äöü\"".encode(), '"€"'.encode(), '"😀"'.encode(), '"\u2028\u2029"'.encode(), '"\ufeff"'.encode(), '"\uffff"'.encode(),
    '"\U0010ffff"'.encode(), '"\x80\x9f"'.encode(),
    # what CPython's json writes beyond it
    b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b'"\\ud800"', b'"\\udfff"', b'"\\ude00\\ud83d"', b'"\\ud83dx"',
}

REFUSED = {
    # nothing, or no more than the beginning of something
    b"", b" ", b"[", b"]", b"{", b"}", b"[1", b"[1,", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'"', b'"a', b'"\\', b'"\\u', b'"\\u0',
    b'"\\u00', b'"\\u000', b"t", b"tru", b"nul", b"-", b"1e", b"1e+", b"1.",
    # 2, white space: no other
    b"\x0b1", b"\x0c1", b"\xc2\xa01", b"\xe2\x80\xa81", b"\x001", b"1\x00", b"\xef\xbb\xbf1", b"1\xef\xbb\xbf",
    # 3, values: lower case, whole words, one
    b"True", b"NULL", b"nulll", b"truefalse", b"true false", b"1 2", b"undefined", b"None", b"nan", b"infinity", b"+Infinity", b"inf",
    b"-NaN", b"- Infinity", b"'a'", b"a", b"@", b"// x\n1", b"/* x */ 1", b"# x\n1", b"1 // x",
    # 4, objects
    b"{1: 1}", b"{a: 1}", b"{'a': 1}", b'{"a" 1}', b'{"a"; 1}', b'{"a": 1,}', b'{, "a": 1}', b'{"a": 1,, "b": 1}', b'{"a": 1 "b": 2}', b'{"a"}',
    b'{"a":}', b'{:1}', b'{"a"::1}', b"{null: 1}", b'{"a": 1]', b'{"a": 1}}', b'{"a": 1 true}', b"{[]: 1}",
    # 5, arrays
    b"[1,]", b"[,1]", b"[1,,2]", b"[,]", b"[1 2]", b"[1;2]", b"[1]]", b"[1}", b"[1:2]", b'["a": 1]', b"[" * 1001 + b"]" * 1001, b"1]",
    # 6, numbers
    b"01", b"-01", b"00", b"-00", b"+1", b"++1", b"--1", b".5", b"-.5", b"1.", b"-1.", b"1.e1", b"0.e1", b"1e", b"1e-", b"1e1.5", b"1e+-1", b"1ee1",
    b"1.5.5", b"0x10", b"0b1", b"0o7", b"1_000", b"1,5", b"1 000", b"1a", b"1L", b"1f", b"- 1", "１".encode(), b"1e 1", b"1 e1", b"1. 5",
    # 7, strings
    b'"\n"', b'"\t"', b'"\r"', b'"\x00"', b'"\x1f"', b'"\x08"', b'"\\a"', b'"\\v"', b'"\\0"', b'"\\x41"', b'"\\U00000041"', b'"\\u{41}"', b'"\\u004"',
    b'"\\u004g"', b'"\\u 041"', b'"\\u+041"', b'"\\u-041"', b'"\\\n"', b'"\\N"', b'"\\\'"', b'"a"b"', b'"a" "b"', b'"\\uD83D\\u"', b'"\\ud83d\\ude0"',
    # 8.1, UTF-8, and nothing that only looks like it
    b'"\x80"', b'"\xbf"', b'"\xc0\x80"', b'"\xc1\xbf"', b'"\xc2"', b'"\xc3"x', b'"\xe0\x80\x80"', b'"\xe0\x9f\xbf"', b'"\xe2\x82"', b'"\xf0\x80\x80\x80"',
    b'"\xf0\x8f\xbf\xbf"', b'"\xf4\x90\x80\x80"', b'"\xf5\x80\x80\x80"', b'"\xf8\x88\x80\x80\x80"', b'"\xfe"', b'"\xff"', b'"\xe4\xf6\xfc"', b"\xff",
    "1".encode("utf-16"), "1".encode("utf-16-le"), '"a"'.encode("utf-32"),
}

# Depth is a limit of ours, which RFC 8259 (9) allows; Python's is its recursion limit.
OUR_LIMIT = {b"[" * 1001 + b"]" * 1001}


def python_reads(text):
    try:
        return True, json.loads(b'{"msg": 1, "extra": ' + text + b"}")["extra"]
    except (ValueError, RecursionError):
        return False, None


def same(a, b):
    """Equal as JSON, where a NaN is itself; what JSON has no word for is a string in the file."""
    if isinstance(a, float) and not math.isfinite(a):
        return b == {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(a)]
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


@pytest.fixture(scope="module")
def json_server(start_module_server):
    return start_module_server(LOG_FORMAT="json")


def test_python_agrees():
    """The table is right, as far as Python's json knows."""
    assert not ACCEPTED & REFUSED
    for text in ACCEPTED:
        assert python_reads(text)[0], text
    for text in REFUSED - OUR_LIMIT:
        assert not python_reads(text)[0], text


def name(text):
    return repr(text)[:60]


@pytest.mark.parametrize("text", sorted(ACCEPTED), ids=name)
def test_accepted(json_server, text):
    body = b'{"msg": 1, "extra": ' + text + b"}"
    answer = json_server.post(body)
    assert answer.status_code == 200, answer.text
    line = json_server.lines("info.log")[-1]
    # Numbers are compared by their digits: a float can't hold them all.
    sent, written = (json.loads(x, parse_float=str, parse_int=str)["extra"] for x in (body, line))
    assert same(sent, written)


@pytest.mark.parametrize("text", sorted(REFUSED), ids=name)
def test_refused(json_server, text):
    before = json_server.read_bytes("info.log")
    answer = json_server.post(b'{"msg": 1, "extra": ' + text + b"}")
    assert answer.status_code == 400, answer.text
    assert "not JSON" in answer.json()["error"] and "at byte" in answer.json()["error"]
    assert json_server.read_bytes("info.log") == before
