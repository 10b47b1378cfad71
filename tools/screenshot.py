#!/usr/bin/env python3
"""Makes doc/page.png: the page of a real server (start.sh) with entries of a shop, in Chromium.

    .venv/bin/python tools/screenshot.py [doc/page.png]      after ./test.sh packages python build page;
                                                         it needs pngquant
"""

import random
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TREE / "tests/page"), str(TREE / "tests/integration")]

from browser import browser, look  # noqa: E402
from fake_reader import TRACE, made_up  # noqa: E402

from page import Page  # noqa: E402
from server import ALL_LEVELS, Server  # noqa: E402

SIZE = 1000, 560


def records() -> list[dict[str, object]]:
    """Three hours of a shop, the last of them with trouble."""
    rng = random.Random(4)
    now = datetime.now().timestamp()
    found = []
    for e in made_up(1500, span=3 * 3600, seed=7):
        record: dict[str, object] = {"msg": e.message, "levelname": e.level, "name": e.logger, "created": e.ms / 1000,
                                     "asctime": None}
        if e.level == "ERROR":
            record["exc_text"] = TRACE.strip("\n")
        found.append(record)
    for _ in range(40):
        at = now - 2400 + rng.random() * 600
        found.append({"msg": f"order {rng.randrange(10**5)} could not be placed", "levelname": "ERROR", "name": "shop.orders",
                      "created": at, "exc_text": TRACE.strip("\n")})
    for record in found:
        record["msecs"] = record["created"] % 1 * 1000  # type: ignore[operator]
        record.pop("asctime", None)
    return sorted(found, key=lambda r: r["created"])  # type: ignore[arg-type,return-value]


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else TREE / "doc/page.png"
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, ENABLED_LOG_LEVELS=ALL_LEVELS, TZ="Europe/Berlin").start()
        try:
            assert server.post(records()).status_code == 200
            with browser(width=SIZE[0], height=SIZE[1]) as driver:
                look(driver, width=SIZE[0], height=SIZE[1], still=True)
                page = Page(driver)
                page.open(server.url, "?q=order&start=-6h").settled()
                page.is_live()
                page.focus_list()
                page.key("e", "\ue007")
                page.wait(lambda: page.active and page.active["open"], "a trace is folded out")
                page.js("document.activeElement.blur()")
                page.js("document.querySelector('#scroller').scrollTop = 120")
                driver.save_screenshot(str(out))
                subprocess.run(["pngquant", "--force", "--strip", "--speed=1", "--nofs", "--output", out, "48", out], check=True)
        finally:
            server.stop()
    print(out, out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
