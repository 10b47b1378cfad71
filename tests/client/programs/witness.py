"""A handler that notes what CPython's own Formatter makes of each record, beside the one that is tested.

It writes at once, to a file for each process in the folder that WITNESS names, so that what was logged is known even
after kill -9.
"""

import json
import logging
import os
from typing import Optional

# As the server of these tests is told: process and thread tell whose an entry is.
FORMAT = "%(asctime)s %(levelname)s:%(name)s %(process)d %(thread)d %(message)s"


class Witness(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(FORMAT))
        self.owner: Optional[int] = None
        self.descriptor = -1

    def emit(self, record: logging.LogRecord) -> None:
        if self.owner != os.getpid():
            self.owner = os.getpid()
            path = os.path.join(os.environ["WITNESS"], str(self.owner))
            self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        line = json.dumps([record.process, record.thread, record.levelno, record.created, self.format(record)]) + "\n"
        data = line.encode()
        assert os.write(self.descriptor, data) == len(data)
