"""The time range: presets, absolute, as people say it; the zone; a jump to any time."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fake_entries import entry, made_up

NOW = 1_795_700_000_000
BERLIN = ZoneInfo("Europe/Berlin")


def local(text, zone=BERLIN):
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


TODAY = datetime.fromtimestamp(NOW / 1000, BERLIN).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def day(back, clock="00:00"):
    return local(f"{(TODAY - timedelta(days=back)).date()}T{clock}")


SAID = {
    "now": NOW, "-15m": NOW - 900_000, "15m": NOW - 900_000, "2 hours ago": NOW - 7_200_000, "3 days": NOW - 3 * 86_400_000,
    "last hour": NOW - 3_600_000, "1w": NOW - 7 * 86_400_000, "90 sec ago": NOW - 90_000,
    "today": day(0), "yesterday": day(1), "yesterday 17:30": day(1, "17:30"), "Yesterday at 5:30 pm": day(1, "17:30"),
    "today noon": day(0, "12:00"), "midnight": day(0), "08:15": day(0, "08:15"), "08:15:30.5": day(0, "08:15:30.500"), "12 am": day(0),
    "2026-11-24": local("2026-11-24"), "2026-11-24 08:21:46,035": local("2026-11-24T08:21:46.035"),
    "2026-11-24T08:21:46.035+05:30": round(datetime.fromisoformat("2026-11-24T08:21:46.035+05:30").timestamp() * 1000),
    "2026-11-24 08:21Z": round(datetime.fromisoformat("2026-11-24T08:21:00+00:00").timestamp() * 1000),
    "24.11.2026 08:21": local("2026-11-24T08:21"), "24.11. 08:21": local("2026-11-24T08:21"), "24 Nov 08:21": local("2026-11-24T08:21"),
    "Nov 24, 2026 08:21": local("2026-11-24T08:21"), "November 24": local("2026-11-24"), "1795600000": 1_795_600_000_000,
    "1795600000123": 1_795_600_000_123,
    # The nights in which the clock goes: one time comes twice, the first counts; one does not exist.
    "2026-10-25 02:30": local("2026-10-25T02:30"), "2026-03-29 02:30": local("2026-03-29T02:30"), "2026-03-29 03:30": local("2026-03-29T03:30"),
    "2026-10-25 03:00": local("2026-10-25T03:00"),
    "nonsense": None, "25:00": None, "2026-13-01": None, "2026-02-30": None, "31.04.2026": None, "17:99": None, "yesterday yesterday": None,
    "99999999999999999": None, "": None, "5": None,
}


@pytest.mark.slow
def test_times_as_people_say_them(page, start_reader):
    page.open(start_reader(made_up(5)).url)
    said = page.driver.execute_async_script("""
        const [all, now, done] = arguments;
        import('/page/query.js').then(({ when }) => done(all.map((text) => when(text, 'Europe/Berlin', now)?.ms ?? null)))
    """, list(SAID), NOW)
    wrong = {text: (ms, expected) for (text, expected), ms in zip(SAID.items(), said, strict=True) if ms != expected}
    assert not wrong
    weekday = page.module("query.js", f"m.when('monday 08:00', 'Europe/Berlin', {NOW}).ms")
    back = (TODAY.weekday() - 0 - 1) % 7 + 1
    assert weekday == day(back, "08:00")


@pytest.mark.slow
def test_presets_and_said_times(page, start_reader):
    reader = start_reader(made_up(300))
    page.open(reader.url).settled()
    page.click("#range")
    page.press("Last 6 hours", ".popup")
    page.wait(lambda: page.address == {"start": "-6h"} and page.find("#range").text == "Last 6 hours", "preset")
    page.wait(lambda: page.js("return document.activeElement.id") == "range", "the focus is back")
    page.click("#range")
    page.find("#time-from").clear()
    page.find("#time-from").send_keys("yesterday 17:30")
    page.find("#time-to").send_keys("2 hours ago")
    assert "17:30" in page.find("#time-from-note").text
    page.press("Apply", ".popup")
    page.wait(lambda: page.address.get("start", "").endswith("Z"), "in the address")
    yesterday = (datetime.now(BERLIN) - timedelta(days=1)).replace(hour=17, minute=30, second=0, microsecond=0)
    assert datetime.fromisoformat(page.address["start"]) == yesterday
    assert page.find("#live").get_attribute("aria-pressed") == "false"
    # Live ends the end.
    page.click("#live")
    page.wait(lambda: "end" not in page.address, "open again")


@pytest.mark.slow
def test_what_is_not_understood_is_told(page, start_reader):
    page.open(start_reader(made_up(5)).url).settled()
    page.click("#range")
    page.find("#time-from").clear()
    page.find("#time-from").send_keys("the day before\ue007")
    page.wait(lambda: "not understood" in page.find("#time-from-note").text, "told")
    assert page.find("#time-from").get_attribute("aria-invalid") == "true"
    page.find("#zone").send_keys("Atlantis/Harbour")
    page.wait(lambda: "no such time zone" in page.text, "told")
    assert page.address == {}


@pytest.mark.slow
def test_zone(page, start_reader):
    now = int(time.time() * 1000)
    page.open(start_reader([entry(now, "INFO", "a", "x")]).url).settled()
    page.click("#range")
    page.find("#zone").send_keys("America/Havana\ue007")
    page.wait(lambda: page.address.get("zone") == "America/Havana", "in the address")
    page.settled()
    expected = datetime.fromtimestamp(now / 1000, ZoneInfo("America/Havana")).strftime("%m-%d %H:%M:%S")
    assert page.rows[0]["time"].startswith(expected)


@pytest.mark.slow
def test_jump(page, start_reader):
    now = int(time.time() * 1000)
    reader = start_reader([entry(now - i * 60_000, "INFO", "a", f"{i} min ago") for i in range(1400, 0, -1)])
    page.open(reader.url).settled()
    page.click("#range")
    page.find("#time-jump").send_keys("10 hours ago\ue007")
    page.wait(lambda: "time" in page.address, "in the address")
    page.wait(lambda: "600 min ago" in page.messages or "601 min ago" in page.messages, "there")
    # What is newer lies above it, to the newest.
    page.wait(lambda: page.scroll("0") or page.messages[:1] == ["1 min ago"], "up to the newest")
    page.scroll("end")
    page.wait(lambda: page.messages and int(page.messages[-1].split()[0]) > 600, "what is older, below")
    page.click("#live")
    page.wait(lambda: page.address == {}, "live is at the newest")
    page.first_is("1 min ago")
