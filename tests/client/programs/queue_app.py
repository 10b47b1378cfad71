"""Tasks for Celery's prefork workers, with a broker of files. `python queue_app.py N` sends N of them, says so, and waits
for their results."""

import logging
import os
import sys
from typing import Any

import setup_logging
from celery import Celery
from celery.signals import setup_logging as setup_logging_signal

folder = os.environ["QUEUE"]
app = Celery("queue_app", broker="filesystem://", backend="file://" + os.path.join(folder, "results"))
app.conf.broker_transport_options = {
    "data_folder_in": os.path.join(folder, "tasks"), "data_folder_out": os.path.join(folder, "tasks"),
    "control_folder": os.path.join(folder, "control"), "processed_folder": os.path.join(folder, "processed"),
}
app.conf.worker_max_tasks_per_child = 10
log = logging.getLogger("queue.tasks")


@setup_logging_signal.connect
def on_setup_logging(**_: Any) -> None:
    setup_logging.configure(loggers={"celery": {"level": "INFO"}, "kombu": {"level": "INFO"}})


@app.task
def work(k: int) -> int:
    for n in range(20):
        log.info("task %d, record %d", k, n)
    if k % 10 == 3:
        raise ValueError(f"task {k}")
    return k


if __name__ == "__main__":
    results = [work.delay(k) for k in range(int(sys.argv[1]))]
    print("sent", flush=True)
    failed = 0
    for result in results:
        try:
            result.get(timeout=60, interval=0.05)
        except ValueError:
            failed += 1
    print(f"{len(results)} tasks, {failed} failed")
