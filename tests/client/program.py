"""A program of programs/ in a process of its own, with the handler that is tested in it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional
from collections.abc import Sequence

from server import PROXIES, TREE

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
PACKAGE = TREE / "clients/python/src"
TOKEN = "secret-of-the-tests"

# On a machine that is busy: a program which takes this long hangs.
SECONDS = 60.0

# The program's end waits no longer than needed; but with other tests at work it may need longer than by default.
PATIENT = {"shutdown_timeout": 30.0}


class Program:
    """
    program = Program(folder, server.url, "threads.py", "8", spool=folder / "spool", interval=0.05)

    Its further arguments are the handler's. What it logged is in `folder`/witness, beside that of others with the same
    folder.
    """

    def __init__(self, folder: Path, url: str, *command: str, spool: Optional[Path] = None, token: str = TOKEN,
                 python: Sequence[str] = (sys.executable,), env: Optional[dict] = None, **handler: Any) -> None:
        self.witness = folder / "witness"
        self.witness.mkdir(exist_ok=True)
        number = len(list(folder.glob("stdout.*")))
        self.out, self.err = folder / f"stdout.{number}", folder / f"stderr.{number}"
        environment = {k: v for k, v in os.environ.items() if k not in PROXIES}
        environment.update(
            TZ="UTC", PYTHONPATH=f"{PROGRAMS}:{PACKAGE}", PYTHONDONTWRITEBYTECODE="1", WITNESS=str(self.witness),
            PBU_LOG_SERVER=url, PBU_LOG_SERVER_AUTH=token, HANDLER=json.dumps({**PATIENT, **handler}), **(env or {}))
        if spool is not None:
            environment["SPOOL"] = str(spool)
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [*python, *command], cwd=PROGRAMS, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=err,
                start_new_session=True)

    def say(self, line: str) -> None:
        """A line to its standard input."""
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, seconds: float = SECONDS) -> int:
        """Its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.clear()
            raise AssertionError(f"{self.process.args} does not end:\n{self.stdout}{self.stderr}") from None

    def ends_well(self, status: int = 0, quiet: bool = True, seconds: float = SECONDS) -> "Program":
        """It ends, with that status, and has said nothing on stderr."""
        got = self.wait(seconds)
        assert got == status, f"exit status {got}:\n{self.stdout}{self.stderr}"
        assert not quiet or not self.stderr, self.stderr
        return self

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
            if number == signal.SIGKILL:
                self.process.wait()

    def clear(self) -> None:
        """Kills it with all that it has started."""
        self.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def logged(self) -> int:
        """How many records it, and others of its folder, have logged until now."""
        return sum(path.read_bytes().count(b"\n") for path in self.witness.iterdir())

    @property
    def stdout(self) -> str:
        return self.out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self.err.read_text(errors="replace")
