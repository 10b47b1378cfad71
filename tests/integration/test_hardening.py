"""What the compiler, the linker and the programs themselves do against errors being exploited.

A build with sanitizers does without most of it; for one, the tests that don't apply are not collected.
"""

import contextlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from server import TREE

BUILD = TREE / os.environ.get("BUILD_DIR", "build")
PROGRAMS = {name: BUILD / name for name in ("pbu-log-server", "pbu-log-reader")}
each_program = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)


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
@each_program
def test_is_position_independent(program):
    assert re.search(r"Type:\s+DYN ", readelf("-h", program))
    assert re.search(r"FLAGS_1.* PIE", readelf("-d", program))


@unless_sanitized
@each_program
def test_what_is_linked_is_read_only_after_the_start(program):
    assert "GNU_RELRO" in readelf("-l", program)
    assert "BIND_NOW" in readelf("-d", program)


@unless_sanitized
@each_program
def test_nothing_can_be_both_written_and_executed(program):
    headers = readelf("-l", program)
    assert re.search(r"GNU_STACK( +0x\w+){5} +RW +0x", headers)
    assert re.search(r"LOAD( +0x\w+){5} +R E ", headers)
    assert not re.search(r"LOAD( +0x\w+){5} +RWE", headers)


@unless_sanitized
@each_program
def test_brings_no_search_path_of_its_own(program):
    assert "RPATH" not in readelf("-d", program) and "RUNPATH" not in readelf("-d", program)


@unless_sanitized
@each_program
def test_checks_the_stack_and_the_sizes_of_buffers(program):
    symbols = readelf("--dyn-syms", program)
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
@pytest.mark.parametrize("name", ["libpbu.a", "libpbureader.a", "libpbuweb.a"])
def test_jumps_are_marked(name):
    """Each object of ours. The program as a whole has the mark only where the C library's own start has it."""
    library = BUILD / name
    if "X86-64" in readelf("-h", PROGRAMS["pbu-log-server"]):
        properties, mark = readelf("-n", library), "IBT, SHSTK"
    elif "AArch64" in readelf("-h", PROGRAMS["pbu-log-server"]):
        properties, mark = readelf("-n", library), "BTI, PAC"
    else:
        return
    objects = subprocess.run(["ar", "t", library], check=True, capture_output=True, text=True).stdout.split()
    assert properties.count(mark) == len(objects)


# --- the running programs ---


@pytest.fixture(params=PROGRAMS)
def pid(server, request):
    return server.pid if request.param == "pbu-log-server" else server.reader_pid


def test_has_given_up_what_it_does_not_need(pid):
    expected = "2" if defined("HAVE_SECCOMP") else status("self")["Seccomp"]
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    assert len(threads) > 1
    for thread in threads:
        found = status(f"{pid}/task/{thread.name}")
        assert found["NoNewPrivs"] == "1"
        assert found["Seccomp"] == expected


def test_leaves_no_core(pid):
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 +bytes", limits, re.M)


@unless_sanitized
def test_the_memory_of_the_reader_is_bounded(server):
    """Where no unit or container does it."""
    limits = Path(f"/proc/{server.reader_pid}/limits").read_text()
    assert re.search(r"^Max data size +536870912 +536870912 +bytes", limits, re.M)


def open_files(pid):
    """What a process has open: the path of each and how it was opened."""
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            flags = re.search(r"^flags:\s+(\d+)$", Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text(), re.M)[1]
            yield os.readlink(fd), int(flags, 8)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into a process that is not dumpable")
def test_the_reader_has_no_file_of_the_folder_open_for_writing(server):
    """Its filter lets it open none: test_confine.c tries. Here is what it has got, with queries under way or not."""
    for path in ("query", "hits", "raw", "files"):
        assert server.get(f"/api/log/{path}").status_code == 200
        for name, flags in open_files(server.reader_pid):
            assert not name.startswith(str(server.folder)) or flags & os.O_ACCMODE == os.O_RDONLY, name
