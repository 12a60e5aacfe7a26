# SPDX-License-Identifier: GPL-2.0-or-later
"""Bundles for the OCI runtime, and fixtures that make and remove them.

With E2E_ENGINE=dockerd the runtime is runc, whose words and states are what callers know.
"""

import json
import os
import pathlib
import shutil
import subprocess
import uuid

import pytest

from .daemon import DOCKERD, ENGINE, PATIENCE, RUNTIME, run, wait_for
from .images import busybox_rootfs

RUNC = shutil.which("runc", path=f"{DOCKERD.parent}:/usr/sbin:/usr/bin")
PROGRAM = RUNC if ENGINE == "dockerd" else str(RUNTIME)
NAMESPACES = ["pid", "ipc", "uts", "mount", "network", "cgroup"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    directory = tmp_path_factory.mktemp("rootfs")
    run(["tar", "-x", "-C", directory], stdin=busybox_rootfs(), check=True)
    for name in ("proc", "sys", "dev"):
        (directory / name).mkdir()
    directory.chmod(0o755)
    return directory


class Bundle:
    """A bundle, the runtime's root directory, and a container's name; removed by close()."""

    def __init__(self, directory, rootfs):
        self.root, self.dir = directory / "state", directory / "bundle"
        self.dir.mkdir()
        self.id = "e2e-" + uuid.uuid4().hex[:12]
        self.config = {
            "ociVersion": "1.0.2", "hostname": "barge",
            "root": {"path": str(rootfs), "readonly": True},
            "process": {"args": ["sh"], "cwd": "/", "env": ["PATH=/bin", "HOME=/root"],
                        "user": {"uid": 0, "gid": 0}, "terminal": False,
                        "capabilities": {k: ["CAP_KILL", "CAP_CHOWN"]
                                         for k in ("bounding", "effective", "permitted")},
                        "noNewPrivileges": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "mode=755"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                 "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}],
            "linux": {"namespaces": [{"type": n} for n in NAMESPACES],
                      "cgroupsPath": f"/{self.id}", "resources": {},
                      "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]},
        }

    def write(self, *args, **process):
        if args:
            self.config["process"]["args"] = list(args)
        self.config["process"].update(process)
        (self.dir / "config.json").write_text(json.dumps(self.config))
        return self

    def argv(self, *args):
        return [PROGRAM, "--root", str(self.root), *[str(a) for a in args]]

    def __call__(self, *args, **kw):
        return run(self.argv(*args), cwd=self.dir, timeout=PATIENCE, **kw)

    def ok(self, *args, **kw):
        return self(*args, check=True, **kw).stdout

    def create(self, *args, check=True):
        """create's standard streams become the container's, so they must be no pipes of ours."""
        out = self.dir / "out"
        with open(out, "ab") as file:
            done = subprocess.run(self.argv("create", *args, self.id), cwd=self.dir, timeout=PATIENCE,
                                  stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
        assert done.returncode == 0 or not check, out.read_text()
        return done.returncode

    def out(self):
        return (self.dir / "out").read_text()

    def state(self):
        return json.loads(self.ok("state", self.id))

    def wait_status(self, status):
        wait_for(lambda: self.state()["status"] == status, what=status)

    def cgroups(self):
        return [d for d, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(d) == self.id]

    def close(self):
        self("delete", "--force", self.id)
        assert self.cgroups() == []


@pytest.fixture
def bundle(tmp_path, unpacked):
    b = Bundle(tmp_path, unpacked)
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    try:
        yield b
    finally:
        b.close()
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        assert str(tmp_path) not in line or line in mounts
