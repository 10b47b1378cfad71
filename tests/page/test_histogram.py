"""The histogram: by level, brushed to zoom, filled in while the scan goes on, cancelled."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from fake_entries import made_up


def bars(page):
    return page.js("return [...document.querySelectorAll('#histogram rect')].map((r) => r.getAttribute('class'))")


@pytest.mark.slow
def test_it_is_drawn_by_level_and_brushed(page, start_reader):
    reader = start_reader(made_up(800))
    page.open(reader.url).settled()
    page.wait(lambda: set(bars(page)) == {"ERROR", "WARNING", "INFO", "DEBUG"}, "bars")
    plot = page.find(".plot")
    ActionChains(page.driver, duration=20).move_to_element_with_offset(plot, -100, 0).click_and_hold().move_by_offset(200, 0).perform()
    page.wait(lambda: " to " in page.find(".readout").text and "entr" not in page.find(".readout").text, "what is brushed is told")
    ActionChains(page.driver, duration=20).release().perform()
    page.wait(lambda: "start" in page.address and "end" in page.address, "zoomed")
    page.settled()
    asked = [p for _, path, p in reader.requests if path == "/api/log/hits"][-1]
    assert asked["start"] == page.address["start"] and asked["end"] == page.address["end"]
    page.driver.back()
    page.wait(lambda: page.address == {}, "back")
    # Levels that are not wanted are not drawn.
    page.settled()
    page.click("#levels .ERROR")
    page.wait(lambda: set(bars(page)) == {"ERROR"}, "errors only")


@pytest.mark.slow
def test_by_keyboard(page, start_reader):
    reader = start_reader(made_up(800))
    page.open(reader.url).settled()
    page.js("document.querySelector('.plot').focus()")
    page.key(Keys.ARROW_LEFT)
    for _ in range(3):
        page.key(Keys.ARROW_LEFT)
    page.shift(Keys.ARROW_LEFT)
    page.wait(lambda: "INFO" in page.find(".readout").text, "told")
    page.key(Keys.ENTER)
    page.wait(lambda: "start" in page.address and "end" in page.address, "zoomed")


@pytest.mark.slow
def test_it_is_filled_in_and_cancelled(page, start_reader):
    reader = start_reader(made_up(3000))
    reader.faults.slow = 0.1
    page.open(reader.url)
    page.wait(lambda: bars(page) and page.find("#cancel").is_displayed() and "scanned" in page.status, "progress")
    some = len(bars(page))
    page.wait(lambda: len(bars(page)) > some, "filled in")
    assert page.js("return document.querySelector('#bar').classList.contains('busy')")
    page.press("Cancel")
    page.wait(lambda: not page.find("#cancel").is_displayed(), "cancelled")
    page.scroll("end")
    page.wait(lambda: "Cancelled" in page.find("#foot").text, "told")
    reader.faults.slow = 0
    page.press("Go on", "#foot")
    page.wait(lambda: page.rows and "Cancelled" not in page.find("#foot").text, "went on")
