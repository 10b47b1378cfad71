"""Real clients: the pbu package as its users use it, and the standard library's logging."""

import os
import subprocess
import sys
import textwrap

from server import clean_environment


def run(program, **environment):
    """Runs a Python program of its own, as a user would; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], env=clean_environment(**environment),
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


PBU_PROGRAM = """
    import logging
    from pbu import Logger

    log = Logger("my-app", enabled_log_levels=[logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR])
    log.info("hello %s, %d%%", "world", 5)
    log.debug("details")
    log.warning("careful")
    log.error("it broke")
    try:
        {}["missing"]
    except KeyError:
        log.exception("failed")
    log.info("{'a': %s}", {"b": None})
"""


def test_the_pbu_client(start_server):
    server = start_server(AUTH_TOKEN="s3cret")
    said = run(PBU_PROGRAM, PBU_LOG_SERVER=server.url, PBU_LOG_SERVER_AUTH="s3cret")
    assert "Error sending" not in said, said
    assert [x[24:] for x in server.lines("info.log")] == [
        "INFO:my-app hello world, 5%", "INFO:my-app {'a': {'b': None}}"]
    assert [x[24:] for x in server.lines("debug.log")] == ["DEBUG:my-app details"]
    assert [x[24:] for x in server.lines("warning.log")] == ["WARNING:my-app careful"]
    broke, failed = server.entries("error.log")
    assert broke[24:].startswith("ERROR:my-app it broke\n\tStack (most recent call last):\n")
    assert failed[24:].startswith("ERROR:my-app failed\n\t") and "File \"<string>\", line" in failed


def test_the_pbu_client_without_its_token(start_server):
    server = start_server(AUTH_TOKEN="s3cret")
    run(PBU_PROGRAM, PBU_LOG_SERVER=server.url, PBU_LOG_SERVER_AUTH="wrong")
    assert server.lines("info.log") == [] and server.lines("error.log") == []


STDLIB_PROGRAM = """
    import json, logging, sys, urllib.request

    class ServerHandler(logging.Handler):
        def emit(self, record):
            if record.exc_info:
                record.exc_text = logging.Formatter().formatException(record.exc_info)
            fields = {**record.__dict__, "exc_info": None}
            urllib.request.urlopen(urllib.request.Request(
                sys.argv[1] if len(sys.argv) > 1 else URL, json.dumps(fields, default=str).encode(),
                {"Content-Type": "application/json"})).close()

    import os
    URL = os.environ["LOG_URL"]
    logging.getLogger().addHandler(ServerHandler())
    logging.getLogger().setLevel("DEBUG")
    log = logging.getLogger("plain")
    log.info("%-6s|%06.2f|%r", "ab", 3.14159, None, extra={"host": "a"})
    log.warning("%(a)s", {"a": 1})
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("oops")
    log.critical("last", stack_info=True)
"""


def test_the_standard_librarys_logging(start_server):
    server = start_server(LOG_FORMAT="%(levelname)s %(host)s %(message)s")
    run(STDLIB_PROGRAM, LOG_URL=server.url + "/api/log")
    assert server.lines("info.log") == ["INFO a ab    |003.14|None"]
    assert server.lines("warning.log") == ["WARNING - 1"]
    oops, last = server.entries("error.log")
    assert oops.startswith("ERROR - oops\n\tTraceback (most recent call last):\n\t  File ")
    assert oops.endswith("\n\tZeroDivisionError: division by zero")
    assert last.startswith("CRITICAL - last\n\tStack (most recent call last):\n\t  File ")
