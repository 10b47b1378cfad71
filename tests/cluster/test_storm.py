"""Faults, one after the other, by seed, under load: nothing that was answered 200 is lost, or twice, or out of its order.

CLUSTER_FAULTS says how many, CLUSTER_SEED repeats them, CLUSTER_ONLY names kinds of storm.py, with a comma between.
"""

import os
import random
import time

from cluster import Cluster
from figures import note
from load import Load
from outcome import finish
from programs import Writer
from storm import FAULTS, Storm

# Faults that no writer has a part in.
OF_OTHERS = (
    "kill -9 of a broker", "kill -9 of a partition's leader", "a broker is stopped and started", "a leader is paused (SIGSTOP)",
    "kill -9 of a server", "kill -9 of both servers", "a server is paused", "the network to the servers is cut")

COUNT = int(os.environ.get("CLUSTER_FAULTS") or 20)
ONLY = [name for name in os.environ.get("CLUSTER_ONLY", "").split(",") if name]


def test_storm(capsys):
    seed = int(os.environ.get("CLUSTER_SEED") or random.randrange(1_000_000))
    assert set(ONLY) <= set(FAULTS)
    with capsys.disabled(), Cluster() as cluster:
        print(f"\nCLUSTER_SEED={seed} CLUSTER_FAULTS={COUNT}; {cluster.folder}", flush=True)
        load = Load(cluster.nginx.path, seed)
        storm = Storm(cluster, load, seed)
        load.start()
        began = time.monotonic()
        storm.run(COUNT, ONLY)
        verdict = finish(cluster, load, storm)
        ends = {part.name: part.ends for part in (*cluster.servers, *cluster.all_writers) if part.ends}
        print(f"{dict(load.answers)}\nended by themselves, and started again: {ends or 'none'}\n{verdict}", flush=True)
        assert verdict.good, f"CLUSTER_SEED={seed} CLUSTER_FAULTS={COUNT}\n{verdict}\n{storm.told(verdict)}"
        for name in FAULTS:
            kind = storm.kinds.get(name)
            if kind:
                note("cluster", kind.times, kind.taken, kind.refused, kind.slowest, what=name)
        note("cluster", sum(k.times for k in storm.kinds.values()), verdict.records - verdict.twice, load.refused,
             max(k.slowest for k in storm.kinds.values()), verdict.twice, time.monotonic() - began, what="all")


def test_nothing_is_twice_while_writers_keep_their_partitions(capsys):
    """With the session that Kafka has by default, 45 s, which no fault outlasts: not one record may be in both."""
    seed = int(os.environ.get("CLUSTER_SEED") or random.randrange(1_000_000))
    with capsys.disabled(), Cluster(writer_settings={"KAFKA_CONFIG": None}) as cluster:
        print(f"\nCLUSTER_SEED={seed}; {cluster.folder}", flush=True)
        load = Load(cluster.nginx.path, seed)
        storm = Storm(cluster, load, seed)
        # The first of them to come has all partitions, and hands half of them over.
        storm.wait_for_writers()
        load.start()
        storm.run(6, OF_OTHERS)
        verdict = finish(cluster, load, storm)
        print(f"{dict(load.answers)}\n{verdict}", flush=True)
        assert not storm.moved and verdict.good and verdict.twice == 0, f"CLUSTER_SEED={seed}\n{verdict}\n{storm.told(verdict)}"


def test_nothing_is_twice_where_writers_come_and_end(capsys):
    """What a writer has read is committed before another may have its partitions: while all is well, none reads it again."""
    seed = int(os.environ.get("CLUSTER_SEED") or random.randrange(1_000_000))
    with capsys.disabled(), Cluster() as cluster:
        load = Load(cluster.nginx.path, seed)
        storm = Storm(cluster, load, seed)
        storm.wait_for_writers()
        storm.moved = True
        first, second, third = cluster.all_writers

        def share(*writers: Writer) -> None:
            storm.wait_for_writers(*writers)
            now = load.progress()
            cluster.wait_for(lambda: load.goes_on_after(now), "every client goes on")

        load.start()
        third.start()
        share(first, second, third)
        third.stop()
        share(first, second)
        first.stop()
        share(second)
        first.start()
        share(first, second)
        verdict = finish(cluster, load, storm)
        print(f"\n{dict(load.answers)}\n{verdict}", flush=True)
        assert verdict.good and verdict.twice == 0, f"CLUSTER_SEED={seed}\n{verdict}\n{storm.told(verdict)}"
        assert (third.logs / "info.log").stat().st_size > 0
