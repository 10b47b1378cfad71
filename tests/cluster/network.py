"""Machines of a cluster, as network namespaces at one bridge: each can be cut off from all others.

Everything is in a namespace of its own, so nothing of it reaches, or is reached from, the network of this machine. Each
lives as long as a process that keeps it, and that as long as this one.
"""

import subprocess
from collections.abc import Sequence
from types import TracebackType

# What a process is started with to end when this one does.
WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


class Machine:
    """Where processes run: what their commands begin with, and the address of it."""

    def __init__(self, address: str, before: Sequence[str] = ()) -> None:
        self.address, self.before = address, tuple(before)


class _Kept:
    """A network namespace, and the process that keeps it."""

    def __init__(self) -> None:
        self.keeper = subprocess.Popen(
            [*WITH_US, "unshare", "-n", "--", "sh", "-c", "ip link set lo up && echo up && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.keeper.stdin and self.keeper.stdout
        assert self.keeper.stdout.readline() == b"up\n"
        self.before = ("nsenter", "-t", str(self.keeper.pid), "-n", "--")

    def run(self, *command: str) -> None:
        done = subprocess.run([*self.before, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        assert self.keeper.stdin and self.keeper.stdout
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait(20)


class Network:
    """Machines by their names: `with Network("one", "two") as network: network.machines["one"]`."""

    def __init__(self, *names: str) -> None:
        self._kept = [hub := _Kept()]
        self._hub = hub
        self.machines: dict[str, Machine] = {}
        hub.run("ip", "link", "add", "bridge", "type", "bridge")
        hub.run("ip", "link", "set", "bridge", "up")
        for number, name in enumerate(names, 1):
            host = _Kept()
            self._kept.append(host)
            address = f"10.77.0.{number}"
            hub.run("ip", "link", "add", name, "type", "veth", "peer", "name", "net", "netns", str(host.keeper.pid))
            hub.run("ip", "link", "set", name, "master", "bridge", "up")
            host.run("ip", "address", "add", f"{address}/24", "dev", "net")
            host.run("ip", "link", "set", "net", "up")
            self.machines[name] = Machine(address, host.before)

    def cut(self, name: str) -> None:
        """Nothing goes through any more, and nobody is told."""
        self._hub.run("ip", "link", "set", name, "nomaster")

    def join(self, name: str) -> None:
        self._hub.run("ip", "link", "set", name, "master", "bridge")

    def close(self) -> None:
        for kept in reversed(self._kept):
            kept.close()

    def __enter__(self) -> "Network":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
