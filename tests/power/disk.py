"""The guest's disk: an image file behind a write cache that a power cut loses, as that of a real disk.

QEMU alone would not be hard enough: whatever the guest has written is in the page cache of this machine
at once, and survives the death of QEMU even when the guest never asked for a flush. So QEMU gets its disk
from here, over NBD on a unix socket: a write stays in memory until the guest flushes. At the cut, some of
the sectors that were not flushed get to the image and others don't, as with a disk that writes its cache
in an order of its own.

What has been flushed is in the image file, in this machine's page cache, which is not what is cut.
"""

import os
import socket
import struct
import threading

SECTOR = 512

# Of the NBD protocol (its doc/proto.md), what QEMU needs.
OPTION_MAGIC, REPLY_MAGIC = b"IHAVEOPT", 0x3E889045565A9
REQUEST_MAGIC, ANSWER_MAGIC = 0x25609513, 0x67446698
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
OPTION_ABORT, OPTION_INFO, OPTION_GO = 2, 6, 7
REPLY_ACK, REPLY_INFO, REPLY_UNSUPPORTED = 1, 3, 0x80000001
HAS_FLAGS, SEND_FLUSH = 1, 4
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
EINVAL = 22


class Gone(Exception):
    """QEMU is."""


class Disk:
    """Serves an image file to one QEMU at a time."""

    def __init__(self, image, path):
        self.image, self.path = image, path
        self.cache = {}  # sector -> its bytes, written and not flushed
        self.flushes = 0
        self.trouble = None
        self._thread = None

    def plug_in(self):
        """From now on one QEMU can connect."""
        self._file = os.open(self.image, os.O_RDWR)
        self._size = os.fstat(self._file).st_size
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def power_cut(self, rng):
        """QEMU is dead: loses what was not flushed but for a random part. How much was kept, of how many."""
        self.unplug()
        if self.trouble:
            raise self.trouble
        share = rng.random()
        kept = [sector for sector in self.cache if rng.random() < share]
        file = os.open(self.image, os.O_RDWR)
        for sector in kept:
            os.pwrite(file, self.cache[sector], sector * SECTOR)
        os.close(file)
        counts = len(kept), len(self.cache)
        self.cache.clear()
        return counts

    def unplug(self):
        if self._thread is None:
            return
        # Wakes the thread when no QEMU ever came; does nothing to the connection of one that did.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the disk is still in use: QEMU has not ended"
        self._thread = None
        self._listener.close()
        os.close(self._file)
        self.path.unlink()

    def _run(self):
        try:
            try:
                self._peer, _ = self._listener.accept()
            except OSError:  # unplugged before QEMU came
                return
            with self._peer, self._peer.makefile("rb") as self._requests:
                self._negotiate()
                while self._serve():
                    pass
        except (Gone, ConnectionError):
            pass
        except Exception as e:  # for the test's thread to raise
            self.trouble = e

    def _exactly(self, n):
        data = self._requests.read(n)
        if len(data) < n:
            raise Gone
        return data

    def _negotiate(self):
        self._peer.sendall(b"NBDMAGIC" + OPTION_MAGIC + struct.pack(">H", FIXED_NEWSTYLE | NO_ZEROES))
        self._exactly(4)
        while True:
            magic, option, length = struct.unpack(">8sII", self._exactly(16))
            assert magic == OPTION_MAGIC
            self._exactly(length)
            if option in (OPTION_INFO, OPTION_GO):
                self._reply(option, REPLY_INFO, struct.pack(">HQH", 0, self._size, HAS_FLAGS | SEND_FLUSH))
                self._reply(option, REPLY_ACK)
                if option == OPTION_GO:
                    return
            elif option == OPTION_ABORT:
                raise Gone
            else:
                self._reply(option, REPLY_UNSUPPORTED)

    def _reply(self, option, kind, data=b""):
        self._peer.sendall(struct.pack(">QIII", REPLY_MAGIC, option, kind, len(data)) + data)

    def _serve(self):
        """One request; False after the last."""
        head = self._exactly(28)
        magic, _, kind, handle, offset, length = struct.unpack(">IHH8sQI", head)
        assert magic == REQUEST_MAGIC
        error, data = 0, b""
        if kind == DISCONNECT:
            return False
        if kind == READ:
            data = self._read(offset, length)
        elif kind == WRITE:
            self._write(offset, self._exactly(length))
        elif kind == FLUSH:
            self._flush()
        else:
            error = EINVAL
        self._peer.sendall(struct.pack(">II8s", ANSWER_MAGIC, error, handle) + data)
        return True

    def _read(self, offset, length):
        assert offset % SECTOR == 0 and length % SECTOR == 0
        data = bytearray(os.pread(self._file, length, offset))
        first = offset // SECTOR
        for i in range(length // SECTOR):
            if first + i in self.cache:
                data[i * SECTOR:(i + 1) * SECTOR] = self.cache[first + i]
        return bytes(data)

    def _write(self, offset, data):
        assert offset % SECTOR == 0 and len(data) % SECTOR == 0
        first = offset // SECTOR
        for i in range(len(data) // SECTOR):
            self.cache[first + i] = data[i * SECTOR:(i + 1) * SECTOR]

    def _flush(self):
        for sector, data in self.cache.items():
            os.pwrite(self._file, data, sector * SECTOR)
        self.cache.clear()
        self.flushes += 1
