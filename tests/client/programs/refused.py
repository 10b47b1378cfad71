"""Records among which some can't be taken: "field", for one of their fields; "long", longer than the server
takes. What is to be taken is noted by the witness."""

import logging
import sys

import setup_logging

which = sys.argv[1]


class Spoil(logging.Filter):
    """Of the handler's alone: gives some records a time of no year that there is."""

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "spoilt"):
            record.created = 1e18
        return True


class Unspoilt(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "spoilt" not in record.msg


setup_logging.configure()
server, witness = logging.getLogger().handlers
server.addFilter(Spoil())
witness.addFilter(Unspoilt())
log = logging.getLogger("refused")
for n in range(1000):
    if n % 100 != 50:
        log.info("record %d, a good one: %s", n, "y" * 50)
    elif which == "field":
        log.info("record %d, spoilt", n, extra={"spoilt": True})
    else:
        log.info("record %d, spoilt by its length: %s", n, "x" * 300_000)
