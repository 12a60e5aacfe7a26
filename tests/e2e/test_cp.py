# SPDX-License-Identifier: GPL-2.0-or-later
"""cp: files in and out of containers, running or not."""

import base64
import http.client
import io
import json
import os
import tarfile
import threading
from urllib.parse import quote, urlencode

import pytest

from support.daemon import PATIENCE


@pytest.fixture(params=["running", "stopped"])
def box(request, daemon):
    daemon.cli.ok("run", "-d", "--name", "box", "-v", "vol:/vol", "busybox", "sh", "-c",
                  "mkdir -p /d/sub; echo one >/d/one; echo two >/d/sub/two; ln -s /d/one /d/link;"
                  "ln -s /d /dlink; mkfifo /d/fifo; echo v >/vol/v; touch /ready; sleep 600")
    for _ in range(200):
        if daemon.cli("exec", "box", "test", "-e", "/ready").returncode == 0:
            break
    if request.param == "stopped":
        daemon.cli.ok("stop", "-t", "0", "box")
    yield "box"
    daemon.cli.ok("rm", "-f", "box")
    daemon.api.delete("/volumes/vol")


def names(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return sorted(archive.getnames())


def test_out(cli, box, tmp_path):
    cli.ok("cp", f"{box}:/d", tmp_path)
    assert (tmp_path / "d/one").read_text() == "one\n"
    assert (tmp_path / "d/sub/two").read_text() == "two\n"
    assert os.readlink(tmp_path / "d/link") == "/d/one"
    cli.ok("cp", f"{box}:/d", tmp_path / "other")
    assert (tmp_path / "other/sub/two").read_text() == "two\n"
    (tmp_path / "into").mkdir()
    cli.ok("cp", f"{box}:/d/.", tmp_path / "into")
    assert (tmp_path / "into/one").read_text() == "one\n"
    cli.ok("cp", f"{box}:/d/one", tmp_path / "renamed")
    assert (tmp_path / "renamed").read_text() == "one\n"
    cli.ok("cp", "-L", f"{box}:/d/link", tmp_path / "followed")
    assert (tmp_path / "followed").read_text() == "one\n"
    cli.ok("cp", f"{box}:/vol/v", tmp_path / "v")
    assert (tmp_path / "v").read_text() == "v\n"


def test_in(daemon, cli, box, tmp_path):
    source = tmp_path / "src"
    (source / "deep").mkdir(parents=True)
    (source / "f").write_text("f\n")
    (source / "deep/g").write_text("g\n")
    (source / "f").chmod(0o640)
    cli.ok("cp", source, f"{box}:/new")
    cli.ok("cp", source, f"{box}:/d")
    cli.ok("cp", f"{source}/.", f"{box}:/vol")
    cli.ok("cp", source / "f", f"{box}:/d/one")
    cli.ok("cp", source / "f", f"{box}:/d/sub/")
    cli.ok("cp", source / "f", f"{box}:/dlink")
    daemon.cli("start", box)
    out = cli.ok("exec", box, "sh", "-c", "cat /new/deep/g /d/src/f /vol/deep/g /d/sub/f /d/f; stat -c %a /new/f")
    assert out == "g\nf\ng\nf\nf\n640"


def test_archives_by_hand(cli, box):
    got = cli.popen("cp", f"{box}:/d/sub", "-")
    data, _ = got.communicate(timeout=PATIENCE)
    assert names(data) == ["sub", "sub/two"]
    assert cli("cp", "-", f"{box}:/vol", stdin=data).returncode == 0
    back = cli.popen("cp", f"{box}:/vol/.", "-")
    data, _ = back.communicate(timeout=PATIENCE)
    assert "./sub/two" in names(data) or "sub/two" in names(data)


@pytest.mark.parametrize("args,text", [
    (("box:/none", "/tmp"), "Could not find the file /none in container box"),
    (("nobody:/etc", "/tmp"), "No such container: nobody"),
    (("/etc/passwd", "box:/none/"), "no such directory"),
    (("/etc", "box:/d/one"), "cannot copy directory"),
    (("a:/x", "b:/x"), "copying between containers is not supported"),
    (("/x", "/y"), "must specify at least one container source"),
    (("box:/d/one", "/nowhere/at/all"), "invalid output path"),
    (("/does/not/exist", "box:/"), "no such file or directory"),
    (("-", "box:/d/one"), "must be a directory"),
])
def test_refusals(cli, box, args, text):
    done = cli("cp", *args)
    # docker 20 has words of its own for what is not found
    assert done.returncode == 1 and (text in done.stderr or "No such container:path" in done.stderr), done.stderr


def archive(daemon, method, box, path, **kw):
    return daemon.api.request(method, f"/containers/{box}/archive?path={quote(path)}&" +
                              urlencode(kw.pop("query", {})), **kw)


def stat_of(answer):
    return json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))


def test_stat(daemon, box):
    api = daemon.api
    about = stat_of(archive(daemon, "HEAD", box, "/d/one"))
    assert (about["name"], about["size"], about["mode"], about["linkTarget"]) == ("one", 4, 0o644, "")
    about = stat_of(archive(daemon, "HEAD", box, "/d/link"))
    assert about["mode"] == (1 << 27) | 0o777 and about["linkTarget"] == "/d/one"
    about = stat_of(archive(daemon, "HEAD", box, "/dlink/"))
    assert about["mode"] == (1 << 31) | 0o755
    about = stat_of(archive(daemon, "HEAD", box, "d"))
    assert about["name"] == "d"
    assert archive(daemon, "HEAD", box, "/no").status == 404
    assert api.get(f"/containers/{box}/archive").status == 400
    assert names(archive(daemon, "GET", box, "/d/.").body)[0] == "."


def tar_of(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, value in members:
            info = tarfile.TarInfo(name)
            if kind == "link":
                info.type, info.linkname = tarfile.SYMTYPE, value
                archive.addfile(info)
            elif kind == "hard":
                info.type, info.linkname = tarfile.LNKTYPE, value
                archive.addfile(info)
            elif kind == "dir":
                info.type = tarfile.DIRTYPE
                info.mode = 0o755
                archive.addfile(info)
            else:
                info.size = len(value)
                info.uid = info.gid = 4711
                archive.addfile(info, io.BytesIO(value))
    return out.getvalue()


def put(daemon, box, data, path="/", **query):
    return archive(daemon, "PUT", box, path, body=data,
                   headers={"Content-Type": "application/x-tar"}, query=query)


def test_put_stays_inside(daemon, box, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("safe")
    for data in (
            tar_of(("l", "link", str(tmp_path)), ("l/victim", "file", b"gone")),
            tar_of(("l2", "link", "../../../../../../.." + str(tmp_path)), ("l2/victim", "file", b"gone")),
            tar_of(("h", "hard", str(victim)), ("h", "file", b"gone")),
            tar_of(("../" * 20 + str(victim)[1:], "file", b"gone"))):
        put(daemon, box, data, "/d")
        assert victim.read_text() == "safe"


def test_put_rules(daemon, box):
    assert put(daemon, box, tar_of(("x", "file", b"x")), "/d/one").status in (400, 500)
    assert put(daemon, box, tar_of(("x", "file", b"x")), "/no").status == 404
    assert put(daemon, box, tar_of(("sub", "file", b"x")), "/d", noOverwriteDirNonDir="true").status != 200
    assert put(daemon, box, tar_of(("sub", "file", b"x")), "/d").status == 200
    assert put(daemon, box, b"nonsense" * 200, "/d").status != 200
    daemon.cli("start", box)
    assert daemon.cli.ok("exec", box, "stat", "-c", "%s %u", "/d/sub") == "1 4711"


def test_read_only_places(daemon, cli):
    cli.ok("run", "-d", "--name", "ro", "--read-only", "-v", "/etc:/e:ro", "-v", "/w", "busybox", "sleep", "600")
    done = cli("cp", "/etc/passwd", "ro:/x")
    assert done.returncode == 1 and "container rootfs is marked read-only" in done.stderr
    done = cli("cp", "/etc/passwd", "ro:/e/x")
    assert done.returncode == 1 and "mounted volume is marked read-only" in done.stderr
    cli.ok("cp", "/etc/passwd", "ro:/w/x")
    daemon.cli.ok("rm", "-fv", "ro")


@pytest.mark.lighter_only
def test_a_tree_that_swaps_under_it(daemon, tmp_path):
    """A process that replaces a directory by a link to the outside, all the time, gains nothing."""
    (tmp_path / "victim").write_text("safe")
    daemon.cli.ok("run", "-d", "--name", "swap", "busybox", "sh", "-c",
                  f"mkdir /a; while :; do mv /a /b; ln -s {tmp_path} /a; rm /a; mv /b /a; done")
    stop = threading.Event()
    data = tar_of(("a", "dir", None), ("a/victim", "file", b"gone"))

    def reads():
        while not stop.is_set():
            try:
                body = archive(daemon, "GET", "swap", "/a/victim").body
            except http.client.IncompleteRead as cut:  # it went away while it was read
                body = cut.partial
            seen.append(b"safe" in body)

    seen = []
    reader = threading.Thread(target=reads)
    reader.start()
    try:
        for _ in range(60):
            put(daemon, "swap", data)
            assert (tmp_path / "victim").read_text() == "safe"
    finally:
        stop.set()
        reader.join()
    assert seen and not any(seen)
    assert [p.name for p in tmp_path.iterdir()] == ["victim"]
