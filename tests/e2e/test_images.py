# SPDX-License-Identifier: GPL-2.0-or-later
"""Images: import, load in every form, inspect, list, remove, and refusals."""

import fcntl
import gzip
import hashlib
import io
import json
import lzma
import os
import re
import shutil
import struct
import tarfile
import termios

import pytest

from support.daemon import ENGINE, run, wait_for
from support.images import (Image, add_dir, add_file, add_special, make_tar, sha256, zstd)

pytestmark = pytest.mark.images_change


def layer_one():
    def fill(tar):
        add_dir(tar, "etc")
        add_dir(tar, "opaque")
        add_file(tar, "opaque/below", "hidden")
        add_file(tar, "etc/gone", "to be deleted")
        add_file(tar, "etc/kept", "kept", mtime=1_600_000_000)
    return make_tar(fill)


def layer_two():
    def fill(tar):
        add_file(tar, "etc/.wh.gone")
        add_dir(tar, "opaque")
        add_file(tar, "opaque/.wh..wh..opq")
        add_file(tar, "opaque/new", "seen")
        add_file(tar, "suid", "x", 0o4755, uid=1000, gid=2000)
        add_special(tar, "hard", tarfile.LNKTYPE, "suid", 0o4755, uid=1000, gid=2000)
        add_special(tar, "sym", tarfile.SYMTYPE, "etc/kept")
        add_special(tar, "fifo", tarfile.FIFOTYPE)
        add_special(tar, "null", tarfile.CHRTYPE, major=1, minor=3, mode=0o666)
        add_file(tar, "attr", "x", pax_headers={"SCHILY.xattr.user.note": "hello"})
    return make_tar(fill)


@pytest.fixture(scope="module")
def image(rootfs):
    return Image([rootfs, layer_one(), layer_two()], "layers:1",
                 {"Labels": {"made": "here"}, "Cmd": ["cat", "/etc/kept"]})


def check_contents(daemon, name):
    out = daemon.cli.ok("run", "--rm", name, "sh", "-c",
                        "ls /etc/gone 2>&1; ls /opaque; cat /etc/kept; echo; "
                        "stat -c '%a %u %g %h' /suid; readlink /sym; test -p /fifo && echo fifo; "
                        "stat -c '%t:%T' /null; stat -c %Y /etc/kept; cat /sym").splitlines()
    assert "No such file or directory" in out[0]
    assert out[1:] == ["new", "kept", "4755 1000 2000 2", "etc/kept", "fifo", "1:3", "1600000000",
                       "kept"]


FORMS = {
    "docker-archive": lambda i: i.docker_archive(),
    "docker-archive in gzip": lambda i: gzip.compress(i.docker_archive()),
    "docker-archive in zstd": lambda i: zstd(i.docker_archive()),
    "docker-archive in xz": lambda i: lzma.compress(i.docker_archive()),
    "docker-archive with gzip layers": lambda i: i.docker_archive(gzip.compress),
    "OCI layout with gzip layers": lambda i: i.oci_layout(),
    "OCI layout with zstd layers": lambda i: i.oci_layout(
        zstd, "application/vnd.oci.image.layer.v1.tar+zstd"),
    "OCI layout with plain layers": lambda i: i.oci_layout(
        lambda data: data, "application/vnd.oci.image.layer.v1.tar"),
}


@pytest.mark.parametrize("form", FORMS)
def test_load(daemon, image, form):
    if ENGINE == "dockerd" and form.startswith("OCI"):
        pytest.skip("dockerd needs a manifest.json beside the layout")
    out = daemon.cli.ok("load", stdin=FORMS[form](image))
    assert "Loaded image: layers:1" in out
    inspect = json.loads(daemon.cli.ok("inspect", "layers:1"))[0]
    assert inspect["Id"] == image.id
    assert inspect["RootFS"]["Layers"] == [sha256(layer) for layer in image.layers]
    assert inspect["Config"]["Labels"] == {"made": "here"}
    check_contents(daemon, "layers:1")
    removed = daemon.cli.ok("rmi", "layers:1").splitlines()
    assert removed[0] == "Untagged: layers:1"
    assert f"Deleted: {image.id}" in removed
    # The base layer is still busybox:latest's, so two go.
    assert len([r for r in removed if r.startswith("Deleted: sha256:")]) >= 3


def test_load_from_file_with_docker(daemon, docker, image, tmp_path):
    (tmp_path / "image.tar").write_bytes(image.docker_archive())
    assert "Loaded image: layers:1" in docker.ok("load", "-i", tmp_path / "image.tar")
    docker.ok("rmi", "layers:1")


def test_untagged_image(daemon, rootfs):
    image = Image([rootfs], None, {"Cmd": ["true"]})
    out = daemon.cli.ok("load", stdin=image.docker_archive())
    assert f"Loaded image ID: {image.id}" in out
    short = image.id.removeprefix("sha256:")[:12]
    assert daemon.cli("run", "--rm", short).returncode == 0
    assert f"Deleted: {image.id}" in daemon.cli.ok("rmi", short)


@pytest.mark.lighter_only
def test_layers_are_stored_once(daemon, image):
    def stored():
        return set(os.listdir(daemon.data / "overlay2"))
    before = stored()
    daemon.cli.ok("load", stdin=image.docker_archive())
    first = stored()
    other = Image(image.layers, "layers:2", {"Cmd": ["true"]})
    daemon.cli.ok("load", stdin=other.docker_archive())
    assert stored() == first
    daemon.cli.ok("rmi", "layers:1")
    check_contents(daemon, "layers:2")
    daemon.cli.ok("rmi", "layers:2")
    assert {e for e in stored() if len(e) == 64} == {e for e in before if len(e) == 64}


def test_every_layer_can_be_rebuilt(daemon, image, tmp_path):
    """What `save` writes holds each layer's tar bit for bit."""
    daemon.cli.ok("load", stdin=image.docker_archive(gzip.compress))
    answer = daemon.api.get("/images/layers:1/get", timeout=120)
    assert answer.status == 200, answer.body[:300]
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]
        digests = ["sha256:" + hashlib.sha256(tar.extractfile(name).read()).hexdigest()
                   for name in manifest["Layers"]]
        assert sha256(tar.extractfile(manifest["Config"]).read()) == image.id
    assert digests == [sha256(layer) for layer in image.layers]
    daemon.cli.ok("rmi", "layers:1")


def test_import_and_changes(daemon, cli, rootfs):
    identifier = cli.ok("import", "-c", 'CMD ["echo", "hi"]', "-c", "ENV A=b", "-c", "USER user",
                        "-c", "WORKDIR /tmp", "-m", "note", "-", "imp:v1", stdin=rootfs)
    assert re.fullmatch("sha256:[0-9a-f]{64}", identifier)
    inspect = json.loads(cli.ok("inspect", "imp:v1"))[0]
    assert inspect["Id"] == identifier
    assert inspect["Config"]["Cmd"] == ["echo", "hi"]
    assert inspect["Config"]["User"] == "user" and inspect["Config"]["WorkingDir"] == "/tmp"
    assert "A=b" in inspect["Config"]["Env"]
    assert inspect["Comment"] == "note"
    assert cli.ok("run", "--rm", "imp:v1") == "hi"
    assert cli.ok("run", "--rm", "imp:v1", "pwd") == "/tmp"
    cli.ok("rmi", "imp:v1")


def test_import_bad_change(daemon, cli, rootfs):
    done = cli("import", "-c", "RUN rm -rf /", "-", "bad:1", stdin=rootfs)
    assert done.returncode == 1 and "not a valid change command" in done.stderr.lower()
    assert cli.ok("images", "-q", "bad") == ""


def test_images_table(daemon, cli):
    header, *rows = cli.ok("images").splitlines()
    assert header.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    row = next(r for r in rows if r.startswith("busybox"))
    assert re.match(r"busybox +latest +[0-9a-f]{12} +.* ago +[0-9.]+ ?MB$", row), row


def test_remove_in_use(daemon, cli):
    cli.ok("run", "-d", "--name", "user", "busybox", "sleep", "60")
    done = cli("rmi", "busybox")
    assert done.returncode == 1
    assert re.search(r'conflict: unable to (remove repository reference "busybox"|delete)',
                     done.stderr), done.stderr
    identifier = daemon.inspect("user")["Image"].removeprefix("sha256:")[:12]
    done = cli("rmi", "-f", identifier)
    assert done.returncode == 1 and "is being used by running container" in done.stderr
    assert cli.ok("images", "-q", "busybox")


def test_remove_unknown(cli):
    done = cli("rmi", "nothing:here")
    assert done.returncode == 1 and "No such image: nothing:here" in done.stderr


def test_tag_and_untag(daemon, cli):
    cli.ok("tag", "busybox", "alias:x")
    assert cli.ok("images", "--format", "{{.Repository}}:{{.Tag}}", "alias") == "alias:x"
    assert cli.ok("rmi", "alias:x") == "Untagged: alias:x"
    assert cli.ok("images", "-q", "busybox")
    done = cli("tag", "busybox", "Bad:Upper")
    assert done.returncode == 1


def entries(daemon):
    """What the store holds on disk, below everything that the daemon keeps."""
    names = set()
    for top, directories, files in os.walk(daemon.data):
        if os.path.basename(top) == "trash":
            directories.clear()
            continue
        names |= {os.path.relpath(os.path.join(top, f), daemon.data) for f in files
                  if ".db" not in f}
        names |= {os.path.relpath(os.path.join(top, f), daemon.data) for f in directories}
    return names


def hostile(fill, **kw):
    return Image([make_tar(fill)], "hostile:1", {"Cmd": ["/x"]}, **kw).docker_archive()


def huge(tar):
    member = tarfile.TarInfo("big")
    member.size = 1 << 60
    out = member.tobuf()
    tar.fileobj.write(out)


BAD = {
    "not a tar": (lambda i: b"this is no archive" * 100, None),
    "empty": (lambda i: b"", None),
    "truncated": (lambda i: i.docker_archive()[:-200_000], None),
    "truncated gzip": (lambda i: gzip.compress(i.docker_archive())[:-5000], None),
    "no manifest": (lambda i: make_tar(lambda t: add_file(t, "x", "y")), None),
    "manifest is no JSON": (lambda i: make_tar(lambda t: add_file(t, "manifest.json", "{")), None),
    "manifest of nonsense": (
        lambda i: make_tar(lambda t: add_file(t, "manifest.json", '[{"Config":5}]')), None),
    "manifest names what is not there": (lambda i: make_tar(lambda t: add_file(
        t, "manifest.json", '[{"Config":"c.json","RepoTags":["x:1"],"Layers":["l.tar"]}]')), None),
    "manifest names a path outside": (lambda i: make_tar(lambda t: add_file(
        t, "manifest.json",
        '[{"Config":"../../../etc/passwd","RepoTags":["x:1"],"Layers":[]}]')), None),
    "layer missing": (lambda i: i.oci_layout(drop=["layer"]), None),
    "config missing": (lambda i: i.oci_layout(drop=["config"]), None),
    "layer replaced": (lambda i: i.oci_layout(replace=gzip.compress(layer_two())), "bytes"),
    "layer altered": (lambda i: Image([layer_two()], "layers:1").oci_layout(
        lambda data: data, "application/vnd.oci.image.layer.v1.tar",
        replace=layer_two().replace(b"seen", b"fake")), "diff"),
    "both layers and manifests": (
        lambda i: i.oci_layout(change_manifest=lambda m: m.update(manifests=[])), None),
    "DiffID that the layer has not": (lambda i: wrong_diff_id(i), "diff"),
    "more layers than DiffIDs": (lambda i: fewer_diff_ids(i), None),
}


def wrong_diff_id(image):
    bad = Image(image.layers, "x:1")
    bad.document["rootfs"]["diff_ids"][1] = "sha256:" + "0" * 64
    return bad.docker_archive()


def fewer_diff_ids(image):
    bad = Image(image.layers, "x:1")
    bad.document["rootfs"]["diff_ids"].pop()
    return bad.docker_archive()


@pytest.mark.parametrize("case", BAD)
def test_bad_archive_leaves_nothing(daemon, image, case):
    make, word = BAD[case]
    before, images = entries(daemon), daemon.cli.ok("images", "-aq")
    done = daemon.cli("load", stdin=make(image))
    assert done.returncode == 1, done.stdout
    assert done.stderr.strip(), "no message"
    if word and ENGINE != "dockerd":
        assert word in done.stderr.lower(), done.stderr
    assert daemon.cli.ok("images", "-aq") == images
    if ENGINE != "dockerd":
        assert entries(daemon) == before


HOSTILE = {
    "dots": lambda t: add_file(t, "../../../../tmp/lighter-escape", "x"),
    "dots inside": lambda t: add_file(t, "a/../../../tmp/lighter-escape", "x"),
    "link out, then through it": lambda t: (
        add_special(t, "out", tarfile.SYMTYPE, "/tmp"), add_file(t, "out/lighter-escape", "x")),
    "hard link out": lambda t: add_special(t, "passwd", tarfile.LNKTYPE, "../../../etc/passwd"),
    "absolute hard link": lambda t: add_special(t, "passwd", tarfile.LNKTYPE, "/etc/passwd"),
    "whiteout of the parent": lambda t: add_file(t, ".wh..."),
    "overlay attributes": lambda t: (
        add_dir(t, "d"), add_file(t, "x", pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/etc"})),
    "huge size": huge,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_layer_stays_inside(daemon, case):
    passwd = open("/etc/passwd", "rb").read()
    links = os.stat("/etc/passwd").st_nlink
    daemon.cli("load", stdin=hostile(HOSTILE[case]))
    assert not os.path.exists("/tmp/lighter-escape")
    assert open("/etc/passwd", "rb").read() == passwd
    assert os.stat("/etc/passwd").st_nlink == links
    daemon.cli("rmi", "-f", "hostile:1")
    assert daemon.cli.ok("run", "--rm", "busybox", "echo", "fine") == "fine"


def unread(sock):
    """How many of the bytes sent the other side has not read yet."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


@pytest.mark.lighter_only
def test_a_load_whose_client_goes_leaves_nothing(daemon, image):
    """It hangs up in the middle."""
    before = entries(daemon)
    data = image.docker_archive()
    sock = daemon.api.connect(
        b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\n"
        + f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:300_000])
    wait_for(lambda: unread(sock) == 0, what="the daemon's reading")
    sock.close()
    wait_for(lambda: entries(daemon) == before, what="the clean-up")
    assert daemon.cli.ok("images", "-q", "layers") == ""


def test_shared_digest_agreed_by_skopeo(daemon, image, tmp_path):
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    daemon.cli.ok("load", stdin=image.docker_archive())
    answer = daemon.api.get("/images/layers:1/get", timeout=120)
    (tmp_path / "saved.tar").write_bytes(answer.body)
    config = run(["skopeo", "inspect", "--config", "--raw",
                  f"docker-archive:{tmp_path}/saved.tar:layers:1"], check=True).stdout
    assert sha256(config.encode()) == image.id
    daemon.cli.ok("rmi", "layers:1")
