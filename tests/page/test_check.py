"""The page as files: types, size, nothing from elsewhere, no way for a text to become markup."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import requests

TREE = Path(__file__).resolve().parents[2]
PAGE = TREE / "page"
FILES = sorted(PAGE.iterdir())
NPM = TREE / os.environ.get("BUILD_DIR", "build") / "npm"


def test_size(server):
    """At most 40 kB in all, as nginx sends the files."""
    sent = {}
    for file in FILES:
        with requests.get(f"{server.url}/" if file.name == "index.html" else f"{server.url}/page/{file.name}",
                          headers={"Accept-Encoding": "gzip"}, stream=True, timeout=10) as answer:
            assert answer.status_code == 200, file.name
            sent[file.name] = len(answer.raw.read(decode_content=False))
    assert sum(sent.values()) < 40_000, sent


def test_text_stays_text():
    """Trusted Types would stop these; here they are not even tried."""
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|srcdoc|\beval\(|new Function|"
                      r"setAttribute\('(on|style|href|src)|\s(on\w+|style)=\"")
    for file in FILES:
        assert not ways.search(file.read_text()), file.name


def test_nothing_from_elsewhere():
    for file in FILES:
        addresses = set(re.findall(r"https?://[^\s'\"]+", file.read_text())) - {"http://www.w3.org/2000/svg"}
        assert not addresses, file.name


@pytest.mark.slow
def test_types():
    check = subprocess.run(["node", NPM / "typescript/bin/tsc", "-p", TREE / "tests/page/tsconfig.json"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
