"""What the standard library's logging.handlers.HTTPHandler sends: forms (application/x-www-form-urlencoded)."""

from __future__ import annotations

import decimal
import gzip
import json
import logging
import logging.handlers
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from server import Server, wait_for

TOKEN = "open: sesame é"
FORM = "application/x-www-form-urlencoded"
MIB = 1024 * 1024
StartServer = Callable[..., Server]


@contextmanager
def logger_to(handler: logging.Handler) -> Iterator[logging.Logger]:
    """A logger that has this handler alone."""
    log = logging.getLogger("my.app")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.addHandler(handler)
    try:
        yield log
    finally:
        log.removeHandler(handler)
        handler.close()


def http_handler(server: Server, **options: Any) -> logging.handlers.HTTPHandler:
    options.setdefault("method", "POST")
    return logging.handlers.HTTPHandler(f"127.0.0.1:{server.port}", "/api/log", **options)


def post_form(server: Server, form: bytes, **headers: str) -> Any:
    return server.post(form, headers={"Content-Type": FORM, **headers})


class _Unreadable:
    def __repr__(self) -> str:
        return "<object at 0x7f>"


def log_everything(log: logging.Logger) -> None:
    log.info("plain 100%")
    log.info("%s is %d years and %.2f m, %r %a %x %c %s", "Zoë", 41, 1.7, "it's", "é", 255, "x", None)
    log.info("%(a)s and %(b)r", {"a": "ä", "b": [1, {"k": True}]})
    log.info("%s %r %s %s", b"\x00bytes", (1, ("a",), []), {1: "one", (2,): None}, 1 + 2j)
    log.info("%s", float("nan"))
    log.info("two\nlines of %s", "text\x1b[31m & = + %41 \x00")
    log.debug("details")
    log.warning("careful: %s", ["a", 1.0, None, True])
    log.error("%s", "it broke", stack_info=True)


EXPECTED = [
    "INFO:my.app plain 100%",
    "INFO:my.app Zoë is 41 years and 1.70 m, \"it's\" '\\xe9' ff x None",
    "INFO:my.app ä and [1, {'k': True}]",
    "INFO:my.app b'\\x00bytes' (1, ('a',), []) {1: 'one', (2,): None} (1+2j)",
    "INFO:my.app nan",
    "INFO:my.app two\n\tlines of text\\x1b[31m & = + %41 \\x00",
]


@pytest.mark.parametrize("credentials", [("", TOKEN), ("logger", TOKEN)])
def test_the_standard_librarys_handler(start_server: StartServer, credentials: tuple[str, str]) -> None:
    server = start_server(AUTH_TOKEN=TOKEN)
    with logger_to(http_handler(server, credentials=credentials)) as log:
        log_everything(log)
        try:
            raise OSError(28, "no space")
        except OSError:
            log.exception("failed with %d", 28)
    assert [e[24:] for e in server.entries("info.log")] == EXPECTED
    assert [e[24:] for e in server.entries("debug.log")] == ["DEBUG:my.app details"]
    assert [e[24:] for e in server.entries("warning.log")] == ["WARNING:my.app careful: ['a', 1.0, None, True]"]
    broke, failed = server.entries("error.log")
    assert broke[24:].startswith("ERROR:my.app it broke\n\tStack (most recent call last):\n\t  File ")
    # The traceback itself stays in the program: its str() is all that comes.
    assert failed[24:].startswith("ERROR:my.app failed with 28\n\t(<class 'OSError'>, OSError(28, 'no space'), <traceback object at 0x")


def test_the_traceback_that_another_handler_has_printed_comes_with_it(start_server: StartServer) -> None:
    """A Formatter leaves it in exc_text, and the message in message."""
    server = start_server()
    with logger_to(http_handler(server)) as log:
        first = logging.StreamHandler(open("/dev/null", "w"))  # noqa: SIM115
        log.handlers.insert(0, first)
        try:
            raise KeyError("missing")
        except KeyError:
            log.exception("failed: %s", decimal.Decimal("1.5"))
        log.removeHandler(first)
        first.stream.close()
    (entry,) = server.entries("error.log")
    lines = entry[24:].split("\n\t")
    assert lines[0] == "ERROR:my.app failed: 1.5"
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyError: 'missing'"
    assert "traceback object" not in entry


def test_what_is_no_literal_is_shown_as_it_came(start_server: StartServer) -> None:
    server = start_server(LOG_FORMAT="%(message)s")
    with logger_to(http_handler(server)) as log:
        log.info("%s costs %s", _Unreadable(), decimal.Decimal("1.50"))
        log.info("%d", "x")
        log.info("%s %d", (1, 2), b"x")
    assert server.lines("info.log") == [
        "%s costs %s args=(<object at 0x7f>, Decimal('1.50'))",
        '%d args=["x"]',
        '%s %d args=["(1, 2)","b\'x\'"]',
    ]
    assert "pbu_log_unformatted_records_total 3" in server.get("/metrics").text


def test_wrong_credentials_write_nothing(start_server: StartServer) -> None:
    server = start_server(AUTH_TOKEN=TOKEN)
    with logger_to(http_handler(server, credentials=("", "wrong"))) as log:
        log.info("x")
    with logger_to(http_handler(server)) as log:
        log.info("x")
    assert server.read("info.log") == ""


def test_a_record_is_not_taken_by_get(start_server: StartServer) -> None:
    """HTTPHandler's method is GET, unless one says otherwise: the server's own log says what to write."""
    server = start_server(AUTH_TOKEN=TOKEN)
    with logger_to(http_handler(server, method="GET", credentials=("", TOKEN))) as log:
        log.info("x")
    assert server.read("info.log") == ""
    answer = server.get("/api/log?msg=x", headers={"Authorization": TOKEN.encode()})
    assert answer.status_code == 405
    assert 'method="POST"' in answer.json()["error"]


def test_the_fields_in_json(start_server: StartServer) -> None:
    server = start_server(LOG_FORMAT="json")
    with logger_to(http_handler(server)) as log:
        log.info("%s %s", "a", b"\xff", extra={"user": "Zoë", "port": 80, "tags": ["x", 1]})
    (line,) = server.lines("info.log")
    entry = json.loads(line)
    assert entry["message"] == "a b'\\xff'"
    assert entry["args"] == ["a", "b'\\xff'"]
    assert (entry["levelno"], entry["levelname"], entry["name"]) == (20, "INFO", "my.app")
    assert abs(entry["created"] - time.time()) < 60
    assert isinstance(entry["lineno"], int)
    assert isinstance(entry["thread"], int)
    assert (entry["exc_info"], entry["exc_text"], entry["stack_info"]) == (None, None, None)
    # Of fields that logging doesn't have the text is all that came.
    assert (entry["user"], entry["port"], entry["tags"]) == ("Zoë", "80", "['x', 1]")


def test_a_form_of_15_mib(start_server: StartServer) -> None:
    server = start_server(LOG_FORMAT="%(message)s")
    text = "".join(f"{i:08x} " for i in range(15 * MIB // 9 - 100))
    with logger_to(http_handler(server)) as log:
        log.info("%s!", text)
        log.info("%s %s", "é" * (MIB // 2), ["x"] * 100_000)
    # A slow machine may take longer than nginx waits for it; the handler doesn't look at the answer.
    wait_for(lambda: len(server.lines("info.log")) == 2, "both are written")
    first, second = server.lines("info.log")
    assert first == text + "!"
    assert second == "é" * (MIB // 2) + " " + str(["x"] * 100_000)


def test_a_form_beyond_the_most_is_refused(start_server: StartServer) -> None:
    server = start_server(MAX_BODY_BYTES=2000)
    assert post_form(server, b"msg=" + b"x" * 1997).status_code == 413
    assert post_form(server, gzip.compress(b"msg=" + b"x" * 1997), **{"Content-Encoding": "gzip"}).status_code == 413
    assert server.read("info.log") == ""
    assert post_form(server, b"msg=" + b"x" * 1996).status_code == 200


def test_a_gzipped_form(start_server: StartServer) -> None:
    server = start_server(LOG_FORMAT="%(levelname)s %(message)s")
    for fields in ({"msg": "é %s", "args": ("x",)}, {"msg": "é %s", "args": ("x", b"y"), "levelno": 30, "levelname": "WARNING"}):
        packed = gzip.compress(urllib.parse.urlencode(fields).encode())
        assert post_form(server, packed, **{"Content-Encoding": "gzip"}).json() == {"status": True}
    assert server.lines("info.log") == ["INFO é x"]
    assert server.lines("warning.log") == ["WARNING é %s args=[\"x\",\"b'y'\"]"]


REFUSED = [
    (b"msg=%4", "not a form: two hexadecimal digits must follow the %, at byte 4"),
    (b"msg=a%zz&x=y", "not a form: two hexadecimal digits must follow the %, at byte 5"),
    (b"msg=%u0041", "not a form: two hexadecimal digits must follow the %, at byte 4"),
    (b"msg=x&%ff=y", "not a form: not UTF-8, at byte 6"),
    (b"msg=\xe9", "not a form: not UTF-8, at byte 4"),
    (b"", '"msg" is missing, and so is "message"'),
    (b"message", None),
    (b"ms=x", '"msg" is missing, and so is "message"'),
    (b"msg=x&levelno=high", '"levelno" must be an integer'),
    (b"msg=x&levelno=2e1", '"levelno" must be an integer'),
    (b"msg=x&created=-inf", '"created" must be a finite number'),
    (b"msg=x&created=1e400", '"created" must be a finite number'),
    (b"msg=x&created=1e15", '"created" must be within the years 1 to 9999'),
    (b'{"msg": "x"}', '"msg" is missing, and so is "message"'),
]


@pytest.fixture(scope="module")
def plain(start_module_server: StartServer) -> Server:
    return start_module_server(LOG_FORMAT="%(levelname)s %(message)s")


@pytest.mark.parametrize(("form", "words"), REFUSED)
def test_what_is_wrong_is_named(plain: Server, form: bytes, words: str | None) -> None:
    before = plain.read_bytes("info.log")
    answer = post_form(plain, form)
    if words is None:
        assert answer.json() == {"status": True}
        assert plain.read_bytes("info.log") == before + b"INFO \n"
    else:
        assert answer.status_code == 400
        assert answer.json() == {"status": False, "error": words}
        assert plain.read_bytes("info.log") == before


def one(server: Server, form: bytes) -> str:
    """The entry of a form."""
    before = len(server.entries("info.log"))
    answer = post_form(server, form)
    assert answer.json() == {"status": True}, answer.text
    (entry,) = server.entries("info.log")[before:]
    return entry


def test_a_form_by_hand(plain: Server) -> None:
    assert one(plain, b"msg=a+b%2Bc") == "INFO a b+c"
    # Two digits are a code: the rest is text.
    assert one(plain, b"msg=%20123&x") == "INFO  123"
    assert one(plain, b"msg=first&msg=last") == "INFO last"
    assert one(plain, b"msg=a%00b") == "INFO a\\x00b"
    assert one(plain, b"msg=None&args=None&levelno=None&created=None&name=None") == "INFO None"
    assert one(plain, b"msg=%25s&args=") == "INFO %s"
    assert one(plain, b"msg=x&exc_info=%28None%2C+None%2C+None%29") == "INFO x\n\tNoneType: None"
    assert one(plain, b"msg=x&exc_info=False&exc_text=None&stack_info=None") == "INFO x"
    assert one(plain, b"msg=x&exc_info=(1,+2,+3)&exc_text=Traceback...") == "INFO x\n\tTraceback..."
    assert one(plain, b"message=made&msg=%25s&args=1") == "INFO made"
    # Other loggers' fields mean in a form what they do in JSON.
    assert one(plain, b"event=started&port=80") == "INFO started port=80"


@pytest.mark.parametrize("depth", [10_000, 5_000_000])
def test_a_literal_nested_deep_is_shown_as_it_came(plain: Server, depth: int) -> None:
    text = "(" * depth + ")" * depth
    assert one(plain, f"msg=%25s&args={text}".encode()) == f"INFO %s args={text}"


def test_types_have_parameters(plain: Server) -> None:
    answer = plain.post(b"msg=x", headers={"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"})
    assert answer.json() == {"status": True}
    answer = plain.post(b"msg=x", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 415
    assert FORM in answer.json()["error"]


def test_bytes_as_msg(plain: Server) -> None:
    """urlencode() sends bytes as they are, not their str()."""
    with logger_to(http_handler(plain)) as log:
        log.info(b"caf\xc3\xa9")
    assert plain.entries("info.log")[-1] == "INFO café"
