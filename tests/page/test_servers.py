"""Several servers that are read as one: from which an entry is, and who is missing."""

import pytest
import requests
from selenium.webdriver.common.keys import Keys

from fake_entries import made_up
from server import free_port

SERVERS = ("log1.example", "log2.example:8443")
WHY = "no answer within 5 s"


def told(page):
    """What is said of those who are missing; "" where nothing is."""
    return page.js("const m = document.querySelector('#missing'); return m.hidden ? '' : m.firstChild.textContent")


def is_missing(page, *servers):
    page.wait(lambda: all(f"{s} ({WHY})" in told(page) for s in servers), f"told: {servers}")


def asked(reader, path):
    return [p for _, asked, p in reader.requests if asked == f"/api/log/{path}"]


def test_the_server_of_each_entry(page, start_reader):
    reader = start_reader(made_up(40, servers=SERVERS))
    page.open(reader.url).is_live()
    rows = page.has_rows(20)
    assert [r["server"] for r in rows] == [e.server for e in reversed(reader.entries)][: len(rows)]
    assert page.all("#slice .server")[0].is_displayed()
    reader.add("live", server=SERVERS[1])
    page.first_is("live")
    assert page.rows[0]["server"] == SERVERS[1]
    page.focus_list()
    page.key("j", Keys.ENTER)
    page.wait(lambda: page.active and page.active["open"], "folded out")
    assert f"Server\n{SERVERS[1]}" in page.find(".detail .facts").get_attribute("innerText").replace("\n\n", "\n")


def test_one_server_alone_takes_no_room(page, start_reader):
    page.open(start_reader(made_up(40)).url).settled()
    assert not page.all("#slice .server")[0].is_displayed()
    assert told(page) == ""


@pytest.mark.slow
def test_columns_stay_in_line(page, start_reader):
    reader = start_reader(made_up(40, servers=("a", "log.a-name-that-is-longer-than-its-column.example:8443")))
    page.open(reader.url).settled()
    places = page.js("""return [...document.querySelectorAll('#slice .row')].map((row) =>
        ['.time', '.level', '.server', '.logger', '.message'].map((c) => Math.round(row.querySelector(c).getBoundingClientRect().left)))""")
    assert all(p == places[0] for p in places)
    assert sorted(set(places[0])) == places[0]
    assert page.js("return document.querySelectorAll('#slice .server')[0].title || document.querySelectorAll('#slice .server')[1].title")


def test_who_is_missing_is_told(page, start_reader):
    reader = start_reader(made_up(40, servers=SERVERS))
    reader.lose(SERVERS[1], WHY)
    page.open(reader.url, "?live=0")
    is_missing(page, SERVERS[1])
    assert SERVERS[0] not in told(page)
    assert page.find("#missing").get_attribute("role") == "alert"
    assert {r["server"] for r in page.rows} == {SERVERS[0]}
    assert "histogram" not in page.status
    # What is there is asked for, and counted.
    assert all(p["partial"] == "1" for path in ("query", "hits") for p in asked(reader, path))
    # It is told once, however much is looked at.
    before = page.find("#missing span").id
    page.scroll("end")
    page.frames()
    assert page.find("#missing span").id == before
    reader.find(SERVERS[1])
    page.press("Load again", "#missing")
    page.wait(lambda: {r["server"] for r in page.rows} == set(SERVERS), "all")
    page.wait(lambda: told(page) == "", "nobody is missing")


def test_one_that_comes_back_while_live(page, start_reader):
    reader = start_reader(made_up(40, servers=SERVERS))
    page.open(reader.url).is_live()
    page.has_rows(20)
    reader.lose(SERVERS[1], WHY)
    is_missing(page, SERVERS[1])
    reader.add("late", server=SERVERS[1])
    reader.add("here", server=SERVERS[0])
    page.first_is("here")
    queries = len(asked(reader, "query"))
    reader.find(SERVERS[1])
    page.wait(lambda: told(page) == "", "it is back")
    page.first_is("late")
    assert page.messages[:2] == ["late", "here"]
    # What the tail brings needs no other query.
    assert len(asked(reader, "query")) == queries


@pytest.mark.slow
def test_one_that_comes_back_while_the_tail_is_away(page, start_reader):
    reader = start_reader(made_up(40, servers=SERVERS))
    page.open(reader.url).is_live()
    page.has_rows(20)
    reader.lose(SERVERS[1], WHY)
    is_missing(page, SERVERS[1])
    reader.faults.refuse_tail = True
    reader.break_tails()
    page.wait(lambda: page.connection.startswith("Not live"), "away")
    reader.find(SERVERS[1])
    reader.faults.refuse_tail = False
    page.wait(lambda: told(page) == "", "it is back")


@pytest.mark.slow
def test_what_a_query_missed_is_loaded_when_it_is_back(page, start_reader):
    reader = start_reader(made_up(40, servers=SERVERS))
    reader.lose(SERVERS[1], WHY)
    page.open(reader.url).is_live()
    is_missing(page, SERVERS[1])
    page.wait(lambda: {r["server"] for r in page.rows} == {SERVERS[0]}, "those of one")
    reader.find(SERVERS[1])
    page.wait(lambda: {r["server"] for r in page.rows} == set(SERVERS), "all")
    page.wait(lambda: told(page) == "", "nobody is missing")


@pytest.mark.slow
def test_nothing_moves_below_somebody_who_reads(page, start_reader):
    reader = start_reader(made_up(40, servers=SERVERS))
    reader.lose(SERVERS[1], WHY)
    page.open(reader.url).is_live()
    is_missing(page, SERVERS[1])
    page.settled()
    page.focus_list()
    page.key("j")
    row = page.wait(lambda: page.active, "active")
    queries = len(asked(reader, "query"))
    reader.find(SERVERS[1])
    reader.add("proof that it is live", server=SERVERS[1])
    page.wait(lambda: page.held == "1 new", "held")
    assert page.active == row
    assert len(asked(reader, "query")) == queries
    # It is still true that not all is here.
    is_missing(page, SERVERS[1])
    # By the keyboard.
    page.js("document.querySelector('#missing button').focus()")
    page.key(Keys.ENTER)
    page.wait(lambda: told(page) == "", "nobody is missing")
    page.first_is("proof that it is live")


@pytest.mark.slow
def test_several_are_missing(page, start_reader):
    servers = (*SERVERS, "log3.example")
    reader = start_reader(made_up(40, servers=servers))
    page.open(reader.url).is_live()
    page.settled()
    reader.lose(servers[1], WHY)
    reader.lose(servers[2], WHY)
    is_missing(page, *servers[1:])
    reader.find(servers[1])
    page.wait(lambda: servers[1] not in told(page), "one is back")
    is_missing(page, servers[2])


@pytest.mark.slow
def test_a_download_is_complete_or_says_beforehand_that_it_is_not(page, start_reader):
    reader = start_reader(made_up(40, servers=SERVERS))
    page.open(reader.url, "?live=0").settled()
    link = page.find("#download")
    assert "partial" not in link.get_attribute("href") and link.text == "Download"
    reader.lose(SERVERS[1], WHY)
    page.search("order")
    is_missing(page, SERVERS[1])
    assert "partial=1" in link.get_attribute("href") and "q=order" in link.get_attribute("href")
    assert link.text == "Download in part"


@pytest.mark.slow
def test_context(page, start_reader):
    reader = start_reader(made_up(400, servers=SERVERS))
    page.open(reader.url, "?live=0").settled()
    # Its link has the server in it.
    page.driver.get(f"{reader.url}?live=0&at={reader.entries[201].cursor}")
    page.wait(lambda: page.all("#context .here"), "the entry in its context")
    shown = page.js("return [...document.querySelectorAll('#context .row')].map((r) => r.querySelector('.server').textContent)")
    assert shown == [e.server for e in reader.entries[181:222]]
    reader.lose(SERVERS[0], WHY)
    page.press("Earlier", "#context")
    page.wait(lambda: f"{SERVERS[0]} ({WHY})" in page.find("#context .words").text, "told")
    assert page.find("#context .words").get_attribute("role") == "status"
    reader.find(SERVERS[0])
    page.press("Later", "#context")
    page.wait(lambda: page.find("#context .words").text == "", "back")


@pytest.mark.slow
def test_copies_say_the_server(page, start_reader):
    reader = start_reader(made_up(30, servers=SERVERS))
    page.open(reader.url).settled()
    page.key("j", "m", "j", "m", "c")
    page.is_told("2 entries copied")
    assert page.clipboard == "".join(f"[{e.server}] {e.text}\n" for e in reader.entries[-2:])
    page.shift("C")
    page.wait(lambda: "grep" in page.clipboard, "copied")
    lines = page.clipboard.split("\n")
    assert [line.rpartition(" # ")[2] for line in lines] == [e.server for e in reader.entries[-2:]]
    assert all(line.startswith("grep -ahF") and e.text.split("\n")[0] in line for line, e in zip(lines, reader.entries[-2:], strict=True))


def test_real_servers(page, start_server):
    """Two that read each other: rows, live, context, download; one that is stopped and comes back."""
    ports = sorted(free_port() for _ in range(2))
    everybody = ",".join(f"http://127.0.0.1:{port}" for port in ports)

    def start(port, **more):
        return start_server(PORT=port, READ_NAME=f"127.0.0.1:{port}", READ_PEERS=everybody, **more)

    here, there = (start(port) for port in ports)
    names = [f"127.0.0.1:{port}" for port in ports]

    def write(server, words):
        assert server.post({"msg": words, "name": "app", "levelname": "ERROR"}).status_code == 200

    write(here, "one")
    write(there, "two")
    page.open(here.url)
    page.wait(lambda: sorted((r["message"], r["server"]) for r in page.rows) == [("one", names[0]), ("two", names[1])], "both")
    page.is_live()
    assert told(page) == ""
    write(there, "three")
    page.first_is("three")
    page.focus_list()
    page.key("j", "o")
    page.wait(lambda: page.all("#context .here"), "its context")
    shown = page.js("return [...document.querySelectorAll('#context .row')].map((r) => r.querySelector('.message').textContent)")
    assert shown == ["one", "two", "three"]
    page.key(Keys.ESCAPE, Keys.ESCAPE)
    text = requests.get(page.find("#download").get_attribute("href"), timeout=20).text
    assert [line.rpartition(" ")[2] for line in text.splitlines()] == ["one", "two", "three"]
    there.stop()
    page.wait(lambda: names[1] in told(page), "it is missing")
    page.search("e")
    page.wait(lambda: page.messages == ["one"], "what is there")
    page.wait(lambda: "partial=1" in page.find("#download").get_attribute("href"), "in part")
    there = start(ports[1], LOG_FOLDER=there.folder)
    page.wait(lambda: told(page) == "", "it is back", 60)
    page.wait(lambda: page.messages == ["three", "two", "one"], "what it has was loaded")
    write(there, "here again")
    page.first_is("here again")
