"""gzip that unpacks to too much, or takes long to unpack: it is refused, and takes no memory to speak of."""

import struct
import threading
import zlib
from pathlib import Path

import pytest
from bodies import ARRAY, KIB, LINES, MIB, headers, pack
from fcgi_peer import SANITIZED
from measured import measured
from refusals import assert_error, files

GZIP_HEADER = pack(b"")[:10]


def bomb(begin, unit):
    """gzip of a text that begins so and goes on with a unit, again and again, for a GiB: up to there it is good."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    # What does not look back can be repeated as it is.
    mebibyte = packer.compress(unit * (MIB // len(unit))) + packer.flush(zlib.Z_FULL_FLUSH)
    return GZIP_HEADER + first + mebibyte * 1024 + b"\x03\x00" + bytes(8)


def repeated(member):
    return member * (MIB // len(member))


BOMBS = {
    "spaces": (lambda: bomb(b"", b" "), 413),
    "zeros": (lambda: bomb(b"", b"\0"), 413),
    "one long text": (lambda: bomb(b'{"msg": "', b"x"), 413),
    "many records": (lambda: bomb(b"[", b'{"msg":1},'), 413),
    "many lines": (lambda: bomb(b"", b'{"msg":1}\n'), 413),
    "many values": (lambda: bomb(b'{"msg":[', b"1,"), 413),
    "members of zeros": (lambda: repeated(pack(bytes(16 * MIB), 9)), 413),
    "members of nothing": (lambda: repeated(pack(b"")), 400),
    "gzip in gzip": (lambda: pack(bomb(b"", b" "), 9), 400),
}


@pytest.fixture(scope="module")
def narrow(start_module_server):
    return start_module_server(MAX_BODY_BYTES=2 * MIB, THREADS=4, LOG_FORMAT="%(message)s")


def peak(server):
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * KIB


def cpu(server):
    """Seconds of processor time of all its threads."""
    tasks = Path(f"/proc/{server.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("content_type", [ARRAY, LINES])
@measured
def test_a_bomb_takes_no_memory_to_speak_of(narrow, name, content_type):
    """1 GiB in 1 or 2 MiB, four at a time, again and again."""
    make, status = BOMBS[name]
    body, answers = make()[:2 * MIB], []
    narrow.post({"msg": "warm"})
    Path(f"/proc/{narrow.pid}/clear_refs").write_text("5")  # VmHWM is counted anew
    before, started, logs = peak(narrow), cpu(narrow), files(narrow)

    def send():
        for _ in range(5):
            answers.append(narrow.post(body, headers(content_type, "gzip")))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    grown, seconds = peak(narrow) - before, (cpu(narrow) - started) / 20
    print(f"{name}: {len(body)} bytes, {grown / MIB:.1f} MiB more at the peak, {seconds * 1000:.1f} ms of processor time each")
    assert len(answers) == 20
    for answer in answers:
        assert_error(answer, status)
    assert files(narrow) == logs
    if not SANITIZED:
        # Of each at a time what came, and the text up to the most.
        assert grown < 4 * (2 + 2 + 1) * MIB
        assert seconds < 0.1
    assert narrow.post({"msg": "as before"}).ok


def blocks_of_nothing(size):
    """Deflate blocks with codes of their own, and no byte of text: what takes zlib longest."""
    bits = at = 0

    def put(value, count):
        nonlocal bits, at
        bits |= value << at
        at += count

    order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    lengths = {18: 1, 1: 1}
    for _ in range(8):
        for value, count in (0, 1), (2, 2), (0, 5), (0, 5), (18 - 4, 4):
            put(value, count)
        for symbol in order[:18]:
            put(lengths.get(symbol, 0), 3)
        # 256 literals of no length, the end of a block, and a distance; then the end of the block.
        for value, count in (1, 1), (138 - 11, 7), (1, 1), (118 - 11, 7), (0, 1), (0, 1), (0, 1):
            put(value, count)
    unit = bits.to_bytes(at // 8, "little")
    body = unit * (size // len(unit)) + b"\x03\x00"
    return GZIP_HEADER + body + struct.pack("<II", 0, 0)


@measured
def test_blocks_of_nothing(narrow):
    """They are gzip, of an empty text; and take no longer than some milliseconds for each 100 KiB."""
    body = blocks_of_nothing(2 * MIB - 100)
    assert zlib.decompress(body, 31) == b""
    started = cpu(narrow)
    assert_error(narrow.post(body, headers(ARRAY, "gzip")), 400, "the text ends where a value is expected")
    seconds = cpu(narrow) - started
    print(f"{seconds * 1000:.0f} ms for {len(body)} bytes")
    assert SANITIZED or seconds < 1
