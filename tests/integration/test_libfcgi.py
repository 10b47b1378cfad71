"""What holds whichever libfcgi the server is linked with, and however; `./test.sh libfcgi` has two of its own."""

import re
import subprocess
from pathlib import Path

import pytest
from fcgi_peer import BUILD
from server import TREE

PROGRAM = BUILD / "pbu-log-server"


def defined(file):
    """The symbols that a program or a library lets others use."""
    out = subprocess.run(["nm", "-D", "--defined-only", file], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines()}


def library():
    """The libfcgi that the program uses, or would use if it were not linked statically."""
    used = subprocess.run(["ldd", PROGRAM], check=True, capture_output=True, text=True).stdout
    known = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    return re.search(r"libfcgi\.so\S* .*=> (\S+)", used + known)[1]


def test_the_program_takes_the_place_of_no_function_of_it():
    """That would work only where the library is linked so that it can be done: not on Ubuntu, nor statically."""
    functions = defined(library())
    assert {"FCGX_Accept_r", "OS_Read"} <= functions
    assert not functions & defined(PROGRAM)


def read_params(macro):
    """What the program asks libfcgi for: one of the two lists of http.h."""
    lines = re.search(rf"^#define {macro}\(X\)(?:.*\\\n)+.*\n", Path(TREE, "src/web/http.h").read_text(), re.MULTILINE)
    return set(re.findall(r'^\s*X\(\w+, "(\w+)"\)', lines[0], re.MULTILINE))


def passed_params(text):
    """What nginx passes, and to whom, by block: a location with a fastcgi_param of its own has none of those above it."""
    blocks, names = {}, [""]
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        params, passes = blocks.setdefault(names[-1], (set(), set()))
        if line.endswith("{"):
            names.append(f"{line} (line {number})")
        elif line == "}":
            names.pop()
        elif line.startswith("fastcgi_param "):
            params.add(line.split()[1])
        elif line.startswith("fastcgi_pass "):
            passes.add(line.split()[1].rstrip(";"))
    return {block: both for block, both in blocks.items() if both[0]}


@pytest.mark.parametrize("file", sorted(Path(TREE, "nginx").rglob("*.conf*")), ids=lambda p: p.name)
def test_nginx_passes_what_the_program_reads(file):
    """A parameter that only one of the two knows would compile, start, and never work.

    The reader is passed more: none of it, a cookie least of all, is the server's business.
    """
    blocks = passed_params(file.read_text())
    if file.name == "pbu-log-server-locations.conf":
        assert "" in blocks
    both = read_params("HTTP_PARAMS")
    written, read = both | read_params("HTTP_WRITE_PARAMS"), both | read_params("HTTP_READ_PARAMS")
    assert len(written) == 9
    assert len(read) == 12
    for block, (passed, to) in blocks.items():
        reader = to == {"pbu_log_reader"} or (not to and "reader" in file.name)
        assert passed == (read if reader else written), f"{file.name}, {block or 'for all locations'}"
