"""A WSGI program for gunicorn: its logging, and gunicorn's own, configured before the workers are forked."""

import logging
from typing import Callable
from collections.abc import Iterable

import setup_logging

setup_logging.configure(loggers={
    "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
    "gunicorn.access": {"level": "INFO", "handlers": [], "propagate": True},
})
log = logging.getLogger("web.app")
for n in range(30):
    log.info("while the program is loaded, record %d", n)


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    for n in range(10):
        log.info("request for %s, record %d", path, n, extra={"environ": environ})
    if path.startswith("/fails"):
        raise ValueError(path)
    log.warning("answering %(path)s with %(answer)r", {"path": path, "answer": b"good"})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"good"]
