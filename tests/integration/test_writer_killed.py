"""pbu-log-writer, killed at each step of what it does to files, or while that fails (kill_at.c): after the next start every record is there once, in the
order of its partition, and no line in part.

PBU_SEED repeats a run (the seed is printed); KILLS says how many steps are tried, 0: all of them.
"""

import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from writing import SECONDS, Writer, line

from kafka import Cluster, has_kafka
from server import wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(not has_kafka(), reason="built without Kafka")]

HERE = Path(__file__).resolve().parent
SEED = int(os.environ.get("PBU_SEED") or random.SystemRandom().getrandbits(32))
KILLS = os.environ.get("KILLS")

# At a time: they wait for the brokers, mostly.
WORKERS = 32

# Of each partition before the kill, and after it.
BEFORE, AFTER = 40, 8

# Some three lines, so that files are rolled over all the time; and not at all.
SIZES = (40, 0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kill") / "kill_at.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-Wall", "-shared", "-fPIC", "-o", out, HERE / "kill_at.c"], check=True)
    return out


@pytest.fixture(scope="module")
def brokers() -> Iterator[Cluster]:
    print(f"PBU_SEED={SEED}")
    with Cluster(brokers=1, topics={}) as cluster:
        yield cluster


def produce(brokers: Cluster, topic: str, numbers: range) -> None:
    """Into both partitions: records of two levels, what is no record, and what was sent before."""
    for partition in (0, 1):
        for i in numbers:
            number = 1000 * partition + i
            if i % 10 == 8:
                brokers.produce(topic, partition, b"", b"bad %d" % number)
                continue
            sent = {"batch": b"client-%d:%d" % (i // 4, i % 4)}
            brokers.produce(topic, partition, b"a", line(number, level=40 if i % 4 == 0 else 20), **sent)
            if i % 8 == 7:
                again = {"batch": b"client-%d:%d" % ((i - 4) // 4, (i - 4) % 4)}
                brokers.produce(topic, partition, b"a", line(number - 4), **again)


def sent_before(numbers: range) -> int:
    return sum(i % 8 == 7 for i in numbers)


def judge(writer: Writer) -> None:
    """Each record once, in its place."""
    seen = []
    for name in ("info.log", "error.log"):
        text = writer.text(name)
        assert text == "" or text.endswith("\n")
        numbers = [int(row.removeprefix("message ")) for row in text.splitlines()]
        for partition in (0, 1):
            mine = [n for n in numbers if n // 1000 == partition]
            assert mine == sorted(mine), (name, mine)
        seen += numbers
    rejected = [json.loads(row)["value"] for row in writer.lines("rejected.log")]
    seen += [int(value.removeprefix("bad ")) for value in rejected]
    assert sorted(seen) == [1000 * partition + i for partition in (0, 1) for i in range(BEFORE + AFTER)]


def run(brokers: Cluster, library: Path, folder: Path, size: int, how: str, step: int) -> str:
    """Has the writer end at a step, or the step fail; starts it once more, and judges. What the step was; "" when there was none. Step 0:
    none is made to, and how many there are."""
    topic = f"{folder.parent.name}-{size}-{how}-{step}".replace("_", "-")
    brokers.topic(topic, 2)
    produce(brokers, topic, range(BEFORE))
    steps = folder / "steps"
    environment = {"STEPS_FILE": str(steps)} | ({"KILL_AT": str(step), "KILL_HOW": how} if step else {})
    writer = Writer(folder, brokers, preload=[library], environment=environment, KAFKA_TOPIC=topic, KAFKA_GROUP=topic,
                    LOG_MAX_BYTES=size, METRICS_FILE=None)
    writer.start()
    ends = {p: BEFORE + sent_before(range(BEFORE)) for p in (0, 1)}

    def is_read() -> bool:
        if not writer.alive or not (writer.folder / ".checkpoint").exists():
            return False
        parts = writer.checkpoint()["partitions"]
        assert isinstance(parts, list)
        return {p["partition"]: p["next"] for p in parts} == ends

    wait_for(lambda: not writer.alive or is_read(), "its end, or all records", seconds=SECONDS, pause=0.1)
    if writer.alive:
        writer.send(signal.SIGTERM)
    status = writer.wait()
    told = steps.read_text().split()
    if step and len(told) >= step and how != "error":
        assert status == -signal.SIGKILL, writer.stderr
    elif how == "error":
        # After a sync that failed only a new start can tell what there is; some errors are those of a start.
        assert status in (0, 1), writer.stderr
    else:
        assert status == 0, writer.stderr
    writer.environment = {}
    produce(brokers, topic, range(BEFORE, BEFORE + AFTER))
    writer.start()
    more = AFTER + sent_before(range(BEFORE, BEFORE + AFTER))
    try:
        writer.wait_until_read({p: end + more for p, end in ends.items()})
        writer.stop()
    finally:
        writer.kill()
    judge(writer)
    if not step:
        return str(len(told))
    return told[step - 1] if step <= len(told) else ""


def kill_at_steps(brokers: Cluster, library: Path, tmp_path: Path, kills: int) -> None:
    def folder(name: str) -> Path:
        made = tmp_path / name
        made.mkdir()
        return made

    with ThreadPoolExecutor(WORKERS) as pool:
        counts = {size: pool.submit(run, brokers, library, folder(f"{size}"), size, "none", 0) for size in SIZES}
        cases = [(size, how, step) for size, count in counts.items() for step in range(1, int(count.result()) + 1)
                 for how in ("before", "after", "half", "error")]
        assert len(cases) > 100
        if kills:
            cases = random.Random(SEED).sample(cases, min(kills, len(cases)))
        jobs = {case: pool.submit(run, brokers, library, folder("-".join(map(str, case))), *case) for case in cases}
    wrong = {case: str(job.exception())[-2000:] for case, job in jobs.items() if job.exception()}
    assert not wrong, "\n".join(f"{case}: {error}" for case, error in wrong.items())
    assert len({job.result() for job in jobs.values()} - {""}) > 1


def test_killed_at_some_steps(brokers: Cluster, library: Path, tmp_path: Path) -> None:
    kill_at_steps(brokers, library, tmp_path, int(KILLS or 12))


@pytest.mark.slow
def test_killed_at_many_steps(brokers: Cluster, library: Path, tmp_path: Path) -> None:
    kill_at_steps(brokers, library, tmp_path, int(KILLS or 100))


@pytest.mark.parametrize("mode", ["no", "everysec", "always"])
def test_what_is_synced_before_a_checkpoint(brokers: Cluster, library: Path, tmp_path: Path, mode: str) -> None:
    """The files, then the new checkpoint, which gets its name, then the folder; without LOG_FSYNC nothing."""
    topic = f"sync-{mode}"
    brokers.topic(topic, 1)
    steps = tmp_path / "steps"
    with Writer(tmp_path, brokers, preload=[library], environment={"STEPS_FILE": str(steps)}, KAFKA_TOPIC=topic, KAFKA_GROUP=topic,
                LOG_FSYNC=mode, METRICS_FILE=None) as writer:
        for i in range(3):
            brokers.produce(topic, 0, b"a", line(i))
            writer.wait_until_read({0: i + 1})
        writer.stop()
    # A probe of the folder may come between; it makes nothing.
    told = [step for step in steps.read_text().split() if step != "ftruncate"]
    appended = [i for i, step in enumerate(told) if step == "writev"]
    assert len(appended) == 3
    if mode == "no":
        assert not {"fsync", "fdatasync"} & set(told[appended[0]:])
        return
    for i in appended:
        rest = [step for step in told[i + 1:] if step in ("fdatasync", "fsync", "renameat")]
        assert rest[:4] == ["fdatasync", "fsync", "renameat", "fsync"], told
