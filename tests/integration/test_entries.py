"""What is written for a record: the real ones, and each rule of the contract."""

import datetime
import json
import re
from pathlib import Path

import pytest

from server import wait_for

RECORDS = Path(__file__).resolve().parents[1] / "records"


@pytest.mark.parametrize("release", ["0.6.11", "1.1.22"])
def test_real_records_come_out_as_expected(start_server, release):
    server = start_server()
    lines = (RECORDS / f"pbu-{release}.jsonl").read_text().splitlines()
    expected = [json.loads(x) for x in (RECORDS / f"pbu-{release}.expected.jsonl").read_text().splitlines()]
    for line in lines:
        assert server.post(line.encode()).json() == {"status": True}
    for name in ("debug.log", "info.log", "warning.log", "error.log"):
        assert server.entries(name) == [e["entry"] for e in expected if e["file"] == name]


def one(server, **record):
    """Posts one record as an INFO, and returns the bytes that were written for it."""
    before = len(server.read_bytes("info.log"))
    answer = server.post({"name": "t", "created": 0, "msecs": 0, **record})
    assert answer.status_code == 200, answer.text
    return server.read_bytes("info.log")[before:].decode()


HEAD = "1970-01-01 00:00:00,000 INFO:t "


def test_numbers_come_out_digit_for_digit(server):
    body = b'{"name":"t","created":0,"msg":"%s %s %s %s","args":[9007199254740993,1.10,12345678901234567890123,1e+16]}'
    assert server.post(body).status_code == 200
    assert server.lines("info.log")[-1] == HEAD + "9007199254740993 1.10 12345678901234567890123 1e+16"


def test_no_field_can_forge_an_entry(server):
    forged = "x\n2026-01-01 00:00:00,000 ERROR:root had\r\n\x1b[2J\x9b"
    for field in ("msg", "name", "levelname", "exc_text", "stack_info"):
        text = one(server, **{"msg": "m", field: forged})
        assert re.fullmatch(r"[^\t\n][^\n]*\n(\t[^\n]*\n)+", text), text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


def test_taking_the_tabs_off_gives_the_text_back(server):
    text = "one\n\ttwo\n\n  three\t\n\t"
    assert one(server, msg=text).replace("\n\t", "\n") == HEAD + text + "\n"


def test_odd_strings_come_through(server):
    assert one(server, msg="a\0b \udcff \ud800é\U0001f600") == HEAD + "a\\x00b \\udcff \\ud800é\U0001f600\n"


def test_no_character_ends_a_line_or_turns_it_around(server):
    text = one(server, msg="a\u2028b\u2029\x85\x0b\x1c \u202a\u202e\u2066\u2069 \u201cc\u201d\u202f")
    assert text == HEAD + r"a\u2028b\u2029\x85\x0b\x1c \u202a\u202e\u2066\u2069 " + "\u201cc\u201d\u202f\n"
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("setting", [
    {"LOG_FORMAT": "%(message)s"}, {"LOG_FORMAT": "%(name)s: %(message)s"}, {"LOG_FORMAT": "%(extra)-6s%(message)s"},
    {"LOG_FORMAT": "\t%(message)s"}, {"LOG_DATE_FORMAT": "%t%H"}, {"LOG_FORMAT": "json"},
])
def test_no_entry_passes_for_the_continuation_of_another(start_server, setting):
    server = start_server(**setting)
    records = [{"msg": "one\ntwo", "name": "n", "extra": "x"}, {"msg": "\tat f()", "name": "\t", "extra": "\t"},
               {"msg": "\n\tthree", "name": "", "extra": ""}, {"msg": "", "name": "\t\t", "extra": None}]
    assert server.post(records).json()["records"] == 4
    lines = server.read_bytes("info.log").split(b"\n")[:-1]
    assert sum(not line.startswith(b"\t") for line in lines) == 4


def test_nan_and_infinity(server):
    inf = float("inf")
    assert one(server, msg="%s %s %f", args=[float("nan"), -inf, inf]) == HEAD + "nan -inf inf\n"


@pytest.mark.parametrize("field", ["created", "msecs"])
@pytest.mark.parametrize("number", ["1e400", "-1E400", "Infinity", "NaN"])
def test_a_time_that_is_no_finite_number_is_refused(server, field, number):
    before = server.read_bytes("info.log")
    answer = server.post(f'{{"msg":"m","{field}":{number}}}'.encode())
    assert answer.status_code == 400 and f'"{field}" must be a finite number' in answer.json()["error"]
    assert server.read_bytes("info.log") == before


def test_a_number_is_finite_where_log_format_needs_it(start_server):
    server = start_server(LOG_FORMAT="%(relativeCreated)d %(message)s")
    for number in ("1e400", "-1E400", "Infinity", "NaN"):
        answer = server.post(f'{{"msg":"m","relativeCreated":{number}}}'.encode())
        assert answer.status_code == 400 and '"relativeCreated" must be a finite number' in answer.json()["error"]
    assert server.post({"msg": "m", "relativeCreated": 1e30}).status_code == 200
    assert server.lines("info.log") == [f"{int(1e30)} m"]


def test_only_msg_is_required(server):
    assert server.post({"msg": "bare"}).status_code == 200
    line = server.lines("info.log")[-1]
    written = datetime.datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f")
    age = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - written
    assert line[23:] == " INFO:root bare" and abs(age.total_seconds()) < 60


def test_a_small_body_is_not_written_large(server):
    before = len(server.read_bytes("info.log"))
    record = {"msg": "%16777000d", "args": [1]}
    assert server.post([record] * 7).json() == {"status": True, "records": 7}
    assert server.lines("info.log")[-1].endswith(" INFO:root %16777000d args=[1]")
    assert len(server.read_bytes("info.log")) - before < 1000
    answer = server.post([{"msg": "%200000d", "args": [1]}] * 20)
    assert answer.status_code == 413 and answer.json()["error"] == "record 5: the entries would be too large"


def test_a_large_object_is_not_searched_from_end_to_end(server):
    """So many members that there is no memory left for their index, and a key that is looked up often."""
    members = ",".join(f'"{i}":1' for i in range(1_340_000))
    body = f'{{"msg":"{"%(last).0s" * 20_000}","args":{{{members},"last":1}}}}'
    answer = server.post(body.encode(), timeout=20)
    assert answer.status_code == 413 and answer.json()["error"] == "too many values in one record"


def test_a_custom_level_keeps_its_name(server):
    assert one(server, msg="m", levelno=25, levelname="NOTICE") == HEAD.replace("INFO", "NOTICE") + "m\n"


def test_levels_that_have_no_file(start_server):
    server = start_server(ENABLED_LOG_LEVELS=" INFO , error ")
    for number, name in ((10, "DEBUG"), (20, "INFO"), (30, "WARNING"), (40, "ERROR"), (50, "CRITICAL")):
        assert server.post({"msg": name, "levelno": number, "levelname": name}).status_code == 200
    assert [x.split()[-1] for x in server.lines("info.log")] == ["INFO", "WARNING"]
    assert [x.split()[-1] for x in server.lines("error.log")] == ["ERROR", "CRITICAL"]
    assert sorted(p.name for p in server.folder.iterdir() if p.suffix == ".log") == ["error.log", "info.log"]


def test_no_level_enabled_writes_nothing_and_warns(start_server):
    server = start_server(ENABLED_LOG_LEVELS="NOPE")
    assert server.post({"msg": "m", "levelno": 50}).status_code == 200
    assert "NOPE" in server.stderr and "none is written" in server.stderr
    assert not [p for p in server.folder.iterdir() if p.suffix == ".log"]


def test_json_lines(start_server):
    server = start_server(LOG_FORMAT="json")
    sent = '{"msg":"%s\\n\\u001b","args":[1.0],"big":12345678901234567890123,"nul":"\\u0000\\udcff","nan":NaN,"received":"forged","x":{"a":1,"a":2}}'
    assert server.post(sent.encode()).status_code == 200
    assert server.post({"msg": "two", "message": "given", "remote_addr": "forged"}).status_code == 200
    lines = server.lines("info.log")
    assert len(lines) == 2
    strict = {"parse_constant": lambda name: pytest.fail(f"{name} is not JSON")}
    first, second = (json.loads(line, **strict) for line in lines)
    assert first["message"] == "1.0\n\x1b" and first["msg"] == "%s\n\x1b"
    assert first["big"] == 12345678901234567890123 and '"args":[1.0]' in lines[0]
    assert first["nul"] == "\0\udcff" and first["nan"] == "NaN" and first["x"] == {"a": 2}
    assert second["message"] == "given" and second["remote_addr"] == "127.0.0.1"
    for record in (first, second):
        received = datetime.datetime.strptime(record["received"], "%Y-%m-%dT%H:%M:%S.%fZ")
        assert abs((datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - received).total_seconds()) < 60
    server.post({"msg": "\u2028\u202e\u2069", "\u2029": "\u201c"})
    assert server.lines("info.log")[2].startswith(r'{"msg":"\u2028\u202e\u2069","\u2029":"' + '\u201c"')
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", server.read_bytes("info.log"))


def test_where_a_record_came_from_can_be_shown(start_server):
    server = start_server(LOG_FORMAT="%(remote_addr)s %(received)s %(request_id)s %(message)s")
    server.post({"msg": "m", "remote_addr": "10.9.8.7", "request_id": "r-1"})
    assert re.fullmatch(r"127\.0\.0\.1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z r-1 m", server.lines("info.log")[0])


def test_local_time_is_that_of_tz(start_server):
    server = start_server(TZ="Asia/Kolkata")
    server.post({"msg": "m", "created": 0, "msecs": 0})
    assert server.lines("info.log") == ["1970-01-01 05:30:00,000 INFO:root m"]


def test_tokens_change_while_it_runs(start_server, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("one\ntwo\n")
    server = start_server(AUTH_TOKEN_FILE=tokens, AUTH_TOKEN="env")

    def status(token):
        return server.post({"msg": "m"}, headers={"Authorization": token}).status_code

    assert [status(t) for t in ("one", "Bearer two", "env", "three")] == [200, 200, 200, 401]
    tokens.write_text("three\n")
    wait_for(lambda: status("three") == 200, "the new token is known", 5)
    assert [status(t) for t in ("one", "env")] == [401, 200]
    tokens.write_text("")
    wait_for(lambda: "holds no token" in server.stderr, "a warning", 5)
    assert [status(t) for t in ("three", "")] == [200, 401]
    tokens.unlink()
    wait_for(lambda: "cannot be read" in server.stderr, "a warning", 5)
    assert [status(t) for t in ("three", "")] == [200, 401]
