"""The figures of a run, for the tables of doc/RELIABILITY.md.

A test notes a row: note("rude", tries, seconds). Where the environment names a file in FIGURES, it is kept there; and

    python figures.py FILE PAGE

puts the rows of each table that there are some of into the page, in place of those between its two markers, with the
date. Tables of which there is none stay as they are, with their date. `make check-faults` does all of it.
"""

import datetime
import json
import os
import platform
import re
import sys
from pathlib import Path


def note(table, *cells, what=None):
    """A row; its first cell says what was done: by default the name of the test."""
    if "FIGURES" in os.environ:
        with open(os.environ["FIGURES"], "a", encoding="utf-8") as f:
            json.dump([table, what or test_name(), *cells], f)
            f.write("\n")


def test_name():
    """Of the test that runs, in words: "test_x.py::test_a_slow_disk[writev] (call)" is "a slow disk"."""
    return re.search(r"::test_(\w+)", os.environ["PYTEST_CURRENT_TEST"])[1].replace("_", " ")


def as_they_are(rows):
    return rows


def of_crowds(rows):
    """Tests with parameters are a row: all tries, and the slowest answer."""
    for what in dict.fromkeys(row[0] for row in rows):
        same = [row for row in rows if row[0] == what]
        yield what, f"{sum(row[1] for row in same):,}", f"{max(row[2] for row in same) * 1000:.1f} ms"


def of_slow_clients(rows):
    for what, requests, p99, slowest in rows:
        yield what, f"{requests:,}", f"{p99 * 1000:.1f} ms", f"{slowest * 1000:.0f} ms"


def of_clusters(rows):
    """Each kind of fault, and all of them: what was lost would have failed the run."""
    for what, times, taken, refused, slowest, *rest in rows:
        twice = f"{rest[0]:,}" if rest else "-"
        what += f", in {rest[1] / 60:.0f} minutes" if rest else ""
        yield what, times, f"{taken:,}", f"{refused:,}", 0, twice, f"{slowest:.1f}"


TABLES = {"power": as_they_are, "faults": as_they_are, "rude": of_crowds, "slow": of_slow_clients, "long": as_they_are,
          "cluster": of_clusters}


def put(page, noted, date, machine):
    """The page with those rows, of that day."""
    for table, form in TABLES.items():
        rows = [row for name, *row in noted if name == table]
        marked = rf"(<!-- begin {table} -->\n).*?\n(\|.*?\n\|.*?\n).*?(<!-- end {table} -->\n)"
        if len(re.findall(marked, page, re.S)) != 1:
            raise SystemExit(f"the page has not one table {table} between its markers")
        if rows:
            lines = "".join("| " + " | ".join(map(str, row)) + " |\n" for row in form(rows))
            page = re.sub(marked, lambda m: f"{m[1]}Run of {date}, {machine}.\n\n{m[2]}{lines}{m[3]}", page, flags=re.S)
    return page


def main():
    noted = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    page = Path(sys.argv[2])
    machine = f"{os.cpu_count()} processors, Linux {platform.release().partition('-')[0]}"
    page.write_text(put(page.read_text(encoding="utf-8"), noted, datetime.date.today(), machine), encoding="utf-8")


if __name__ == "__main__":
    main()
