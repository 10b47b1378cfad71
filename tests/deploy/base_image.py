"""A Debian root file system, made by debootstrap: what the containers of these tests start from.

No registry is needed. apt inside a container gets its packages from where this machine does.
"""

import glob
import os
import shutil
import subprocess
from pathlib import Path

NAME = "debian:bookworm-slim"
SUITE = "bookworm"
# Made once for all the tests of a machine; root's own, since what is in it becomes root in containers.
CACHE = Path("/var/cache/pbu-log-server-tests")


def tarball():
    """The path of the file system as a tar archive; made if it is not there."""
    path = CACHE / f"{SUITE}.tar"
    if not path.exists():
        CACHE.mkdir(mode=0o700, exist_ok=True)
        root = CACHE / f"{SUITE}.root"
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", SUITE, root, *_mirror()], check=True,
                       stdout=subprocess.DEVNULL)
        _copy_apt_settings(root)
        subprocess.run(["tar", "-C", root, "-cf", f"{path}.part", "."], check=True)
        os.rename(f"{path}.part", path)
        shutil.rmtree(root)
    return path


def _mirror():
    """Where this machine has its packages from, as apt tells it; nothing for debootstrap's default."""
    out = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
                         check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        uri, _, release = line.partition(" ")
        if release == SUITE:
            return [uri]
    return []


def _copy_apt_settings(root):
    """Sources, their keys and proxies; without what this machine runs after an installation."""
    for name in ("sources.list", "sources.list.d", "auth.conf.d", "trusted.gpg.d", "keyrings"):
        source, target = Path("/etc/apt") / name, root / "etc/apt" / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, target)
    if Path("/etc/apt/sources.list.d/debian.sources").exists():
        (root / "etc/apt/sources.list").unlink(missing_ok=True)
    proxies = subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True, text=True).stdout
    wanted = [x for x in proxies.splitlines() if "roxy" in x.split(" ")[0] or "CaInfo" in x.split(" ")[0]]
    (root / "etc/apt/apt.conf.d/00tests").write_text(
        "\n".join([*wanted, 'Acquire::Retries "3";', 'APT::Install-Recommends "false";', 'APT::Sandbox::User "root";', ""]))
    for key in glob.glob("/usr/share/keyrings/*"):
        shutil.copy(key, root / "usr/share/keyrings")
