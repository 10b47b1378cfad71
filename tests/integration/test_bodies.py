"""What a body may be: an array, lines, either of them as gzip; and every refusal."""

import base64
import json
import logging
import logging.handlers
import random
import subprocess
import threading
import zlib

import pytest
from bodies import ARRAY, JSONL, KIB, LINES, MIB, headers, pack
from refusals import LOG, assert_error, files
from test_differential import SEED, Generator
from responses import parse

TOKEN = "s3cret-token_+/="
WORDS_405 = 'a record is sent by POST: with logging.handlers.HTTPHandler, say method="POST"'


def as_array(records):
    return json.dumps(records).encode()


def as_lines(records, end=b"\n"):
    return b"".join(json.dumps(record).encode() + end for record in records)


def members(data, size=100):
    """As `gzip -c a b >c` makes it."""
    return b"".join(pack(data[at:at + size]) for at in range(0, len(data), size))


# How one list of records can be sent: the type, the encoding, and the body.
FORMS = {
    "array": (ARRAY, None, as_array),
    "lines": (LINES, None, as_lines),
    "jsonl": (JSONL, None, as_lines),
    "lines with CR": (LINES, None, lambda r: as_lines(r, b"\r\n")),
    "lines between others": (LINES, None, lambda r: b"\n \r\n" + as_lines(r, b"\n\n \t\n").rstrip()),
    "array, gzip": (ARRAY, "gzip", lambda r: pack(as_array(r))),
    "array, stored": (ARRAY, "gzip", lambda r: pack(as_array(r), 0)),
    "lines, gzip": (LINES, "gzip", lambda r: pack(as_lines(r))),
    "lines, x-gzip": (f"{JSONL}; charset=utf-8", "X-GZip", lambda r: pack(as_lines(r), 9)),
    "lines, members": (LINES, "gzip", lambda r: members(as_lines(r))),
    "array, identity": (ARRAY, "identity", as_array),
}


@pytest.fixture(scope="module")
def plain(start_module_server):
    return start_module_server(LOG_FORMAT="%(levelname)s %(message)s", MAX_BODY_BYTES=MIB)


@pytest.fixture
def refused(plain):
    """Call it with an answer: asserts a refusal, and after the test that no file has changed."""
    before = files(plain)
    yield assert_error
    assert files(plain) == before


# --- what is taken ---


def test_the_same_records_are_the_same_bytes(start_server):
    """Whatever their form: random records, large ones among them, in the files of all levels."""
    server = start_server(LOG_FORMAT="%(created)f %(name)s %(levelno)d %(args)s %(extra)s %(message)s")
    generator = Generator(f"{SEED} bodies")
    records = [generator.record() for _ in range(300)]
    records[7]["msg"] += "x" * 70 * KIB
    print(f"PBU_SEED={SEED} repeats it")
    written = {}
    for name, (content_type, encoding, form) in FORMS.items():
        before = files(server)
        answer = server.post(form(records), headers(content_type, encoding))
        assert (answer.status_code, answer.json()) == (200, {"status": True, "records": 300}), name
        written[name] = {log: text[len(before.get(log, b"")):] for log, text in files(server).items()}
    assert len([log for log, text in written["array"].items() if text]) == 4
    for name in FORMS:
        assert written[name] == written["array"], name


@pytest.mark.parametrize("content_type, answer", [(ARRAY, {"status": True}), (LINES, {"status": True, "records": 1})])
@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_one_record(plain, content_type, encoding, answer):
    """Of lines there are always some, if only one; without a newline at the end, too."""
    body = b'{"msg": "alone"}'
    assert plain.post(pack(body) if encoding else body, headers(content_type, encoding)).json() == answer
    assert plain.lines("info.log")[-1] == "INFO alone"


@pytest.mark.parametrize("size", [1000, 64 * KIB, 70 * KIB, MIB])
def test_chunks_and_sizes(plain, size):
    """nginx counts what comes in chunks; above 64 KiB it goes another way; packed it is small, or (random) as large."""
    text = base64.b64encode(random.Random(size).randbytes(size * 3 // 4))[:size - 1 - len('{"msg": ""}')].decode()
    for body in as_lines([{"msg": text}]), pack(as_lines([{"msg": text}])), pack(as_lines([{"msg": "x" * len(text)}])):
        encoding = "gzip" if body[0] == 0x1f else None
        parts = [body[at:at + 5000] for at in range(0, len(body), 5000)]
        for data in body, iter(parts):
            answer = plain.request("POST", LOG, data=data, headers=headers(LINES, encoding))
            assert answer.json() == {"status": True, "records": 1}, answer.text
        assert len(plain.lines("info.log")[-1]) == size + len("INFO ") - 1 - len('{"msg": ""}')


def test_tools(plain, tmp_path):
    """curl, and gzip of some files."""
    for name in "one", "two":
        (tmp_path / name).write_text(json.dumps({"msg": name}) + "\n")
    subprocess.run(["gzip", tmp_path / "one"], check=True)
    subprocess.run(["gzip", tmp_path / "two"], check=True)
    (tmp_path / "both").write_bytes((tmp_path / "one.gz").read_bytes() + (tmp_path / "two.gz").read_bytes())
    for arguments, data in (["-H", "Content-Encoding: gzip"], "both"), ([], "lines"):
        (tmp_path / "lines").write_text('{"msg": "one"}\n{"msg": "two"}\n')
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-H", f"Content-Type: {LINES}", *arguments, "--data-binary",
             f"@{tmp_path / data}", plain.url + LOG], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == {"status": True, "records": 2}
        assert plain.lines("info.log")[-2:] == ["INFO one", "INFO two"]


def test_many_at_a_time(plain):
    """Each thread unpacks for itself."""
    before, failures = len(plain.lines("info.log")), []

    def send(n):
        for at in range(20):
            records = [{"msg": f"{n} {at} {i}"} for i in range(50)]
            if not plain.post(pack(as_lines(records)), headers(LINES, "gzip")).ok:
                failures.append(n)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    expected = sorted(f"INFO {n} {at} {i}" for n in range(8) for at in range(20) for i in range(50))
    assert sorted(plain.lines("info.log")[before:]) == expected


# --- 415 ---


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/ndjson", "application/x-jsonlines", "application/gzip"])
def test_types_refused(plain, refused, content_type):
    """And the answer lists those that are taken."""
    said = refused(plain.post({"msg": "x"}, {"Content-Type": content_type}), 415, ARRAY, LINES, JSONL)
    assert said.startswith("Content-Type must be application/json, ") and " or " in said


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "compress", "gzip, gzip", "identity, gzip", "gzip;q=1", "gzipped", "*"])
@pytest.mark.parametrize("content_type", [ARRAY, LINES])
def test_encodings_refused(plain, refused, content_type, encoding):
    answer = plain.post(pack(b'{"msg": "x"}'), headers(content_type, encoding))
    refused(answer, 415, "Content-Encoding must be gzip (once) or identity", encoding)
    assert answer.headers["Accept-Encoding"] == "gzip, identity"


def test_two_headers_of_an_encoding(plain, refused):
    """nginx joins them, or before 1.23 knows the first: then it is gzip in gzip."""
    body = pack(pack(b'{"msg": "x"}'))
    answer = plain.raw(
        b"POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
    status, _, said = parse(answer)
    assert status in (400, 415) and json.loads(said)["status"] is False


# --- 400 ---

BAD_LINES = {
    "nothing": (b"", "there is no record in the body"),
    "blank lines": (b"\n\r\n \t\n", "there is no record in the body"),
    "an array": (b'[{"msg": 1}]\n', "record 0: not a record but another JSON value, at byte 0"),
    "a line that is no record": (b'{"msg": 1}\n"text"\n', "record 1: not a record but another JSON value, at byte 11"),
    "no JSON": (b'{"msg": 1}\n\nmsg: 2\n', "record 1: not JSON: expected a value, at byte 12"),
    "no record": (b'{"msg": 1}\n{"name": "x"}\n', 'record 1: "msg" is missing, and so is "message"'),
    "a field of another type": (b'{"msg": 1}\n{"msg": 2, "levelno": "x"}\n', 'record 1: "levelno" must be an integer'),
    "two in a line": (b'{"msg": 1} {"msg": 2}\n', "record 0: not JSON: nothing may follow the record in its line, at byte 11"),
    "a comma between": (b'{"msg": 1},\n{"msg": 2}\n', "record 0: not JSON: nothing may follow the record in its line, at byte 10"),
    "one over two lines": (b'{"msg": 1}\n{"msg":\n2}\n', "record 1: not JSON: a record must end in its line, at byte 18"),
    "a text over two lines": (b'{"msg": "a\nb"}\n', "record 0: not JSON: a record must end in its line, at byte 10"),
    "cut short": (b'{"msg": 1}\n{"msg": 2', "record 1: not JSON: a record must end in its line, at byte 20"),
    "a CR alone": (b'{"msg": 1}\r{"msg": 2}', "record 0: not JSON: nothing may follow the record in its line, at byte 11"),
    "the last of many": (b'{"msg": 1}\n' * 1000 + b"{}", 'record 1000: "msg" is missing'),
}


@pytest.mark.parametrize("encoding", [None, "gzip"])
@pytest.mark.parametrize("body, said", BAD_LINES.values(), ids=BAD_LINES)
def test_lines_refused(plain, refused, body, said, encoding):
    """The places are those of the text, unpacked."""
    answer = plain.post(pack(body) if encoding else body, headers(LINES, encoding))
    assert refused(answer, 400).startswith(said)


def test_an_error_in_an_array_that_is_packed(plain, refused):
    body = pack(b'[{"msg": 1}, 7]')
    said = refused(plain.post(body, headers(ARRAY, "gzip")), 400)
    assert said == "record 1: not a record but another JSON value, at byte 13"


GOOD = pack(b'[{"msg": "must not be written"}]')
BAD_GZIP = {
    "nothing": (b"", "not gzip: it ends too early, at byte 0"),
    "no gzip": (b'[{"msg": 1}]', "not gzip: it does not begin as gzip does, at byte 0"),
    "zlib": (zlib.compress(b'[{"msg": 1}]'), "not gzip: it does not begin as gzip does, at byte 0"),
    "deflate": (zlib.compress(b'[{"msg": 1}]')[2:-4], "not gzip: it does not begin as gzip does, at byte 0"),
    "a newline after it": (GOOD + b"\n", f"not gzip: something that is not gzip follows, at byte {len(GOOD)}"),
    "zeros after it": (GOOD + bytes(512), f"not gzip: something that is not gzip follows, at byte {len(GOOD)}"),
    "a text after it": (GOOD + b'[{"msg": 1}]', f"not gzip: something that is not gzip follows, at byte {len(GOOD)}"),
    "half of another": (GOOD + GOOD[:20], f"not gzip: it ends too early, at byte {len(GOOD) + 20}"),
    "a wrong check sum": (GOOD[:-8] + b"\0\0\0\0" + GOOD[-4:], f"not gzip: incorrect data check, at byte {len(GOOD) - 4}"),
    "a wrong length": (GOOD[:-4] + b"\xff\0\0\0", f"not gzip: incorrect length check, at byte {len(GOOD)}"),
    "another method": (GOOD[:2] + b"\x07" + GOOD[3:], "not gzip: unknown compression method, at byte 4"),
    "a block of no type": (GOOD[:10] + b"\x07" + GOOD[11:], "not gzip: invalid block type, at byte 11"),
    # zlib's `deflate` reaches back before the beginning: a match at once.
    "what was never there": (GOOD[:10] + b"\x03\x02\x00" + GOOD[13:], "not gzip: invalid distance"),
    "gzip in gzip": (pack(GOOD), "not JSON: expected a value, at byte 0"),
    "nothing in it": (pack(b""), "not JSON: the text ends where a value is expected, at byte 0"),
}


@pytest.mark.parametrize("body, said", BAD_GZIP.values(), ids=BAD_GZIP)
def test_gzip_refused(plain, refused, body, said):
    assert refused(plain.post(body, headers(ARRAY, "gzip")), 400).startswith(said)


@pytest.mark.parametrize("level", [0, 9])
def test_gzip_cut_anywhere(plain, refused, level):
    body = pack(as_array([{"msg": f"must not be written {i}"} for i in range(20)]), level)
    for at in [*range(0, min(40, len(body))), *range(len(body) - 20, len(body))]:
        said = refused(plain.post(body[:at], headers(ARRAY, "gzip")), 400)
        assert said == f"not gzip: it ends too early, at byte {at if at > 1 else 0}"


def test_gzip_without_its_header(plain, refused):
    refused(plain.post(GOOD, headers(ARRAY)), 400, "not JSON")


def test_refusals_do_not_break_the_connection(plain):
    """And the next body on it, by the same thread or another, is unpacked as if nothing had been."""
    for i, (body, _) in enumerate([*BAD_GZIP.values()] * 5):
        assert plain.post(body, headers(ARRAY, "gzip")).status_code == 400
        assert plain.post(pack(as_lines([{"msg": f"after {i}"}])), headers(LINES, "gzip")).ok
        assert plain.lines("info.log")[-1] == f"INFO after {i}"


# --- 413: what unpacks to too much ---


def test_the_most_and_one_more(plain):
    """MAX_BODY_BYTES goes for the text as for what comes; and entries may be as large as for a body of that size."""
    frame = b'{"msg": ""}'
    for text in b"x" * (MIB - len(frame)), b"x" * (MIB - len(frame) + 1):
        body = pack(frame[:-2] + text + frame[-2:])
        assert len(body) < 2000
        before = plain.read("info.log")
        answer = plain.post(body, headers(ARRAY, "gzip"))
        written = plain.read("info.log")[len(before):]
        if len(text) == MIB - len(frame):
            assert answer.ok and written == f"INFO {text.decode()}\n"
        else:
            assert_error(answer, 413, f"the body unpacks to more than {MIB} bytes", "MAX_BODY_BYTES")
            assert written == ""


# --- what else there is to a request ---


@pytest.fixture(scope="module")
def guarded(start_module_server):
    return start_module_server(AUTH_TOKEN=TOKEN, LOG_FORMAT="%(message)s")


@pytest.mark.parametrize("size", [100, 70 * KIB, 2 * MIB])
def test_with_a_token(guarded, size):
    """Large ones are authenticated before they are read."""
    text = base64.b64encode(random.Random(1).randbytes(size)).decode()
    body = pack(as_lines([{"msg": text}]))
    before = files(guarded)
    assert_error(guarded.post(body, headers(LINES, "gzip")), 401)
    assert_error(guarded.post(body, headers(LINES, "gzip", Authorization="Basic OndyaXRpbmc=")), 401)
    assert files(guarded) == before
    for auth in ("", TOKEN), (TOKEN, ""), ("name", TOKEN):
        answer = guarded.post(body, headers(LINES, "gzip"), auth=auth)
        assert answer.json() == {"status": True, "records": 1}
        assert guarded.lines("info.log")[-1] == text


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_says_what_the_handler_needs(plain, refused, method):
    answer = plain.request(method, LOG)
    assert refused(answer, 405) == WORDS_405
    assert answer.headers["Allow"] == "POST"


def test_httphandler_by_get(plain, refused, capsys):
    """What it does unless it is told: its record is in the address, and the answer says what to do."""
    handler = logging.handlers.HTTPHandler(f"127.0.0.1:{plain.port}", LOG)
    answers = []
    connection = handler.getConnection

    def get_connection(*arguments):
        made = connection(*arguments)
        getresponse = made.getresponse

        def noted():
            answer = getresponse()
            answers.append((answer.status, json.loads(answer.read())["error"]))
            return answer

        made.getresponse = noted
        return made

    handler.getConnection = get_connection
    handler.handle(logging.LogRecord("app", 20, "x.py", 1, "hello %s", ("world",), None))
    handler.close()
    assert capsys.readouterr().err == "" and answers == [(405, WORDS_405)]


def test_other_methods_elsewhere_say_nothing_of_it(plain, refused):
    for path in "/api/health", "/metrics", "/api/log/query":
        assert "HTTPHandler" not in refused(plain.request("DELETE", path), 405)


# --- a browser ---


@pytest.mark.parametrize("origin", ["https://example.org", "http://127.0.0.1", "http://127.0.0.1:1", "null", "http://", "http://x {host}",
                                    "http://{host}.example.org", "file://{host}", "{host}"])
@pytest.mark.parametrize("content_type, body", [
    ("application/x-www-form-urlencoded", b"msg=must+not+be+written"), ("application/x-www-form-urlencoded", b"msg=" + b"x" * 100_000),
    (ARRAY, b'{"msg": "must not be written"}'),
])
def test_a_page_of_another_site_writes_nothing(plain, refused, origin, content_type, body):
    """A browser sends such a form without asking, to this machine as well."""
    origin = origin.format(host=f"127.0.0.1:{plain.port}")
    answer = plain.post(body, {"Content-Type": content_type, "Origin": origin})
    assert refused(answer, 403) == "a page of another site may not write here"


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_page_of_its_own_site_may_write(plain, size):
    for scheme in "http", "https":  # which something before nginx may have taken off
        answer = plain.post({"msg": "x" * size}, {"Origin": f"{scheme}://127.0.0.1:{plain.port}"})
        assert answer.json() == {"status": True}
