"""Who may read: the token goes to the server, and stays nowhere in the browser."""

import pytest

from fake_entries import made_up

SECRET = "read-only-secret"


def stored(page):
    return page.js("return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state])")


def log_in(page, token):
    page.wait(lambda: page.all("#login"), "the form")
    box = page.find("#token")
    box.clear()
    box.send_keys(token + "\ue007")


def test_login(page, start_server):
    server = start_server(AUTH_TOKEN="write-secret", READ_TOKEN=SECRET)
    answer = server.post({"msg": "hello", "levelname": "INFO"}, headers={"Authorization": "write-secret"})
    assert answer.status_code == 200, answer.text
    page.open(server.url, "?q=hello")
    log_in(page, "wrong")
    page.wait(lambda: "Not logged in" in page.find("#token-note").text, "refused")
    log_in(page, SECRET)
    page.first_is("hello")
    assert SECRET not in stored(page)
    # A session: the page opens again without the form, and can be left.
    page.open(server.url)
    page.first_is("hello")
    page.press("Log out")
    page.wait(lambda: page.all("#login"), "the form again")
    assert page.rows == []


@pytest.mark.slow
def test_the_session_ends_meanwhile(page, start_reader):
    reader = start_reader(made_up(300), token=SECRET)
    page.open(reader.url)
    log_in(page, SECRET)
    page.has_rows(10)
    page.settled()
    reader.sessions.clear()
    page.search("order")
    log_in(page, SECRET)
    page.wait(lambda: page.rows and page.address == {"q": "order"}, "what was looked for")
    assert SECRET not in stored(page)
    # The tail's end is told as well.
    page.is_live()
    reader.sessions.clear()
    reader.break_tails()
    page.wait(lambda: page.all("#login"), "the form")
