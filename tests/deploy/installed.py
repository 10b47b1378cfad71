"""What the tests of an installed package share: it on a machine, as doc/deploy.md says, and how it is asked."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import Machine
from package import make_packages
from server import wait_for

DEPLOY = Path(__file__).resolve().parents[2] / "doc/deploy.md"
SETTINGS = "/etc/pbu-log-server/env"
CERTIFICATE = "/etc/pbu-log-server/tls/cert.pem"
LOG = "/var/log/pbu-log-server/info.log"


def commands(heading: str) -> list[str]:
    """The commands below a heading of doc/deploy.md: the lines that are indented."""
    found = re.search(rf"^##+ {heading}\n(.*?)(?=^##|\Z)", DEPLOY.read_text(), re.M | re.S)
    assert found, heading
    return [line[4:] for line in found[1].splitlines() if line.startswith("    ")]


@contextlib.contextmanager
def installed() -> Iterator[Machine]:
    """A machine with the package, which is served by nginx."""
    with Machine() as machine:
        for package in make_packages().values():
            machine.copy(package, f"/root/{package.name}")
        *steps, send, ask = commands("systemd")
        machine.run("cd /root\n" + "\n".join(steps))
        # nginx reloads in the background, and we are quicker than people.
        wait_for(lambda: machine.run(send, check=False) == '{"status": true}', "the record is accepted")
        found, end = map(json.loads, machine.run(ask).splitlines())
        assert found["message"] == "hello" and end["end"] and end["complete"]
        yield machine


def token(machine: Machine, name: str = "AUTH_TOKEN") -> str:
    return re.findall(rb"^%s=(.+)$" % name.encode(), machine.read(SETTINGS), re.M)[-1].decode()


def post(machine: Machine, record: object) -> str:
    """The status that a record gets."""
    return machine.run(
        f"curl -s -o /dev/null -w '%{{http_code}}' --cacert {CERTIFICATE} -H 'Authorization: {token(machine)}'"
        f" -H 'Content-Type: application/json' -d '{json.dumps(record)}' https://localhost/api/log")


def ask(machine: Machine, path: str, word: str | None = None, options: str = "") -> tuple[int, str]:
    """The status of a GET, and what came with it; `word`: a token."""
    header = f"-H 'Authorization: {word}'" if word else ""
    said = machine.run(f"curl -s -w '\n%{{http_code}}' --cacert {CERTIFICATE} {header} {options} 'https://localhost{path}'")
    text, _, status = said.rpartition("\n")
    return int(status), text


def entries(machine: Machine, path: str = "/api/log/query?limit=1000") -> list[dict[str, Any]]:
    """Those that a query finds."""
    status, text = ask(machine, path, token(machine, "READ_TOKEN"))
    assert status == 200, text
    *found, end = map(json.loads, text.splitlines())
    assert end["end"] and end["why"] in (None, "limit"), end
    return [x for x in found if "message" in x]


def messages(machine: Machine, path: str = "/api/log/query?limit=1000") -> list[str]:
    """What they say."""
    return [x["message"] for x in entries(machine, path)]


def show(machine: Machine, name: str, unit: str = "pbu-log-server.service") -> str:
    return machine.run(f"systemctl show -P {name} {unit}").strip()


@contextlib.contextmanager
def settings(machine: Machine, *changes: str) -> Iterator[None]:
    """The settings, changed by commands of sed, for both services; and as they were."""
    restart = "systemctl restart pbu-log-server.service pbu-log-reader.service"
    machine.run(f"cp -p {SETTINGS} {SETTINGS}.before")
    try:
        for change in changes:
            machine.run(f"sed -i '{change}' {SETTINGS}")
        machine.run(restart)
        yield
    finally:
        machine.run(f"mv {SETTINGS}.before {SETTINGS}; {restart}")
