"""What the real server refuses: the record alone is left out, and said; what somebody has to mend is kept until then."""

import re

import pytest
from outcome import outcome
from program import TOKEN
from server import wait_for


@pytest.mark.parametrize("which, reason", [("field", "400 .*created.* must be within the years 1 to 9999"), ("long", "413 ")])
def test_a_record_that_is_not_taken(begin, start_server, tmp_path, which, reason):
    """Ten of a thousand."""
    server = start_server(MAX_BODY_BYTES=100_000)
    program = begin(server.url, "refused.py", which)
    program.ends_well(quiet=False)
    outcome(server, tmp_path / "witness").check()
    said = re.findall("a record was refused, and is left out: " + reason, program.stderr)
    assert len(said) == 10, program.stderr[:2000]
    assert re.search(r'"record %d, spoilt.*", "args": \[50', program.stderr)


def test_batches_that_are_too_long_are_halved(begin, start_server, tmp_path):
    server = start_server(MAX_BODY_BYTES=20_000)
    begin(server.url, "plain.py", "3000", "4", "return", capacity=100_000).ends_well()
    outcome(server, tmp_path / "witness").check()


@pytest.mark.parametrize("spooled", [False, True])
def test_a_wrong_token_until_it_is_right(begin, start_server, tmp_path, spooled):
    tokens = tmp_path / "tokens"
    tokens.write_text("another\n")
    server = start_server(AUTH_TOKEN=None, AUTH_TOKEN_FILE=str(tokens))
    program = begin(server.url, "waiting.py", "500", **({"spool": tmp_path / "spool"} if spooled else {}))
    wait_for(lambda: "401" in program.stderr, "a complaint")
    assert TOKEN not in program.stderr
    tokens.write_text(TOKEN + "\n")
    wait_for(lambda: server.read("info.log").count("\n") == 500, "its records are there")
    program.say("more")
    program.say("end")
    program.ends_well(quiet=False)
    # One complaint a minute.
    assert program.stderr.count("401") == 1, program.stderr
    outcome(server, tmp_path / "witness").check()


def test_a_wrong_address(begin, server, tmp_path):
    spool = tmp_path / "spool"
    program = begin(server.url + "/elsewhere", "waiting.py", "500", spool=spool, shutdown_timeout=0.5)
    wait_for(lambda: re.search("40[45]", program.stderr), "a complaint")
    program.say("end")
    program.ends_well(quiet=False)
    begin(server.url, "plain.py", "1", "1", "return", spool=spool).ends_well()
    outcome(server, tmp_path / "witness").check()


def test_the_second_of_two_servers(begin, server, tmp_path):
    """The first is not there."""
    begin(f"http://127.0.0.1:9,{server.url}", "plain.py", "2000", "2", "return").ends_well()
    outcome(server, tmp_path / "witness").check()
