"""Tasks of asyncio that log between their waits, and in threads; an exception in one of them."""

import asyncio
import logging

import setup_logging

setup_logging.configure(loggers={"asyncio": {"level": "INFO"}})
log = logging.getLogger("tasks")


async def work(k: int) -> None:
    for n in range(100):
        log.info("task %d, record %d", k, n, extra={"task_number": k})
        await asyncio.sleep(0)
    await asyncio.get_running_loop().run_in_executor(None, log.warning, "task %d, from a thread", k)
    if k == 3:
        raise LookupError("in a task")


async def main() -> None:
    tasks = [asyncio.ensure_future(work(k)) for k in range(10)]
    for done in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(done, Exception):
            log.error("a task failed", exc_info=done)
    forgotten = asyncio.ensure_future(work(3))
    await asyncio.sleep(0)
    del forgotten


asyncio.run(main())
