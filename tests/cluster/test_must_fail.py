"""What the judge is good for: where the promise is broken on purpose, it finds it.

The same faults, with the same programs: once as they are, and once with acks=1 in place of acks=all, or without the
writer's checkpoint.
"""

from pathlib import Path

import pytest

from cluster import Cluster, library
from judge import Verdict
from load import Load
from outcome import finish, judged
from server import wait_for
from storm import Storm

SEED = 7
# One fault may hit a moment in which nothing was on its way: so many are tried until the judge sees it.
TRIES = 6


def with_acks(cluster: Cluster, preload: Path | None) -> Verdict:
    """Leaders are killed whose followers have not got what they have, until something is lost."""
    if preload:
        for server in cluster.servers:
            server.stop()
            server.environment["LD_PRELOAD"] = str(preload)
            server.start()
        cluster.wait_for(cluster.healthy, "the servers are ready")
    load = Load(cluster.nginx.path, SEED)
    storm = Storm(cluster, load, SEED)
    load.start()
    wait_for(lambda: all(load.progress()), "all clients are at it")
    verdict = Verdict()
    for number in range(TRIES if preload else 2):
        storm.one("kill -9 of a leader whose followers are behind", number)
        cluster.brokers.wait_in_sync()
        if preload:
            verdict = judged(cluster, load, moved=True, seconds=5)
            if verdict.count["lost"]:
                break
    load.finish()
    return verdict if preload else judged(cluster, load, moved=True)


def test_acks_of_the_leader_alone(tmp_path):
    with Cluster(separate=False) as cluster:
        verdict = with_acks(cluster, library("acks", tmp_path))
        assert verdict.count["lost"] > 0, f"acks=1, and nothing is lost?\n{verdict}"


def test_acks_of_all(tmp_path):
    with Cluster(separate=False) as cluster:
        verdict = with_acks(cluster, None)
        assert verdict.good, verdict


@pytest.mark.parametrize("taken_away", [True, False])
def test_the_checkpoint(taken_away):
    """One writer, killed right after it has appended, before it has a checkpoint of that."""
    with Cluster(separate=False, writers=1) as cluster:
        writer = cluster.writers[0]
        load = Load(cluster.nginx.path, SEED)
        storm = Storm(cluster, load, SEED)
        load.start()
        wait_for(lambda: all(load.progress()), "all clients are at it")
        wait_for(lambda: (writer.logs / "info.log").exists() and (writer.logs / ".checkpoint").exists(), "it has a checkpoint")
        verdict = Verdict()
        for _ in range(TRIES):
            size = (writer.logs / "info.log").stat().st_size
            wait_for(lambda size=size: (writer.logs / "info.log").stat().st_size != size, "it has written", pause=0.001)
            writer.kill()
            if taken_away:
                (writer.logs / ".checkpoint").unlink()
            writer.start()
            verdict = judged(cluster, load, moved=False, seconds=1)
            if verdict.count["twice in one writer's files"]:
                break
        if taken_away:
            load.finish()
            assert verdict.count["twice in one writer's files"] > 0, f"no checkpoint, and nothing is twice?\n{verdict}"
        else:
            verdict = finish(cluster, load, storm)
            assert verdict.good, verdict
