"""gunicorn's settings: the program is loaded before its workers are forked, and these are replaced now and then."""

import os

import setup_logging

bind = "127.0.0.1:" + os.environ["WEB_PORT"]
workers = 3
preload_app = True
worker_class = os.environ["WEB_CLASS"]
threads = 4 if worker_class == "gthread" else 1
max_requests = 15
accesslog = "-"
control_socket_disable = True
logconfig_dict = setup_logging.settings(loggers={
    "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
    "gunicorn.access": {"level": "INFO", "handlers": [], "propagate": True},
})
