from __future__ import annotations

import logging
import logging.config
from typing import Any

import pytest

from fake_server import FakeServer
from pbu_log_handler import LogServerHandler

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"url": ""}, "url must be"),
        ({"url": []}, "empty list"),
        ({"url": "127.0.0.1:4999"}, "must begin with http"),
        ({"url": "ftp://x"}, "must begin with http"),
        ({"url": "http://"}, "names no host"),
        ({"url": "http://u:p@x"}, "has a user"),
        ({"url": "http://x/?a=1"}, "without ? or #"),
        ({"url": "http://x:99999"}, "can't be read"),
        ({"url": "http://x y"}, "a character"),
        ({"url": f"{URL},"}, "url must be"),
        ({"url": [1]}, "url must be"),
        ({"token": "a b"}, "token has white space"),
        ({"token": "a\r\nX: y"}, "token has white space"),
        ({"token": 1}, "token must be a string"),
        ({"spool": 1}, "spool must be"),
        ({"spool": ""}, "spool must be"),
        ({"spool": __file__}, "is no folder"),
        ({"capacity": 0}, "capacity must be"),
        ({"capacity": True}, "capacity must be"),
        ({"batch": 1.5}, "batch must be"),
        ({"interval": -1}, "interval must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": float("nan")}, "timeout must be"),
        ({"shutdown_timeout": "2"}, "shutdown_timeout must be"),
    ],
)
def test_wrong_settings_say_what_is_wrong(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError) as error:
        LogServerHandler(**{"url": URL, **settings})
    assert says in str(error.value)
    if "token" in settings:
        assert str(settings["token"]) not in str(error.value)


def test_no_url() -> None:
    with pytest.raises(ValueError, match="PBU_LOG_SERVER"):
        LogServerHandler()


def test_environment(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBU_LOG_SERVER", server.url)
    monkeypatch.setenv("PBU_LOG_SERVER_AUTH", "secret")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    handler = LogServerHandler(shutdown_timeout=30)
    handler.handle(logging.makeLogRecord({"msg": "x"}))
    handler.close()
    assert server.messages() == ["x"]
    assert server.requests[0].headers["authorization"] == "secret"
    assert server.requests[0].path == "/api/log"


@pytest.mark.parametrize(
    "path, asked", [("", "/api/log"), ("/", "/api/log"), ("/logs", "/logs/api/log"), ("/logs/api/log", "/logs/api/log")]
)
def test_paths(server: FakeServer, path: str, asked: str) -> None:
    handler = LogServerHandler(server.url + path, shutdown_timeout=30)
    handler.handle(logging.makeLogRecord({"msg": "x"}))
    handler.close()
    assert server.requests[0].path == asked


def test_dict_config(server: FakeServer, tmp_path: Any) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "server": {
                    "class": "pbu_log_handler.LogServerHandler",
                    "level": "WARNING",
                    "url": server.url,
                    "token": "t",
                    "spool": str(tmp_path),
                    "capacity": 100,
                    "batch": 10,
                    "interval": 0.01,
                    "timeout": 5,
                    "shutdown_timeout": 2,
                }
            },
            "loggers": {"configured": {"handlers": ["server"], "level": "DEBUG", "propagate": False}},
        }
    )
    log = logging.getLogger("configured")
    log.info("no")
    log.warning("yes %s", 1)
    assert log.handlers[0].flush(20)  # type: ignore[call-arg,func-returns-value]
    assert server.messages() == ["yes 1"]
    log.handlers[0].close()
    log.handlers.clear()
