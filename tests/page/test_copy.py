"""What is copied: an entry, several, a grep that finds them; and the download."""

import subprocess
import time

import pytest
import requests

from fake_entries import TRACE, entry, made_up


def copied(page):
    page.is_told("Entry copied")
    return page.clipboard


@pytest.mark.slow
def test_an_entry_and_several(page, start_reader):
    reader = start_reader([*made_up(30), entry(int(time.time() * 1000), "ERROR", "a", "trace", TRACE)])
    page.open(reader.url).settled()
    page.key("j", "c")
    assert copied(page) == reader.entries[-1].text + "\n"
    page.key("m", "j", "j", "m")
    page.wait(lambda: page.find("#chosen").text.startswith("2 marked"), "marked")
    page.press("Copy", "#chosen")
    page.is_told("2 entries copied")
    # In the order in which they were written.
    assert page.clipboard == reader.entries[-3].text + "\n" + reader.entries[-1].text + "\n"
    page.press("Clear", "#chosen")
    page.wait(lambda: not page.find("#chosen").is_displayed(), "none")


@pytest.mark.slow
def test_over_plain_http_from_elsewhere(page, start_reader):
    """The browser gives no clipboard there; copying works all the same."""
    reader = start_reader(made_up(30))
    page.open(reader.url).settled()
    page.js("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    page.key("j", "c")
    page.is_told("Entry copied")
    page.js("delete navigator.clipboard")
    assert page.clipboard == reader.entries[-1].text + "\n"
    assert page.js("return document.activeElement.classList.contains('active')"), "the focus is where it was"


def test_grep_finds_them(page, server):
    words = ["it's \"quoted\" $HOME `id` \\", "-e dash * [a] .log", "Ünïcödé 漢字", "tab\there", "two\nlines", "esc \x1b[31m red",
             "plain"]
    for word in words:
        assert server.post({"msg": f"grep me {word}", "levelname": "ERROR", "name": "g"}).status_code == 200
    page.open(server.url, "?q=%22grep+me%22")
    page.wait(lambda: len(page.rows) == len(words), "all")
    page.focus_list()
    for _ in words:
        page.key("j", "m")
    page.shift("C")
    page.is_told(f"{len(words)} entries copied")
    command = page.clipboard
    assert "\n" not in command
    found = subprocess.run(["bash", "-c", command], cwd=server.folder, capture_output=True, check=True).stdout
    lines = server.read_bytes("error.log").split(b"\n")
    assert [line for line in lines if b"grep me" in line or line.strip() == b"lines"] == found.rstrip(b"\n").split(b"\n")


def test_download_of_exactly_the_selection(page, server):
    for i in range(5):
        assert server.post({"msg": f"load {i % 2}", "levelname": "WARNING", "name": "d"}).status_code == 200
    page.open(server.url, "?q=%22load+1%22&level=WARNING").settled()
    answer = requests.get(page.find("#download").get_attribute("href"), timeout=10)
    assert [line.partition("load ")[2] for line in answer.text.splitlines()] == ["1", "1"]
