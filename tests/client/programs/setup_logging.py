"""The logging of the programs: the handler that is tested, and the witness, by logging.config.dictConfig.

SPOOL is the handler's folder, and HANDLER its further arguments, as JSON.
"""

import json
import logging.config
import os
from typing import Any


def handler_settings() -> dict[str, Any]:
    """What an entry of `handlers` says; address and token are in PBU_LOG_SERVER and PBU_LOG_SERVER_AUTH."""
    settings: dict[str, Any] = {"class": "pbu_log_handler.LogServerHandler", "url": os.environ["PBU_LOG_SERVER"]}
    if "SPOOL" in os.environ:
        settings["spool"] = os.environ["SPOOL"]
    return {**settings, **json.loads(os.environ.get("HANDLER", "{}"))}


def settings(**more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"server": handler_settings(), "witness": {"class": "witness.Witness"}},
        "root": {"level": "DEBUG", "handlers": ["server", "witness"]},
        **more,
    }


def configure(**more: Any) -> None:
    logging.config.dictConfig(settings(**more))
