"""Other loggers' records: sent, and their entries."""

import structlog
from structlog import processors

LINE = "%(asctime)s %(levelname)s:%(name)s %(message)s"
FILES = {"DEBUG": "debug.log", "INFO": "info.log", "WARNING": "warning.log"}


def take(server, body):
    answer = server.post(body.encode() if isinstance(body, str) else body)
    assert answer.status_code == 200, answer.text


def last(server, level="INFO"):
    """The last entry of a file, as its text was before tabs told its lines from entries."""
    return server.entries(FILES.get(level, "error.log"))[-1].replace("\n\t", "\n")


def python_time(when):
    return when.strftime("%Y-%m-%d %H:%M:%S,") + f"{when.microsecond // 1000:03d}"


def fail():
    {}["key"]


class Structlog:
    """structlog over processors: each call gives what is sent as JSON, and what its ConsoleRenderer prints."""

    def __init__(self, *chain):
        self.sent, self.printed, self.dicts = [], [], []

        def both(logger, method, event):
            self.dicts.append(dict(event))
            shown = {k: v for k, v in event.items() if k not in ("level", "timestamp", "logger", "exception", "stack", "exc_info", "stack_info")}
            printer = structlog.dev.ConsoleRenderer(colors=False, sort_keys=False, pad_event_to=0)
            self.printed.append(printer(logger, method, shown))
            return processors.JSONRenderer(default=str)(logger, method, event)

        class Sender:
            def msg(sender, body):
                self.sent.append(body)
            debug = info = warning = error = critical = exception = msg

        self.log = structlog.wrap_logger(Sender(), processors=[*chain, both], wrapper_class=structlog.make_filtering_bound_logger(0))
