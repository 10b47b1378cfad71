"""What can happen to a server while programs log: each is done for a while, and is over when the function returns."""

import contextlib
import os
import re
import signal
import time
from typing import Callable

from program import TOKEN
from server import Server, descendants, process_table, wait_for
from small_disk import SmallDisk


class Storm:
    """
    What it did is in `done`. `deaths` are the ends of the server: how long info.log was before, and when the next one was
    there. A record that is written twice must be there on both sides of one.
    """

    def __init__(self, server: Server, disk: SmallDisk) -> None:
        self.server, self.disk = server, disk
        self.done: list[str] = []
        self.deaths: list[tuple[int, int]] = []

    def _size(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return os.path.getsize(self.server.folder / "info.log")
        return 0

    def _death(self, what: str, end: Callable[[], None]) -> None:
        before = self._size()
        end()
        self.deaths.append((before, self._size()))
        self.done.append(what)

    def _nginx(self) -> tuple[int, list[int]]:
        """Its master and its workers."""
        below, table = descendants(self.server.process.pid), process_table()
        pids = {pid for pid, name in below.items() if name == "nginx" and table.get(pid, (0, "Z", ""))[1] != "Z"}
        masters = [pid for pid in pids if table[pid][0] not in pids]
        return masters[0], sorted(pids - set(masters))

    def kill_server(self) -> None:
        def end() -> None:
            pid = self.server.pid
            self.server.kill()
            wait_for(lambda: self.server.pid not in (None, pid) and self.server.healthy(), "the server's next life")

        self._death("server: kill -9", end)

    def hang_server(self, seconds: float) -> None:
        pid = self.server.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        wait_for(self.server.healthy, "the server goes on")
        self.done.append(f"server: hung for {seconds} s")

    def stop_all(self, seconds: float) -> None:
        def end() -> None:
            self.server.stop()
            time.sleep(seconds)
            self.server.start()

        self._death(f"server and nginx: stopped for {seconds} s", end)

    def kill_nginx(self) -> None:
        """start.sh ends when its nginx does."""

        def end() -> None:
            self.server.note_processes()
            os.kill(self._nginx()[0], signal.SIGKILL)
            assert self.server.wait() == 1
            wait_for(lambda: not self.server.left(), "all of start.sh is gone")
            self.server.run_folder = None
            self.server.start()

        self._death("nginx: kill -9, started again", end)

    def kill_nginx_workers(self) -> None:
        _, workers = self._nginx()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not set(workers) & set(self._nginx()[1]) and self.server.healthy(), "other workers of nginx")
        self.done.append("nginx: its workers: kill -9")

    def reload_nginx(self) -> None:
        master, workers = self._nginx()
        os.kill(master, signal.SIGHUP)
        wait_for(lambda: set(self._nginx()[1]) - set(workers) and self.server.healthy(), "nginx has new workers")
        self.done.append("nginx: restarted by SIGHUP")

    def fill_disk(self) -> None:
        """Until it has refused what is larger than what is left of a page, and some of the programs' records, too."""
        self.disk.fill()
        wait_for(lambda: self.server.post([{"msg": "x" * 65536}], {"Authorization": TOKEN}).status_code == 503, "the disk is full")
        with contextlib.suppress(AssertionError):
            before = self._refused()
            wait_for(lambda: self._refused() >= before + 3, "programs meet it", 3)
        wait_for(lambda: "No space left" in self.server.stderr, "it is said")
        self.disk.empty()
        wait_for(self.server.healthy, "it writes again")
        self.done.append("disk: full")

    def _refused(self) -> float:
        text = self.server.get("/metrics").text
        return sum(float(n) for n in re.findall(r'requests_total\{[^}]*"503"[^}]*\} (\S+)', text))
