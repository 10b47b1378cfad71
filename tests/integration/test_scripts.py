"""The shell scripts."""

import re
import shutil
import subprocess

import pytest

from server import TREE

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", ["start.sh", "start-cluster.sh", "tools/runner.sh", "test.sh", ".ci/run"])
def test_scripts_are_clean(name):
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", "-x", name], cwd=TREE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name, count", [("start.sh", 6), ("start-cluster.sh", 7)])
def test_no_trap_can_run_while_bash_parses(name, count):
    """Where signals are trapped, that is after the script's first lines, no $( ) may be: why is said in start.sh."""
    script = (TREE / name).read_text()
    later = script.partition("\nusage() {")[2].partition("\n}\n")[2].partition("\n\n")[2]
    parts = re.findall(r"^\. \"\$tree/(\S+)\"$", script, re.M)
    assert "packages_install" in later and "trap on_signal" in later and len(parts) == count
    code = later + "".join((TREE / x).read_text() for x in parts)
    found = [x for x in code.splitlines() if re.search(r"(?<!\\)\$\((?!\()", x) and not x.lstrip().startswith("#")]
    assert found == []
