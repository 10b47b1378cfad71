"""The page as the tests see it: rows, keys, what is said. Everything waits for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

SECONDS = 30.0

ROWS = """return [...document.querySelectorAll('#slice .row')].map((row) => ({
    id: row.id, top: row.getBoundingClientRect().top,
    time: row.querySelector('.time').textContent, level: row.querySelector('.level').textContent,
    logger: row.querySelector('.logger').textContent, message: row.querySelector('.message').textContent,
    server: row.querySelector('.server').textContent,
    open: row.classList.contains('open'), active: row.classList.contains('active'),
    text: row.querySelector('pre')?.textContent ?? null,
    marks: [...row.querySelectorAll('.message mark')].map((m) => m.textContent)}))"""


BUTTON = """const [within, name] = arguments;
    return [...document.querySelectorAll(`${within} button, ${within} a`)].find((b) =>
        b.checkVisibility({ visibilityProperty: true }) && (b.innerText.trim() === name || b.ariaLabel === name)) ?? null"""


# What is told is replaced after a while: all of it, from here on.
LISTEN = """window.told = { status: [], said: [] };
    for (const [id, told] of Object.entries(window.told)) {
        const place = document.getElementById(id);
        if (place) new MutationObserver(() => told.push(place.textContent)).observe(place, { childList: true });
    }"""


class Page:
    def __init__(self, driver: webdriver.Chrome):
        self.driver = driver
        self.expected_errors: tuple[str, ...] = ("Failed to load resource",)

    # --- where it is ---

    def open(self, url: str, search: str = "") -> "Page":
        self.driver.get(url.rstrip("/") + "/" + search)
        self.js(LISTEN)
        return self

    def forget(self) -> None:
        """Cookies, what is stored, the clipboard's right, the console so far."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
        self.driver.execute_cdp_cmd("Browser.grantPermissions", {
            "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        self.driver.get_log("browser")

    def check_console(self) -> None:
        said = [line["message"] for line in self.driver.get_log("browser")]
        wrong = [m for m in said if not any(e in m for e in self.expected_errors)]
        assert not wrong, wrong

    @property
    def address(self) -> dict[str, str]:
        query = urlsplit(self.driver.current_url).query
        return {k: v[0] for k, v in parse_qs(query, keep_blank_values=True).items()}

    # --- waiting ---

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        end = time.monotonic() + seconds
        while True:
            try:
                result = condition()
            except StaleElementReferenceException:
                result = None
            if result:
                return result
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.text}")
            time.sleep(0.02)

    def js(self, script: str, *args: object) -> Any:
        return self.driver.execute_script(script, *args)

    def module(self, name: str, expression: str) -> Any:
        """What an expression makes of a module `m` of the page."""
        return self.driver.execute_async_script(
            f"const done = arguments[0]; import('/page/{name}').then((m) => done({expression}), (e) => done(String(e)))")

    def thread_time(self) -> float:
        """ms of processor time of the page's thread until now: what others do on this machine is not in it."""
        self.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        metrics = self.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "ThreadTime") * 1000

    # --- what is there ---

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    @property
    def text(self) -> str:
        return self.js("return document.body.innerText")

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.js(ROWS)

    @property
    def messages(self) -> list[str]:
        return [row["message"] for row in self.rows]

    def first_is(self, message: str, seconds: float = SECONDS) -> None:
        self.wait(lambda: self.messages[:1] == [message], f"the first row is {message!r}", seconds)

    def has_rows(self, at_least: int = 1) -> list[dict[str, Any]]:
        self.wait(lambda: len(self.rows) >= at_least, f"{at_least} rows")
        return self.rows

    def settled(self) -> "Page":
        """Nothing is being searched for."""
        self.wait(lambda: self.js(
            "return document.querySelector('#slice').getAttribute('aria-busy') === 'false' &&"
            " document.querySelector('#cancel').hidden && document.querySelector('#levels').children.length > 0"
            " && (document.querySelectorAll('#slice .row').length > 0 || !document.querySelector('#notice').hidden)"), "settled")
        return self

    @property
    def status(self) -> str:
        return self.js("return document.querySelector('#status').textContent")

    def is_told(self, words: str, where: str = "status") -> None:
        """By the status line, or what is `said` to screen readers: now, or since the page was opened."""
        self.wait(lambda: words in self.js("return window.told[arguments[0]]", where), f"{words!r} is told")

    @property
    def notice(self) -> str:
        return self.js("const n = document.querySelector('#notice'); return n.hidden ? '' : n.innerText")

    @property
    def connection(self) -> str:
        return self.js("return document.querySelector('#connection').textContent")

    @property
    def held(self) -> str:
        return self.js("const h = document.querySelector('#held'); return h.hidden ? '' : h.textContent")

    def is_live(self) -> None:
        self.wait(lambda: self.connection == "Live", "live")

    @property
    def active(self) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["active"]), None)

    @property
    def clipboard(self) -> str:
        return self.driver.execute_async_script(
            "const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done('not read: ' + e))")

    # --- what is done ---

    def key(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(key).perform()

    def shift(self, key: str) -> None:
        ActionChains(self.driver, duration=0).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).perform()

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def press(self, name: str, within: str = "body") -> None:
        """Clicks the button of that name."""
        def clicked() -> bool:
            found = self.js(BUTTON, within, name)
            if found:
                found.click()
            return found is not None
        # (One that is drawn anew at this moment is looked for again.)
        self.wait(clicked, f"a button {name!r}")

    def search(self, q: str) -> None:
        box = self.find("#q")
        box.clear()
        box.send_keys(q + Keys.ENTER)

    def frames(self) -> None:
        """Waits until what has changed is drawn: rows come with the next frame."""
        self.js("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def scroll(self, to: str) -> None:
        """To a number of pixels, or `end`."""
        self.js("const s = document.querySelector('#scroller'); s.scrollTop = arguments[0] === 'end' ? s.scrollHeight : Number(arguments[0])", to)

    def focus_list(self) -> None:
        self.js("document.querySelector('#scroller').focus()")
