"""The judge tells what is wrong: a judge that finds nothing would make all others of no use."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from judge import Verdict, judge
from records import text_of


def put(folder: Path, name: str, numbers: Sequence[int], logger: str = "c00.i") -> None:
    folder.mkdir(exist_ok=True)
    with open(folder / name, "a", encoding="utf-8") as f:
        f.writelines(text_of(logger, n) + "\n" for n in numbers)


def verdict_of(tmp_path: Path, *writers: Mapping[str, Sequence[int]], moved: bool = True) -> Verdict:
    """Each writer: what is in which of its files."""
    folders = []
    for number, files in enumerate(writers):
        folders.append(tmp_path / f"writer-{number}")
        folders[-1].mkdir()
        for name, numbers in files.items():
            put(folders[-1], name, numbers)
    return judge(folders, {"c00.i": 10}, {"c00.i": 12}, moved=moved)


def test_all_there_once(tmp_path):
    rolled = {"info.log.2026-11-25": range(1, 3), "info.log.2026-11-26": range(3, 5), "info.log.2026-11-26.2": range(5, 6),
              "info.log.2026-11-26.10": range(6, 9), "info.log": range(9, 11)}
    verdict = verdict_of(tmp_path, rolled)
    assert verdict.good and verdict.records == 10 and verdict.twice == 0, verdict


def test_what_was_not_acknowledged_may_be_there(tmp_path):
    assert verdict_of(tmp_path, {"info.log": range(1, 13)}).good


@pytest.mark.parametrize("there, count", [(range(1, 10), 1), (range(2, 11), 1), ([1, 2, 6, 7, 8, 9, 10], 3), ([], 10)])
def test_lost(tmp_path, there, count):
    assert verdict_of(tmp_path, {"info.log": there}).count == {"lost": count}


def test_lost_of_two_writers(tmp_path):
    assert verdict_of(tmp_path, {"info.log": range(1, 5)}, {"info.log": range(6, 11)}).count == {"lost": 1}


def test_twice_in_one_file(tmp_path):
    assert verdict_of(tmp_path, {"info.log": [1, 2, 3, 2, 3, *range(4, 11)]}).count == {"twice in one writer's files": 2}


def test_twice_over_a_roll_over(tmp_path):
    found = verdict_of(tmp_path, {"info.log.2026-11-26": range(1, 6), "info.log": range(5, 11)})
    assert found.count == {"twice in one writer's files": 1}


def test_not_in_order(tmp_path):
    found = verdict_of(tmp_path, {"info.log": [1, 2, 4, 3, *range(5, 11)]})
    assert found.count["not in order"] == 1 and not found.good


def test_twice_where_a_writer_took_over(tmp_path):
    found = verdict_of(tmp_path, {"info.log": range(1, 8)}, {"info.log": range(6, 11)})
    assert found.good and found.twice == 2, found


def test_taken_over_and_back(tmp_path):
    found = verdict_of(tmp_path, {"info.log": [1, 2, 3, 4, 8, 9, 10]}, {"info.log": range(4, 9)})
    assert found.good and found.twice == 2, found


def test_all_of_it_written_again_by_the_next(tmp_path):
    """Who took over before the other had committed anything."""
    found = verdict_of(tmp_path, {"info.log": range(1, 5)}, {"info.log": range(1, 11)})
    assert found.good and found.twice == 4, found


def test_taken_over_and_given_back_uncommitted(tmp_path):
    found = verdict_of(tmp_path, {"info.log": range(1, 11)}, {"info.log": range(4, 7)})
    assert found.good and found.twice == 3, found


def test_twice_though_no_writer_changed(tmp_path):
    found = verdict_of(tmp_path, {"info.log": range(1, 8)}, {"info.log": range(6, 11)}, moved=False)
    assert found.count == {"of two writers, though no partition changed its own": 2}


def test_torn(tmp_path):
    put(tmp_path / "w", "info.log", range(1, 10))
    with open(tmp_path / "w/info.log", "a", encoding="utf-8") as f:
        f.write(text_of("c00.i", 10)[:-20])
    assert judge([tmp_path / "w"], {"c00.i": 10}, {"c00.i": 10}).count == {"no record": 1, "lost": 1}


def test_merged_with_another(tmp_path):
    put(tmp_path / "w", "info.log", range(1, 9))
    with open(tmp_path / "w/info.log", "a", encoding="utf-8") as f:
        f.write(text_of("c00.i", 9)[:-20] + text_of("c00.i", 10) + "\n")
    assert judge([tmp_path / "w"], {"c00.i": 10}, {"c00.i": 10}).count == {"no record": 1, "lost": 2}


def test_never_sent(tmp_path):
    assert verdict_of(tmp_path, {"info.log": range(1, 14)}).count == {"never sent": 1}


def test_rejected(tmp_path):
    put(tmp_path / "w", "info.log", range(1, 11))
    (tmp_path / "w/rejected.log").write_text("a message that is no record\n")
    assert judge([tmp_path / "w"], {"c00.i": 10}, {"c00.i": 10}).count == {"rejected": 1}
