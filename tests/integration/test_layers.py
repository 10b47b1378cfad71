"""tools/layers.sh: what src/ may include. make check runs it on src/; here it is shown what it must not like. And
what the convenience libraries need."""

import os
import subprocess

import pytest

from server import TREE

GOOD = {
    "base/buf.h": "#include <stddef.h>\n",
    "base/buf.c": '#include "base/buf.h"\n#include "config.h"\n#include <seccomp.h>\n',
    "json/json.h": '#include "base/buf.h"\n',
    "json/json.c": '#include "json/json.h"\n#include "json/json_write.h"\n#include <cjson/cJSON.h>\n',
    "json/json_write.h": '#include "json/json.h"\n',
    "record/record.c": '#include "json/json.h"\n#include "base/buf.h"\n',
    "files/logs.c": '#include "base/buf.h"\n#include "files/level.h"\n',
    "files/level.h": '#include "files/logs_settings.h"\n',
    "web/fcgi.c": '#include "base/buf.h"\n#include <fcgiapp.h>\n#include <fastcgi.h>\n',
    "server/main.c": '#include "files/logs.h"\n#include "web/fcgi.h"\n#include "record/record.h"\n',
}


def layers(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return subprocess.run([TREE / "tools/layers.sh", folder], capture_output=True, text=True, timeout=30)


def test_likes_what_leads_down(tmp_path):
    done = layers(tmp_path, GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name, text, said", [
    ("base/level.c", '\n#include "json/json.h"\n', "src/base/level.c:2: base may not include json/json.h"),
    ("json/text.h", '#include "record/record.h"\n', "src/json/text.h:1: json may not include record/record.h"),
    ("web/auth.c", '#include "files/logs.h"\n', "src/web/auth.c:1: web may not include files/logs.h"),
    ("web/reply.c", '#include "json/json_error.h"\n#include "json/json.h"\n', "src/web/reply.c:2: web may not include json/json.h"),
    ("files/commit.h", '#include "web/http.h"\n', "src/files/commit.h:1: files may not include web/http.h"),
    ("files/append.c", '#include "record/record.h"\n', "src/files/append.c:1: files may not include record/record.h"),
    ("web/app.c", '#include "server/handler.h"\n', "src/web/app.c:1: web may not include server/handler.h"),
    ("extra/a.c", '#include "base/buf.h"\n', "src/extra/a.c:1: extra may not include base/buf.h"),
    ("base/level.c", '#include "extra/a.h"\n', "src/base/level.c:1: base may not include extra/a.h"),
    ("web/other.c", "#include <fcgiapp.h>\n", "<fcgiapp.h> is for one .c file, not for src/web/fcgi.c src/web/other.c"),
    ("json/value.h", "#include <systemd/sd-daemon.h>\n", "<systemd/sd-daemon.h> is for one .c file, not for src/json/value.h"),
])
def test_says_what_leads_elsewhere(tmp_path, name, text, said):
    done = layers(tmp_path, {**GOOD, name: text})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said + "\n")


def test_says_what_leads_round(tmp_path):
    done = layers(tmp_path, {**GOOD, "files/logs.c": '#include "files/sync.h"\n', "files/sync_set.h": '#include "files/logs.h"\n'})
    assert done.returncode == 1 and done.stderr.splitlines()[0] == "a circle:"
    assert sorted(done.stderr.split()[2:]) == ["src/files/logs", "src/files/sync"]


@pytest.mark.parametrize("library, needs, needs_not", [
    ("libpbu.a", "cJSON_", "FCGX_"),
    ("libpbuweb.a", "FCGX_", "cJSON_"),
])
def test_libraries_are_cut_by_what_they_need(library, needs, needs_not):
    """A program that speaks no FastCGI does not link libfcgi."""
    path = TREE / os.environ.get("BUILD_DIR", "build") / library
    wanted = subprocess.run(["nm", "-u", path], check=True, capture_output=True, text=True).stdout
    assert f" U {needs}" in wanted and f" U {needs_not}" not in wanted
