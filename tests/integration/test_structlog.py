"""structlog: what it sends as JSON comes out as its ConsoleRenderer prints it."""

import datetime
import json
import linecache
import re
import sys
import traceback

import pytest
from foreign import Structlog, fail, last, python_time, take
from structlog import processors

pytestmark = pytest.mark.usefixtures("zone_is_utc")


def test_structlog_alone(server):
    log = Structlog()
    log.log.info("hello %s", "you")
    log.log.bind(user=42, name="J\u00fcrgen").warning("who?", path="/a b", none=None, flag=True, items=[1, "x"], map={"k": 1.5}, quote="it's")
    take(server, log.sent[0])
    assert re.fullmatch(r"\S+ \S+ INFO:root hello you", last(server)) and log.printed[0] == "hello you"
    take(server, log.sent[1])
    # What is called name is a logger's name, and is not shown twice.
    assert last(server)[24:] == "INFO:J\u00fcrgen " + log.printed[1].replace(" name=J\u00fcrgen", "")
    assert log.printed[1] == "who? user=42 name=J\u00fcrgen path='/a b' none=None flag=True items=[1, 'x'] map={'k': 1.5} quote=\"it's\""


@pytest.mark.parametrize("level, name", [
    ("debug", "DEBUG"), ("info", "INFO"), ("warning", "WARNING"), ("error", "ERROR"), ("critical", "CRITICAL")])
@pytest.mark.parametrize("stamp", [
    {"fmt": "iso"}, {"fmt": "iso", "utc": False}, {}, {"fmt": "%Y-%m-%d %H:%M:%S,%f", "utc": False}, {"fmt": "iso", "key": "@timestamp"}])
def test_structlog_with_level_and_time(server, level, name, stamp):
    log = Structlog(processors.add_log_level, processors.TimeStamper(**stamp))
    started = datetime.datetime.now()
    getattr(log.log, level)("hello", user="me")
    take(server, log.sent[0])
    entry = last(server, name)
    assert entry[23:] == f" {name}:root hello user=me"
    sent = json.loads(log.sent[0])[stamp.get("key", "timestamp")]
    when = datetime.datetime.fromtimestamp(sent) if not stamp else datetime.datetime.fromisoformat(sent.rstrip("Z").replace(",", "."))
    if not stamp:
        # A float's milliseconds are those that a LogRecord has of its `created`.
        when = when.replace(microsecond=int((sent - int(sent)) * 1000) * 1000)
    assert entry[:23] == python_time(when) and abs((when - started).total_seconds()) < 60


def test_structlog_exceptions(server):
    """exc_info: true, where nothing formats it, says nothing; format_exc_info gives a text."""
    for chain in ((), (processors.format_exc_info,), (processors.StackInfoRenderer(), processors.format_exc_info)):
        log = Structlog(processors.add_log_level, *chain)
        try:
            fail()
        except KeyError:
            log.log.exception("broken", user=42, stack_info=True)
            text = traceback.format_exc().rstrip("\n")
        take(server, log.sent[0])
        stack = "\n" + log.dicts[0]["stack"] if len(chain) == 2 else ""
        assert last(server, "ERROR")[24:] == "ERROR:root broken user=42" + ("\n" + text if chain else "") + stack


class Chains:
    """Ways to an exception."""

    @staticmethod
    def plain():
        fail()

    @staticmethod
    def context():
        try:
            fail()
        except KeyError:
            try:
                raise ZeroDivisionError("the cause")
            except ZeroDivisionError as cause:
                raise ValueError("while") from cause

    @staticmethod
    def during():
        try:
            try:
                fail()
            finally:
                raise RuntimeError()
        finally:
            raise TypeError("last")

    @staticmethod
    def noted():
        error = ValueError("two\nlines")
        if sys.version_info >= (3, 11):
            error.add_note("a note")
        raise error

    @staticmethod
    def group():
        if sys.version_info < (3, 11):
            pytest.skip("no groups of exceptions")
        one, inner = raised(), ExceptionGroup("inner", [OSError(2), TypeError("two\nlines")])  # noqa: F821
        try:
            fail()
        except KeyError as error:
            raise ExceptionGroup("several", [ValueError(1), one, inner]) from error  # noqa: F821


def raised():
    """An exception that came out of another."""
    try:
        Chains.during()
    except TypeError as error:
        return error


@pytest.mark.parametrize("way", ["plain", "context", "during", "noted", "group"])
def test_structlog_dict_tracebacks(server, monkeypatch, way):
    """As CPython prints them where it has no source, of which the dicts know nothing."""
    log = Structlog(processors.add_log_level, processors.dict_tracebacks)
    try:
        getattr(Chains, way)()
    except Exception:
        log.log.exception("broken")
        monkeypatch.setattr(linecache, "getline", lambda *_: "")
        monkeypatch.setattr(linecache, "getlines", lambda *_: [])
        text = traceback.format_exc().rstrip("\n")
    take(server, log.sent[0])
    shown = last(server, "ERROR")
    assert shown[24:].partition("\n")[0] == "ERROR:root broken"
    assert shown.partition("\n")[2].splitlines() == text.splitlines()


def test_structlogs_call_sites(start_server):
    """They are shown as pairs, but for what LOG_FORMAT shows."""
    site = processors.CallsiteParameterAdder()
    log = Structlog(processors.add_log_level, site)
    log.log.info("hello", user=42)
    sent = json.loads(log.sent[0])
    server = start_server(LOG_FORMAT="%(levelname)s %(funcName)s:%(lineno)d %(threadName)s %(thread)d %(user)s %(message)s")
    take(server, log.sent[0])
    head = f"INFO test_structlogs_call_sites:{sent['lineno']} {sent['thread_name']} {sent['thread']} 42 hello "
    entry = last(server)
    assert entry.startswith(head)
    left = set(sent) - {"event", "level", "lineno", "func_name", "thread", "thread_name", "user"}
    assert {x.partition("=")[0] for x in entry[len(head):].split(" ")} == left and f"module={sent['module']}" in entry


def test_structlog_in_a_batch(server):
    log = Structlog(processors.add_log_level)
    for n in range(3):
        log.log.info("one", number=n)
    answer = server.post([{"msg": "before"}, *(json.loads(x) for x in log.sent), {"msg": "after"}])
    assert answer.json() == {"status": True, "records": 5}
    assert [x[24:] for x in server.lines("info.log")[-5:]] == [
        "INFO:root before", *(f"INFO:root one number={n}" for n in range(3)), "INFO:root after"]
