"""Writing to the files fails, in every way that it can."""

import errno
import os
import resource
import subprocess

import pytest

from faulty import Course
from fcgi_peer import request
from load import body, check_answer
from server import wait_for

NO_SPACE, IO_ERROR = "No space left on device", "Input/output error"

# In a mount namespace of its own, which goes when the server does.
SMALL_TMPFS = ["unshare", "-m", "--", "sh", "-c",
               'mkdir -p "$LOG_FOLDER" && mount -t tmpfs -o size=16m tmpfs "$LOG_FOLDER" && exec "$@"', "sh"]


def test_a_full_file_system(start):
    server = start(wrap=SMALL_TMPFS)
    folder = server.inside(server.folder)
    wait_for(lambda: (folder / "info.log").exists(), "the mount")
    course = Course(server)
    filler = open(folder / "filler", "wb", buffering=0)
    try:
        while filler.write(bytes(65536)) == 65536:
            pass
        while True:
            filler.write(bytes(1))
    except OSError as e:
        assert e.errno == errno.ENOSPC
    course.load.wait_for_more(503)
    with server.connect() as c:
        def health():
            c.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health"))
            return check_answer(c.answer())

        # A short record may still have fitted into the last block.
        wait_for(lambda: health() == 503, "health says so")
    course.until_said(NO_SPACE)
    filler.truncate(0)
    filler.close()
    course.over()
    course.end("ENOSPC, the disk is full", "a tmpfs of 16 MiB, filled and emptied", [folder])
    course.no_connection_closed()


def test_a_limit_of_the_files_size(start):
    server = start()
    course = Course(server)
    size = (server.folder / "info.log").stat().st_size
    # Writes up to the limit are short, after it they fail.
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size + 1000, resource.RLIM_INFINITY))
    course.load.wait_for_more(503)
    course.until_said("File too large")
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    course.over()
    course.end("EFBIG, short writes before it", "ulimit -f (prlimit)")
    course.no_connection_closed()


@pytest.mark.parametrize("error, reason", [(errno.ENOSPC, NO_SPACE), (errno.EIO, IO_ERROR)])
@pytest.mark.parametrize("how", ["at once", "after a short write"])
def test_writes_fail(start, error, reason, how):
    server = start()
    course = Course(server)
    server.control.on("writev", error, bytes=0 if how == "at once" else 17)
    course.load.wait_for_more(503)
    course.until_said(reason)
    server.control.off("writev")
    course.over()
    course.end(f"{errno.errorcode[error]} {how}", "LD_PRELOAD: writev")
    course.no_connection_closed()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_each_write_of_a_request_fails(start, error):
    """A batch has a write for each of the four files: whichever fails, none keeps a record of it."""
    server = start()
    with server.connect() as c:
        for torn in (0, 5):
            for skip in range(4):
                sizes = [(server.folder / f"{x}.log").stat().st_size for x in ("debug", "info", "warning", "error")]
                # Short once, so that something is to be cut back; then the error.
                server.control.on("writev", error, count=2 if torn else 1, skip=skip, bytes=torn)
                c.send(request(body("9.1", ("debug", "info", "warning", "error"))))
                assert check_answer(c.answer()) == 503
                assert server.control.hits("writev") == (2 if torn else 1)
                server.control.off("writev")
                assert sizes == [(server.folder / f"{x}.log").stat().st_size for x in ("debug", "info", "warning", "error")]
                c.send(request(body("9.1", ("debug", "info", "warning", "error"))))
                assert check_answer(c.answer()) == 200


def test_a_fault_is_made_however_many_calls_pass_before(start):
    """Under load they do while it is switched on, which takes a test several steps."""
    server = start()
    with server.connect() as c:
        def status():
            c.send(request(body("9.1", ("info",))))
            return check_answer(c.answer())

        server.control.on("writev", errno.ENOSPC, skip=1, count=0)
        assert [status() for _ in range(5)] == [200] * 5
        server.control.set("writev", "count", 2)
        assert [status() for _ in range(4)] == [503, 503, 200, 200]
        assert server.control.hits("writev") == 2


@pytest.mark.parametrize("bytes", [1, 100])
def test_short_writes(start, bytes):
    server = start()
    course = Course(server)
    server.control.on("writev", bytes=bytes)
    course.load.wait_for_more(200, 300)
    server.control.off("writev")
    course.over()
    course.end(f"short writes, {bytes} bytes", "LD_PRELOAD: writev")
    assert course.load.count(200) == len(course.load.all())


def test_interrupted_calls(start):
    server = start(LOG_FSYNC="always")
    course = Course(server)
    for point in ("writev", "epoll_wait", "accept"):
        server.control.on(point, errno.EINTR, period=2)
    course.load.wait_for_more(200, 300)
    for _ in range(20):
        with server.connect() as c:
            c.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health"))
            assert check_answer(c.answer()) == 200
    assert all(server.control.hits(x) > 5 for x in ("writev", "epoll_wait", "accept"))
    assert not course.load.refused(), "an interrupted call is no failure"
    # What is cut back, too.
    server.control.on("ftruncate", errno.EINTR, period=2)
    server.control.on("writev", errno.EIO, bytes=9)
    course.load.wait_for_more(503)
    assert server.control.hits("ftruncate") > 0
    for point in ("writev", "ftruncate", "epoll_wait", "accept"):
        server.control.off(point)
    course.over()
    course.end("EINTR, with EIO for a while", "LD_PRELOAD: writev, epoll_wait, accept4, ftruncate; every other call")
    course.no_connection_closed()


def test_what_failed_cannot_be_cut_off(start):
    server = start()
    course = Course(server)
    server.control.on("ftruncate", errno.EIO)
    server.control.on("writev", errno.ENOSPC, bytes=17)
    course.load.wait_for_more(503)
    server.control.off("writev")
    # Nothing may be written after the rest of an entry.
    course.load.wait_for_more(503)
    course.until_said(IO_ERROR)
    server.control.off("ftruncate")
    course.over()
    course.end("ftruncate fails, too", "LD_PRELOAD: writev ENOSPC, ftruncate EIO")
    course.no_connection_closed()


def test_an_append_only_file_cannot_be_cut_off(start):
    server = start()
    course = Course(server)
    subprocess.run(["chattr", "+a", server.folder / "info.log"], check=True)
    try:
        server.control.on("writev", errno.ENOSPC, bytes=17)
        course.load.wait_for_more(503)
        server.control.off("writev")
        course.until_said("Operation not permitted")
    finally:
        subprocess.run(["chattr", "-a", server.folder / "info.log"], check=True)
    course.over()
    course.end("what failed cannot be cut off", "LD_PRELOAD: writev ENOSPC; chattr +a")
    course.no_connection_closed()


def test_an_immutable_file(start):
    server = start()
    course = Course(server)
    subprocess.run(["chattr", "+i", server.folder / "info.log"], check=True)
    try:
        course.load.wait_for_more(503)
        course.until_said("Operation not permitted")
    finally:
        subprocess.run(["chattr", "-i", server.folder / "info.log"], check=True)
    course.over()
    course.end("EPERM at write", "chattr +i on info.log")
    course.no_connection_closed()


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EINTR])
def test_syncs_fail_before_the_answer(start, error):
    server = start(LOG_FSYNC="always")
    course = Course(server)
    server.control.on("fdatasync", error)
    course.load.wait_for_more(503)
    course.until_said(f"can't sync .*: {os.strerror(error)}")
    server.control.off("fdatasync")
    course.over()
    outcome = course.end(f"fdatasync: {errno.errorcode[error]}, LOG_FSYNC=always", "LD_PRELOAD: fdatasync")
    course.no_connection_closed()
    # They were written and may be there or not: the client was told to repeat them.
    assert outcome.unacknowledged > 0


def test_a_sync_in_the_background_fails(start):
    server = start(LOG_FSYNC="everysec")
    course = Course(server)
    server.control.on("fdatasync", errno.EIO)
    course.until_said(f"can't sync .*: {IO_ERROR}")
    server.control.off("fdatasync")
    course.over()
    course.end("fdatasync: EIO, LOG_FSYNC=everysec", "LD_PRELOAD: fdatasync")
    assert course.load.count(200) == len(course.load.all())
