"""What can happen to a cluster under load: each is done for a while, and is over when the function returns."""

import random
import re
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from brokers import PARTITIONS, Broker
from cluster import Cluster
from judge import Verdict
from load import Load
from programs import Program, Writer
from server import wait_for

# Every client gets on with it within this after a fault. Below it are elections, sessions, and a machine that is busy.
RECOVERED = 90.0
FULL = 30.0  # until a full disk is noticed


@dataclass
class Kind:
    """What came of a fault of one kind, of all of them."""

    times: int = 0
    taken: int = 0  # records that were answered 200 meanwhile
    refused: int = 0  # answers that were not
    slowest: float = 0.0  # seconds until every client got on, once it was over
    notes: list[str] = field(default_factory=list)


class Storm:
    """
    moved: whether a partition may have changed its writer. `log` has all that was done, with what each logger had then.
    """

    def __init__(self, cluster: Cluster, load: Load, seed: int) -> None:
        self.cluster, self.load = cluster, load
        self.random = random.Random(seed)
        self.moved = False
        self.kinds: dict[str, Kind] = defaultdict(Kind)
        self.log: list[tuple[str, dict[str, int]]] = []
        self.note = ""

    def run(self, count: int, names: Sequence[str] = ()) -> None:
        """Each kind once, in some order, then once more, and so on."""
        faults: list[str] = []
        for number in range(count):
            if not faults:
                faults = [name for name in FAULTS if not names or name in names]
                self.random.shuffle(faults)
            self.one(faults.pop(), number)
        self.wait_for_writers()

    def one(self, name: str, number: int = 0) -> None:
        taken, refused = self.load.progress(), self.load.refused
        self.log.append((f"{number}: {name}", dict(self.load.taken)))
        kind = self.kinds[name]
        self.note = ""
        began = time.monotonic()
        FAULTS[name](self)
        over = time.monotonic()
        self._restart()
        now = self.load.progress()
        self.cluster.wait_for(lambda: self.load.goes_on_after(now),
                              f"every client goes on after {self.log[-1][0]} {self.note}", RECOVERED)
        recovered = time.monotonic() - over
        kind.times += 1
        kind.taken += sum(self.load.progress()) - sum(taken)
        kind.refused += self.load.refused - refused
        kind.slowest = max(kind.slowest, recovered)
        if self.note:
            kind.notes.append(self.note)
        print(f"{number:4} {name}{': ' if self.note else ''}{self.note}; {over - began:.1f} s, recovered in {recovered:.1f} s, "
              f"{sum(self.load.progress())} records", flush=True)
        # Sometimes the next one comes while replicas still catch up, or writers.
        if self.random.random() < 0.7:
            self.cluster.brokers.wait_in_sync()
        if self.random.random() < 0.3:
            self.wait_for_writers()

    def wait_for_writers(self, *writers: Writer) -> None:
        """Until each of these, or of those that are always there, has its share of the partitions."""
        def shared() -> bool:
            counts = [writer.metrics().get("pbu_log_writer_partitions", 0) for writer in writers or self.cluster.writers]
            return min(counts) > 0 and sum(counts) == PARTITIONS

        after = self.log[-1][0] if self.log else "the start"
        self.cluster.wait_for(shared, f"the writers share the partitions after {after} {self.note}", RECOVERED)

    def told(self, verdict: Verdict) -> str:
        """Of what the judge names, when it was: the first lines of each kind, with the fault before it."""
        lines = []
        for texts in verdict.wrong.values():
            for text in texts[:5]:
                found = re.search(r"(c\d\d\.[ie]) \(?(\d+)", text)
                if found:
                    before = [what for what, taken in self.log if taken.get(found[1], 0) < int(found[2])]
                    lines.append(f"{text}: sent after {before[-1] if before else 'the start'}")
        return "\n".join(lines)

    def _restart(self) -> None:
        """Whatever the fault has ended is started again."""
        parts: list[Broker | Program] = [*self.cluster.brokers.all, *self.cluster.servers, *self.cluster.writers]
        for part in parts:
            if not part.running:
                part.start()
            elif part.stopped:
                part.resume()

    def _while(self, least: float, most: float) -> None:
        """As long as it lasts."""
        self.cluster.sleep(self.random.uniform(least, most))

    def _pick(self, parts: Sequence[Program]) -> Program:
        part = self.random.choice(parts)
        self.note = part.name
        return part

    def _broker(self) -> Broker:
        broker = self.random.choice(self.cluster.brokers.all)
        self.note = f"broker {broker.number}"
        return broker

    def _leader(self) -> tuple[Broker, list[Broker]]:
        """Of some partition, and the others."""
        leader = self.cluster.brokers.leader(self.random.randrange(PARTITIONS))
        self.note = f"broker {leader.number}"
        return leader, [x for x in self.cluster.brokers.all if x is not leader]

    # --- brokers ---

    def kill_broker(self) -> None:
        self._broker().kill()
        self._while(0, 3)

    def kill_leader(self) -> None:
        self._leader()[0].kill()
        self._while(2, 6)

    def kill_leader_ahead(self) -> None:
        """Its followers have not what it has: what it acknowledged alone is lost. Two of three have to agree on who is next."""
        leader, others = self._leader()
        for other in others:
            other.pause()
        self._while(1, 3)
        leader.kill()
        for other in others:
            other.resume()
        wait_for(lambda: all(x["leader"] not in (leader.number, -1) for x in self.cluster.brokers.partitions())
                 and self.cluster.brokers.partitions(), "others lead", 60, 0.1)

    def kill_brokers(self) -> None:
        for broker in self.cluster.brokers.all:
            broker.kill()
        self._while(0, 4)

    def stop_broker(self) -> None:
        broker = self._broker()
        broker.kill(signal.SIGTERM)
        self._while(0, 2)

    def pause_broker(self) -> None:
        """Up to longer than the others wait for it: then it wakes as a leader that is none any more."""
        broker = self._leader()[0]
        broker.pause()
        self._while(1, 10)
        broker.resume()

    def pause_brokers(self) -> None:
        for broker in self.cluster.brokers.all:
            broker.pause()
        self._while(2, 7)
        for broker in self.cluster.brokers.all:
            broker.resume()

    def cut_broker(self) -> None:
        broker = self._broker()
        self._cut(f"broker-{broker.number}", 1, 10)

    def _cut(self, name: str, least: float, most: float) -> None:
        assert self.cluster.network
        self.cluster.network.cut(name)
        self._while(least, most)
        self.cluster.network.join(name)

    def fill_broker(self) -> None:
        """It gives up its folder, its only one, and ends."""
        broker = self.cluster.brokers.all[0]
        assert broker.disk
        broker.disk.fill()
        try:
            wait_for(lambda: not broker.running, "the broker ends on its full disk", FULL)
        except AssertionError:
            self.note = "it did not notice"
            broker.kill()
        broker.disk.empty()

    # --- servers ---

    def kill_server(self) -> None:
        self._pick(self.cluster.servers).kill()
        self._while(0, 1)

    def kill_servers(self) -> None:
        for server in self.cluster.servers:
            server.kill()
        self._while(0, 1)

    def pause_server(self) -> None:
        server = self._pick(self.cluster.servers)
        server.pause()
        self._while(1, 7)
        server.resume()

    def cut_servers(self) -> None:
        self._cut("servers", 1, 8)

    def reload_nginx(self) -> None:
        self.cluster.nginx.reload()

    # --- writers ---

    def _writer(self) -> Writer:
        writer = self.random.choice(self.cluster.writers)
        self.note = writer.name
        return writer

    def kill_writer(self) -> None:
        """Sometimes for longer than its partitions are kept for it."""
        self._writer().kill()
        self._gone()

    def _gone(self) -> None:
        self.moved = True
        if self.random.random() < 0.6:
            self._while(0, 1)
        else:
            self._while(8, 12)

    def _kill_held(self, most: int, *, checkpoint: bool) -> None:
        writer = self._writer()
        assert writer.hold
        hold = writer.hold
        hold.arm(self.random.randrange(most), checkpoint=checkpoint)
        try:
            place = wait_for(lambda: hold.place, "the writer stands", 30)
        except AssertionError:
            place = "it had nothing to do"
        writer.kill()
        self.note += f" {place}"
        self._gone()

    def kill_writer_in_checkpoint(self) -> None:
        """At each of its steps: opening, writing, syncing, renaming, syncing the folder, and what comes next."""
        self._kill_held(14, checkpoint=True)

    def kill_writer_in_writing(self) -> None:
        """At any of its calls: also of a roll-over."""
        self._kill_held(60, checkpoint=False)

    def pause_writer(self) -> None:
        """Up to longer than it is waited for: then it wakes with partitions that are another's."""
        writer = self._writer()
        self.moved = True
        writer.pause()
        self._while(1, 12)
        writer.resume()

    def stop_writer(self) -> None:
        self.moved = True
        self._writer().stop()
        self._while(0, 9)

    def cut_writer(self) -> None:
        self.moved = True
        self._cut(self._writer().name, 1, 12)

    def fill_writer(self) -> None:
        """It waits, and goes on."""
        writer = self.cluster.writers[0]
        assert writer.disk
        writer.disk.fill()
        self._while(2, 6)
        writer.disk.empty()
        assert writer.running, writer.stderr[-3000:]

    def add_writer(self) -> None:
        self.moved = True
        extra = self.cluster.all_writers[2]
        extra.start()
        self._while(3, 9)
        assert extra.running, extra.stderr[-3000:]
        if self.random.random() < 0.5:
            self.note = "and killed"
            extra.kill()
        else:
            extra.stop()

    def reopen_writer(self) -> None:
        self._writer().send(signal.SIGHUP)

    # --- all ---

    def kill_everybody(self) -> None:
        """As a power cut of the room would, but for what the disks forget."""
        self.moved = True
        parts: list[Broker | Program] = [*self.cluster.writers, *self.cluster.servers, *self.cluster.brokers.all]
        for part in parts:
            part.kill()

    def restart_everything(self) -> None:
        """An upgrade: one after the other, each when the one before is back."""
        self.moved = True
        for broker in self.cluster.brokers.all:
            self.cluster.brokers.wait_in_sync()
            broker.kill(signal.SIGTERM)
            broker.start()
        self.cluster.brokers.wait_in_sync()
        for part in (*self.cluster.servers, *self.cluster.writers):
            part.stop()
            part.start()


FAULTS: dict[str, Callable[[Storm], None]] = {
    "kill -9 of a broker": Storm.kill_broker,
    "kill -9 of a partition's leader": Storm.kill_leader,
    "kill -9 of a leader whose followers are behind": Storm.kill_leader_ahead,
    "kill -9 of all brokers": Storm.kill_brokers,
    "a broker is stopped and started": Storm.stop_broker,
    "a leader is paused (SIGSTOP)": Storm.pause_broker,
    "all brokers are paused": Storm.pause_brokers,
    "the network to a broker is cut": Storm.cut_broker,
    "a broker's disk is full": Storm.fill_broker,
    "kill -9 of a server": Storm.kill_server,
    "kill -9 of both servers": Storm.kill_servers,
    "a server is paused": Storm.pause_server,
    "the network to the servers is cut": Storm.cut_servers,
    "nginx is reloaded": Storm.reload_nginx,
    "kill -9 of a writer": Storm.kill_writer,
    "kill -9 of a writer within its checkpoint": Storm.kill_writer_in_checkpoint,
    "kill -9 of a writer at any call": Storm.kill_writer_in_writing,
    "a writer is paused": Storm.pause_writer,
    "a writer is stopped and started": Storm.stop_writer,
    "the network to a writer is cut": Storm.cut_writer,
    "a writer's disk is full": Storm.fill_writer,
    "a writer is added and taken away": Storm.add_writer,
    "SIGHUP to a writer": Storm.reopen_writer,
    "kill -9 of everything": Storm.kill_everybody,
    "everything is restarted, one by one": Storm.restart_everything,
}
