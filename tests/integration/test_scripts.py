"""The shell scripts."""

import re
import shutil
import subprocess

import pytest

from server import TREE

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", ["start.sh", "tools/runner.sh", "test.sh", ".ci/run"])
def test_scripts_are_clean(name):
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", "-x", name], cwd=TREE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_no_trap_can_run_while_bash_parses():
    """Where signals are trapped, that is after start.sh's first lines, no $( ) may be: why is said in start.sh."""
    later = (TREE / "start.sh").read_text().partition("\nusage() {")[2].partition("\n}\n")[2].partition("\n\n")[2]
    parts = re.findall(r"^\. \"\$tree/(\S+)\"$", (TREE / "start.sh").read_text(), re.M)
    assert "packages_install" in later and "trap on_signal" in later and len(parts) == 6
    code = later + "".join((TREE / x).read_text() for x in parts)
    found = [x for x in code.splitlines() if re.search(r"(?<!\\)\$\((?!\()", x) and not x.lstrip().startswith("#")]
    assert found == []
