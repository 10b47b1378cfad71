"""What a handler can be told, checked when it is made."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Iterable, NamedTuple, Union
from urllib.parse import urlsplit

URL_VARIABLE = "PBU_LOG_SERVER"
TOKEN_VARIABLE = "PBU_LOG_SERVER_AUTH"
API_PATH = "/api/log"

Path = Union[str, "os.PathLike[str]"]


class Url(NamedTuple):
    """One server's address, taken apart."""

    text: str
    tls: bool
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class Settings:
    """Checked; README.md says what each one means."""

    urls: tuple[Url, ...]
    token: str | None
    spool: str | None
    capacity: int
    batch: int
    interval: float
    timeout: float
    shutdown_timeout: float


def make_settings(
    url: str | Iterable[str] | None,
    token: str | None,
    spool: Path | None,
    capacity: int,
    batch: int,
    interval: float,
    timeout: float,
    shutdown_timeout: float,
) -> Settings:
    """Raises ValueError with a sentence that says which setting is wrong, and how."""
    return Settings(
        urls=_urls(url),
        token=_token(token),
        spool=_spool(spool),
        capacity=_count("capacity", capacity),
        batch=_count("batch", batch),
        interval=_seconds("interval", interval, zero=True),
        timeout=_seconds("timeout", timeout, zero=False),
        shutdown_timeout=_seconds("shutdown_timeout", shutdown_timeout, zero=True),
    )


def _urls(url: str | Iterable[str] | None) -> tuple[Url, ...]:
    if url is None:
        url = os.environ.get(URL_VARIABLE, "")
        if not url.strip():
            raise ValueError(f"url is missing: pass it, or set {URL_VARIABLE}")
    texts = url.split(",") if isinstance(url, str) else list(url)
    if not texts:
        raise ValueError("url is an empty list: at least one is needed")
    return tuple(_url(text) for text in texts)


def _url(text: object) -> Url:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"url must be http://host:port or https://host:port, not {text!r}")
    text = text.strip()

    def wrong(why: str) -> ValueError:
        return ValueError(f"url {text!r} {why}")

    if any(c <= " " or c >= "\x7f" for c in text):
        raise wrong("has a character that an address can't have: write it as %20 does")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as e:
        raise wrong(f"can't be read: {e}") from None
    if parts.scheme not in ("http", "https"):
        raise wrong("must begin with http:// or https://")
    if not parts.hostname:
        raise wrong("names no host")
    if parts.username is not None or parts.password is not None:
        raise wrong("has a user in it: the token has an argument of its own")
    if parts.query or parts.fragment:
        raise wrong("must end with its path, without ? or #")
    tls = parts.scheme == "https"
    path = parts.path.rstrip("/")
    if not path.endswith(API_PATH):
        path += API_PATH
    return Url(text, tls, parts.hostname, port if port is not None else 443 if tls else 80, path)


def _token(token: str | None) -> str | None:
    if token is None:
        token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        return None
    if not isinstance(token, str):
        raise ValueError(f"token must be a string, not {type(token).__name__}")
    if any(not "\x20" < c < "\x7f" for c in token):
        # The token itself is not shown: this may end up in a log.
        raise ValueError("token has white space or another character that a header can't have")
    return token


def _spool(spool: Path | None) -> str | None:
    if spool is None:
        return None
    try:
        folder = os.fspath(spool)
    except TypeError:
        raise ValueError(f"spool must be a folder's name, not {spool!r}") from None
    if not isinstance(folder, str) or not folder or "\0" in folder:
        raise ValueError(f"spool must be a folder's name, not {spool!r}")
    # The program may change its working folder later.
    folder = os.path.abspath(folder)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ValueError(f"spool {folder!r} is no folder")
    return folder


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number from 1, not {value!r}")
    return value


def _seconds(name: str, value: float, *, zero: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number of seconds, not {value!r}")
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero) or value > 86400:
        least = "from 0" if zero else "above 0"
        raise ValueError(f"{name} must be a number of seconds {least}, up to a day, not {value!r}")
    return float(value)
