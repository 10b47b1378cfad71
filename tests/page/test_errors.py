"""Errors and empty answers, in words."""

import time

import pytest

from fake_entries import entry, made_up


@pytest.mark.slow
def test_nothing_found(page, start_reader):
    page.open(start_reader(made_up(30)).url, "?q=nosuch&level=ERROR").settled()
    notice = page.notice
    assert "Nothing found" in notice and "nosuch" in notice and "ERROR" in notice and "KiB scanned" in notice
    page.press("Without the search", "#notice")
    page.wait(lambda: "q" not in page.address, "without")
    page.press("All levels", "#notice") if page.notice else None
    page.open(page.driver.current_url.split("?")[0], "?start=-15m").settled()


@pytest.mark.slow
def test_nothing_in_the_range(page, start_reader):
    old = int((time.time() - 40 * 3600) * 1000)
    reader = start_reader([entry(old, "INFO", "a", "old")])
    page.open(reader.url).settled()
    assert "What is written from now on" in page.notice
    page.press("All time", "#notice")
    page.first_is("old")
    page.driver.back()
    page.wait(lambda: "Nothing found" in page.notice, "back")
    page.is_live()
    reader.add("the first")
    page.first_is("the first")
    assert page.notice == ""


@pytest.mark.slow
def test_no_server(page, start_reader):
    reader = start_reader(made_up(30))
    page.open(reader.url).settled()
    reader.stop()
    page.search("anything")
    page.wait(lambda: "No answer" in page.notice and "The server is away" in page.notice, "told")
    again = start_reader(list(reader.entries), port=reader.port)
    again.add("anything at all")
    # It needs no more than the tail's coming back.
    page.first_is("anything at all")
    page.wait(lambda: "That is all" in page.text, "all of it")
    assert "No answer" not in page.text


@pytest.mark.slow
def test_not_allowed(page, start_reader):
    reader = start_reader(made_up(30))
    reader.faults.status["/api/login-check"] = (403, "reading is closed: set READ_TOKEN or READ_TOKEN_FILE")
    page.open(reader.url)
    page.wait(lambda: "READ_TOKEN_FILE" in page.notice, "which setting")
    reader.faults.status.clear()
    page.press("Try again", "#notice")
    page.has_rows(10)


@pytest.mark.slow
@pytest.mark.parametrize(("status", "words"), [(503, "too many queries at a time"), (502, "the log reader is not there")])
def test_the_servers_words(page, start_reader, status, words):
    reader = start_reader(made_up(30))
    reader.faults.status["/api/log/query"] = (status, words)
    page.open(reader.url)
    page.wait(lambda: words in page.notice.lower(), "its words")
    reader.faults.status.clear()
    page.press("Try again", "#notice")
    page.has_rows(10)


@pytest.mark.slow
def test_the_time_is_over(page, start_reader):
    reader = start_reader(made_up(30))
    reader.faults.deadline_after = 0
    # (A tail that begins late would ask, too.)
    page.open(reader.url, "?live=0")
    page.wait(lambda: "took as long as it may" in page.notice and "scanned" in page.notice, "told")
    reader.faults.deadline_after = None
    page.press("Go on", "#notice")
    page.wait(lambda: len(page.rows) > 10 and not page.notice, "went on")
    assert [p.get("cursor") for _, path, p in reader.requests if path == "/api/log/query"] == [None, "p1e"]


@pytest.mark.slow
def test_it_failed_half_way(page, start_reader):
    reader = start_reader(made_up(30))
    reader.faults.failed = "error.log: Input/output error"
    page.open(reader.url)
    page.wait(lambda: "Input/output error" in page.text, "told")
    reader.faults.failed = None
    page.press("Try again", "#foot")
    page.wait(lambda: "That is all" in page.text, "all")


@pytest.mark.slow
def test_a_file_is_gone(page, start_reader):
    reader = start_reader(made_up(300))
    page.open(reader.url).settled()
    reader.faults.status["/api/log/query"] = (410, "the file of this cursor is gone")
    page.scroll("end")
    page.wait(lambda: "rolled over and removed" in page.find("#foot").text, "told")
    reader.faults.status.clear()
    page.press("Begin anew", "#foot")
    page.wait(lambda: "rolled over and removed" not in page.text and page.rows, "anew")
