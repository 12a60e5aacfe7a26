# SPDX-License-Identifier: GPL-2.0-or-later
"""Images made on the spot from Debian's static busybox."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import time

BUSYBOX = "/bin/busybox"


def add_dir(tar, name, mode=0o755):
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, mode
    tar.addfile(member)


def add_file(tar, name, data=b"", mode=0o644, uid=0, gid=0, mtime=1_700_000_000, **kw):
    member = tarfile.TarInfo(name)
    data = data.encode() if isinstance(data, str) else data
    member.size, member.mode, member.uid, member.gid = len(data), mode, uid, gid
    member.mtime = mtime
    for key, value in kw.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(data))


def add_special(tar, name, kind, linkname="", mode=0o644, major=0, minor=0, uid=0, gid=0):
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, linkname, mode
    member.devmajor, member.devminor = major, minor
    member.uid, member.gid = uid, gid
    tar.addfile(member)


def applets():
    out = subprocess.run([BUSYBOX, "--list"], stdout=subprocess.PIPE, check=True).stdout
    return out.decode().split()


def make_tar(fill, format=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        fill(tar)
    return out.getvalue()


def busybox_rootfs():
    """A root file system tar: /bin/busybox, a link for each applet, users and /tmp."""
    def fill(tar):
        for name in ("bin", "etc", "root", "home", "home/user", "var", "usr", "usr/bin"):
            add_dir(tar, name)
        add_dir(tar, "tmp", 0o1777)
        with open(BUSYBOX, "rb") as program:
            add_file(tar, "bin/busybox", program.read(), 0o755)
        for applet in applets():
            if applet != "busybox":
                add_special(tar, f"bin/{applet}", tarfile.SYMTYPE, "busybox", 0o777)
        add_file(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                                    "user:x:1000:1000:user:/home/user:/bin/sh\n"
                                    "1000:x:0:0:trap:/root:/bin/sh\n")
        add_file(tar, "etc/group", "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n")
    return make_tar(fill)


class Image:
    """A docker-archive or OCI layout made of layer tars."""

    def __init__(self, layers, tag="test:latest", config=None, created="2024-01-02T03:04:05Z"):
        self.layers = layers
        self.tag = tag
        self.document = {
            "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
            "os": "linux", "created": created,
            "config": {"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"], **(config or {})},
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
            "history": [{"created": created, "created_by": f"layer {i}"}
                        for i in range(len(layers))],
        }

    @property
    def config(self):
        return json.dumps(self.document, separators=(",", ":")).encode()

    @property
    def id(self):
        return sha256(self.config)

    def docker_archive(self, compress=None):
        names = [f"{hashlib.sha256(layer).hexdigest()}/layer.tar" for layer in self.layers]
        config_name = self.id.removeprefix("sha256:") + ".json"

        def fill(tar):
            for name, layer in zip(names, self.layers):
                add_file(tar, name, compress(layer) if compress else layer)
            add_file(tar, config_name, self.config)
            add_file(tar, "manifest.json", json.dumps(
                [{"Config": config_name, "RepoTags": [self.tag] if self.tag else None,
                  "Layers": names}]))
        return make_tar(fill)

    def oci_layout(self, compress=gzip.compress, media="application/vnd.oci.image.layer.v1.tar+gzip",
                   change_manifest=None, drop=(), replace=None):
        blobs = {}

        def blob(data, media_type):
            digest = sha256(data)
            blobs[digest] = data
            return {"mediaType": media_type, "digest": digest, "size": len(data)}

        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob(self.config, "application/vnd.oci.image.config.v1+json"),
            "layers": [blob(compress(layer), media) for layer in self.layers],
        }
        if change_manifest:
            change_manifest(manifest)
        described = blob(json.dumps(manifest).encode(),
                         "application/vnd.oci.image.manifest.v1+json")
        if self.tag:
            described["annotations"] = {
                "io.containerd.image.name": f"docker.io/library/{self.tag}",
                "org.opencontainers.image.ref.name": self.tag.split(":")[1]}
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                 "manifests": [described]}
        dropped = {manifest["layers"][0]["digest"] if d == "layer" else
                   manifest["config"]["digest"] for d in drop}
        if replace:
            blobs[manifest["layers"][0]["digest"]] = replace

        def fill(tar):
            add_file(tar, "oci-layout", '{"imageLayoutVersion":"1.0.0"}')
            add_file(tar, "index.json", json.dumps(index))
            for digest, data in blobs.items():
                if digest not in dropped:
                    add_file(tar, "blobs/sha256/" + digest.removeprefix("sha256:"), data)
        return make_tar(fill)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def new_time():
    return int(time.time())
