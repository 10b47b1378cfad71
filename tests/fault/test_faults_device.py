"""The disk itself fails, or the file system on it: what was acknowledged with LOG_FSYNC=always is on the device."""

import shutil

import pytest

from device import Disk
from faulty import Course
from fcgi_peer import request
from load import check_answer
from server import wait_for


@pytest.fixture
def disk(tmp_path):
    assert shutil.which("mkfs.ext4"), "mkfs.ext4 is missing: ./test.sh installs it"
    disk = Disk(tmp_path, tmp_path / "disk")
    yield disk
    disk.close()


def serve(start, disk, **settings):
    server = start(wrap=disk.wrap, LOG_FOLDER=disk.folder / "logs", **settings)
    server.folder = disk.folder / "logs"
    return server


def health(server):
    with server.connect() as c:
        c.send(request(b"", REQUEST_METHOD="GET", DOCUMENT_URI="/api/health"))
        return check_answer(c.answer())


def test_the_file_system_turns_read_only(start, disk):
    """
    ext4 has found itself damaged (errors=remount-ro). An ordinary `mount -o remount,ro` is EBUSY while files are open for
    writing; and after an error ext4 can't be made writable again, only taken out and put in again.
    """
    server = serve(start, disk, LOG_FSYNC="always")
    course = Course(server)
    disk.errors.write_text("1")
    course.load.wait_for_more(503)
    assert health(server) == 503
    course.until_said("Read-only file system")
    disk.unmount("-l")
    # What is below it takes the records meanwhile; and nothing of the old one is held any more.
    course.load.wait_for_more(200)
    wait_for(lambda: not disk.errors.exists(), "the end of the old file system")
    disk.mount()
    kept = disk.inside(server.folder)
    size = (kept / "info.log").stat().st_size
    wait_for(lambda: (kept / "info.log").stat().st_size > size, "records on the new one")
    course.over()
    course.no_connection_closed()
    # Without a mount it is the folder below.
    course.end("the file system turns read-only, `always`", "ext4's trigger_fs_error; umount -l, mount",
               [server.folder, kept], crashed=True)
