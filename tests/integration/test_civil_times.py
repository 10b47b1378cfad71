"""src/base/civil.c against Python's zoneinfo, over all zones of the database.

PBU_SEED repeats a run (the seed is printed).
"""

import os
import random
import subprocess
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server import TREE

SEED = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001: local, as if it were UTC
END = int((datetime(2100, 1, 1) - EPOCH).total_seconds())  # noqa: DTZ001
AT_A_ZONE = 60

SOURCES = ("base/civil.c", "base/zone.c", "base/setting.c", "base/buf.c", "base/budget.c", "base/level.c")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("civil") / "civil_answers"
    here = Path(__file__).parent
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-o", out, f"-I{TREE}/src", here / "civil_answers.c",
         *(TREE / "src" / s for s in SOURCES), "-lpthread"],
        check=True,
    )
    return out


def offset(zone: zoneinfo.ZoneInfo, second: int) -> int:
    there = (EPOCH.replace(tzinfo=UTC) + timedelta(seconds=second)).astimezone(zone).utcoffset()
    return int(there.total_seconds()) if there is not None else 0


def changes(zone: zoneinfo.ZoneInfo, r: random.Random) -> list[int]:
    """Some seconds at which the offset changes."""
    found = []
    for _ in range(6):
        low = r.randrange(END - 200 * 86400)
        high = low + 200 * 86400
        before = offset(zone, low)
        if offset(zone, high) == before:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
        found.append(high)
    return found


def test_offsets_and_local_times_are_pythons(program: Path) -> None:
    print(f"seed {SEED}")
    r = random.Random(SEED)
    questions, expected = [], []
    for name in sorted(zoneinfo.available_timezones()):
        if not Path("/usr/share/zoneinfo", name).exists():
            continue  # of Python's own database
        zone = zoneinfo.ZoneInfo(name)
        seconds = [r.randrange(END) for _ in range(AT_A_ZONE // 2)]
        for change in changes(zone, r):
            seconds += [change - 1, change] + [change + r.randrange(-90000, 90000) for _ in range(AT_A_ZONE // 10)]
            seconds += [change + offset(zone, change) + r.randrange(-8000, 8000) for _ in range(AT_A_ZONE // 10)]
        for second in seconds:
            second = min(max(second, 0), END)
            questions += [f"{name} U {second}", f"{name} L {second}"]
            local = (EPOCH + timedelta(seconds=second)).replace(tzinfo=zone)
            expected += [offset(zone, second), int(local.timestamp())]
    answers = subprocess.run(
        [program], input="\n".join(questions), stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "TZ": "Asia/Kolkata"}
    ).stdout.split()
    assert len(answers) == len(questions) > 10_000
    wrong = [f"{q}: {a} instead of {e}" for q, a, e in zip(questions, answers, expected, strict=True) if int(a) != e]
    assert not wrong, f"{len(wrong)} of {len(questions)}, PBU_SEED={SEED} repeats it:\n" + "\n".join(wrong[:20])
