"""What the compiler, the linker and the server itself do against errors being exploited.

A build with sanitizers does without most of it; for one, the tests that don't apply are not collected.
"""

import os
import re
import subprocess
from pathlib import Path

from server import TREE

BUILD = TREE / os.environ.get("BUILD_DIR", "build")
PROGRAM = BUILD / "pbu-log-server"


def defined(name):
    return f"#define {name} 1\n" in (BUILD / "config.h").read_text()


def unless_sanitized(test):
    return None if defined("WITH_SANITIZERS") else test


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def status(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


# --- the program ---


@unless_sanitized
def test_is_position_independent():
    assert re.search(r"Type:\s+DYN ", readelf("-h", PROGRAM))
    assert re.search(r"FLAGS_1.* PIE", readelf("-d", PROGRAM))


@unless_sanitized
def test_what_is_linked_is_read_only_after_the_start():
    assert "GNU_RELRO" in readelf("-l", PROGRAM)
    assert "BIND_NOW" in readelf("-d", PROGRAM)


@unless_sanitized
def test_nothing_can_be_both_written_and_executed():
    headers = readelf("-l", PROGRAM)
    assert re.search(r"GNU_STACK( +0x\w+){5} +RW +0x", headers)
    assert re.search(r"LOAD( +0x\w+){5} +R E ", headers)
    assert not re.search(r"LOAD( +0x\w+){5} +RWE", headers)


@unless_sanitized
def test_brings_no_search_path_of_its_own():
    assert "RPATH" not in readelf("-d", PROGRAM) and "RUNPATH" not in readelf("-d", PROGRAM)


@unless_sanitized
def test_checks_the_stack_and_the_sizes_of_buffers():
    symbols = readelf("--dyn-syms", PROGRAM)
    assert "__stack_chk_fail" in symbols
    # _FORTIFY_SOURCE, where the compiler knows a buffer's size.
    assert "__vsnprintf_chk" in symbols and "__snprintf_chk" in symbols and "__memcpy_chk" in symbols


@unless_sanitized
def test_fortified_as_far_as_the_compiler_goes():
    makefile = (BUILD / "Makefile").read_text()
    flags = re.search(r"^HARDENING_CFLAGS = (.*)$", makefile, re.M)[1]
    level = re.search(r"-D_FORTIFY_SOURCE=(\d)", flags)[1]
    compiler = re.search(r"^CC = (.*)$", makefile, re.M)[1]
    levels = subprocess.run(
        [*compiler.split(), "-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-E", "-P", "-"], check=True, capture_output=True,
        text=True, input="#include <features.h>\nLEVEL __USE_FORTIFY_LEVEL\n").stdout
    assert level == re.search(r"^LEVEL\s+(\d)", levels, re.M)[1]


@unless_sanitized
def test_jumps_are_marked():
    """Each object of ours. The program as a whole has the mark only where the C library's own start has it."""
    library = BUILD / "libpbu.a"
    if "X86-64" in readelf("-h", PROGRAM):
        properties, mark = readelf("-n", library), "IBT, SHSTK"
    elif "AArch64" in readelf("-h", PROGRAM):
        properties, mark = readelf("-n", library), "BTI, PAC"
    else:
        return
    objects = subprocess.run(["ar", "t", library], check=True, capture_output=True, text=True).stdout.split()
    assert properties.count(mark) == len(objects)


# --- the running server ---


def test_has_given_up_what_it_does_not_need(server):
    expected = "2" if defined("HAVE_SECCOMP") else status("self")["Seccomp"]
    threads = list(Path(f"/proc/{server.pid}/task").iterdir())
    assert len(threads) > 1
    for thread in threads:
        found = status(f"{server.pid}/task/{thread.name}")
        assert found["NoNewPrivs"] == "1"
        assert found["Seccomp"] == expected


def test_leaves_no_core(server):
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 +bytes", limits, re.M)
