"""Real clients: the pbu package as its users use it, and the standard library's logging."""

import re
import socket
import subprocess
import sys
import textwrap
import time

from measured import measured
from server import TREE, clean_environment, free_port


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


def readme_code():
    """The handler of clients/python/README.md with the program that uses it, as a reader would copy them."""
    blocks = re.findall(r"^```python\n(.*?)^```", (TREE / "clients/python/README.md").read_text(), re.M | re.S)
    code, = (x for x in blocks if "logging.Handler)" in x)
    return code


def readme_handler():
    """The class alone."""
    return readme_code().partition("\nlogging.basicConfig")[0]


def program(text):
    """A program of a test, which may use the handler of README."""
    return readme_handler() + "\nimport os\nurl = os.environ['LOG_URL']\n" + textwrap.dedent(text)


def test_the_handler_of_readme(start_server):
    """The code as it stands there, but for the port."""
    server = start_server(LOG_FORMAT="%(levelname)s:%(name)s %(message)s")
    code = readme_code()
    assert code.count("http://127.0.0.1:4999") == 1
    assert run(code.replace("http://127.0.0.1:4999", server.url)) == ""
    assert server.lines("info.log") == ["INFO:my-app hello world"]


STDLIB_PROGRAM = """
    logging.getLogger().addHandler(ServerHandler(url))
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
    run(program(STDLIB_PROGRAM), LOG_URL=server.url + "/api/log")
    assert server.lines("info.log") == ["INFO a ab    |003.14|None"]
    assert server.lines("warning.log") == ["WARNING - 1"]
    oops, last = server.entries("error.log")
    assert oops.startswith("ERROR - oops\n\tTraceback (most recent call last):\n\t  File ")
    assert oops.endswith("\n\tZeroDivisionError: division by zero")
    assert last.startswith("CRITICAL - last\n\tStack (most recent call last):\n\t  File ")


def test_a_program_goes_on_without_a_server():
    """Nothing listens: log.info() raises nothing, and what was lost is said."""
    said = run(program("""
        logging.basicConfig(level="INFO", handlers=[ServerHandler(url)])
        logging.info("lost")
        print("went on")
    """), LOG_URL=f"http://127.0.0.1:{free_port()}/api/log")
    assert said.startswith("went on\n") and "--- Logging error ---" in said and "Message: 'lost'" in said


def test_a_queue_listener_outlives_a_missing_server(start_server):
    """Its thread goes on after a record that could not be sent: the next one arrives."""
    server = start_server(LOG_FORMAT="%(message)s")
    said = run(program("""
        import logging.handlers, queue, threading

        failed = threading.Event()

        class Told(ServerHandler):
            def handleError(self, record):
                failed.set()

        handler = Told(os.environ["NOBODY"])
        listener = logging.handlers.QueueListener(queue.SimpleQueue(), handler)
        logging.getLogger().addHandler(logging.handlers.QueueHandler(listener.queue))
        logging.getLogger().setLevel("INFO")
        listener.start()
        logging.info("lost")
        assert failed.wait(30), "nothing was said of the lost one"
        handler.url = url
        logging.info("after it")
        listener.stop()
    """), LOG_URL=server.url + "/api/log", NOBODY=f"http://127.0.0.1:{free_port()}/api/log")
    assert said == "" and server.lines("info.log") == ["after it"]


@measured
def test_a_server_that_does_not_answer_holds_no_program_up():
    """The time-out that is asked for is kept: somebody accepts, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        said = run(program("""
            logging.basicConfig(level="INFO", handlers=[ServerHandler(url, timeout=0.2)])
            logging.info("lost")
        """), LOG_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/api/log")
        assert "timed out" in said and time.monotonic() - begin < 20


def test_no_proxy_gets_between(start_server):
    """A proxy of the environment is not asked: it may be anybody's, and the record holds secrets."""
    server = start_server(LOG_FORMAT="%(message)s", AUTH_TOKEN="s3cret")
    said = run(program("""
        logging.basicConfig(level="INFO", handlers=[ServerHandler(url, token="s3cret")])
        logging.info("straight")
    """), LOG_URL=server.url + "/api/log", http_proxy=f"http://127.0.0.1:{free_port()}")
    assert said == "" and server.lines("info.log") == ["straight"]
