"""fork, spawn, threads, and the ends that a program can have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from fake_server import FakeServer, hang

# A time of its own is held against a promise: measured once more where others on the machine spoil it.
measured = pytest.mark.flaky(reruns=1)

HEAD = """
import atexit, json, logging, multiprocessing, os, re, signal, sys, threading, time
from pbu_log_handler import LogServerHandler
handler = LogServerHandler(sys.argv[1], **json.loads(sys.argv[2]))
log = logging.getLogger("program")
log.addHandler(handler)
log.setLevel("INFO")
"""


# Its end waits no longer than needed; but on a busy machine that may be more than by default.
PATIENT = {"shutdown_timeout": 30.0}


def run(server: FakeServer, body: str, url: str = "", **settings: Any) -> str:
    """Runs a program, which must end well; returns what it said on stderr. Where nobody is at the url, its end waits as
    long as by default."""
    given = {"interval": 0.05, **({} if url else PATIENT), **settings}
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(body), url or server.url, json.dumps(given)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return "\n".join(line for line in done.stderr.splitlines() if "fork" not in line)


def test_exit_right_after_the_last_call(server: FakeServer) -> None:
    said = run(server, "for i in range(3000): log.info('n %d', i)", interval=60)
    assert said == ""
    assert server.messages() == [f"n {i}" for i in range(3000)]


def test_sys_exit_and_exceptions(server: FakeServer) -> None:
    run(server, "log.info('one'); sys.exit(0)", interval=60)
    done = subprocess.run(
        [sys.executable, "-c", HEAD + "log.info('two')\n1/0", server.url, json.dumps({"interval": 60, **PATIENT})],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert server.messages() == ["one", "two"]


def test_records_of_the_end(server: FakeServer) -> None:
    """atexit's functions that ran before the handler was made come after its own; a thread can't be started then."""
    body = """
        handler.close()
        log.info("after close")
    """
    run(server, body, interval=60)
    early = """
import atexit, logging, sys
log = logging.getLogger("program")
log.setLevel("INFO")
atexit.register(lambda: log.info("late"))
class Last:
    def __del__(self): log.info("from __del__")
last = Last()
from pbu_log_handler import LogServerHandler
log.addHandler(LogServerHandler(sys.argv[1], shutdown_timeout=30))
log.info("early")
"""
    done = subprocess.run([sys.executable, "-c", early, server.url], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.messages() == ["after close", "early", "late"]


def test_a_handler_that_is_first_used_at_the_end(server: FakeServer) -> None:
    run(server, "atexit.register(lambda: [log.info('n %d', i) for i in range(1200)])")
    assert server.messages() == [f"n {i}" for i in range(1200)]


def test_a_handler_that_nobody_has_any_more(server: FakeServer) -> None:
    run(server, "log.info('x'); log.handlers.clear(); del handler; import gc; gc.collect()", interval=60)
    assert server.messages() == ["x"]


@measured
def test_the_end_waits_so_long_only(server: FakeServer) -> None:
    server.always(hang)
    started = time.monotonic()
    said = run(server, "log.info('x')", shutdown_timeout=2.0, timeout=60.0)
    assert 2 < time.monotonic() - started < 20
    assert "a record could not be sent, and is lost" in said


def test_threads_at_the_end(server: FakeServer) -> None:
    body = """
        def run(n):
            for i in range(300):
                log.info("%d %d", n, i)
                time.sleep(0.001)
        for n in range(4):
            threading.Thread(target=run, args=(n,)).start()
        def chat():
            while True:
                log.info("daemon")
                time.sleep(0.001)
        threading.Thread(target=chat, daemon=True).start()
    """
    run(server, body, shutdown_timeout=10.0)
    for n in range(4):
        assert [m for m in server.messages() if m.startswith(f"{n} ")] == [f"{n} {i}" for i in range(300)]


FORK = """
    for i in range(700):
        log.info("parent %d", i)
    pids = []
    for child in range(3):
        pid = os.fork()
        if pid == 0:
            for i in range(200):
                log.info("child %d %d", child, i)
            sys.exit(0)
        pids.append(pid)
        log.info("parent %d", 700 + child)
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
"""


def check_fork(server: FakeServer) -> None:
    messages = server.messages()
    assert [m for m in messages if m.startswith("parent")] == [f"parent {i}" for i in range(703)]
    for child in range(3):
        mine = [r for r in server.records() if r["msg"].startswith("child") and r["args"][0] == child]
        assert [r["args"][1] for r in mine] == list(range(200))
        assert len({r["process"] for r in mine}) == 1
    assert len(messages) == 703 + 600
    clients = {r.key.rsplit("-", 1)[0] for r in server.taken}
    assert len(clients) == 4, "each process is a client of its own"


@pytest.mark.parametrize("interval", [0.001, 60])
def test_fork(server: FakeServer, interval: float) -> None:
    said = run(server, FORK, interval=interval)
    assert said == ""
    check_fork(server)


def test_fork_with_a_spool(server: FakeServer, tmp_path: Path) -> None:
    """Nobody is there; each process leaves its own file."""
    run(server, FORK, spool=str(tmp_path), url="http://127.0.0.1:1")
    assert len([p for p in tmp_path.iterdir() if p.suffix == ".db"]) == 4
    run(server, "log.info('after')", spool=str(tmp_path))
    assert server.messages().pop() == "after"
    server.taken.pop()
    check_fork(server)
    assert list(tmp_path.iterdir()) == []


def test_a_child_leaves_its_parents_spool_alone(server: FakeServer, tmp_path: Path) -> None:
    """The child inherits the open database, and ends, while the parent goes on with it."""
    body = """
        for i in range(300):
            log.info("parent %d", i)
        handler.flush(1)
        for child in range(5):
            pid = os.fork()
            if pid == 0:
                if child % 2:
                    import gc; gc.collect()
                    sys.exit(0)
                os._exit(0)
            for i in range(20):
                log.info("parent %d", 300 + 20 * child + i)
            os.waitpid(pid, 0)
            handler.flush(0.2)
    """
    run(server, body, spool=str(tmp_path), url="http://127.0.0.1:1")
    said = run(server, "log.info('after')", spool=str(tmp_path))
    assert said == ""
    assert server.messages() == [f"parent {i}" for i in range(400)] + ["after"]


def test_fork_in_threads_that_log(server: FakeServer) -> None:
    body = """
        stop = threading.Event()
        def chat(n):
            i = 0
            while not stop.is_set():
                log.info("chat %d %d", n, i)
                i += 1
                time.sleep(0.0005)
        chats = [threading.Thread(target=chat, args=(n,)) for n in range(3)]
        for t in chats: t.start()
        def fork(n):
            for i in range(5):
                pid = os.fork()
                if pid == 0:
                    log.info("child %d %d", n, i)
                    handler.flush(30)
                    os._exit(0)
                os.waitpid(pid, 0)
        forks = [threading.Thread(target=fork, args=(n,)) for n in range(3)]
        for t in forks: t.start()
        for t in forks: t.join()
        stop.set()
    """
    run(server, body, capacity=100_000)
    messages = server.messages()
    assert len(set(messages)) == len(messages), "nothing of the parent's comes from a child, too"
    assert sorted(m for m in messages if m.startswith("child")) == [
        f"child {n} {i}" for n in range(3) for i in range(5)
    ]
    for n in range(3):
        mine = [m for m in messages if m.startswith(f"chat {n} ")]
        assert mine == [f"chat {n} {i}" for i in range(len(mine))]


PROGRAM = """
import logging, multiprocessing, sys
from pbu_log_handler import LogServerHandler

def work(n):
    log = logging.getLogger("program")
    if not log.handlers:
        log.addHandler(LogServerHandler(sys.argv[1], interval=60, shutdown_timeout=30))
        log.setLevel("INFO")
    for i in range(100):
        log.info("%d %d", n, i)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    if sys.argv[3] == "before":
        work(9)
    children = [context.Process(target=work, args=(n,)) for n in range(3)]
    for c in children: c.start()
    for c in children: c.join()
    with context.Pool(2) as pool:
        pool.map(work, [3, 4])
        pool.close()
        pool.join()
    sys.exit(sum(c.exitcode for c in children))
"""


@pytest.mark.parametrize("before", ["before", "after"])
@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_multiprocessing(server: FakeServer, tmp_path: Path, how: str, before: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.replace("sys.argv[1]", repr(server.url)))
    done = subprocess.run([sys.executable, str(path), "", how, before], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    expected = [0, 1, 2, 3, 4] + ([9] if before == "before" else [])
    for n in expected:
        assert [m for m in server.messages() if m.startswith(f"{n} ")] == [f"{n} {i}" for i in range(100)]
    assert len(server.messages()) == 100 * len(expected)


def test_signal_handlers_that_log(server: FakeServer) -> None:
    body = """
        import itertools
        numbers = itertools.count()
        def on_signal(*_):
            # In one step: a signal may come in the middle of another's.
            log.info("signal %d", next(numbers))
        signal.signal(signal.SIGALRM, on_signal)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        end = time.monotonic() + 1.5
        i = 0
        while time.monotonic() < end:
            log.info("n %d", i)
            i += 1
            if i % 200 == 0: time.sleep(0.002)
        signal.setitimer(signal.ITIMER_REAL, 0, 0)
        log.info("%d and %d", i, next(numbers))
    """
    run(server, body, capacity=1_000_000)
    messages = server.messages()
    i, count = map(int, messages[-1].split(" and "))
    assert count > 50
    assert not any("dropped" in m for m in messages)
    assert [m for m in messages if m.startswith("n ")] == [f"n {k}" for k in range(i)]
    assert sorted(m for m in messages if m.startswith("signal")) == sorted(f"signal {k}" for k in range(count))


def test_a_queue_before_it_and_memory_before_it(server: FakeServer) -> None:
    body = """
        import logging.handlers, queue
        q = queue.Queue()
        listener = logging.handlers.QueueListener(q, handler)
        log.handlers = [logging.handlers.QueueHandler(q)]
        listener.start()
        log.info("queue %d", 1)
        listener.stop()
        log.handlers = [logging.handlers.MemoryHandler(10, target=handler)]
        log.info("memory %d", 2)
        log.handlers[0].flush()
    """
    assert run(server, body) == ""
    assert server.messages() == ["queue 1", "memory 2"]


def test_asyncio(server: FakeServer) -> None:
    body = """
        import asyncio
        async def work(n):
            for i in range(100):
                log.info("%d %d", n, i)
                await asyncio.sleep(0)
        async def main():
            await asyncio.gather(*[work(n) for n in range(10)])
        asyncio.run(main())
    """
    assert run(server, body) == ""
    assert len(server.messages()) == 1000


def test_memory_while_nobody_is_there(server: FakeServer) -> None:
    """More than it keeps."""
    body = """
        # (The ru_maxrss of getrusage() would be that of whoever started this process, if it had more.)
        def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
        for i in range(15_000): log.info("request %d took %s", i, "x" * 200)
        before = peak()
        for i in range(40_000): log.info("request %d took %s %s", i, os.urandom(100), "x" * 200)
        after = peak()
        print(before, after)
        assert after < 200_000, (before, after)
        assert after - before < 60_000, (before, after)
    """
    run(server, body, url="http://127.0.0.1:1")


def test_descriptors_of_a_child(server: FakeServer) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc")
    body = """
        log.info("parent")
        assert handler.flush(20)
        def sockets():
            links = [f"/proc/self/fd/{f}" for f in os.listdir("/proc/self/fd")]
            return sum("socket" in os.readlink(f) for f in links if os.path.islink(f))
        assert sockets() == 1
        pid = os.fork()
        if pid == 0:
            os._exit(sockets())
        assert os.waitpid(pid, 0)[1] == 0
        log.info("parent again")
        assert handler.flush(20)
    """
    run(server, body)
    assert server.messages() == ["parent", "parent again"] and server.connections == 1
