"""Programs with threads and processes: every record is in the files, once, in order, as CPython writes it.

Nothing waits after the program's end: what it logged must be there then, its last call included.
"""

import re
import socket
import sys
import time

import pytest
from measured import measured
from outcome import noted, outcome
from server import wait_for

RECORDS = 600
# Twice this is too long for an end, whatever else the machine does.
SHUTDOWN_SECONDS = 8.0


@pytest.mark.parametrize("threads", [pytest.param(1, marks=pytest.mark.slow), 8])
@pytest.mark.parametrize("end, status", [("return", 0), ("exit", 7), ("exception", 1), ("interrupt", -2), ("shutdown", 0)])
def test_the_last_call_before_the_end(run, all_there, threads, end, status):
    run("plain.py", str(RECORDS), str(threads), end).ends_well(status, quiet=end in ("return", "exit", "shutdown"))
    all_there()


def test_what_os_exit_costs(run, server, tmp_path):
    """os._exit ends a program like kill -9: what the handler's thread has not sent yet is gone. (README says so.) What is
    there is as it should be."""
    run("plain.py", "3000", "1", "os._exit").ends_well()
    result = outcome(server, tmp_path / "witness")
    lost = result.lost_count
    result.lost.clear()
    result.check()
    print(f"os._exit: {lost} of {result.logged} records were in memory only")


def test_threads_that_outlive_the_main_thread(run, all_there):
    run("late_threads.py", "500").ends_well()
    all_there()


@measured
def test_daemon_threads_that_log_while_the_interpreter_ends(run, server, tmp_path):
    """What they log after the handler was closed can't be sent any more: it is the last of what each logged."""
    program = run("daemon_threads.py", "0.001", shutdown_timeout=SHUTDOWN_SECONDS)
    wait_for(lambda: "ends" in program.stdout, "the main thread's last words")
    ended = time.monotonic()
    program.ends_well(quiet=False)
    assert time.monotonic() - ended < SHUTDOWN_SECONDS * 2
    result = outcome(server, tmp_path / "witness")
    assert "the main thread ends" in server.read("info.log")
    logged = [n for records in noted(tmp_path / "witness").values() for n in records]
    ended = next(n.created for n in logged if "the main thread ends" in n.text)
    for lost in result.lost.values():
        assert all(n.created >= ended for n in lost), [n.text for n in lost]
    result.lost.clear()
    result.check()


@measured
def test_the_end_is_not_put_off(run, tmp_path):
    """Without pauses there is always something to be sent; Python's end closes handlers twice."""
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        url = f"http://127.0.0.1:{hangs.getsockname()[1]}"
        program = run("daemon_threads.py", "0", url=url, spool=tmp_path / "spool", shutdown_timeout=SHUTDOWN_SECONDS)
        wait_for(lambda: "ends" in program.stdout, "the main thread's last words")
        ended = time.monotonic()
        program.ends_well(quiet=False)
        assert time.monotonic() - ended < SHUTDOWN_SECONDS * 2


def test_tasks_of_asyncio(run, all_there, server):
    run("tasks.py").ends_well()
    all_there()
    assert "LookupError: in a task" in server.read("error.log")


@pytest.mark.parametrize("method", ["fork", "spawn", pytest.param("forkserver", marks=pytest.mark.slow)])
def test_multiprocessing(run, all_there, method):
    run("processes.py", method).ends_well()
    all_there()


def test_a_fork_in_the_main_thread(run, all_there):
    run("main_fork.py").ends_well()
    all_there()


def test_forks_while_modules_are_imported(run, all_there):
    run("lazy_imports.py").ends_well()
    all_there()


def test_forks_in_threads(run, all_there):
    run("forks.py", "shutdown").ends_well()
    all_there()


def test_forks_in_threads_that_end_by_os_exit(run, server, tmp_path):
    """Only of those that ended so something may be missing, and nothing of the parent's is there twice."""
    run("forks.py", "os._exit").ends_well()
    result = outcome(server, tmp_path / "witness")
    assert not [n.text for lost in result.lost.values() for n in lost if "hild of" not in n.text]
    result.lost.clear()
    result.check()


@pytest.mark.parametrize("which", ["queue", "memory"])
def test_a_handler_in_a_handler(run, server, tmp_path, which):
    run("inner.py", which).ends_well()
    result = outcome(server, tmp_path / "witness")
    result.check()
    assert result.logged >= 404


def test_configured_again_and_again(run, all_there):
    run("reconfigured.py").ends_well()
    all_there()


def test_beside_the_capture_of_pytest(run, all_there):
    program = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "captured.py", python=(sys.executable,))
    program.ends_well(1)
    assert re.search("1 failed, 5 passed", program.stdout), program.stdout
    # What pytest shows of the test that fails.
    assert "just before the failure" in program.stdout
    all_there()


def test_two_programs_at_once_with_one_spool(run, all_there, tmp_path):
    programs = [run("plain.py", str(RECORDS), "2", "return", spool=tmp_path / "spool") for _ in range(4)]
    for program in programs:
        program.ends_well()
    all_there()
