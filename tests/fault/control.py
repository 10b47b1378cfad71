"""Switches faults on and off in a running server, through the file that fault.c maps, too."""

import mmap
import struct
from pathlib import Path

# The order is fault.h's: struct point is nine 64-bit numbers.
POINTS = ("writev", "fdatasync", "fsync", "rename", "rename_back", "unlink", "ftruncate", "accept", "openat", "readdir",
          "epoll_wait", "clock", "malloc", "malloc_fcgi", "malloc_main", "pread", "open", "opendir",
          "statx", "inotify")
FIELDS = ("skip", "count", "error", "bytes", "delay", "period", "shift", "seen", "hits")
ALL = -1


class Control:
    def __init__(self, path):
        size = len(POINTS) * len(FIELDS) * 8
        Path(path).write_bytes(bytes(size))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), size)

    def _at(self, point, field):
        return (POINTS.index(point) * len(FIELDS) + FIELDS.index(field)) * 8

    def get(self, point, field):
        return struct.unpack_from("=q", self.map, self._at(point, field))[0]

    def set(self, point, field, value):
        struct.pack_into("=q", self.map, self._at(point, field), value)

    def on(self, point, error=0, count=ALL, skip=0, period=1, bytes=0, delay=0.0):
        """From now on: `skip` calls pass, the next `count` fail with `error`, or write only `bytes`; or they succeed, but
        take `delay` seconds longer."""
        self.off(point)
        for field, value in (("skip", skip), ("error", error), ("period", period), ("bytes", bytes),
                             ("delay", round(delay * 1_000_000_000)), ("seen", 0), ("hits", 0), ("count", count)):
            self.set(point, field, value)

    def hold(self, point, error=0):
        """From now on calls stay where they are, until release(): then they fail, if there is an error, or go on."""
        self.on(point, error, delay=-1)

    def release(self, point):
        self.set(point, "delay", 0)

    def off(self, point):
        self.set(point, "count", 0)
        self.release(point)

    def hits(self, point):
        """Calls that were made to fail since on()."""
        return self.get(point, "hits")

    def shift_clock(self, seconds):
        self.set("clock", "shift", round(seconds * 1_000_000_000))
