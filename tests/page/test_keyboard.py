"""The keyboard does everything."""

import time

import pytest
from selenium.webdriver.common.keys import Keys

from fake_entries import TRACE, entry, made_up


@pytest.mark.slow
def test_rows(page, start_reader):
    reader = start_reader(made_up(300))
    page.open(reader.url).settled()
    page.key("j", "j", "j", "k")
    page.wait(lambda: (page.active or {}).get("message") == reader.entries[-2].message, "the second")
    page.key(Keys.ENTER)
    page.wait(lambda: page.active["open"], "folded out")
    page.key(Keys.ENTER)
    page.wait(lambda: not page.active["open"], "folded in")
    # Named keys within the list, as single ones may be switched off.
    page.key(Keys.ARROW_DOWN)
    page.wait(lambda: page.active["message"] == reader.entries[-3].message, "the third")
    page.key(Keys.ARROW_UP)
    page.wait(lambda: page.active["message"] == reader.entries[-2].message, "the second")
    # The focus goes along, out of what was in sight, too.
    for _ in range(60):
        page.key("j")
    page.wait(lambda: (page.active or {}).get("message") == reader.entries[-62].message, "far down")
    assert page.js("return document.activeElement.classList.contains('active')")
    assert page.active["top"] < 800
    page.shift("G")
    page.wait(lambda: page.status.startswith("300 entries"), "all are loaded")
    page.shift("G")
    page.wait(lambda: page.active and page.messages[-1] == page.active["message"], "the last one")
    page.key("g")
    page.wait(lambda: page.rows[0]["message"] == reader.entries[-1].message and not page.active, "the newest")


@pytest.mark.slow
def test_next_error(page, start_reader):
    now = int(time.time() * 1000)
    entries = [entry(now - i * 1000, "INFO", "a", f"info {i}") for i in range(3000, 0, -1)]
    for i, name in ((10, "near"), (60, "second"), (2800, "far")):
        entries[-i] = entry(entries[-i].ms, "ERROR", "a", name, TRACE)
    reader = start_reader(entries)
    page.open(reader.url).settled()
    for name in ("near", "second", "far"):
        page.key("e")
        page.wait(lambda name=name: (page.active or {}).get("message") == name, f"the error {name}")
    page.key("e")
    page.is_told("No more errors", "said")
    # Those before it are loaded above, and it is found there.
    page.shift("E")
    page.wait(lambda: (page.active or {}).get("message") in ("second", "far"), "back")


@pytest.mark.slow
def test_next_hit_and_search(page, start_reader):
    reader = start_reader(made_up(300))
    page.open(reader.url).settled()
    page.key("/")
    page.wait(lambda: page.js("return document.activeElement.id") == "q", "the search box")
    page.key("order", Keys.ENTER)
    page.wait(lambda: page.rows and all(r["marks"] or "order" in r["logger"] for r in page.rows), "found")
    page.settled()
    page.focus_list()
    page.key("n", "n")
    second = page.wait(lambda: page.active, "a hit")
    page.shift("N")
    page.wait(lambda: page.active and page.active["top"] < second["top"], "the one before")


@pytest.mark.slow
def test_all_else(page, start_reader):
    reader = start_reader(made_up(50))
    page.open(reader.url).settled()
    page.focus_list()
    page.key("w")
    page.wait(lambda: page.address.get("wrap") == "1", "wrap")
    page.key("l")
    page.wait(lambda: page.address.get("live") == "0", "live")
    page.key("t")
    page.wait(lambda: page.all(".popup"), "the range")
    page.key(Keys.ESCAPE)
    page.wait(lambda: not page.all(".popup"), "closed")
    assert page.js("return document.activeElement.id") == "scroller"
    page.key("?")
    page.wait(lambda: page.all("#help[open]"), "help")
    assert "next, previous error" in page.find("#help").text
    page.key(Keys.ESCAPE)
    page.wait(lambda: not page.all("#help[open]"), "closed")
    page.focus_list()
    page.key("j", "o")
    page.wait(lambda: page.all("#context[open] .here"), "context")
    page.key(Keys.ESCAPE)
    page.wait(lambda: not page.all("#context[open]") and "at" not in page.address, "closed")


@pytest.mark.slow
def test_single_keys_can_be_switched_off(page, start_reader):
    reader = start_reader(made_up(50))
    page.open(reader.url).settled()
    page.focus_list()
    page.key("?")
    page.click("#keys-on")
    page.key(Keys.ESCAPE)
    page.focus_list()
    page.key("j", "w", "/")
    assert page.active is None and "wrap" not in page.address
    page.key(Keys.ARROW_DOWN)
    page.wait(lambda: page.active, "arrows work")
    # It is remembered.
    page.open(reader.url).settled()
    page.focus_list()
    page.key("w")
    page.key(Keys.ARROW_DOWN)
    page.wait(lambda: page.active, "arrows work")
    assert "wrap" not in page.address


@pytest.mark.slow
def test_every_control_is_reached_by_tab(page, start_reader):
    reader = start_reader(made_up(50))
    page.open(reader.url).settled()
    reached = []
    for _ in range(40):
        page.key(Keys.TAB)
        at = page.js("""const e = document.activeElement;
            const style = getComputedStyle(e);
            return [e.id || e.className, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]""")
        if at[0] in [r[0] for r in reached]:
            break
        if at[0]:  # and not the window itself
            reached.append(at)
    names = " ".join(r[0] for r in reached)
    for control in ("q", "range", "live", "chip ERROR", "chip DEBUG", "wrap", "saved", "download", "help-open", "plot", "scroller"):
        assert control in names, (control, names)
    assert all(visible for _, visible in reached), [name for name, visible in reached if not visible]
    # The rows are one stop, and not fifty.
    assert len(reached) < 20
