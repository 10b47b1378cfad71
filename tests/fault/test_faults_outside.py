"""What others do to the folder, and descriptors that run out."""

import errno
import os
import resource
import shutil
import subprocess
import time

from faulty import Course, Stalls, recovery_limit, within
from fcgi_peer import request
from load import Sent, body, check_answer
from measured import measured
from server import wait_for

TOO_MANY = "Too many open files"

MOUNTS_OF_ITS_OWN = ["unshare", "-m", "--"]


def test_a_removed_folder(start):
    server = start()
    course = Course(server)
    # In one step out of the way: the server may make a new one while this one is taken apart.
    gone = server.folder.rename(server.folder.with_name("gone"))
    shutil.rmtree(gone)
    since = time.monotonic()
    within(5, lambda: (server.folder / "error.log").exists(), "a new folder")
    course.over()
    course.end("the folder is removed", "mv, rm -r; of what was sent after it", since=since)
    course.no_connection_closed()


def test_a_renamed_folder(start):
    server = start()
    course = Course(server)
    away = server.folder.rename(server.folder.with_name("away"))
    within(5, lambda: (server.folder / "error.log").exists(), "a new folder")
    course.over()
    course.end("the folder is renamed", "mv", [away, server.folder])
    assert course.load.count(200) == len(course.load.all())


def test_removed_files(start):
    server = start()
    course = Course(server)
    for path in server.folder.glob("*.log"):
        path.unlink()
    since = time.monotonic()
    course.load.wait_for_more(200)
    course.over()
    course.end("the files are removed", "rm; of what was sent after it", since=since)
    assert course.load.count(200) == len(course.load.all())


def test_a_read_only_file_system_over_the_folder(start):
    server = start(wrap=MOUNTS_OF_ITS_OWN)
    course = Course(server)
    enter = ["nsenter", "-t", str(server.pid), "-m", "--"]
    # A file system cannot be made read-only while it is written to, but hidden by another one.
    subprocess.run([*enter, "mount", "-t", "tmpfs", "-o", "ro", "tmpfs", server.folder], check=True)
    course.until_said("Read-only file system")
    course.load.wait_for_more(200)
    subprocess.run([*enter, "umount", server.folder], check=True)
    course.over()
    # All of it is in the files that are still held, and have their names again.
    course.end("a read-only file system is mounted over the folder", "mount -o ro tmpfs, umount")
    assert course.load.count(200) == len(course.load.all())


def test_another_file_system_over_the_folder(start):
    server = start(wrap=MOUNTS_OF_ITS_OWN)
    course = Course(server)
    enter = ["nsenter", "-t", str(server.pid), "-m", "--"]
    subprocess.run([*enter, "mount", "-t", "tmpfs", "tmpfs", server.folder], check=True)
    seen = server.inside(server.folder)
    wait_for(lambda: (seen / "error.log").exists(), "the files on the new file system")
    course.over()
    course.end("another file system is mounted over the folder", "mount tmpfs", [server.folder, seen])
    assert course.load.count(200) == len(course.load.all())


# Below it all numbers are taken. (The lowest that is free may be one that housekeeping needs for a moment only.)
NONE_IS_FREE = 3


def allow_descriptors(server, more):
    """Leaves the server as many descriptors as it has; or, with more, all that it had."""
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard if more else NONE_IS_FREE, hard))


class Late:
    """A client that connects while no connection is accepted: it has to wait, and that is all."""

    def __init__(self, course, number):
        self.sent = Sent(f"9.{number}", ("info",))
        self.connection = course.server.connect()
        self.connection.send(request(body(self.sent.key, self.sent.levels)))
        course.load.extra.append(self.sent)

    def answered(self):
        with self.connection as c:
            self.sent.status = check_answer(c.answer())
        assert self.sent.status == 200


@measured
def test_no_descriptor_for_a_connection(start):
    server = start()
    course = Course(server)
    allow_descriptors(server, more=False)
    late = [Late(course, n) for n in range(3)]
    course.until_said(f"no connection can be accepted: {TOO_MANY}")
    course.load.wait_for_more(200)
    allow_descriptors(server, more=True)
    with Stalls() as stalls:
        since = time.monotonic()
        for client in late:
            client.answered()
        late_by = time.monotonic() - since
    assert late_by - stalls.seconds < recovery_limit()
    course.over()
    course.recovered = max(course.recovered, late_by)
    course.end("EMFILE at accept", "ulimit -n (prlimit); 3 late clients")
    assert course.load.count(200) == len(course.load.all())


def test_accepting_fails(start):
    server = start()
    course = Course(server)
    for error in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        server.control.on("accept", error)
        late = Late(course, error)
        course.until_said(f"no connection can be accepted: {os.strerror(error)}", 1)
        server.control.off("accept")
        late.answered()
    course.over()
    course.end("EMFILE, ENFILE, ENOMEM at accept", "LD_PRELOAD: accept4")
    assert course.load.count(200) == len(course.load.all())


def test_no_descriptor_to_open_a_renamed_file_again(start):
    server = start(LOG_FSYNC="everysec")
    course = Course(server)
    allow_descriptors(server, more=False)
    (server.folder / "info.log").rename(server.folder / "info.log.kept")
    course.until_said(f"can't open .*again: {TOO_MANY}")
    course.load.wait_for_more(200)
    allow_descriptors(server, more=True)
    new_by = within(recovery_limit(), lambda: (server.folder / "info.log").exists(), "a new file")
    course.over()
    course.recovered = max(course.recovered, new_by)
    course.end("EMFILE at open, of a renamed file", "ulimit -n (prlimit); mv")
    assert course.load.count(200) == len(course.load.all())


def test_no_descriptor_to_open_a_failed_file_again(start):
    server = start(LOG_FSYNC="always")
    course = Course(server)
    server.control.on("openat", errno.EMFILE)
    # A file whose sync failed is closed.
    server.control.on("fdatasync", errno.EIO, count=1)
    course.load.wait_for_more(503)
    course.until_said(f"can't open .*: {TOO_MANY}")
    server.control.off("fdatasync")
    server.control.off("openat")
    course.over()
    course.end("EMFILE at open, of a failed file", "LD_PRELOAD: openat; fdatasync once")
    course.no_connection_closed()
