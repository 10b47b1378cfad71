"""Other loggers than the standard library's, each as it is installed: what they send as JSON comes out as they print it."""

import datetime
import json
import logging
import os
import re
import subprocess
import sys

import loguru
import pytest
from foreign import FILES, LINE, Structlog, fail, last, take
from logstash_async.formatter import LogstashEcsFormatter, LogstashFormatter
from pythonjsonlogger.json import JsonFormatter
from structlog import processors

from server import TREE, clean_environment

pytestmark = pytest.mark.usefixtures("zone_is_utc")


# --- loguru ---


class Loguru:
    """A logger of which each call gives what it sends as JSON, and what it prints by a format like LOG_FORMAT."""

    def __init__(self, line="{time:YYYY-MM-DD HH:mm:ss,SSS} {level}:{name} {message}"):
        self.sent, self.records, self.printed = [], [], []
        self.log = loguru._logger.Logger(loguru._logger.Core(), None, 0, False, False, False, False, True, [], {})
        self.log.add(self.sent.append, serialize=True, level=0)
        self.log.add(lambda message: self.records.append(message.record), format="{message}", level=0)
        self.log.add(lambda message: self.printed.append(message.rstrip("\n")), format=line, level=0)


@pytest.fixture
def log():
    return Loguru()


@pytest.mark.parametrize("level, file", [
    ("TRACE", None), ("DEBUG", "DEBUG"), ("INFO", "INFO"), ("SUCCESS", "INFO"), ("WARNING", "WARNING"), ("ERROR", "ERROR"),
    ("CRITICAL", "ERROR")])
def test_loguru_levels(server, log, level, file):
    log.log.bind(user=42).log(level, "hello {}", "w\u00f6rld")
    before = [server.read(x) for x in (*FILES.values(), "error.log")]
    take(server, log.sent[-1])
    if file is None:
        assert [server.read(x) for x in (*FILES.values(), "error.log")] == before
    else:
        assert last(server, file) == log.printed[-1] and f" {level}:" in log.printed[-1]


@pytest.mark.parametrize("message", ["broken", "in\ntwo lines", "test_foreign", ""])
def test_loguru_exceptions(server, log, message):
    try:
        try:
            fail()
        except KeyError:
            raise ValueError("other\nlines") from None
    except ValueError:
        log.log.exception(message)
    take(server, log.sent[-1])
    assert last(server, "ERROR") == log.printed[-1]
    assert "Traceback (most recent call last):\n" in log.printed[-1] and last(server, "ERROR").endswith("\nValueError: other\nlines")


def test_loguru_exceptions_whose_text_lacks_them(server, log):
    """A format of somebody's, which has neither the message nor the traceback: its type and value are left."""
    log.log.remove()
    log.log.add(log.sent.append, serialize=True, format=lambda record: "{level}\n")
    try:
        fail()
    except KeyError:
        log.log.exception("broken")
    take(server, log.sent[-1])
    assert last(server, "ERROR").endswith(" broken\nKeyError: 'key'")


def test_loguru_records(server, log):
    """What a sink has that sends message.record by json.dumps(default=str)."""
    try:
        fail()
    except KeyError:
        log.log.opt(exception=True).warning("careful")
    body = json.dumps(log.records[-1], default=str)
    take(server, body)
    line, _, rest = last(server, "WARNING").partition("\n")
    assert line == log.printed[-1].partition("\n")[0]
    assert rest.splitlines() == json.loads(body)["exception"]


def test_a_sink_of_somebodys(server, log):
    log.log.success("done")
    record = log.records[-1]
    take(server, json.dumps({
        "time": record["time"].isoformat(), "level": record["level"].name, "message": record["message"],
        "logger": record["name"], "exception": {"type": "KeyError", "value": "'key'", "traceback": "Traceback:\nlines"}}))
    assert last(server) == log.printed[-1] + "\nTraceback:\nlines"


def test_loguru_fields_in_log_format(start_server, log):
    server = start_server(LOG_FORMAT="%(threadName)s %(thread)d %(processName)s %(process)d %(filename)s %(pathname)s %(lineno)d %(funcName)s %(module)s %(user)s %(message)s")
    log.log.bind(user=42).info("hello")
    take(server, log.sent[-1])
    record = log.records[-1]
    assert last(server) == " ".join(str(x) for x in (
        record["thread"].name, record["thread"].id, record["process"].name, record["process"].id, record["file"].name,
        record["file"].path, record["line"], record["function"], record["module"], 42, "hello"))


def test_the_sink_of_the_page(start_server):
    """The code as it stands in doc/loggers.md, but for the port."""
    server = start_server(LOG_FORMAT="%(levelname)s:%(name)s %(message)s")
    code, = re.findall(r"^```python\n(.*?)^```", (TREE / "doc/loggers.md").read_text(), re.M | re.S)
    assert code.count("http://127.0.0.1:4999") == 1
    code = code.replace("http://127.0.0.1:4999", server.url) + "loguru.logger.warning('hello {}', 'world')\nloguru.logger.complete()\n"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=clean_environment())
    assert server.lines("warning.log") == ["WARNING:__main__ hello world"]


# --- python-json-logger, python-logstash-async: formatters of the standard library's logging ---


def logged(formatter, call):
    """What a formatter gives for a record, and what Python's own gives for it."""
    records = []

    class Keep(logging.Handler):
        def emit(self, record):
            # Some round its microseconds: at the end of a millisecond it would be the next one's.
            record.created = int(record.created) + record.msecs // 1 / 1000 + 0.0005
            records.append((formatter.format(record), logging.Formatter(LINE).format(record)))

    log = logging.Logger("app.db")
    log.addHandler(Keep())
    call(log)
    (sent, printed), = records
    return sent, printed


def greet(log):
    log.warning("hello %s", "you", extra={"user": 42})


def broken(log):
    try:
        fail()
    except KeyError:
        log.exception("broken", stack_info=True)


def dictionary(log):
    log.critical({"message": "a dict", "n": 1})


JSON_FORMATTERS = {
    "fields": lambda: JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"),
    "renamed": lambda: JsonFormatter("%(levelname)s %(name)s %(message)s", rename_fields={"levelname": "severity", "name": "logger"}, timestamp=True),
    "lists": lambda: JsonFormatter(
        "%(created)f %(levelname)s %(name)s %(message)s", rename_fields={"created": "time", "levelname": "level"}, exc_info_as_array=True, stack_info_as_array=True),
}


@pytest.mark.parametrize("form", list(JSON_FORMATTERS))
@pytest.mark.parametrize("call, level", [(greet, "WARNING"), (broken, "ERROR")])
def test_python_json_logger(server, form, call, level):
    sent, printed = logged(JSON_FORMATTERS[form](), call)
    take(server, sent)
    assert last(server, level) == printed


def test_python_json_logger_with_a_dictionary(server):
    sent, printed = logged(JSON_FORMATTERS["fields"](), dictionary)
    take(server, sent)
    assert last(server, "CRITICAL") == printed.replace(str({"message": "a dict", "n": 1}), "a dict")


def test_python_json_logger_with_its_defaults(server):
    """It sends the message, what extra= adds and the texts, and no more."""
    sent, printed = logged(JsonFormatter(), broken)
    take(server, sent)
    assert last(server)[24:] == printed[24:].replace("ERROR:app.db", "INFO:root")


@pytest.mark.parametrize("formatter", [
    LogstashFormatter, lambda: LogstashFormatter(extra_prefix=None), LogstashEcsFormatter, lambda: LogstashEcsFormatter(extra_prefix=None)],
    ids=["nested", "flat", "ecs", "ecs-flat"])
@pytest.mark.parametrize("call, level", [(greet, "WARNING"), (broken, "ERROR")])
def test_python_logstash_async(server, formatter, call, level):
    sent, printed = logged(formatter(), call)
    take(server, sent)
    line, _, rest = printed.partition("\n")
    rest = rest.partition("\nStack (most recent call last):")[0]
    assert last(server, level) == line + ("\n" + rest if rest else "")


@pytest.mark.parametrize("prefix", ["extra", None])
def test_logstash_fields_in_log_format(start_server, prefix):
    server = start_server(LOG_FORMAT="%(funcName)s %(lineno)d %(pathname)s %(threadName)s %(processName)s %(process)d %(user)s %(program)s")
    sent, _ = logged(LogstashFormatter(extra_prefix=prefix), greet)
    take(server, sent)
    line = greet.__code__.co_firstlineno + 1
    assert last(server, "WARNING") == f"greet {line} {__file__} MainThread MainProcess {os.getpid()} 42 {sys.argv[0]}"


# --- what they all have in common ---


@pytest.mark.parametrize("form", ["line", "json"])
def test_they_are_found_again(start_server, log, form):
    """The reader says of each its level, logger, time and message; as JSON every field is as it was sent."""
    server = start_server(LOG_FORMAT=LINE if form == "line" else "json")
    structured = Structlog(processors.add_log_level, processors.TimeStamper(fmt="iso"))
    structured.log.info("a structlog", logger="app.web")
    log.log.success("a loguru")
    logstash, _ = logged(LogstashFormatter(), greet)
    bodies = {"a structlog": structured.sent[0], "a loguru": log.sent[-1], "hello you": logstash}
    expected = {
        "a structlog": ("INFO", "app.web", json.loads(structured.sent[0])["timestamp"]),
        "a loguru": ("SUCCESS", log.records[-1]["name"], log.records[-1]["time"].isoformat()),
        "hello you": ("WARNING", "app.db", json.loads(logstash)["@timestamp"])}
    for body in bodies.values():
        take(server, body)
    lines = [json.loads(x) for x in server.get("/api/log/query").text.splitlines()]
    found = {x["message"]: x for x in lines if "cursor" in x}
    assert found.keys() == bodies.keys()
    for message, (level, logger, when) in expected.items():
        one = found[message]
        assert (one["level"], one["logger"]) == (level, logger), message
        instant = datetime.datetime.fromisoformat(when.replace("Z", "+00:00"))
        assert one["ts"][:23] == instant.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds")[:23]
        if form == "json":
            written, sent = json.loads(one["text"]), json.loads(bodies[message])
            assert {k: written[k] for k in sent} == sent
            assert (written["levelname"], written["name"], written["message"]) == (level, logger, message)


@pytest.mark.parametrize("field, value", [
    ("thread", {"id": 1}), ("thread", "MainThread"), ("process", {"a": 1}), ("lineno", "7"), ("module", ["a"]), ("name", {"first": "J"}),
    ("relativeCreated", "soon"), ("funcName", 5), ("threadName", 7), ("taskName", {}), ("level", True), ("level", []), ("severity", {}),
    ("timestamp", "soon"), ("timestamp", {}), ("time", 0.5), ("@timestamp", [1]), ("exception", {"a": 1}), ("stack", 5), ("stack_info", True),
    ("exc_info", 1), ("exc_info", [None, None, None]), ("record", 5), ("text", {}), ("logger", 5), ("extra", "x"), ("log", "x"), ("error", "x"),
    ("file", "x"), ("event", {"a": 1})])
def test_no_field_of_another_meaning_refuses_a_record(server, start_server, field, value):
    take(server, json.dumps({"message": "taken", "name": "n", **{field: value}}))
    if field == "name":
        assert last(server)[24:] == f"INFO:{value} taken"
    else:
        assert last(server)[24:] == "INFO:n taken"


def test_fields_that_log_format_converts_are_checked(start_server):
    server = start_server(LOG_FORMAT="%(lineno)d %(thread)s %(message)s")
    answer = server.post({"msg": "m", "lineno": "7"})
    assert answer.status_code == 400 and answer.json()["error"] == '"lineno" must be an integer'
    take(server, json.dumps({"msg": "m", "lineno": 7, "thread": "main"}))
    take(server, json.dumps({"msg": "m", "line": 8, "thread": {"id": 3}}))
    assert server.lines("info.log") == ["7 main m", "8 3 m"]


@pytest.mark.parametrize("member", [
    {"levelno": "high"}, {"levelname": 5}, {"created": "now"}, {"msecs": "1"}, {"exc_text": ["a"]}, {"stack_info": 1}])
def test_what_every_entry_needs_is_checked(server, member):
    field, = member
    answer = server.post({"msg": "m", "level": "info", **member})
    assert answer.status_code == 400 and answer.json()["error"].startswith(f'"{field}" must be ')


def test_a_name_that_is_null(server):
    """makeLogRecord({"name": None}) prints so."""
    take(server, '{"msg": "m", "name": null}')
    assert last(server)[24:] == "INFO:None m"
    take(server, '{"msg": "m"}')
    assert last(server)[24:] == "INFO:root m"


def test_a_log_record_stays_what_it_is(server):
    """Whatever extra= adds to it."""
    record = logging.makeLogRecord({
        "name": "n", "msg": "%s", "args": ("m",), "levelname": "INFO", "levelno": 20, "level": "error", "severity": 3, "event": "e", "logger": "l",
        "timestamp": 1e9, "time": 1e9, "exception": "no", "stack": "no", "stack_trace": "no", "extra": {"stack_trace": "no"}, "text": "t",
        "record": {"message": "no"}})
    take(server, json.dumps(record.__dict__))
    assert last(server) == logging.Formatter(LINE).format(record)


def test_exc_info_by_default_str(server):
    """A handler of a few lines: json.dumps(record.__dict__, default=str)."""
    records = []
    log = logging.Logger("plain")
    log.addHandler(type("Keep", (logging.Handler,), {"emit": lambda self, record: records.append(record)})())
    broken(log)
    body = json.dumps(records[0].__dict__, default=str)
    take(server, body)
    line, _, rest = last(server, "ERROR").partition("\n")
    assert line[24:] == "ERROR:plain broken" and rest == "\n".join([*json.loads(body)["exc_info"], records[0].stack_info])
