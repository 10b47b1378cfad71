"""The check that other tests rely on: whatever is wrong with the files, load.Outcome finds it."""

import pytest

from load import LEVELS, Outcome, Sent, entry, short


def sent(key, levels=("info",), status=200, count=1):
    request = Sent(key, levels, count)
    request.status = status
    return request


def outcome(folder, requests, files, **options):
    for name, content in files.items():
        (folder / name).write_text(content)
    return Outcome(requests, [folder], text=short, **options)


def lines(*keys, level="info"):
    return "".join(entry(level, key, short) + "\n" for key in keys)


def test_all_is_well(tmp_path):
    files = {"info.log": lines("0.1", "1.0", "1.1"), "info.log.2019-12-24": lines("0.0"), ".lock": "17", "other": "x"}
    found = outcome(tmp_path, [sent("0.0"), sent("0.1"), sent("1.0", count=2), sent("0.2", status=503)], files)
    found.check()
    assert found.file("info", "0.0") == "info.log.2019-12-24" and found.unacknowledged == 0


@pytest.mark.parametrize("requests, files, what", [
    pytest.param([sent("0.0"), sent("0.1")], {"info.log": lines("0.0")}, "lost", id="missing"),
    pytest.param([sent("0.0", count=2)], {"info.log": lines("0.0")}, "lost", id="one of a batch missing"),
    pytest.param([sent("0.0", tuple(LEVELS))], {"info.log": lines("0.0")}, "lost", id="one level missing"),
    pytest.param([sent("0.0")], {"info.log": lines("0.0", "0.0")}, "twice", id="twice in a file"),
    pytest.param([sent("0.0")], {"info.log": lines("0.0"), "info.log.1": lines("0.0")}, "twice", id="in two files"),
    pytest.param([sent("0.0")], {"info.log": lines("0.0", "0.1")}, "unknown", id="never sent"),
    pytest.param([sent("0.0")], {"info.log": lines("0.0", "7.0")}, "unknown", id="of no client"),
    pytest.param([sent("0.0")], {"info.log": lines("0.0"), "error.log": lines("0.0", level="error")}, "unknown",
                 id="at a level it was not sent at"),
    pytest.param([sent("0.0"), sent("0.1", count=3, status=503)], {"info.log": lines("0.0", "0.2")}, "in_part",
                 id="a part of one refused"),
    pytest.param([sent("0.0")], {"info.log": lines("0.0")[:-1]}, "torn", id="without its newline"),
    pytest.param([sent("0.0"), sent("0.1")], {"info.log": lines("0.0") + "INFO ro" + lines("0.1")}, "torn", id="two grown together"),
    pytest.param([sent("0.0")], {"info.log": lines("0.0") + "INFO root 0"}, "torn", id="a part at the end"),
    pytest.param([sent("0.0")], {"info.log": "\n" + lines("0.0")}, "torn", id="an empty line"),
])
def test_what_is_wrong_is_found(tmp_path, requests, files, what):
    found = outcome(tmp_path, requests, files)
    assert getattr(found, what)
    with pytest.raises(AssertionError):
        found.check()


def test_so_many_may_be_there_twice(tmp_path):
    found = outcome(tmp_path, [sent("0.0"), sent("0.1")], {"info.log": lines("0.0", "0.0", "0.1", "0.1")})
    found.check(twice=2)
    with pytest.raises(AssertionError):
        found.check(twice=1)


def test_a_crash_may_leave_a_part_of_what_was_refused(tmp_path):
    requests = [sent("0.0"), sent("0.1", status=None)]
    files = {"info.log": lines("0.0") + lines("0.1")[:-4]}
    outcome(tmp_path, requests, files, crashed=True).check()
    requests[1].status = 200
    with pytest.raises(AssertionError):
        outcome(tmp_path, requests, files, crashed=True).check()
