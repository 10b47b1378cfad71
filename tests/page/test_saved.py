"""Saved queries."""

import pytest

from fake_entries import made_up


@pytest.mark.slow
def test_saved_queries(page, start_reader):
    reader = start_reader(made_up(100))
    page.open(reader.url, "?q=placed&level=INFO&start=-6h").settled()
    page.click("#saved")
    box = page.wait(lambda: page.find("#saved-name"), "the popup")
    assert box.get_attribute("value") == "placed"
    box.clear()
    box.send_keys("Orders <b>of today</b>\ue007")
    page.wait(lambda: page.all(".saved .open"), "saved")
    page.open(reader.url).settled()
    page.click("#saved")
    page.press("Orders <b>of today</b>", ".popup")
    page.wait(lambda: page.address == {"q": "placed", "level": "INFO", "start": "-6h"}, "all of it again")
    assert page.find("#q").get_attribute("value") == "placed"
    page.click("#saved")
    page.press("Remove Orders <b>of today</b>", ".popup")
    page.wait(lambda: "None yet" in page.find(".saved").text, "removed")


@pytest.mark.slow
def test_what_is_stored_may_be_anything(page, start_reader):
    reader = start_reader(made_up(10))
    page.open(reader.url).settled()
    for stored in ("{", "null", '[1, {"name": 2}]', '{"a": []}'):
        page.js("localStorage.setItem('pbu-log.saved', arguments[0])", stored)
        page.open(reader.url).settled()
        page.click("#saved")
        page.wait(lambda: "None yet" in page.find(".saved").text, "none")
