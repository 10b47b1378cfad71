"""HTTP: what is taken, what is refused, and that nothing refused is written."""

import json
import os
import subprocess

import pytest

from refusals import JSON, LOG, assert_error, files
from server import wait_for


@pytest.fixture
def refused(server):
    """Call it with an answer: asserts a refusal, and after the test that no file has changed."""
    before = files(server)
    yield assert_error
    assert files(server) == before


# --- what is taken ---


def test_one_record(server):
    answer = server.post({"msg": "one record", "levelname": "INFO", "name": "here"})
    assert (answer.status_code, answer.json()) == (200, {"status": True})
    assert answer.headers["Content-Type"] == "application/json"
    assert server.lines("info.log")[-1].endswith(" INFO:here one record")


def test_only_msg_is_required(server):
    assert server.post({"msg": "alone"}).status_code == 200
    assert server.lines("info.log")[-1].endswith(" INFO:root alone")
    assert server.post({"message": "alone too"}).status_code == 200
    assert server.lines("info.log")[-1].endswith(" INFO:root alone too")


@pytest.mark.parametrize("count", [0, 1, 2, 500])
def test_batch(server, count):
    before = len(server.lines("info.log"))
    answer = server.post([{"msg": f"record {i} of {count}"} for i in range(count)])
    assert (answer.status_code, answer.json()) == (200, {"status": True, "records": count})
    new = server.lines("info.log")[before:]
    assert [line.split(":root ")[1] for line in new] == [f"record {i} of {count}" for i in range(count)]


def test_batch_goes_to_several_files(server):
    levels = {"debug": 10, "info": 20, "warning": 30, "error": 40}
    before = {name: len(server.lines(f"{name}.log")) for name in levels}
    answer = server.post([{"msg": name, "levelno": number} for name, number in levels.items()])
    assert answer.json() == {"status": True, "records": 4}
    for name in levels:
        new = server.lines(f"{name}.log")[before[name]:]
        assert len(new) == 1 and new[0].endswith(f" {name}")


@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
    "Application/JSON", "application/json ;x=y",
])
def test_content_types_taken(server, content_type):
    assert server.post({"msg": content_type}, {"Content-Type": content_type}).status_code == 200


def test_query_is_ignored(server):
    answer = server.request("POST", LOG + "?a=b&DOCUMENT_URI=/metrics", data=b'{"msg": "query"}', headers=JSON)
    assert answer.json() == {"status": True}


def test_white_space_around_json(server):
    assert server.post(b' \r\n\t{"msg" : "white space"}\n ').json() == {"status": True}


def test_health(server):
    answer = server.get("/api/health")
    assert (answer.status_code, answer.json()) == (200, {"status": True})
    assert server.request("HEAD", "/api/health").status_code == 200


def test_metrics(server):
    server.post({"msg": "to be counted"})
    answer = server.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in answer.text.splitlines():
        # Prometheus' text format: comments, or a name, perhaps labels, and a number.
        if not line.startswith("#"):
            float(line.rpartition(" ")[2])
    assert "# TYPE " in answer.text and answer.text.endswith("\n")


def test_metrics_count_records_and_requests(server):
    def total(word):
        return sum(
            float(line.rpartition(" ")[2]) for line in server.get("/metrics").text.splitlines()
            if word in line and not line.startswith("#")
        )

    records = total('records_total{level="info"}') or total('records_total{level="INFO"}')
    refusals = total('"400"')
    server.post([{"msg": "counted"}] * 3)
    server.post(b"no JSON")
    assert (total('records_total{level="info"}') or total('records_total{level="INFO"}')) == records + 3
    assert total('"400"') == refusals + 1


# --- 400: not JSON ---


@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b"[", b'{"msg": "x"', b'{"msg": "x"}}', b'{"msg": "x"} {}', b'{"msg": "x",}',
    b'{"msg" "x"}', b"{'msg': 'x'}", b'{msg: "x"}', b'[{"msg": "x"},]', b'[{"msg": "x"} {"msg": "y"}]',
    b'{"msg": "x", "n": 01}', b'{"msg": "x", "n": 1.}', b'{"msg": "x", "n": .5}', b'{"msg": "x", "n": +1}',
    b'{"msg": "x", "n": 1e}', b'{"msg": "x", "n": 0x10}', b'{"msg": "x", "n": nan}', b'{"msg": "x", "n": True}',
    b'{"msg": "\\x41"}', b'{"msg": "\\u12g4"}', b'{"msg": "\\u12"}', b'{"msg": "a\nb"}', b'{"msg": "a\x00b"}',
    b'{"msg": "x"}\x00', b'{"msg": "x"} trailing', b"msg=x", b"<msg/>",
    b'{"msg": "x" /* comment */}', b'\x0b{"msg": "x"}',
])
def test_not_json(server, refused, body):
    if not body:
        refused(server.request("POST", LOG, data=b"", headers={**JSON, "Content-Length": "0"}), 400)
    else:
        refused(server.post(body), 400, "byte")


def test_not_json_says_where(server, refused):
    refused(server.post(b'{"msg": "x", "n": tru}'), 400, "not JSON", "byte")
    refused(server.post(b'[{"msg": "x"}, {"msg": "y"}, {"msg": z}]'), 400, "record 2")


def test_nested_too_deeply(server, refused):
    refused(server.post(b'{"msg": "x", "n": ' + b"[" * 100000 + b"]" * 100000 + b"}"), 400)


# --- 400: not a record ---


@pytest.mark.parametrize("body", [b"null", b"true", b"1", b'"text"', b"1.5"])
def test_not_a_record(server, refused, body):
    refused(server.post(body), 400)


@pytest.mark.parametrize("record, field", [
    ({}, "msg"),
    ({"levelname": "INFO"}, "msg"),
    ({"msg": "x", "levelno": "high"}, "levelno"),
    ({"msg": "x", "levelno": [1]}, "levelno"),
    ({"msg": "x", "levelno": {}}, "levelno"),
    ({"msg": "x", "levelname": 1}, "levelname"),
    ({"msg": "x", "levelname": ["INFO"]}, "levelname"),
    ({"msg": "x", "created": "now"}, "created"),
    ({"msg": "x", "created": []}, "created"),
    ({"msg": "x", "msecs": "none"}, "msecs"),
    ({"msg": "x", "exc_text": 1}, "exc_text"),
    ({"msg": "x", "stack_info": {}}, "stack_info"),
])
def test_impossible_field(server, refused, record, field):
    refused(server.post(record), 400, f'"{field}"')


@pytest.mark.parametrize("field", [{"name": 1}, {"name": {}}, {"lineno": 1.5}, {"process": "1"}, {"thread": {"id": 1}}])
def test_what_others_use_differently(server, field):
    """Fields that LOG_FORMAT does not make a number of may be anything."""
    assert server.post({"msg": "taken", **field}).status_code == 200


@pytest.mark.parametrize("index", [0, 1, 7, 99])
def test_batch_names_the_index(server, refused, index):
    batch = [{"msg": f"must not be written {i}"} for i in range(100)]
    batch[index] = {"msg": "bad", "levelno": "high"}
    refused(server.post(batch), 400, f"record {index}", '"levelno"')
    batch[index] = 5
    refused(server.post(batch), 400, f"record {index}")
    batch[index] = [{"msg": "an array in the array"}]
    refused(server.post(batch), 400, f"record {index}")


def test_refused_batch_of_all_levels_writes_nothing(server, refused):
    batch = [{"msg": "must not be written", "levelno": n} for n in (10, 20, 30, 40, 50)]
    refused(server.post([*batch, {"levelno": 20}]), 400, "record 5", '"msg"')
    refused(server.post(json.dumps(batch).encode()[:-1]), 400)


# --- 404, 405, 411, 415 ---


@pytest.mark.parametrize("path", [
    "/api", "/api/", "/api/log/", "/api/logs", "/api/log/x", "/API/LOG", "/api/health/", "/metrics/",
    "/api/log%00", "/index.html", "/favicon.ico", "/.env",
])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_such_resource(server, refused, path, method):
    # A NUL in the path is not a path at all.
    refused(server.request(method, path, data=b'{"msg": "x"}', headers=JSON), 400 if "%00" in path else 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "FROB"])
def test_method_of_log(server, refused, method):
    answer = server.request(method, LOG, data=b'{"msg": "x"}', headers=JSON)
    refused(answer, 405)
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/api/health", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_method_of_the_others(server, refused, path, method):
    answer = server.request(method, path, data=b'{"msg": "x"}', headers=JSON)
    refused(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"


def test_head_of_log(server):
    answer = server.request("HEAD", LOG)
    assert (answer.status_code, answer.headers["Allow"], answer.content) == (405, "POST", b"")


def test_length_is_needed(server):
    before = files(server)
    answer = server.raw(
        b"POST /api/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 411")
    assert json.loads(body)["status"] is False and "Content-Length" in json.loads(body)["error"]
    assert files(server) == before


@pytest.mark.parametrize("content_type", [
    None, "text/plain", "text/json", "application/jsonp", "json",
    "application/json-patch+json", "multipart/form-data; boundary=x", "application/json, text/plain",
])
def test_content_types_refused(server, refused, content_type):
    # None takes the header away that post() sends of itself.
    refused(server.post({"msg": "x"}, {"Content-Type": content_type}), 415, "application/json")


def test_many_refusals_on_one_connection(server):
    """Whatever is left of a refused body must not be taken for the next request."""
    for i in range(50):
        assert server.post(b'{"msg": "x"}' * 1000, {"Content-Type": "text/plain"}).status_code == 415
        assert server.request("PUT", LOG, data=b"y" * 20000).status_code == 405
        assert server.post({"msg": f"between refusals {i}"}).json() == {"status": True}
    found = [line for line in server.lines("info.log") if "between refusals" in line]
    assert [line.rpartition(" ")[2] for line in found] == [str(i) for i in range(50)]


# --- 413 ---


@pytest.fixture(scope="module")
def small(start_module_server):
    return start_module_server(MAX_BODY_BYTES=2000)


def sized(size):
    frame = b'{"msg": ""}'
    return frame[:-2] + b"x" * (size - len(frame)) + frame[-2:]


def test_body_of_the_limit(small):
    assert small.post(sized(2000)).json() == {"status": True}


@pytest.mark.parametrize("size", [2001, 5000, 3_000_000])
def test_body_over_the_limit(small, size):
    before = files(small)
    assert_error(small.post(sized(size)), 413)
    assert files(small) == before


def test_chunked_body_over_the_limit(small):
    before = files(small)
    parts = [sized(2500)[i:i + 500] for i in range(0, 2500, 500)]
    assert_error(small.request("POST", LOG, data=iter(parts), headers=JSON), 413)
    assert files(small) == before


# --- 503 ---


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of its own with 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    # Lazily: a server that failed its test may still be in it.
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_disk_full(tiny_disk, start_server):
    server = start_server(LOG_FOLDER=tiny_disk / "logs", LOG_FORMAT="%(message)s")
    filler = tiny_disk / "filler"
    written = 0

    # Until it is full, what was answered 200 is there, whole.
    while (answer := server.post({"msg": f"{written:06}" + "x" * 9000})).status_code == 200:
        written += 1
        assert written < 100
    assert_error(answer, 503)
    assert answer.headers["Retry-After"] == "1"
    lines = server.lines("info.log")
    assert [line[:6] for line in lines] == [f"{i:06}" for i in range(written)]
    assert all(len(line) == 9006 for line in lines) and server.read("info.log").endswith("\n")

    # A batch is refused as a whole.
    assert_error(server.post([{"msg": "y" * 9000}] * 5), 503)
    assert server.lines("info.log") == lines

    # Completely full: the health of it says so, and it recovers by itself when there is room.
    with open(filler, "wb", buffering=0) as f:
        try:
            while f.write(b"z" * 1024):
                pass
        except OSError:
            pass
    assert_error(server.post({"msg": "a" * 9000}), 503)
    filler.unlink()
    os.truncate(server.folder / "info.log", 0)
    wait_for(lambda: server.post({"msg": "there is room again"}).status_code == 200, "it writes again")
    assert server.lines("info.log")[-1] == "there is room again"
    wait_for(server.healthy, "its health is good again")
