"""A log entry can't run anything in the page, nor reorder it: known vectors, CSP and Trusted Types on."""

import pytest
from selenium.common.exceptions import JavascriptException

VECTORS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<svg><script>alert(1)</script></svg>",
    '"><script>alert(1)</script>', "'><img src=x onerror=alert(1)>", "javascript:alert(1)", "<a href=javascript:alert(1)>x</a>",
    "<iframe src=javascript:alert(1)>", '<iframe srcdoc="<script>alert(1)</script>">', "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>", "<video><source onerror=alert(1)>", "<math><mtext></mtext><script>alert(1)</script></math>",
    "<input autofocus onfocus=alert(1)>", "<marquee onstart=alert(1)>", "<object data=javascript:alert(1)>", "<embed src=javascript:alert(1)>",
    "<link rel=stylesheet href=//evil.example/x.css>", "<style>@import '//evil.example/x.css'</style>", "<style>*{display:none}</style>",
    "<base href=//evil.example/>", "<meta http-equiv=refresh content='0;url=//evil.example'>", "<form action=//evil.example><button>x",
    "</pre></div><script>alert(1)</script>", "<!--<script>alert(1)</script>-->", "<![CDATA[<script>alert(1)</script>]]>",
    "<scr\0ipt>alert(1)</scr\0ipt>", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}", "`${alert(1)}`", "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e", "&lt;script&gt;alert(1)&lt;/script&gt;", "%3Cscript%3Ealert(1)%3C/script%3E",
    "__proto__", "constructor", "toString", "<template><script>alert(1)</script></template>", "<x style='position:fixed;inset:0'>over all</x>",
    "data:text/html,<script>alert(1)</script>", "<image/src/onerror=alert(1)>", "<ſcript>alert(1)</ſcript>", "\ufeff<script>alert(1)</script>",
    "</title><script>alert(1)</script>", "<p id=scroller></p><p id=q></p>", "<button id=held>", "javascript&colon;alert(1)", "' onmouseover='alert(1)", "]]>",
]

WATCH = """
    window.executed = [];
    window.alert = window.confirm = window.prompt = (m) => window.executed.push(String(m));
    document.addEventListener('securitypolicyviolation', (e) => window.executed.push(e.violatedDirective + ' ' + e.blockedURI));
"""


def watch(page):
    page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})


def test_vectors(page, server):
    records = [
        {"msg": f"hostile {v}", "levelname": "ERROR", "name": v, "exc_text": f"Traceback {v}\n  {v}"} for v in VECTORS
    ]
    answer = server.post(records)
    assert answer.status_code == 200, answer.text
    watch(page)
    page.open(server.url, "?q=hostile")
    page.wait(lambda: page.status.startswith(f"{len(VECTORS)} entries"), "all")
    elements = page.js("return new Set([...document.querySelectorAll('*')].map((e) => e.localName)).size")
    shown = {}
    for _ in range(100):
        for row in page.rows:
            shown[row["id"]] = row["message"]
        if len(shown) == len(VECTORS):
            break
        page.js("document.querySelector('#scroller').scrollTop += 300")
        page.frames()
    # (Of a logger's name with a space in it, the part after that counts as message: LOG_FORMAT has it so.)
    assert len(shown) == len(VECTORS)
    for message, v in zip(shown.values(), reversed(VECTORS), strict=True):
        assert message.endswith(f"hostile {seen(v)}")
    # Folded out, in the context, kept as a logger, and in the title.
    page.focus_list()
    page.key("g")
    for _ in VECTORS:
        page.key("j", "\ue007")
        page.wait(lambda: page.active and page.active["text"], "folded out")
        page.key("\ue007")
    assert page.js("return document.querySelectorAll('#slice script, #slice img, #slice iframe, #slice style, #slice svg, #slice form').length") == 0
    page.key("o")
    page.wait(lambda: page.all("#context .here"), "context")
    assert page.js("return window.executed") == []
    assert elements <= page.js("return new Set([...document.querySelectorAll('*')].map((e) => e.localName)).size")


def seen(text):
    # The server itself writes control characters so that a terminal is safe from them.
    return text.replace("\0", "\\x00").replace("\ufeff", "‹U+FEFF›")


@pytest.mark.slow
def test_vectors_in_the_address_and_as_loggers(page, start_reader):
    reader = start_reader([])
    for v in VECTORS:
        reader.add(v, "ERROR", v)
    watch(page)
    from urllib.parse import quote
    for v in VECTORS:
        page.open(reader.url, "?q=" + quote(v.replace("\0", "")) + "&live=0&at=" + quote(v.replace("\0", "")))
        page.wait(lambda: page.rows or page.notice or page.find("#q-error").is_displayed(), "something")
        assert page.js("return window.executed") == [], v
    page.open(reader.url, "?level=ERROR")
    for i in range(12):
        page.has_rows(12)
        page.settled()
        page.all("#slice .logger .name")[i].click()
        page.click(".popup .keep")
        page.wait(lambda: "q" in page.address, "kept")
        assert page.js("return window.executed") == []
        page.driver.back()
        page.wait(lambda: "q" not in page.address, "back")


@pytest.mark.slow
def test_the_policy_is_in_force(page, server):
    """So that the tests above mean something: what tries is stopped, and told."""
    watch(page)
    page.expected_errors = ("Failed to load resource", "Trusted", "Content Security Policy")
    page.open(server.url).settled()
    for wrong, kind in (("document.body.innerHTML = '<img src=x onerror=alert(1)>'", "TrustedHTML"),
                        ("document.createElement('script').src = 'https://evil.example/x.js'", "TrustedScriptURL"),
                        ("document.createElement('script').textContent = 'alert(1)'", "TrustedScript")):
        with pytest.raises(JavascriptException, match=kind):
            page.js(wrong)
    page.js("const i = document.createElement('img'); i.src = 'https://evil.example/x.png'; document.body.append(i)")
    page.wait(lambda: any("img-src" in e for e in page.js("return window.executed")), "an image of another server is stopped")


@pytest.mark.slow
def test_unseen_characters_are_shown(page, start_reader):
    reader = start_reader([])
    evil = "user \u202e\u2066// admin\u2069 \u200bzero \u00ad \x1b[31mred\x07 \u2028 \u3164 \U000e0041 tail"
    reader.add(evil, "ERROR", "log\u202eger")
    reader.add("שלום user=5", "INFO", "אבג")
    page.open(reader.url)
    rows = page.has_rows(2)
    assert rows[1]["message"] == ("user ‹U+202E›‹U+2066›// admin‹U+2069› ‹U+200B›zero ‹U+00AD› ‹U+001B›[31mred‹U+0007› "
                                  "‹U+2028› ‹U+3164› ‹U+E0041› tail")
    assert rows[1]["logger"] == "log‹U+202E›ger"
    # What is written from right to left stays where it belongs, and moves nothing else.
    places = page.js("""return [...document.querySelectorAll('#slice .row')].map((row) =>
        ['.time', '.level', '.logger', '.message'].map((c) => Math.round(row.querySelector(c).getBoundingClientRect().left)))""")
    assert places[0] == places[1]
    assert page.js("""return ['.message', '.logger .name'].map((c) => getComputedStyle(document.querySelector('#slice ' + c)).unicodeBidi)""") == [
        "isolate", "isolate"]
    # An emoji keeps its picture form.
    reader.add("ok \u2764\ufe0f")
    page.first_is("ok \u2764\ufe0f")
