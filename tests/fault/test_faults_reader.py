"""Faults under pbu-log-reader: each ends in words, or a cut answer; and the next answer is right."""

import errno
import os
import re

import pytest

import faulty
from control import Control
from reading import Reader, Tail
from server import wait_for

# More calls of one kind than any of these queries makes.
MANY = 2000

FILES = {
    "info.log.2026-11-23": [f"2026-11-23 10:00:{n:02},000 INFO:app entry {n}" for n in range(60)],
    "info.log": [f"2026-11-24 10:00:{n:02},000 INFO:app.db word {n}\n\tcontinued" for n in range(60)],
    "error.log": ["2026-11-24 10:00:30,500 ERROR:app broke"],
}

# What is asked: the path, and the selection.
QUERIES = {
    "query": ("/api/log/query", {"limit": 1000}),
    "forward": ("/api/log/query", {"limit": 1000, "direction": "forward", "start": "2026-11-23T10:00:30"}),
    "search": ("/api/log/query", {"q": "word /2+/ -logger:app.x", "limit": 1000}),
    "hits": ("/api/log/hits", {"buckets": 5}),
    "raw": ("/api/log/raw", {}),
    "files": ("/api/log/files", {}),
    "messages": ("/api/log/messages", {"date": "2026-11-24", "level": "INFO"}),
}


class FaultyReader(Reader):
    """With the faults of `control`; it reads FILES."""

    def __init__(self, base, library, **settings):
        self.control = Control(base / "control")
        folder = base / "logs"
        folder.mkdir()
        for name, entries in FILES.items():
            (folder / name).write_text("".join(e + "\n" for e in entries))
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        super().__init__(base, LD_PRELOAD=library, FAULT_CONTROL=base / "control", ASAN_OPTIONS=asan, **settings)


@pytest.fixture
def reader(library, tmp_path):
    reader = FaultyReader(tmp_path, library)
    yield reader
    try:
        reader.stop()
    finally:
        reader.kill()


def said(answer):
    """What an answer says, without what differs from time to time."""
    return re.sub(rb'"ms": \d+', b"", answer.body)


def kind_of(answer, right):
    """What became of a query: "whole", the status of an error, "failed", "cut", "closed"."""
    if answer.status is None:
        return "closed"
    if answer.status != 200:
        assert not answer.cut and answer.error, answer.body
        assert answer.status in (500, 503), answer.body
        return answer.status
    if answer.cut:
        return "cut"
    if b'"end": true' in right and b'"complete": false' in answer.body:
        assert answer.end["why"].startswith("failed: "), answer.end
        return "failed"
    assert said(answer) == right, answer.body
    return "whole"


class Faults:
    """The fault comes once, at each call in turn; each time the next answer must be right."""

    def __init__(self, reader, what, how):
        self.reader, self.what, self.how = reader, what, how
        self.got = []
        self.right = {}
        for name, (path, selection) in QUERIES.items():
            for _ in range(2):  # the second time all is remembered that will be
                answer = reader.get(path, **selection)
            assert answer.status == 200 and not answer.cut, answer.body
            self.right[name] = said(answer)
        self.descriptors = reader.settle()

    def ask(self, name):
        path, selection = QUERIES[name]
        try:
            return kind_of(self.reader.get(path, **selection), self.right[name])
        except ConnectionError:
            return "closed"

    def each(self, name, point, error):
        for k in range(MANY):
            self.reader.control.on(point, error, skip=k, count=1)
            got = self.ask(name)
            self.reader.control.off(point)
            assert self.reader.process.poll() is None, f"{name}, {point} {k}: it ended\n{self.reader.said}"
            hit = self.reader.control.hits(point)
            assert self.ask(name) == "whole", f"{name}, {point} {k}"
            if not hit:
                assert got == "whole"
                return k
            self.got.append(got)
        raise AssertionError(f"more than {MANY} calls")

    def all(self, name, point, error):
        self.reader.control.on(point, error)
        self.got.append(self.ask(name))
        self.reader.control.off(point)
        assert self.ask(name) == "whole"

    def over(self):
        # Connections are remembered by web, and so is what libfcgi has for each.
        self.reader.settle(self.descriptors)
        whole = self.got.count("whole")
        got = ", ".join(f"{k}: {self.got.count(k)}" for k in sorted(set(self.got), key=str))
        faulty.put_row(f"reader: {self.what}", self.how, len(self.got), whole, 0, 0, got, "next request")


@pytest.mark.parametrize("point, error", [
    ("pread", errno.EIO), ("open", errno.EMFILE), ("open", errno.EACCES), ("opendir", errno.EMFILE), ("readdir", errno.EIO),
    ("statx", errno.EIO), ("statx", errno.ENOMEM)])
def test_a_call_fails(reader, point, error):
    name = errno.errorcode[error]
    faults = Faults(reader, f"{name} from {point}", f"LD_PRELOAD: {point}")
    made = 0
    for query in QUERIES:
        # What is listed and remembered of the folder would need no listing.
        (reader.folder / "other").touch()
        made += faults.each(query, point, error)
        faults.all(query, point, error)
        (reader.folder / "other").unlink()
    if point not in ("opendir", "readdir"):
        assert made > len(QUERIES), "the fault never came"
        assert {"failed", 503} & set(faults.got)
    faults.over()


@pytest.mark.parametrize("point, error", [("opendir", errno.EMFILE), ("readdir", errno.EIO)])
def test_the_folder_cannot_be_listed(reader, point, error):
    """Each time anew: a listing is kept as long as the folder stays as it is."""
    faults = Faults(reader, f"{errno.errorcode[error]} from {point}, after a change of the folder", f"LD_PRELOAD: {point}")
    for n, query in enumerate(QUERIES):
        (reader.folder / f"other{n}").touch()
        reader.control.on(point, error)
        path, selection = QUERIES[query]
        answer = reader.get(path, **selection)
        assert answer.status == 503, (query, answer.body)
        assert answer.error == f"the log folder can't be read: {os.strerror(error)}"
        faults.got.append(503)
        reader.control.off(point)
        assert faults.ask(query) == "whole"
    faults.over()


@pytest.mark.parametrize("query", QUERIES)
def test_each_allocation_fails_once(reader, query):
    faults = Faults(reader, f"no memory, once, {query}", "LD_PRELOAD: malloc, calloc, realloc")
    assert faults.each(query, "malloc", errno.ENOMEM) > 3
    faults.over()


def test_there_is_no_memory_at_all(reader):
    faults = Faults(reader, "no memory at all", "LD_PRELOAD: malloc, calloc, realloc")
    for query in QUERIES:
        faults.all(query, "malloc", errno.ENOMEM)
    assert set(faults.got) <= {503, "closed", "cut", "failed"}
    faults.over()


def test_no_connection_can_be_accepted(reader):
    faults = Faults(reader, "EMFILE from accept4", "LD_PRELOAD: accept4")
    reader.control.on("accept", errno.EMFILE)
    waits = reader.ask(*QUERIES["query"])
    wait_for(lambda: reader.control.hits("accept") > 0, "a refusal")
    reader.control.off("accept")
    with waits:
        assert waits.answer() is not None
    faults.got.append("whole")
    assert faults.ask("query") == "whole"
    faults.over()


def test_the_clock_jumps(reader):
    faults = Faults(reader, "the clock jumps, a year each way", "LD_PRELOAD: clock_gettime")
    for seconds in (366 * 86400, -366 * 86400, 0):
        reader.control.shift_clock(seconds)
        for query in QUERIES:
            faults.got.append(faults.ask(query))
            (reader.folder / "other").touch()
            faults.got.append(faults.ask(query))
            (reader.folder / "other").unlink()
    assert set(faults.got) == {"whole"}
    faults.over()


def append(reader, text, name="info.log"):
    with open(reader.folder / name, "a") as f:
        f.write(f"2026-11-24 11:00:00,000 INFO:app {text}\n")


FOLLOWS = "2026-11-24 11:00:00,000 INFO:app "


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENOSPC])
def test_no_inotify(library, tmp_path, error):
    """fs.inotify.max_user_instances and max_user_watches: the tail looks by itself, more seldom."""
    reader = FaultyReader(tmp_path, library)
    reader.control.on("inotify", error)
    tail = Tail(reader)
    for n in range(3):
        append(reader, f"line {n}")
        wait_for(lambda: tail.texts == [FOLLOWS + f"line {i}" for i in range(n + 1)], "the line comes")
    reader.control.off("inotify")
    tail.close()
    faulty.put_row(f"reader: {errno.errorcode[error]} from inotify", "LD_PRELOAD: inotify_init1, inotify_add_watch", 3, 3, 0, 0,
                   "all lines", "at once")
    reader.stop()


@pytest.mark.parametrize("point, error", [("pread", errno.EIO), ("open", errno.EMFILE), ("statx", errno.EIO),
                                          ("opendir", errno.EMFILE), ("readdir", errno.EIO), ("malloc", errno.ENOMEM)])
def test_the_tail_goes_on_after_a_fault(reader, point, error):
    """Nothing is left out, and nothing comes twice; or the viewer is disconnected, and resumes."""
    before = reader.settle()
    tail = Tail(reader)
    append(reader, "first")
    wait_for(lambda: tail.texts == [FOLLOWS + "first"], "the first line")
    reader.control.on(point, error)
    append(reader, "second")
    os.rename(reader.folder / "info.log", reader.folder / "info.log.2026-11-24")
    append(reader, "third")
    wait_for(lambda: tail.ended or reader.control.hits(point) > 2, "the fault came")
    reader.control.off(point)
    append(reader, "fourth")
    texts = [FOLLOWS + text for text in ("first", "second", "third", "fourth")]
    done, last = [], None  # of tails that have ended: the lines, and where the last of them was

    def come():
        nonlocal tail, last
        if tail.ended:
            done.extend(tail.texts)
            last = tail.events[-1][2] if tail.events else last
            tail.close()
            tail = Tail(reader, last_event_id=last)
        return done + tail.texts == texts

    wait_for(come, "all lines, each once")
    tail.close()
    reader.settle(before)
    faulty.put_row(f"reader: {errno.errorcode[error]} from {point}, under a tail", f"LD_PRELOAD: {point}", 4, 4, 0, 0,
                   "all lines, once", "next line")
