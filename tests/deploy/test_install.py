"""make install, make uninstall and make deb; and that every place which names the settings names them all."""

import os
import re
import shutil
import stat
import subprocess

import pytest

from package import TREE, make_package

NAME = "pbu-log-server"
SITES = {f"{NAME}.conf", f"{NAME}-plain.conf"}
SNIPPETS = {f"{NAME}-http.conf", f"{NAME}-locations.conf", f"{NAME}-tls.conf"}
EXAMPLES = f"usr/share/doc/{NAME}/examples"
MANUAL = TREE / f"doc/{NAME}.8"

# What make install puts there, and what the package holds besides make install's.
FILES = {
    f"usr/sbin/{NAME}": 0o755,
    f"usr/lib/systemd/system/{NAME}.service": 0o644,
    f"usr/lib/systemd/system/{NAME}.socket": 0o644,
    f"usr/lib/sysusers.d/{NAME}.conf": 0o644,
    f"usr/share/man/man8/{NAME}.8": 0o644,
    f"usr/share/doc/{NAME}/README.md": 0o644,
    f"{EXAMPLES}/env": 0o644,
    f"{EXAMPLES}/logrotate": 0o644,
    f"etc/{NAME}/env": 0o640,
    **{f"etc/nginx/sites-available/{name}": 0o644 for name in SITES},
    **{f"etc/nginx/snippets/{name}": 0o644 for name in SNIPPETS},
}


def run(*command, **options):
    """What a command printed on stdout and stderr; it must succeed, and must be there."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout


def build(folder, *options):
    """A build with options of configure; not optimised, since nothing here is measured."""
    folder.mkdir()
    run(TREE / "configure", "--quiet", "CFLAGS=-O0", *options, cwd=folder)
    run("make", "-s", "-j", os.cpu_count(), "all", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def usr(tmp_path_factory):
    return build(tmp_path_factory.mktemp("usr") / "build", "--prefix=/usr", "--sysconfdir=/etc")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Installed under a prefix of its own, without systemd's library."""
    folder = tmp_path_factory.mktemp("prefix")
    run("make", "-s", "install", cwd=build(folder / "build", f"--prefix={folder}/own", "--without-systemd"))
    return folder / "own"


@pytest.fixture
def installed(usr, tmp_path):
    run("make", "-s", "install", f"DESTDIR={tmp_path}", cwd=usr)
    return tmp_path


def files(folder):
    """Every file and link below a folder, with its mode."""
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode)
            for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


# --- make install, make uninstall ---

def test_installs_these_files_and_no_others(installed):
    assert files(installed) == FILES


def test_every_unit_snippet_and_site_of_the_tree_is_installed():
    """One that is new must be added to Makefile.am (nginx.conf.in is start.sh's)."""
    assert {path.name for path in (TREE / "nginx").glob("*.conf")} == SITES | SNIPPETS
    units = {path.name.removesuffix(".in") for path in (TREE / "systemd").iterdir()}
    assert units == {f"{NAME}.service", f"{NAME}.socket", f"{NAME}.sysusers"}


EDITED = [f"etc/{NAME}/env", *(f"etc/nginx/sites-available/{name}" for name in sorted(SITES))]


@pytest.mark.parametrize("name", EDITED)
def test_an_edited_file_is_kept(usr, installed, name):
    (installed / name).write_text("# mine\n")
    said = run("make", "-s", "install", f"DESTDIR={installed}", cwd=usr)
    assert f"/{name} is there and is not changed" in said
    assert (installed / name).read_text() == "# mine\n"
    said = run("make", "-s", "uninstall", f"DESTDIR={installed}", cwd=usr)
    assert f"/{name} is not removed" in said
    assert set(files(installed)) == {name}
    assert (installed / name).read_text() == "# mine\n"


def test_uninstall_leaves_nothing(usr, installed):
    """No file, no folder of ours, and no link of a site that would keep nginx from starting."""
    enabled = installed / "etc/nginx/sites-enabled"
    enabled.mkdir()
    (enabled / f"{NAME}.conf").symlink_to(f"../sites-available/{NAME}.conf")
    (enabled / "other").symlink_to("../sites-available/other")
    run("make", "-s", "uninstall", f"DESTDIR={installed}", cwd=usr)
    assert set(files(installed)) == {"etc/nginx/sites-enabled/other"}
    assert [str(path) for path in installed.rglob(f"*{NAME}*")] == []


def test_uninstall_leaves_the_link_of_an_edited_site(usr, installed):
    enabled = installed / "etc/nginx/sites-enabled"
    enabled.mkdir()
    (enabled / f"{NAME}.conf").symlink_to(f"../sites-available/{NAME}.conf")
    (installed / f"etc/nginx/sites-available/{NAME}.conf").write_text("# mine\n")
    run("make", "-s", "uninstall", f"DESTDIR={installed}", cwd=usr)
    assert (enabled / f"{NAME}.conf").read_text() == "# mine\n"


def test_no_units_and_no_nginx(tmp_path):
    """With these two options nothing is installed outside of program and documentation but the settings."""
    made = build(tmp_path / "build", "--prefix=/usr", "--sysconfdir=/etc", "--without-systemdsystemunitdir",
                 "--without-nginxdir")
    for _ in range(2):
        run("make", "-s", "install", f"DESTDIR={tmp_path}/root", cwd=made)
    expected = {name for name in FILES if not name.startswith(("usr/lib/", "etc/nginx/"))}
    assert set(files(tmp_path / "root")) == expected
    run("make", "-s", "uninstall", f"DESTDIR={tmp_path}/root", cwd=made)
    assert files(tmp_path / "root") == {}


# --- the units ---

def unit(path):
    """The lines KEY=VALUE of a unit."""
    return re.findall(r"^(\w+)=(.*)$", path.read_text(), re.M)


def test_unit_names_its_program_and_settings(installed, prefix):
    for root, base, kind in (installed, "usr", "notify"), (prefix, "", "simple"):
        service = root / base / f"lib/systemd/system/{NAME}.service"
        where = str(prefix) if root == prefix else "/usr"
        settings = f"{prefix}/etc" if root == prefix else "/etc"
        assert "@" not in re.sub(r"SystemCallFilter=.*", "", service.read_text())
        assert dict(unit(service))["ExecStart"] == f"{where}/sbin/{NAME}"
        assert ("EnvironmentFile", f"-{settings}/{NAME}/env") in unit(service)
        assert dict(unit(service))["Type"] == kind


def test_only_a_notifying_program_links_libsystemd(usr, prefix):
    assert "libsystemd" in run("readelf", "-d", usr / NAME)
    assert "libsystemd" not in run("readelf", "-d", prefix / "sbin" / NAME)


def test_systemd_understands_the_units(prefix):
    """It says every key that it doesn't know, and exits 0 all the same. (--man=no: MANPATH is another.)"""
    units = (prefix / "lib/systemd/system").iterdir()
    assert run("systemd-analyze", "verify", "--man=no", *units) == ""


def test_systemd_understands_the_user(prefix, tmp_path):
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", prefix / f"lib/sysusers.d/{NAME}.conf")
    fields = (tmp_path / "etc/passwd").read_text().split(":")
    assert (fields[0], fields[5]) == (NAME, f"/var/log/{NAME}")


# --- the settings, wherever they are named ---

# Where no value can be said: words for it, that the places have in common.
WORDS = {"AUTH_TOKEN": "none", "AUTH_TOKEN_FILE": "none", "LOG_DATE_FORMAT": "Python's", "TZ": "the system's",
         "THREADS": "processors + 1, at least 3"}


def checked(program, **settings):
    """What --check understands of an environment with these settings and no others."""
    return dict(line.split("=", 1) for line in run(program, "--check", env=settings).splitlines())


def readme():
    section = (TREE / "README.md").read_text().split("\n## Settings\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.M)
    return {name: text.replace("`", "") for name, text in rows}


def manual():
    section = MANUAL.read_text().split("\n.Sh ENVIRONMENT\n")[1].split("\n.Sh ")[0]
    items = re.findall(r"^\.It Ev (\w+) Pq (?:(?:Li|Pa) )?(.*)$", section, re.M)
    return {name: text.strip('"') for name, text in items}


def example():
    lines = (TREE / "doc/env").read_text().splitlines()
    found = [(number, line[1:].split("=", 1)) for number, line in enumerate(lines) if re.match(r"#\w+=", line)]
    assert all(lines[number - 1].startswith("# ") for number, _ in found), "each with a line of explanation"
    assert all(line == "" or line.startswith("#") for line in lines), "nothing is set"
    assert len(found) == len({pair[0] for _, pair in found})
    return {name: value for _, (name, value) in found}


def usage(program):
    """The settings in --help, with their whole text."""
    section = run(program, "--help").split("Settings are environment variables:\n")[1].split("\n\n")[0]
    entries = re.findall(r"^  (\w+) +(.*(?:\n   .*)*)", section, re.M)
    return {name: text for name, text in entries}


@pytest.mark.parametrize("place", [readme, manual])
def test_documents_name_every_setting_with_its_default(usr, place):
    named, real = place(), checked(usr / NAME)
    assert set(named) == {*real, "TZ"}
    for name, text in named.items():
        default = WORDS.get(name) or real[name]
        assert text == default or text.startswith(f"{default}:"), name


def test_help_names_every_setting_with_its_default(usr):
    """But TZ, which is every program's."""
    named, real = usage(usr / NAME), checked(usr / NAME)
    assert set(named) == set(real)
    for name, text in named.items():
        default = WORDS.get(name) or real[name]
        if name == "AUTH_TOKEN_FILE":
            assert "(" not in text
        else:
            assert re.search(rf"\({re.escape(default)}(?: default\)|[:;)])", text), name


def test_manual_names_every_option(usr):
    flags = r"-(\w), --(\w+)"
    options = re.findall(r"^\.It Fl (\w).*? , Fl -(\w+)", MANUAL.read_text(), re.M)
    assert options == re.findall(flags, run(usr / NAME, "--help"))


def test_example_environment_changes_nothing(usr, installed, tmp_path):
    """Every line taken in, the server has the settings that it has in the unit without."""
    folder = dict(value.split("=", 1) for key, value in unit(installed / f"usr/lib/systemd/system/{NAME}.service")
                  if key == "Environment")
    settings = example()
    real = checked(usr / NAME, **folder)
    assert set(settings) == {*real, "TZ"}
    assert checked(usr / NAME, **settings) == real
    # An empty one is not set: then it can't be told from one that is forgotten here.
    assert {name for name, value in settings.items() if not value} == set(WORDS) - {"TZ"}
    date = ["date", "+%z %Z", "--date=2026-07-01"]
    assert run(*date, env={"TZ": settings["TZ"]}) == run(*date, env={})


# --- the documents ---

def test_manual_is_right():
    assert run("mandoc", "-Tlint", "-W", "warning", MANUAL) == ""


@pytest.mark.parametrize("dry", [True, False])
def test_logrotate_takes_the_example(tmp_path, dry):
    """In a folder and as a user that are there; and it tells the server, once for all files."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for name in "info.log", "error.log":
        (folder / name).write_text("x\n")
    text = (TREE / "doc/logrotate").read_text()
    user = f"{run('id', '-un').strip()} {run('id', '-gn').strip()}"
    for old, new in (f"/var/log/{NAME}/", f"{folder}/"), (f"su {NAME} {NAME}", f"su {user}"):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "example").write_text(text)
    (tmp_path / "example").chmod(0o644)
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\n')
    systemctl.chmod(0o755)
    said = run("logrotate", "-d" if dry else "-f", "-s", tmp_path / "state", tmp_path / "example",
               env={"PATH": f"{systemctl.parent}:{os.environ['PATH']}:/usr/sbin:/sbin"})
    assert "error" not in said.replace("error.log", "")
    if not dry:
        assert sorted(path.name for path in folder.iterdir()) == ["error.log.1", "info.log.1"]
        assert (tmp_path / "told").read_text() == f"reload {NAME}.service\n"


# --- make deb ---

@pytest.fixture(scope="module")
def package():
    return make_package()


@pytest.fixture(scope="module")
def scripts(package, tmp_path_factory):
    """The folder of the package's maintainer scripts."""
    folder = tmp_path_factory.mktemp("scripts") / "DEBIAN"
    run("dpkg-deb", "-e", package, folder)
    return folder


def test_package_holds_what_is_installed(package):
    held = {}
    for line in run("dpkg-deb", "-c", package).splitlines():
        mode, owner, _, _, _, name = line.split(None, 5)
        if not mode.startswith("d"):
            assert owner == "root/root"
            held[name.removeprefix("./").removesuffix(".gz")] = mode
    modes = {0o755: "-rwxr-xr-x", 0o644: "-rw-r--r--", 0o640: "-rw-r-----"}
    units = run("pkg-config", "--variable=systemdsystemunitdir", "systemd").strip().lstrip("/")
    expected = {name.replace("usr/lib/systemd/system", units): modes[mode] for name, mode in FILES.items()}
    for name in f"doc/{NAME}/changelog", f"doc/{NAME}/copyright", f"lintian/overrides/{NAME}":
        expected[f"usr/share/{name}"] = modes[0o644]
    assert held == expected


def test_package_says_what_it_is(package):
    version = re.search(r"AC_INIT\(\[pbu-log-server\], \[(.*?)\]\)", (TREE / "configure.ac").read_text())[1]
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "-f", package).splitlines() if ": " in line)
    assert (fields["Package"], fields["Version"], fields["Recommends"]) == (NAME, version, "nginx")
    needed = set(re.findall(r"[\w.+-]+", re.sub(r"\(.*?\)", "", fields["Depends"])))
    assert {"libc6", "libcjson1", "libsystemd0", "systemd-sysusers"} <= needed
    assert any(name.startswith("libfcgi") for name in needed)


def test_package_keeps_edited_files(scripts):
    expected = {f"/{name}" for name in FILES if name.startswith("etc/")}
    assert set((scripts / "conffiles").read_text().split()) == expected


def test_package_makes_the_user_first_and_starts_the_service(scripts):
    text = (scripts / "postinst").read_text()
    steps = re.findall(r"systemd-sysusers|deb-systemd-(?:helper enable|invoke) .*?'.*?'", text)
    assert steps == [
        "systemd-sysusers",
        f"deb-systemd-helper enable '{NAME}.socket'", f"deb-systemd-invoke start '{NAME}.socket'",
        f"deb-systemd-helper enable '{NAME}.service'", f"deb-systemd-invoke $_dh_action '{NAME}.service'",
    ]


def test_package_stops_on_removal_only(scripts):
    """An upgrade stops nothing before the new program is there, and the socket never."""
    assert not (scripts / "preinst").exists()
    blocks = (scripts / "prerm").read_text().split("# Automatically added")[1:]
    assert sorted(re.findall(r"stop '(.*?)'", "".join(blocks))) == [f"{NAME}.service", f"{NAME}.socket"]
    assert all('[ "$1" = remove ]' in block for block in blocks)


def test_purge_leaves_no_broken_link(scripts, tmp_path):
    """And removes nothing else: not the logs, and not the site that is still there."""
    script = (scripts / "postrm").read_text().replace("/etc/nginx", str(tmp_path))
    assert "/var/log" not in script and "deluser" not in script
    (tmp_path / "sites-enabled").mkdir()
    (tmp_path / "kept").write_text("")
    gone, kept = (tmp_path / "sites-enabled" / name for name in sorted(SITES))
    gone.symlink_to("nowhere")
    kept.symlink_to("../kept")
    for action, links in ("remove", [gone, kept]), ("purge", [kept]):
        run("sh", "-c", script.split("# Automatically added")[0], "postrm", action)
        assert sorted(path for path in (tmp_path / "sites-enabled").iterdir()) == sorted(links)


def test_lintian_is_silent(package):
    assert shutil.which("lintian"), "lintian is missing"
    assert run("lintian", "--allow-root", "--fail-on", "error,warning", package) == ""
