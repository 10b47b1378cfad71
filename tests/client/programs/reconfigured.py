"""logging.config more than once: dictConfig again, which closes what was there, and fileConfig."""

import io
import logging
import logging.config
import textwrap

import setup_logging

log = logging.getLogger("configured.app")
for turn in range(3):
    setup_logging.configure(
        filters={"of_app": {"name": "configured"}},
        loggers={"configured": {"level": "INFO", "filters": ["of_app"]}, "configured.app": {"filters": ["of_app"]}})
    for n in range(100):
        log.info("turn %d, record %d", turn, n)
        log.debug("nobody sees this")
    logging.getLogger("other").warning("turn %d", turn)
    logging.getLogger("configured").info("turn %d, of the parent", turn)

ini = textwrap.dedent("""
    [loggers]
    keys=root
    [handlers]
    keys=server,witness
    [formatters]
    keys=
    [logger_root]
    level=INFO
    handlers=server,witness
    [handler_server]
    class=pbu_log_handler.LogServerHandler
    args=(os.environ["PBU_LOG_SERVER"],)
    kwargs={"shutdown_timeout": 30}
    [handler_witness]
    class=witness.Witness
    args=()
    """)
logging.config.fileConfig(io.StringIO(ini), disable_existing_loggers=False)
for n in range(100):
    log.info("by fileConfig, record %d", n)
