"""Rows: what they show, how far they go, what folds out; only those in sight are in the document."""

import re
import time

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from fake_entries import TRACE, Entry, entry, made_up

NOON = 1_795_600_000_123  # 2026-11-25 10:26:40.123 in Berlin


def test_what_curl_sends_is_shown_without_a_reload(page, server):
    page.open(server.url).is_live()
    page.js("window.notReloaded = true")
    answer = server.post({"msg": "hello page", "levelname": "INFO", "name": "app.db"})
    assert answer.status_code == 200, answer.text
    page.first_is("hello page")
    row = page.rows[0]
    assert (row["level"], row["logger"]) == ("INFO", "app.db")
    assert page.js("return window.notReloaded")


def test_a_row(page, start_reader):
    now = int(time.time() * 1000)
    e = entry(now, "ERROR", "app.db", "could not connect", TRACE)
    reader = start_reader([e])
    page.open(reader.url)
    row = page.has_rows()[0]
    # Milliseconds, and the time of the browser's zone: not that of the file.
    assert re.fullmatch(r"\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", row["time"])
    assert row["time"].endswith(f".{now % 1000:03d}")
    assert (row["level"], row["logger"], row["message"]) == ("ERROR", "app.db", "could not connect")
    assert "+6" in page.find("#slice .more:not([hidden])").text


def test_a_trace_folds_out(page, start_reader):
    reader = start_reader([entry(int(time.time() * 1000), "ERROR", "app.db", "no", TRACE)])
    page.open(reader.url)
    page.has_rows()
    page.click("#slice .fold")
    row = page.wait(lambda: page.rows[0]["open"] and page.rows[0], "folded out")
    assert row["text"] == reader.entries[0].text
    assert page.find("#slice .fold").get_attribute("aria-expanded") == "true"
    page.click("#slice .fold")
    page.wait(lambda: not page.rows[0]["open"], "folded in")
    # A click anywhere on the row does it, too.
    page.click("#slice .message")
    page.wait(lambda: page.rows[0]["open"], "folded out")


@pytest.mark.slow
def test_more_on_scrolling_to_the_end(page, start_reader):
    reader = start_reader(made_up(2600))
    page.open(reader.url)
    page.has_rows(20)
    expected = [f"row-{e.cursor}" for e in reversed(reader.entries)]
    seen: list[str] = []
    for _ in range(400):
        rows = [row["id"] for row in page.rows]
        seen += [row for row in rows if row not in seen[-120:]]
        assert len(rows) < 80, "rows out of sight are in the document"
        if page.js("const s = document.querySelector('#scroller'); return s.scrollTop + s.clientHeight >= s.scrollHeight - 1"):
            if "That is all" in page.text:
                break
        page.js("document.querySelector('#scroller').scrollTop += 560")
        page.frames()
    assert seen == expected
    limits = [p["limit"] for _, path, p in reader.requests if path == "/api/log/query"]
    assert len(limits) > 3


@pytest.mark.slow
def test_the_answer_is_cut_off_and_taken_up_again(page, start_reader):
    reader = start_reader(made_up(300))
    reader.faults.cut_after, reader.faults.slow = 120, 0.001
    page.open(reader.url)
    page.has_rows(20)
    page.scroll("end")
    page.wait(lambda: "No answer" in page.text, "it is told")
    reader.faults.cut_after, reader.faults.slow = None, 0
    page.press("Try again", "#foot")
    page.wait(lambda: "300 entries" in page.status, "all are there, each once")
    # (The list has its height a frame later.)
    page.wait(lambda: page.scroll("end") or page.messages[-1:] == [reader.entries[0].message], "down to the first")


@pytest.mark.slow
def test_wrap(page, start_reader):
    long = "word " * 200
    reader = start_reader([entry(int(time.time() * 1000) - i, "INFO", "a", f"{i} {long}") for i in range(300, 0, -1)])
    page.open(reader.url)
    page.has_rows(20)
    height = page.js("return document.querySelector('#slice .row').offsetHeight")
    page.press("Wrap")
    page.wait(lambda: page.js("return document.querySelector('#slice .row').offsetHeight") > 2 * height, "wrapped")
    assert page.address == {"wrap": "1"}
    # Heights are not known before they are seen: going up and down ends where it began.
    page.scroll("4000")
    page.wait(lambda: page.js("return document.querySelector('#scroller').scrollTop") > 3000, "scrolled")
    page.scroll("0")
    page.wait(lambda: page.rows and page.messages[0].startswith("1 word"), "the first again")
    assert page.rows[0]["top"] == page.js("return document.querySelector('#scroller').getBoundingClientRect().top")
    page.press("Wrap")
    page.wait(lambda: page.js("return document.querySelector('#slice .row').offsetHeight") == height, "not wrapped")


@pytest.mark.slow
def test_what_log_format_does_not_hold(page, start_reader):
    now = int(time.time() * 1000)
    bare = Entry(now, "WARNING", None, None, "just this line\nand this")
    reader = start_reader([bare])
    page.open(reader.url)
    row = page.has_rows()[0]
    assert (row["level"], row["logger"], row["message"]) == ("WARNING", "", "just this line")


@pytest.mark.slow
def test_an_entry_of_many_mib(page, start_reader):
    now = int(time.time() * 1000)
    big = "x" * (15 << 20)
    reader = start_reader([entry(now - i, "INFO", "a", f"{i}" + big) for i in range(3)])
    reader.entries.append(entry(now, "INFO", "a", "many lines", "\n  line" * 1_000_000))
    reader.entries[-1].number = 3
    page.open(reader.url)
    page.has_rows(4)
    assert page.js("return document.body.innerText.length") < 20_000
    page.click("#slice .fold")
    page.wait(lambda: page.rows[0]["open"], "folded out")
    assert page.js("return document.body.innerText.length") < 100_000
    page.press("Copy", ".detail")
    page.is_told("Entry copied")
    assert page.driver.execute_async_script(
        "const done = arguments[0]; navigator.clipboard.readText().then((t) => done(t.length))") == len(reader.entries[-1].text) + 1


@pytest.mark.slow
def test_a_logger_is_kept_or_left_out(page, start_reader):
    reader = start_reader(made_up(400))
    page.open(reader.url)
    row = next(i for i, r in enumerate(page.has_rows(20)) if r["logger"] == "app.db")
    page.all("#slice .logger .name")[row].click()
    page.press("Only app.db", ".popup")
    page.wait(lambda: page.address.get("q") == "logger:app.db", "it is in the address")
    page.wait(lambda: page.rows and {r["logger"] for r in page.rows} <= {"app.db", "app.db.pool"}, "only these")
    page.settled()
    page.all("#slice .logger .name")[0].click()
    name = page.find(".popup .leave").text.removeprefix("Without ")
    page.click(".popup .leave")
    page.wait(lambda: page.rows and name not in {r["logger"] for r in page.rows}, "not this one")


@pytest.mark.slow
def test_text_can_be_selected_in_a_row(page, start_reader):
    reader = start_reader(made_up(30))
    page.open(reader.url)
    page.has_rows(10)
    message = page.all("#slice .message")[2]
    ActionChains(page.driver).move_to_element_with_offset(message, -message.size["width"] // 2 + 10, 0).double_click().perform()
    assert page.js("return String(getSelection())").strip()
