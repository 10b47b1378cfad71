"""Live: what is written is shown without a reload; it holds still while somebody reads; it comes back by itself."""

import pytest
from fake_entries import made_up


def test_what_is_written_is_shown_at_once(page, start_reader):
    reader = start_reader(made_up(50))
    page.open(reader.url).settled()
    page.is_live()
    page.js("window.notReloaded = true")
    reader.add("hello from curl")
    page.first_is("hello from curl")
    assert page.js("return window.notReloaded")
    page.is_told("1 new entry", "said")


def test_only_the_selection_is_shown_live(page, start_reader):
    reader = start_reader(made_up(50))
    page.open(reader.url, "?q=wanted&level=ERROR").is_live()
    reader.add("wanted, but of another level", "INFO")
    reader.add("not it", "ERROR")
    reader.add("wanted", "ERROR")
    page.first_is("wanted")
    assert page.messages == ["wanted"]


def in_sight(page):
    """Where each row is that can be seen; what is above and below comes and goes with the scrolling."""
    box = page.js("return document.querySelector('#scroller').getBoundingClientRect().toJSON()")
    return {r["id"]: r["top"] for r in page.rows if box["top"] <= r["top"] < box["bottom"]}


def test_it_holds_still_while_somebody_reads(page, start_reader):
    reader = start_reader(made_up(500))
    page.open(reader.url).is_live()
    page.has_rows(20)
    page.scroll("300")
    page.wait(lambda: page.js("return document.querySelector('#scroller').scrollTop") == 300, "scrolled")
    page.frames()
    tops = in_sight(page)
    assert len(tops) > 10
    for i in range(37):
        reader.add(f"new {i}")
    page.wait(lambda: page.held == "37 new", "37 new")
    assert in_sight(page) == tops
    page.click("#held")
    page.first_is("new 36")
    assert page.messages[:37] == [f"new {i}" for i in range(36, -1, -1)][: len(page.messages)]
    assert page.held == ""


@pytest.mark.slow
def test_it_holds_still_for_a_row_that_is_looked_at(page, start_reader):
    reader = start_reader(made_up(50))
    # (Escape would cancel a histogram that is still being counted.)
    page.open(reader.url).settled()
    page.is_live()
    page.key("j")
    looked_at = page.wait(lambda: page.active, "a row is active")
    reader.add("new")
    page.wait(lambda: page.held == "1 new", "held")
    assert page.active == looked_at
    page.key("\ue00c")  # Escape
    page.first_is("new")


@pytest.mark.slow
@pytest.mark.parametrize("no_id", [False, True], ids=["cursor first", "no cursor yet"])
def test_it_comes_back_without_a_gap_or_a_double(page, start_reader, no_id):
    reader = start_reader(made_up(30))
    reader.faults.no_tail_id = no_id
    page.open(reader.url).is_live()
    page.has_rows(20)
    expected = []
    for turn in range(4):
        reader.faults.refuse_tail = True
        reader.break_tails()
        page.wait(lambda: page.connection.startswith("Not live"), "it says that it is away")
        for i in range(10):
            expected.append(f"away {turn} {i}")
            reader.add(expected[-1])
        reader.faults.refuse_tail = False
        page.is_live()
        expected.append(f"back {turn}")
        reader.add(expected[-1])
        page.first_is(expected[-1])
    shown = page.js("return [...document.querySelectorAll('#slice .message')].map((m) => m.textContent)")
    assert shown[: len(expected)] == expected[::-1][: len(shown)]
    assert "entries" in page.status


@pytest.mark.slow
def test_the_server_is_away_for_a_while(page, start_reader):
    reader = start_reader(made_up(30))
    page.open(reader.url).is_live()
    reader.add("before")
    page.first_is("before")
    # The pause is made so long that it does not come back by itself.
    page.js("Math.random = () => 1000")
    reader.stop()
    page.wait(lambda: page.connection.startswith("Not live"), "away")
    entries = list(reader.entries)
    again = start_reader(entries, port=reader.port)
    again.add("after")
    page.press("Now", "#connection")
    page.first_is("after")
    assert page.messages[:2] == ["after", "before"]


@pytest.mark.slow
def test_a_tail_that_begins_late_misses_nothing(page, start_reader):
    """The query is answered before there is a tail: what is between is looked for."""
    reader = start_reader(made_up(30))
    reader.faults.refuse_tail = True
    page.open(reader.url)
    page.has_rows(20)
    page.wait(lambda: page.connection.startswith("Not live"), "no tail")
    for i in range(5):
        reader.add(f"between {i}")
    reader.faults.refuse_tail = False
    page.is_live()
    page.first_is("between 4")
    assert page.messages[:5] == [f"between {i}" for i in range(4, -1, -1)]


@pytest.mark.slow
def test_live_can_be_switched_off(page, start_reader):
    reader = start_reader(made_up(30))
    page.open(reader.url).is_live()
    page.has_rows(20)
    page.click("#live")
    page.wait(lambda: page.address == {"live": "0"}, "it is in the address")
    assert page.find("#live").get_attribute("aria-pressed") == "false"
    reader.add("not seen")
    page.search("seen")
    page.first_is("not seen")
    page.click("#live")
    page.is_live()
    reader.add("seen now")
    page.first_is("seen now")


@pytest.mark.slow
def test_a_flood_is_shown_and_bounded(page, start_reader):
    reader = start_reader(made_up(10))
    page.open(reader.url).is_live()
    page.has_rows(5)
    for i in range(30_000):
        reader.add(f"flood {i}")
    page.first_is("flood 29999", 60)
    assert len(page.rows) < 100
