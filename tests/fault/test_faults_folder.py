"""fsync(2) of the folder fails: the names of files that were created or rolled over."""

import errno

import pytest

from faulty import Course
from server import wait_for

SAID = 'can\'t sync ".*/": Input/output error'


@pytest.mark.parametrize("sync", ["always", "everysec"])
def test_the_folder_cannot_be_synced(start, sync):
    server = start(LOG_FSYNC=sync, LOG_MAX_BYTES=100_000, LOG_BACKUP_COUNT=0)
    course = Course(server)
    server.control.on("fsync", errno.EIO)
    if sync == "always":
        # A record is not safe in a file whose name is not. (Until one rolls over each waits for the disk.)
        course.load.wait_for_more(503, seconds=60)
    course.until_said(SAID)
    assert list(server.folder.glob("info.log.*"))
    server.control.off("fsync")
    # What could not be synced is tried again, without another roll-over to ask for it.
    failed = server.control.get("fsync", "seen")
    course.over()
    wait_for(lambda: server.control.get("fsync", "seen") > failed, "another try")
    course.end(f"fsync of the folder: EIO, `{sync}`", "LD_PRELOAD: fsync")
    course.no_connection_closed()
    if sync == "everysec":
        assert course.load.count(200) == len(course.load.all())


def test_the_names_are_synced_again(start):
    """Without load: the tick syncs them as soon as it can, though nothing is created any more."""
    server = start(LOG_FSYNC="everysec", faults={"fsync": {"error": errno.EIO}})
    wait_for(lambda: server.count_said(SAID) >= 1, "the reason on stderr")
    server.control.off("fsync")
    failed = server.control.get("fsync", "seen")
    wait_for(lambda: server.control.get("fsync", "seen") > failed, "another try")
