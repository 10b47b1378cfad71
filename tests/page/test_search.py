"""The search box and the level chips; what is wrong in a search, and where."""

import time

import pytest

from fake_entries import entry, made_up


def test_search_and_marks(page, server):
    for record in ({"msg": "needle in the hay", "levelname": "INFO", "name": "barn"},
                   {"msg": "only hay", "levelname": "INFO", "name": "barn"},
                   {"msg": "a Needle, too", "levelname": "ERROR", "name": "barn"}):
        assert server.post(record).status_code == 200
    page.open(server.url).settled()
    page.search("needle")
    page.wait(lambda: page.messages == ["a Needle, too", "needle in the hay"], "both")
    assert [r["marks"] for r in page.rows] == [["Needle"], ["needle"]]
    assert page.address["q"] == "needle"
    page.search("Needle")
    page.wait(lambda: page.messages == ["a Needle, too"], "a capital letter counts")
    page.search("hay -needle")
    page.wait(lambda: page.messages == ["only hay"], "without")
    page.search("/ne+dle/i")
    page.wait(lambda: [r["marks"] for r in page.rows] == [["Needle"], ["needle"]], "an expression is marked")
    page.search("hay logger:barn")
    page.wait(lambda: page.messages == ["only hay", "needle in the hay"], "a logger")


def test_a_bad_expression(page, server):
    page.open(server.url).settled()
    page.search("grün /a(b/")
    page.wait(lambda: page.find("#q-error").is_displayed(), "told")
    assert page.find("#q").get_attribute("aria-invalid") == "true"
    assert page.find("#q-error code").text.startswith("grün /a")
    assert page.find("#q-error mark.wrong").is_displayed()
    assert page.rows == []
    page.search("hay")
    page.wait(lambda: not page.find("#q-error").is_displayed(), "no longer")


@pytest.mark.slow
def test_the_place_is_marked(page, start_reader):
    reader = start_reader(made_up(10))
    page.open(reader.url).settled()
    page.search("grün /a(b/")
    page.wait(lambda: page.find("#q-error").is_displayed(), "told")
    # In bytes, ü counts for two.
    assert page.find("#q-error code").text == "grün /a(b/"
    assert page.find("#q-error mark.wrong").text == "("
    assert page.connection == ""


@pytest.mark.slow
def test_levels(page, start_reader):
    reader = start_reader(made_up(800))
    page.open(reader.url).settled()
    counts = {level: sum(e.level == level for e in reader.entries) for level in ("ERROR", "WARNING", "INFO", "DEBUG")}
    page.wait(lambda: [c.text for c in page.all("#levels .count")] == [str(n) for n in counts.values()], "counts")
    page.click("#levels .ERROR")
    page.wait(lambda: {r["level"] for r in page.rows} == {"ERROR"}, "errors")
    page.click("#levels .WARNING")
    page.wait(lambda: {r["level"] for r in page.rows} == {"ERROR", "WARNING"}, "warnings, too")
    assert page.address["level"] == "ERROR,WARNING"
    # The counts of the others stay: they say what else there is.
    assert [c.text for c in page.all("#levels .count")] == [str(n) for n in counts.values()]
    page.click("#levels .ERROR")
    page.click("#levels .WARNING")
    page.wait(lambda: "level" not in page.address and len({r["level"] for r in page.rows}) > 2, "all again")


@pytest.mark.slow
def test_an_expression_that_explodes_does_not_hold_up_the_page(page, start_reader):
    now = int(time.time() * 1000)
    reader = start_reader([entry(now - i, "INFO", "a", "a" * 40 + "!") for i in range(3)])
    # The server knows better than to look for it.
    reader.faults.status = {}
    page.open(reader.url)
    page.settled()
    before = page.thread_time()
    page.driver.execute_async_script("""
        const done = arguments[0];
        import('/page/query.js').then(({ Marks }) => {
            const marks = new Marks(() => {});
            marks.setQuery('/(a+)+$/');
            marks.of('a'.repeat(40) + '!');
            setInterval(() => { if (marks.tooSlow) done(); }, 20);
        });""")
    assert page.thread_time() - before < 500, "the page stood still"
