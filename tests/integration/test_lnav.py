"""doc/lnav-format.json, with the real lnav."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from server import TREE, wait_for

pytestmark = pytest.mark.skipif(shutil.which("lnav") is None, reason="lnav is not installed")

RECORDS = [
    {"msg": "connected: %s", "args": ["a:b c"], "levelname": "INFO", "levelno": 20, "name": "app.db", "created": 1795387123.048},
    {"msg": "failed", "levelname": "INFO", "levelno": 20, "created": 1795387124.5, "exc_text": "Traceback\n  at x: y"},
    {"msg": "", "levelname": "NOTICE", "levelno": 25, "name": "app", "created": 1795387125.0},
    {"msg": "as curl sends it", "levelname": "INFO"},
]


def ask(home: Path, query: str, file: Path) -> list[dict[str, object]]:
    """What lnav answers, as a new user would have it: the format is installed as doc/ says."""
    env = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "TERM": "xterm", "TZ": "UTC"}
    home.mkdir(exist_ok=True)
    subprocess.run(["lnav", "-i", TREE / "doc/lnav-format.json"], env=env, check=True, stdout=subprocess.PIPE, timeout=60)
    answer = subprocess.run(
        ["lnav", "-n", "-c", f";{query}", "-c", ":write-json-to -", file],
        env=env, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )
    assert not answer.stderr, answer.stderr
    return json.loads(answer.stdout)


def test_lnav_reads_the_default_format(start_server, tmp_path: Path) -> None:
    server = start_server()
    assert server.post(RECORDS).status_code == 200
    rows = ask(tmp_path / "home", "select log_time, log_level, logger, log_body from pbu_log", server.folder / "info.log")
    assert [(r["log_level"], r["logger"], r["log_body"]) for r in rows] == [
        ("info", "app.db", "connected: a:b c"),
        ("info", "root", "failed\n\tTraceback\n\t  at x: y"),
        ("info", "app", ""),
        ("info", "root", "as curl sends it"),
    ]
    assert [r["log_time"] for r in rows[:3]] == ["2026-11-22 22:38:43.048", "2026-11-22 22:38:44.500", "2026-11-22 22:38:45.000"]


def test_lnav_knows_the_levels(start_server, tmp_path: Path) -> None:
    server = start_server(ENABLED_LOG_LEVELS="DEBUG")
    levels = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50, "SUCCESS": 25, "ALERT": 50}
    assert server.post([{"msg": "m", "levelname": name, "levelno": n} for name, n in levels.items()] + [{"msg": "m", "levelno": 45}]).status_code == 200
    wait_for(lambda: len(server.lines("debug.log")) == len(levels) + 1, "all are written")
    rows = ask(tmp_path / "home", "select log_level from pbu_log", server.folder / "debug.log")
    assert [r["log_level"] for r in rows] == ["debug", "info", "warning", "error", "critical", "info", "critical", "error"]


def test_lnav_reads_json(start_server, tmp_path: Path) -> None:
    server = start_server(LOG_FORMAT="json")
    assert server.post([*RECORDS, {"msg": "%d", "args": [5], "levelname": "ERROR", "levelno": 20}]).status_code == 200
    rows = ask(tmp_path / "home", "select log_time, log_level, name, log_body, exc_text from pbu_log_json", server.folder / "info.log")
    assert [(r["log_level"], r["name"], r["log_body"], r["exc_text"]) for r in rows] == [
        ("info", "app.db", "connected: a:b c", None),
        ("info", None, "failed", "Traceback\n  at x: y"),
        ("info", "app", "", None),
        ("info", None, "as curl sends it", None),
        ("error", None, "5", None),
    ]
    received = [json.loads(line)["received"] for line in server.lines("info.log")]
    assert [str(r["log_time"]).replace(" ", "T") + "Z" for r in rows] == received
