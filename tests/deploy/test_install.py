"""make install, make uninstall and make deb."""

import os
import re
import shutil
import stat
import subprocess

import pytest

from package import TREE, make_packages

NAME, READER, WRITER = PROGRAMS = "pbu-log-server", "pbu-log-reader", "pbu-log-writer"
# Those that nginx asks, by a socket.
ASKED = (NAME, READER)
SITES = {f"{NAME}.conf", f"{NAME}-plain.conf"}
SNIPPETS = {f"{NAME}-http.conf", f"{NAME}-locations.conf", f"{NAME}-tls.conf"}
EXAMPLES = f"usr/share/doc/{NAME}/examples"
PAGE = f"usr/share/{NAME}/page"

# What make install puts there, and what the packages hold besides make install's: the writer's, and the other.
WRITERS_FILES = {
    f"usr/sbin/{WRITER}": 0o755,
    f"usr/lib/systemd/system/{WRITER}.service": 0o644,
    f"usr/share/man/man8/{WRITER}.8": 0o644,
}
SERVERS_FILES = {
    **{f"usr/sbin/{name}": 0o755 for name in ASKED},
    **{f"usr/lib/systemd/system/{name}.{kind}": 0o644 for name in ASKED for kind in ("service", "socket")},
    f"usr/lib/sysusers.d/{NAME}.conf": 0o644,
    **{f"usr/share/man/man8/{name}.8": 0o644 for name in ASKED},
    **{f"{PAGE}/{path.relative_to(TREE / 'page')}": 0o644 for path in (TREE / "page").rglob("*") if path.is_file()},
    f"usr/share/doc/{NAME}/README.md": 0o644,
    f"usr/share/doc/{NAME}/deploy.md": 0o644,
    f"usr/share/doc/{NAME}/scale.md": 0o644,
    f"{EXAMPLES}/env": 0o644,
    f"{EXAMPLES}/lnav-format.json": 0o644,
    f"{EXAMPLES}/logrotate": 0o644,
    f"{EXAMPLES}/network.conf": 0o644,
    f"etc/{NAME}/env": 0o640,
    **{f"etc/nginx/sites-available/{name}": 0o644 for name in SITES},
    **{f"etc/nginx/snippets/{name}": 0o644 for name in SNIPPETS},
}
FILES = SERVERS_FILES | WRITERS_FILES


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
    assert f"{PAGE}/index.html" in FILES


def test_every_unit_snippet_and_site_of_the_tree_is_installed():
    """One that is new must be added to Makefile.am (nginx.conf.in is start.sh's)."""
    assert {path.name for path in (TREE / "nginx").glob("*.conf")} == SITES | SNIPPETS
    units = {path.name.removesuffix(".in") for path in (TREE / "systemd").iterdir()}
    assert units == {*(f"{name}.service" for name in PROGRAMS), *(f"{name}.socket" for name in ASKED), f"{NAME}.sysusers"}


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


def test_without_kafka_there_is_no_writer(tmp_path):
    made = build(tmp_path / "build", "--prefix=/usr", "--sysconfdir=/etc", "--without-kafka", "--without-peers")
    run("make", "-s", "install", f"DESTDIR={tmp_path}/root", cwd=made)
    assert files(tmp_path / "root") == SERVERS_FILES
    assert "libcurl" not in run("readelf", "-d", made / READER)


# --- the units ---

def unit(path):
    """The lines KEY=VALUE of a unit."""
    return re.findall(r"^(\w+)=(.*)$", path.read_text(), re.M)


def test_unit_names_its_program_and_settings(installed, prefix):
    for root, base, kind in (installed, "usr", "notify"), (prefix, "", "simple"):
        for name in PROGRAMS:
            service = root / base / f"lib/systemd/system/{name}.service"
            where = str(prefix) if root == prefix else "/usr"
            settings = f"{prefix}/etc" if root == prefix else "/etc"
            assert "@" not in re.sub(r"SystemCallFilter=.*", "", service.read_text())
            assert dict(unit(service))["ExecStart"] == f"{where}/sbin/{name}"
            assert ("EnvironmentFile", f"-{settings}/{NAME}/env") in unit(service)
            assert dict(unit(service))["Type"] == kind


def test_the_units_agree_with_nginx():
    """Where the sockets are."""
    upstreams = set(re.findall(r"server unix:(\S+)", (TREE / f"nginx/{NAME}-http.conf").read_text()))
    sockets = {dict(unit(TREE / f"systemd/{name}.socket"))["ListenStream"] for name in ASKED}
    assert upstreams == sockets


def test_nginx_serves_the_page_where_it_is_installed(installed, prefix):
    for root, folder in (installed / "etc", f"/{PAGE}"), (prefix / "etc", str(prefix / f"share/{NAME}/page")):
        text = (root / f"nginx/snippets/{NAME}-locations.conf").read_text()
        assert re.findall(r"\balias (\S+)/;", text) == [folder]
    assert (prefix / f"share/{NAME}/page/index.html").exists()


def test_only_a_notifying_program_links_libsystemd(usr, prefix):
    for name in PROGRAMS:
        assert "libsystemd" in run("readelf", "-d", usr / name)
        assert "libsystemd" not in run("readelf", "-d", prefix / "sbin" / name)


def test_the_server_links_nothing_of_the_reader(usr):
    """A hole in the search is none in the writing. Nor the other way round."""
    of = {name: set(re.findall(r"\[(lib\w+)", run("readelf", "-d", usr / name))) for name in PROGRAMS}
    readers = {"libpcre2", "libsodium", "libcurl"}
    assert readers <= of[READER] and not readers & (of[NAME] | of[WRITER])
    assert "libz" in of[NAME] - of[READER]
    # The writer serves nobody. And librdkafka is loaded by whoever is told to.
    assert "libfcgi" not in of[WRITER]
    assert "librdkafka" not in set().union(*of.values())


def test_systemd_understands_the_units(prefix):
    """It says every key that it doesn't know, and exits 0 all the same. (--man=no: MANPATH is another.)"""
    units = (prefix / "lib/systemd/system").iterdir()
    assert run("systemd-analyze", "verify", "--man=no", *units) == ""


def test_systemd_understands_the_user(prefix, tmp_path):
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", prefix / f"lib/sysusers.d/{NAME}.conf")
    users = {x[0]: x for x in (line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines())}
    assert set(users) == set(ASKED) and users[NAME][5] == f"/var/log/{NAME}"
    # The reader is another user, of the group that may read the logs.
    assert users[NAME][2] != users[READER][2] and users[NAME][3] == users[READER][3]


# --- the documents ---

@pytest.mark.parametrize("name", PROGRAMS)
def test_manual_is_right(name):
    assert run("mandoc", "-Tlint", "-W", "warning", TREE / f"doc/{name}.8") == ""


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
def packages():
    return make_packages()


@pytest.fixture(scope="module")
def package(packages):
    return packages[NAME]


@pytest.fixture(scope="module")
def writers(packages):
    return packages[WRITER]


def scripts_of(package, folder):
    """The folder of a package's maintainer scripts."""
    run("dpkg-deb", "-e", package, folder / "DEBIAN")
    return folder / "DEBIAN"


@pytest.fixture(scope="module")
def scripts(package, tmp_path_factory):
    return scripts_of(package, tmp_path_factory.mktemp("scripts"))


@pytest.mark.parametrize("name", [NAME, WRITER])
def test_package_holds_what_is_installed(packages, name):
    package, installs = packages[name], WRITERS_FILES if name == WRITER else SERVERS_FILES
    held = {}
    for line in run("dpkg-deb", "-c", package).splitlines():
        mode, owner, _, _, _, path = line.split(None, 5)
        if not mode.startswith("d"):
            assert owner == "root/root"
            held[path.removeprefix("./").removesuffix(".gz")] = mode
    modes = {0o755: "-rwxr-xr-x", 0o644: "-rw-r--r--", 0o640: "-rw-r-----"}
    units = run("pkg-config", "--variable=systemdsystemunitdir", "systemd").strip().lstrip("/")
    expected = {path.replace("usr/lib/systemd/system", units): modes[mode] for path, mode in installs.items()}
    for path in f"doc/{name}/changelog", f"doc/{name}/copyright", *([f"lintian/overrides/{name}"] if name == NAME else []):
        expected[f"usr/share/{path}"] = modes[0o644]
    assert held == expected


def said_of(package):
    """The fields of a package, and the names of those that it depends on."""
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "-f", package).splitlines() if re.match(r"\w\S*: ", line))
    version = re.search(r"AC_INIT\(\[pbu-log-server\], \[(.*?)\]\)", (TREE / "configure.ac").read_text())[1]
    assert fields["Version"] == version
    return fields, set(re.findall(r"[\w.+-]+", re.sub(r"\(.*?\)", "", fields["Depends"])))


def test_package_says_what_it_is(package):
    fields, needed = said_of(package)
    assert (fields["Package"], fields["Recommends"]) == (NAME, "nginx")
    assert {"libc6", "libcjson1", "libcurl4", "libpcre2-8-0", "libsodium23", "libsystemd0", "systemd-sysusers",
            "zlib1g"} <= needed
    assert any(name.startswith("libfcgi") for name in needed)
    # Kafka is for those who want it.
    assert "librdkafka1" not in needed and "librdkafka1" in fields["Suggests"] and WRITER in fields["Suggests"]


def test_the_writers_package_says_what_it_is(writers):
    fields, needed = said_of(writers)
    assert fields["Package"] == WRITER and not {"Recommends", "Suggests"} & set(fields)
    assert {"libc6", "libcjson1", "librdkafka1", "libsystemd0", NAME} <= needed
    # User, settings and reader are that package's, of the same version.
    assert f"{NAME} (= {fields['Version']})" in fields["Depends"]
    assert not any(name.startswith(("libfcgi", "libcurl", "libpcre2", "libsodium", "zlib")) for name in needed)


def test_the_writer_waits_for_its_settings(writers, tmp_path):
    """It is neither enabled nor started by its package; one that runs is started again by an upgrade, once."""
    scripts = scripts_of(writers, tmp_path)
    text = (scripts / "postinst").read_text()
    # Enabled again only where it was: what the helper knows of it.
    assert re.findall(r"^.*(?:helper enable|deb-systemd-invoke \S+)", text, re.M) == [
        "\t\t\tdeb-systemd-helper enable", "\t\t\tdeb-systemd-invoke try-restart"]
    assert f"was-enabled '{WRITER}.service'" in text and "debian-installed" in text
    assert not (scripts / "preinst").exists() and not (scripts / "conffiles").exists()
    assert re.search(rf'"\$1" = remove .*\n.*deb-systemd-invoke stop {WRITER}.service', (scripts / "prerm").read_text())


def test_package_keeps_edited_files(scripts):
    expected = {f"/{name}" for name in FILES if name.startswith("etc/")}
    assert set((scripts / "conffiles").read_text().split()) == expected


def test_package_makes_the_user_first_and_starts_the_service(scripts):
    text = (scripts / "postinst").read_text()
    steps = re.findall(r"systemd-sysusers|deb-systemd-(?:helper enable|invoke) [^>]*'", text)
    # The sockets, with which requests can wait; then the services.
    assert steps == [
        "systemd-sysusers",
        *(f"deb-systemd-helper enable '{name}.socket'" for name in sorted(ASKED)),
        f"deb-systemd-invoke start '{READER}.socket' '{NAME}.socket'",
        *(f"deb-systemd-helper enable '{name}.service'" for name in sorted(ASKED)),
        f"deb-systemd-invoke $_dh_action '{READER}.service' '{NAME}.service'",
    ]


def test_package_stops_on_removal_only(scripts):
    """An upgrade stops nothing before the new program is there, and the socket never."""
    assert not (scripts / "preinst").exists()
    blocks = (scripts / "prerm").read_text().split("# Automatically added")[1:]
    stopped = " ".join(re.findall(r"stop ('.*?') *>", "".join(blocks)))
    assert sorted(re.findall(r"'(.*?)'", stopped)) == sorted(f"{x}.{y}" for x in ASKED for y in ("service", "socket"))
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


def test_lintian_is_silent(packages):
    assert shutil.which("lintian"), "lintian is missing"
    assert run("lintian", "--allow-root", "--fail-on", "error,warning", *packages.values()) == ""
