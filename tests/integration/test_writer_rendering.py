"""What pbu-log-writer writes is, byte for byte, what the server writes that takes the same records without Kafka.

The same bodies go to a server with LOG_FORMAT, and to one that publishes them; a writer with that LOG_FORMAT reads the topic. PBU_SEED
repeats a run (the seed is printed), PBU_RECORDS says how many random records there are.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_differential import FORMATS, SEED, Generator
from writing import Writer

from kafka import Cluster, has_kafka
from server import ALL_LEVELS, TREE, Server

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(not has_kafka(), reason="built without Kafka")]

FILES = ("debug.log", "info.log", "warning.log", "error.log")
TOPIC = "rendering"
# A partition of the mock brokers keeps 5 MiB.
RECORDS = min(int(os.environ.get("PBU_RECORDS") or 1000), 3000)

# What names other fields, beside those of the random records.
MORE_FORMATS = [
    ("json", None),
    ("%(remote_addr)s %(message)s", None),
    ("%(created)s %(msecs)s %(levelno)d %(levelname)s %(name)r %(funcName)s:%(lineno)s %(pathname)s %(threadName)s %(process)s %(user)s %(k)r %(event)s|%(message)s", None),
    ("%(level)s %(timestamp)s %(exception)s %(extra)r %(text)s %(record)s %(received).0s %(message)s", None),
]

# As structlog, loguru and others send them, and what is between those and a LogRecord.
FOREIGN: list[dict[str, Any]] = [
    {"event": "hello", "user": 42, "k": [1, {"a": None}], "logger": "app", "level": "warning", "timestamp": "2026-11-24T08:21:46.035123Z"},
    {"event": "hello", "k": float("nan"), "level": "info", "timestamp": 1795508506.035},
    {"event": "pair", "k": {"x": float("-inf")}, "exc_info": True, "levelname": None, "level": 25, "created": None, "time": 1795508506491},
    {"event": "e", "message": "e", "k": "v", "created": 1.5},
    {"event": "e", "k": "a b", "message": "e", "timestamp": 1795508506},
    {"event": {"nested": [True]}, "name": "n", "timestamp": "2026-11-24 08:21:46,035", "exception": "Traceback\n  x"},
    {"event": "e", "exception": [{"exc_type": "E", "exc_value": "v", "frames": [{"filename": "f", "lineno": 1, "name": "g"}]}], "timestamp": 1795508506},
    {"text": "2026 | hello\nTraceback", "record": {"message": "hello", "name": "n", "level": {"name": "SUCCESS", "no": 25}, "function": "f",
     "line": 3, "time": {"timestamp": 1795508506.5, "repr": "2026-11-24 08:21:46.500000+00:00"}, "extra": {"user": 1},
     "thread": {"id": 1, "name": "T"}, "exception": {"type": "E", "value": "v", "traceback": True}}},
    {"text": "t", "levelname": "ODD", "record": {"message": "m", "level": {"name": "ODD", "no": 45}, "time": {"timestamp": 1795508506.5}}},
    {"msg": "m", "levelno": 30, "timestamp": 1795508506.035, "exception": "Traceback", "logger": "l"},
    {"msg": "m", "args": ["x"], "level": "error", "created": 1795508506.5, "func": "f", "function": "g"},
    {"message": "m", "level": "critical", "@timestamp": "2026-11-24T08:21:46.035Z", "log": {"level": "debug", "logger": "z"}},
    {"message": 5, "name": None, "logger": "l", "timestamp": 1795508506, "severity": 3},
    {"message": ["a", 1.50], "levelno": 20, "msg": "x", "created": 1795508506},
    {"msg": "%s %r", "args": [float("nan"), float("inf")], "levelno": 20, "created": 1795508506.1, "user": float("nan")},
    {"msg": "too few %s %s", "args": ["x"], "levelno": 20, "created": 1795508506.1, "k": "NaN"},
    {"msg": "quotes \"NaN\" and \\\"NaN\\\"", "NaN": 1, "k": {"NaN": float("nan"), "x": "a\"NaN"}, "levelno": 20, "created": 1795508506.1},
    {"msg": "m", "created": 1795508506.1, "levelno": 20, "remote_addr": "6.6.6.6", "received": "never"},
    {"msg": "\ud800 \x00 \u2028", "name": "\udcff", "levelno": 40, "created": 1795508506.1, "extra": {"k": "in extra"}},
    {"msg": "big", "levelno": 10**30, "created": 1795508506.1, "k": 10**30},
    {"msg": "m", "levelno": 20, "created": 1795508506.1, "message": None, "stack_info": ["a", "b"], "exc_text": "E", "trace": ["t", 1]},
]


def shared_records() -> list[dict[str, Any]]:
    found = []
    for path in sorted((TREE / "tests/records").glob("*.jsonl")):
        if ".expected" not in path.name:
            found += [json.loads(row) for row in path.read_text().splitlines()]
    return found


def all_records() -> list[dict[str, Any]]:
    generator = Generator(SEED)
    made = [json.loads(json.dumps(generator.record())) for _ in range(RECORDS)]
    return FOREIGN + shared_records() + made


def post(server: Server, records: list[dict[str, Any]]) -> None:
    for at in range(0, len(records), 200):
        answer = server.post(records[at:at + 200])
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def published(start_module_server: Callable[..., Server]) -> Iterator[tuple[Cluster, list[dict[str, Any]]]]:
    """All records, in a topic of one partition, so that their order is that of the requests."""
    print(f"PBU_SEED={SEED}")
    records = all_records()
    with Cluster(brokers=1, topics={TOPIC: 1}) as cluster:
        server = start_module_server(KAFKA_BROKERS=cluster.brokers, KAFKA_TOPIC=TOPIC)
        post(server, records)
        server.stop()
        yield cluster, records


def entries(text: str) -> list[str]:
    return re.split(r"\n(?!\t)", text)


@pytest.mark.parametrize("number", range(len(FORMATS) + len(MORE_FORMATS)))
def test_the_writer_writes_what_the_server_writes(
        published: tuple[Cluster, list[dict[str, Any]]], start_server: Callable[..., Server], tmp_path: Path, number: int) -> None:
    cluster, records = published
    fmt, datefmt = (FORMATS + MORE_FORMATS)[number]
    fmt = fmt or Generator(SEED).log_format()
    server = start_server(LOG_FORMAT=fmt, LOG_DATE_FORMAT=datefmt)
    post(server, records)
    with Writer(tmp_path, cluster, KAFKA_TOPIC=TOPIC, KAFKA_GROUP=f"rendering-{number}", LOG_FORMAT=fmt, LOG_DATE_FORMAT=datefmt,
                ENABLED_LOG_LEVELS=ALL_LEVELS) as writer:
        writer.wait_until_read({0: len(records)})
        assert "rejected.log" not in os.listdir(writer.folder), writer.text("rejected.log")
        writer.stop()
        for name in FILES:
            expected, written = server.read(name), writer.text(name)
            if fmt == "json":  # they came at another time
                expected, written = (re.sub(r'"received":"[^"]*"}\n', "}\n", text) for text in (expected, written))
            if expected != written:
                pairs = zip(entries(expected), entries(written), strict=False)
                different = [f"server: {a!r}\nwriter: {b!r}" for a, b in pairs if a != b]
                pytest.fail(f"{name}, LOG_FORMAT={fmt!r}, PBU_SEED={SEED} repeats it:\n" + "\n".join(different[:5]))


def test_a_record_without_a_time_has_that_of_its_arrival(
        start_module_server: Callable[..., Server], tmp_path: Path) -> None:
    """At the server, and not at the writer."""
    with Cluster(brokers=1, topics={TOPIC: 1}) as cluster:
        server = start_module_server(KAFKA_BROKERS=cluster.brokers, KAFKA_TOPIC=TOPIC)
        assert server.post([{"msg": "a"}, {"event": "b", "k": 1}]).status_code == 200
        server.stop()
        received = [json.loads(message.value or b"")["received"] for message in cluster.read(TOPIC)]
        # One that was published by others, and says nothing: when the topic got it.
        cluster.produce(TOPIC, 0, b"", b'{"msg": "c"}')
        with Writer(tmp_path, cluster, KAFKA_TOPIC=TOPIC, LOG_DATE_FORMAT="%Y-%m-%dT%H:%M:%S",
                    LOG_FORMAT="%(asctime)s %(received)s %(levelname)s:%(name)s %(remote_addr)s %(message)s") as writer:
            lines = writer.wait_for_lines("info.log", 3)
            writer.stop()
    assert lines[0] == f"{received[0][:19]} {received[0]} INFO:root 127.0.0.1 a"
    assert lines[1] == f"{received[1][:19]} {received[1]} INFO:root 127.0.0.1 b k=1"
    assert lines[2].endswith(" INFO:root - c") and lines[2][20:40] >= received[1][:20]
