"""The texts of the tree: what they lead to is there, and what they say twice is the same."""

import datetime
import hashlib
import json
import re
import subprocess
import sys

import pytest

from server import TREE

pytestmark = pytest.mark.once

PAGES = sorted(x.relative_to(TREE).as_posix() for x in [*TREE.glob("*.md"), *TREE.glob("doc/*.md")])


def anchors(page):
    """What a heading can be reached by."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    page = TREE / name
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())
    for link in links:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", ["design", "reader", "role"])
def test_pictures_are_of_their_text(name):
    """`make -C build picture` draws them, and puts the sum of the text into the picture."""
    text, picture = (TREE / f"doc/{name}.{ending}" for ending in ("dot", "svg"))
    assert hashlib.sha256(text.read_bytes()).hexdigest() in picture.read_text()


def test_readme_is_short():
    assert len((TREE / "README.md").read_text().splitlines()) < 200


def spawn_fcgi(text, rest, program):
    """The options of a program's spawn-fcgi command with those of its multiwatch; `rest` ends a line that goes on."""
    command = re.search(rf"(?:nice -n 10 +)?spawn-fcgi -n -s .*/{program}$", text.replace(rest, " "), re.M)[0]
    nice, _, command = command.rpartition("spawn-fcgi")
    options = dict(re.findall(r" -(\w) (\S+)", command))
    spawn, _, watch = command.partition(" -- ")
    assert " -n " in spawn and "/multiwatch " in watch
    return nice.split(), {name: value for name, value in options.items() if name not in "ugU"}, watch


@pytest.mark.parametrize("program, nice", [("pbu-log-server", []), ("pbu-log-reader", ["nice", "-n", "10"])])
def test_the_manual_and_deploy_spawn_alike(program, nice):
    """But for the users, as the manual's is the one that the package makes."""
    manual = spawn_fcgi((TREE / f"doc/{program}.8").read_text(), "\\e\n", program)
    page = spawn_fcgi((TREE / "doc/deploy.md").read_text(), "\\\n", program)
    words = [sorted(watch.split()) for *_, watch in (manual, page)]
    assert manual[1] == {**page[1], **manual[1]} and words[0] == words[1]
    assert manual[1]["b"] == page[1]["b"] and "-s HUP" in manual[2]
    assert manual[0] == page[0] == nice


def test_no_address_is_promised():
    """Where the form of a package asks for one, it says itself that it is none (RFC 2606); elsewhere is none."""
    control = (TREE / "debian/control").read_text()
    maintainer = re.search(r"^Maintainer: .* <(.*)>$", control, re.M)[1]
    assert f"<{maintainer}>" in (TREE / "debian/changelog").read_text()
    assert maintainer.endswith(".invalid")
    for name in PAGES:
        assert not re.search(r"[\w.]+@[\w-]+\.\w+", (TREE / name).read_text()), name


def test_figures_replace_those_of_their_table_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text((TREE / "doc/RELIABILITY.md").read_text())
    noted = tmp_path / "figures"
    rows = [["rude", "b", 2, 0.001], ["rude", "a", 1, 0.002], ["rude", "b", 3, 0.004], ["power", "`LOG_FSYNC=no`", 1, "9", "9", 0, "-"]]
    noted.write_text("".join(json.dumps(row) + "\n" for row in rows))
    subprocess.run([sys.executable, TREE / "tests/integration/figures.py", noted, page], check=True)
    new, old = page.read_text(), (TREE / "doc/RELIABILITY.md").read_text()
    today = f"Run of {datetime.date.today()}, "
    # Another table may be of today, too.
    dated = {table for table, run in re.findall(r"^<!-- begin (\w+) -->\n(.*)$", new, re.M) if run.startswith(today)}
    assert dated >= {"rude", "power"} and new.count("Run of ") == old.count("Run of ")
    assert "| b | 5 | 4.0 ms |\n| a | 1 | 2.0 ms |\n<!-- end rude -->" in new
    assert "| `LOG_FSYNC=no` | 1 | 9 | 9 | 0 | - |\n<!-- end power -->" in new
    tables = [dict(re.findall(r"^<!-- begin (\w+) -->\n(.*?)^<!-- end", text, re.M | re.S)) for text in (new, old)]
    assert tables[0].keys() == tables[1].keys() > {"rude", "power"}
    for table in tables[0].keys() - {"rude", "power"}:
        assert tables[0][table] == tables[1][table], table


def test_design_names_every_module():
    """And no other, each in its layer: who looks for a thing finds it there."""
    section = (TREE / "doc/design.md").read_text().split("\n## Layers\n")[1].split("\n## ")[0]
    named = {layer: set(re.findall(r"`([\w.]+)`", row)) for layer, row in re.findall(r"^\| `(\w+)` \|(.*)\|$", section, re.M)}
    real = {folder.name: {x.stem for x in folder.glob("*.[ch]")} for folder in (TREE / "src").iterdir()}
    assert named.keys() == real.keys()
    for layer, modules in real.items():
        assert {word.partition(".")[0] for word in named[layer]} == modules, layer


def test_a_change_goes_where_the_design_says():
    """The functions, tables and lists that it names are in the files that it names, and these are there."""
    section = (TREE / "doc/design.md").read_text().split("\n## Where a change goes\n")[1]
    named = re.findall(r"`(\w+)(?:\(\))?` (?:in|of|\() ?`(\w+/\w+\.(?:c|h|\[ch\]))`", section)
    assert len(named) > 15
    for name, path in named:
        text = "".join(x.read_text() for x in (TREE / "src").glob(path))
        assert re.search(rf"\b{name}\b", text), f"{name} in {path}"
    layers = "|".join(x.name for x in (TREE / "src").iterdir())
    for path in set(re.findall(rf"`((?:{layers})/\w+)(?:\.[ch\[\]]+)?`", section)):
        assert list((TREE / "src").glob(f"{path}.[ch]")), path


def statuses(*folders):
    """Those that the programs of these folders give, but for 500."""
    sources = [x.read_text() for folder in (*folders, "web") for x in (TREE / "src" / folder).glob("*.[ch]")]
    found = {number for text in sources for number in re.findall(r"\bSTATUS_(\d{3})\b", text)} - {"500"}
    assert found <= set(re.findall(r"^\tX\((\d+), ", (TREE / "src/base/status.h").read_text(), re.M))
    return found


@pytest.mark.parametrize("page, folders", [
    ("README.md", ["server", "reader"]), ("doc/pbu-log-server.8", ["server"]), ("doc/pbu-log-reader.8", ["reader"])])
def test_every_answer_is_explained(page, folders):
    """Those that a program gives, and those of nginx after which a client shall come again."""
    answers = statuses(*folders)
    retry = re.search(r"^map \$status \$pbu_log_retry_after \{\n(.*?)^\}", (TREE / "nginx/pbu-log-server-http.conf").read_text(), re.M | re.S)
    answers |= set(re.findall(r"^\t(\d+) ", retry[1], re.M))
    assert {"200", "401", "504"} < answers
    text = (TREE / page).read_text()
    lines = re.findall(r"^(?:\| |\.It )(\d{3}(?: ?, \d{3})*)\b", text, re.M)
    explained = set(re.findall(r"\d+", " ".join(lines)))
    if page == "README.md":
        # Those that reading has beside them are a sentence.
        explained |= set(re.findall(r"\b(\d{3})\b", re.search(r"^Answers that reading has of its own: .*?\n\n", text, re.M | re.S)[0]))
    assert answers <= explained
