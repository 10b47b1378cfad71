"""The context of a hit, and a link to it."""

import time

import pytest

from fake_entries import made_up


@pytest.mark.slow
def test_context_and_link(page, start_reader):
    reader = start_reader(made_up(400))
    page.open(reader.url, "?q=placed").settled()
    page.focus_list()
    page.key("j", "j", "j")
    row = page.wait(lambda: page.active, "active")
    page.key("\ue007")
    page.press("Context", ".detail")
    page.wait(lambda: page.all("#context .here"), "the entry in its context")
    shown = page.js("return [...document.querySelectorAll('#context .row')].map((r) => r.querySelector('.message').textContent)")
    here = page.js("return [...document.querySelectorAll('#context .row')].findIndex((r) => r.classList.contains('here'))")
    number = int(row["id"].rpartition(".")[2], 16)
    assert shown == [e.message for e in reader.entries[number - here:number - here + len(shown)]]
    assert here == 20
    page.press("Earlier", "#context")
    page.wait(lambda: len(page.all("#context .row")) > len(shown), "more")
    # The address of this is the link to the entry.
    assert page.address["at"] == row["id"].removeprefix("row-")
    link = page.driver.current_url
    page.open("about:blank", "")
    page.driver.get(link)
    page.wait(lambda: page.all("#context .here"), "the link shows it")
    assert page.find("#context .here .message").text == row["message"]
    page.press("Show in the list", "#context")
    page.wait(lambda: (page.active or {}).get("message") == row["message"], "in the list")
    assert "at" not in page.address


@pytest.mark.slow
def test_its_file_is_gone(page, start_reader):
    reader = start_reader(made_up(40))
    page.open(reader.url, "?at=e1.0.ffff")
    page.wait(lambda: "is gone" in page.find("#context").text, "told")
    page.press("Close", "#context")
    page.wait(lambda: not page.all("#context[open]"), "closed")
    page.has_rows(10)


def test_context_of_the_real_server(page, server):
    now = int(time.time()) - 60
    for i in range(30):
        level = "ERROR" if i == 15 else "INFO"
        # Of the same millisecond, INFO comes before ERROR.
        record = {"msg": f"context {i}", "levelname": level, "name": "c", "created": now + i}
        assert server.post(record).status_code == 200
    page.open(server.url, "?q=%22context+15%22")
    page.first_is("context 15")
    page.focus_list()
    page.key("j", "o")
    page.wait(lambda: page.all("#context .here"), "the entry in its context")
    shown = page.js("return [...document.querySelectorAll('#context .message')].map((m) => m.textContent)")
    assert [m for m in shown if m.startswith("context")] == [f"context {i}" for i in range(30)]
