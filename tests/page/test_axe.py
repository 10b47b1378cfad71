"""axe finds nothing, in any state, light and dark, on a phone; WCAG 2.2 AA and what axe holds for good practice."""

import os
from pathlib import Path

import pytest

from browser import look
from fake_entries import TRACE, made_up

TREE = Path(__file__).resolve().parents[2]
AXE = TREE / os.environ.get("BUILD_DIR", "build") / "npm/axe-core/axe.min.js"

pytestmark = pytest.mark.slow


def check(page, what):
    """What axe finds, in words. The script comes in by the test's own way: the page's policy stays in force."""
    if not page.js("return !!window.axe"):
        page.js(AXE.read_text())
    found = page.driver.execute_async_script("""
        const done = arguments[0];
        axe.run(document, { resultTypes: ['violations'] }).then((r) => done(r.violations.map((v) =>
            v.id + ': ' + v.help + ': ' + v.nodes.map((n) => n.html.slice(0, 200) + ' ' + (n.any[0]?.message ?? '')).slice(0, 3).join(' | '))))""")
    assert not found, (what, found)


@pytest.fixture(params=["light", "dark", "phone", "phone, dark"])
def looked_at(request, page):
    look(page.driver, dark="dark" in request.param, width=360 if "phone" in request.param else 1280, still=True)
    page.driver.set_script_timeout(60)
    return page


def fits(page, what):
    """Nothing is cut off at the right, and nothing scrolls sideways."""
    wide = page.js("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], (what, wide)


def test_states(looked_at, start_reader):
    page = looked_at
    reader = start_reader(made_up(300))
    for i in range(3):
        reader.add(f"trace {i} \u202e and a long line " + "word " * 60, "ERROR", "shop.orders", more=TRACE)
    page.open(reader.url, "?q=order").settled()
    page.is_live()
    check(page, "list")
    fits(page, "list")
    page.focus_list()
    page.key("j", "m", "\ue007")
    page.wait(lambda: page.active and page.active["open"], "folded out")
    reader.add("order held", "INFO", "a")
    page.wait(lambda: page.held == "1 new", "held")
    check(page, "folded out, marked, held")
    fits(page, "folded out")
    page.press("Wrap")
    check(page, "wrapped")
    fits(page, "wrapped")
    page.js("document.querySelector('.plot').focus()")
    page.key("\ue012", "\ue012")
    check(page, "brushed")
    page.click("#range")
    check(page, "range")
    fits(page, "range")
    page.find("#time-from").send_keys("nonsense")
    check(page, "range, wrong")
    page.key("\ue00c")
    page.click("#saved")
    page.find("#saved-name").send_keys("one\ue007")
    page.wait(lambda: page.all(".saved .open"), "saved")
    check(page, "saved")
    fits(page, "saved")
    page.key("\ue00c")
    page.press("Help")
    check(page, "help")
    fits(page, "help")
    page.key("\ue00c")
    page.open(reader.url, "?level=INFO,ERROR&at=e1.0.12d")
    page.wait(lambda: page.all("#context .here"), "context")
    check(page, "context")
    fits(page, "context")
    page.key("\ue00c")
    page.settled()
    page.click("#slice .name") if "phone" not in str(page.js("return innerWidth < 600 ? 'phone' : ''")) else None
    check(page, "logger")


def test_servers(looked_at, start_reader):
    page = looked_at
    servers = ("log1.example", "log.a-rather-long-name.example:8443")
    reader = start_reader(made_up(300, servers=servers))
    reader.add("failed", "ERROR", "shop", more=TRACE, server=servers[1])
    page.open(reader.url).settled()
    page.is_live()
    check(page, "several servers")
    fits(page, "several servers")
    page.focus_list()
    page.key("j", "\ue007")
    page.wait(lambda: page.active and page.active["open"], "folded out")
    reader.lose(servers[0], "it answered 503, and went on with quite a long sentence about why")
    page.wait(lambda: page.find("#missing").is_displayed(), "one is missing")
    check(page, "one is missing")
    fits(page, "one is missing")
    page.press("Wrap")
    check(page, "wrapped")
    fits(page, "wrapped")
    page.press("Context", ".detail")
    page.wait(lambda: page.all("#context .here") and "503" in page.find("#context .words").text, "context")
    check(page, "context")
    fits(page, "context")


def test_errors(looked_at, start_reader):
    page = looked_at
    reader = start_reader(made_up(30))
    page.open(reader.url, "?q=nosuch").settled()
    check(page, "nothing found")
    fits(page, "nothing found")
    page.open(reader.url, "?q=/a(b/")
    page.wait(lambda: page.find("#q-error").is_displayed(), "told")
    check(page, "a bad expression")
    fits(page, "a bad expression")
    reader.faults.status["/api/log/query"] = (503, "too many queries at a time: come again")
    page.open(reader.url)
    page.wait(lambda: "too many" in page.notice.lower(), "told")
    check(page, "an error")
    reader.faults.status = {"/api/login-check": (403, "reading is closed: set READ_TOKEN or READ_TOKEN_FILE")}
    page.open(reader.url)
    page.wait(lambda: "READ_TOKEN" in page.notice, "told")
    check(page, "not allowed")
    reader.faults.status.clear()
    reader.token = "secret"
    page.open(reader.url)
    page.wait(lambda: page.all("#login"), "login")
    page.find("#token").send_keys("wrong\ue007")
    page.wait(lambda: "Not logged in" in page.find("#token-note").text, "refused")
    check(page, "login")
    fits(page, "login")
    reader.token = None
    reader.faults.slow = 1
    page.open(reader.url)
    page.wait(lambda: page.find("#cancel").is_displayed(), "under way")
    check(page, "under way")
