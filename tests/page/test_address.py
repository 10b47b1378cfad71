"""All that is looked at is in the address: a link shows somebody else the same."""

import time
from urllib.parse import quote

import pytest

from fake_entries import entry, made_up

ALL = {
    "q": 'shop -"stock" /[0-9]+/', "level": "WARNING,INFO", "start": "2026-11-24T08:00:00.000Z", "end": "2026-11-25T08:00:00.000Z",
    "zone": "America/Havana", "live": "0", "wrap": "1",
}


@pytest.mark.slow
def test_a_link_shows_the_same(page, start_reader):
    reader = start_reader(made_up(200))
    search = "?" + "&".join(f"{k}={quote(v)}" for k, v in ALL.items())
    page.open(reader.url, search)
    page.wait(lambda: any(path == "/api/log/query" for _, path, _ in reader.requests), "asked")
    asked = next(p for _, path, p in reader.requests if path == "/api/log/query")
    assert {k: asked[k] for k in ("q", "level", "start", "end", "timezone")} == {
        "q": ALL["q"], "level": "WARNING,INFO", "start": ALL["start"], "end": ALL["end"], "timezone": "America/Havana"}
    assert page.find("#q").get_attribute("value") == ALL["q"]
    assert page.find("#wrap").get_attribute("aria-pressed") == "true"
    assert "2026-11-24 03:00" in page.find("#range").text
    # One step that changes it, and back again.
    page.click("#levels .ERROR")
    page.wait(lambda: page.address == {**ALL, "level": "ERROR,WARNING,INFO"}, "all of it is in the address")
    page.driver.back()
    page.wait(lambda: page.address == ALL, "back")
    page.wait(lambda: page.find("#levels .ERROR").get_attribute("aria-pressed") == "false", "the chip, too")


@pytest.mark.slow
@pytest.mark.parametrize("search", [
    "?zone=No/Where&start=never&end=%00&time=x&level=TRACE,../..&at=<script>", "?q=%ff%fe&start=all", "?" + "&" * 500,
    "?start=-99999999d", "?q=" + "a" * 3000,
])
def test_anything_may_stand_in_an_address(page, start_reader, search):
    reader = start_reader(made_up(30))
    page.open(reader.url, search).settled()
    assert page.rows or "Nothing found" in page.notice


@pytest.mark.slow
def test_the_zone(page, start_reader):
    now = int(time.time() * 1000)
    reader = start_reader([entry(now, "INFO", "a", "now")])
    page.open(reader.url)
    berlin = page.has_rows()[0]["time"]
    page.open(reader.url, "?zone=Asia/Kathmandu")
    kathmandu = page.has_rows()[0]["time"]
    assert berlin != kathmandu and berlin[-7:] == kathmandu[-7:]


def test_nothing_comes_from_elsewhere(page, start_reader):
    """Nothing does: what the browser loads is this server's."""
    reader = start_reader(made_up(30))
    page.open(reader.url).settled()
    loaded = page.js("return performance.getEntriesByType('resource').map((r) => r.name)")
    assert loaded and all(name.startswith(reader.url) for name in loaded)
