#!/usr/bin/env python3
"""What failed, from a report of pytest's (JUnit's XML) or a log of `make check`: names, and what each said last.

    tools/failures.py STAGE build/pytest.xml
    tools/failures.py STAGE build/check.log
"""

import re
import sys
import xml.etree.ElementTree
from collections.abc import Iterator
from pathlib import Path

# Of what a test said: its end, where pytest and cmocka have the reason.
LINES = 15
WIDTH = 300


def of_pytest(report: Path) -> Iterator[tuple[str, str]]:
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        for kind in ("failure", "error"):
            for told in case.iter(kind):
                yield f"{case.get('classname')}::{case.get('name')}", told.text or told.get("message") or kind


def of_make_check(log: Path) -> Iterator[tuple[str, str]]:
    told = set()
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(?:FAIL|XPASS|ERROR): (\S+)(.*)", line)
        if not match:
            continue
        program, name = match[1], match[2]
        # A program with a test that failed exits with a status, too.
        if program in told and "exited with status" in name:
            continue
        told.add(program)
        said = log.parent / f"{program}.log"
        text = said.read_text(errors="replace") if said.exists() else ""
        reasons = [reason for reason in text.splitlines() if not re.match(r"(ok|PASS:|\d+\.\.)", reason)]
        yield f"{program}{name}", "\n".join(reasons)


def main() -> None:
    stage, path = sys.argv[1], Path(sys.argv[2])
    for name, text in of_pytest(path) if path.suffix == ".xml" else of_make_check(path):
        print(f"failed: {stage}: {name}")
        for line in text.rstrip().splitlines()[-LINES:]:
            print(f"    {line[:WIDTH]}")


if __name__ == "__main__":
    main()
