"""The program ends, or is killed, while the server is there or not: what its spool has comes with the next start."""

import time

import pytest
from measured import measured
from outcome import noted, outcome
from server import wait_for

# What a program that was killed had in memory only: not more than it logged in this time before. (The handler's interval
# is 0.2 s; on a machine that is busy its thread gets less of it.) Times in which the whole program stood still don't count.
MEMORY_SECONDS = 3.0


def kill_after(program, records):
    """When it was killed."""
    wait_for(lambda: program.logged() >= records, f"{records} records")
    killed = time.time()
    program.kill()
    return killed


def check_tail(result, killed, witness):
    """Only the last records of the one that was killed may be missing. Returns how many are."""
    logged = noted(witness)
    for key, records in result.lost.items():
        oldest = min(n.created for n in records)
        times = [*(n.created for n in logged[key] if n.created >= oldest), killed]
        seconds = sum(min(after - before, 0.1) for before, after in zip(times, times[1:]))
        assert seconds < MEMORY_SECONDS, f"logged {seconds:.1f} s before: {records[0].text}"
    lost = result.lost_count
    result.lost.clear()
    result.check()
    return lost


@measured
def test_killed_while_the_server_is_there(begin, server, tmp_path):
    spool = tmp_path / "spool"
    program = begin(server.url, "steady.py", "a", "100000", "4000", spool=spool)
    killed = kill_after(program, 5_000)
    begin(server.url, "steady.py", "b", "100", "100000", spool=spool).ends_well()
    result = outcome(server, tmp_path / "witness")
    logged, lost = result.logged, check_tail(result, killed, tmp_path / "witness")
    print(f"kill -9 of the program, the server is there: {lost} of {logged} records were in memory only")


@pytest.mark.parametrize("away", ["stopped", pytest.param("hung", marks=pytest.mark.slow)])
@measured
def test_killed_while_the_server_is_away(begin, start_server, tmp_path, away):
    spool = tmp_path / "spool"
    server = start_server()
    program = begin(server.url, "steady.py", "a", "100000", "2000", spool=spool, timeout=1.0)
    wait_for(lambda: program.logged() >= 500, "500 records")
    if away == "stopped":
        server.stop()
    else:
        server.kill(19)
    killed = kill_after(program, 10_000)
    if away == "stopped":
        server.start()
    else:
        server.kill(18)
    begin(server.url, "steady.py", "b", "100", "100000", spool=spool).ends_well(quiet=False)
    result = outcome(server, tmp_path / "witness")
    logged, lost = result.logged, check_tail(result, killed, tmp_path / "witness")
    print(f"kill -9 of the program, the server is {away}: {lost} of {logged} records were in memory only")
    assert logged - lost > 5_000


@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.slow), 4])
@measured
def test_ended_while_the_server_is_stopped(begin, start_server, tmp_path, processes):
    """No call of theirs waits; the end takes no longer than shutdown_timeout; the next start sends it all."""
    spool = tmp_path / "spool"
    server = start_server()
    server.stop()
    programs = [begin(server.url, "steady.py", str(k), "3000", "100000", spool=spool, shutdown_timeout=1.0)
                for k in range(processes)]
    for program in programs:
        wait_for(lambda p=program: "done" in p.stdout, "the last call")
        ended = time.monotonic()
        program.ends_well(quiet=False)
        assert time.monotonic() - ended < 10
    server.start()
    begin(server.url, "plain.py", "10", "1", "exit", spool=spool).ends_well(7)
    outcome(server, tmp_path / "witness").check()


def test_the_server_comes_back_before_the_end(begin, start_server, tmp_path):
    """Without a spool, memory bridges the time until then."""
    server = start_server()
    server.stop()
    program = begin(server.url, "steady.py", "a", "3000", "1500")
    wait_for(lambda: program.logged() >= 500, "500 records")
    server.start()
    program.ends_well(quiet=False)
    outcome(server, tmp_path / "witness").check()
