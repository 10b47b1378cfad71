"""The end of a run: the load's last requests are answered, the writers write what there is, and the judge looks at it."""

import time

from cluster import Cluster
from judge import Verdict, judge
from load import Load
from storm import Storm

# Writers that have been killed have to wait for their sessions, read, and write.
WRITTEN = 120.0


def judged(cluster: Cluster, load: Load, *, moved: bool, seconds: float = WRITTEN) -> Verdict:
    """When all is written, or nothing that is missing has come for that long."""
    end = time.monotonic() + seconds
    while True:
        verdict = judge(cluster.folders(), load.taken, load.sent, moved=moved)
        if set(verdict.count) != {"lost"} or time.monotonic() > end:
            return verdict
        cluster.sleep(1)


def finish(cluster: Cluster, load: Load, storm: Storm) -> Verdict:
    """What a whole run has come to. It is an error where a client was told nonsense."""
    load.finish()
    assert not load.wrong, load.wrong[:10]
    verdict = judged(cluster, load, moved=storm.moved)
    for writer in cluster.writers:
        writer.stop()
    for server in cluster.servers:
        server.stop()
    if verdict.good:
        # What they do at their end is no harm either.
        verdict = judge(cluster.folders(), load.taken, load.sent, moved=storm.moved)
    return verdict
