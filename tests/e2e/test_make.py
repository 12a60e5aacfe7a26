# SPDX-License-Identifier: GPL-2.0-or-later
"""`make run` and `make stop`, in mount and network namespaces of their own."""

import os
import pathlib
import shutil
import subprocess
import uuid

import pytest

from support import sweep
from support.daemon import BUILD, run

pytestmark = pytest.mark.lighter_only

TOP = pathlib.Path(__file__).resolve().parents[2]

# The build under test is taken as it is. /run is private, so that a demo daemon of another build is not
# touched; what is left is looked for inside, since the mounts go with the namespace.
SCRIPT = """
set -e
mount -t tmpfs tmpfs /run
printf '#!/bin/sh\n' >/run/nothing
chmod 755 /run/nothing
mount --bind /run/nothing scripts/build.sh
mount --bind /run/nothing scripts/deps.sh
ip link set lo up
before=$(cat /proc/sys/net/ipv4/ip_forward)
scripts/run.sh
echo "--- again"
scripts/run.sh
export LIGHTER_HOST=unix://$(find "$HERE/run" /run/lighter-demo -name lighter.sock | head -1)
echo "--- use"
"$HERE/lighter" run -d --name left busybox sleep 600
"$HERE/lighter" ps --format '{{.Names}}'
pid=$(cat "$HERE/run/lighterd.pid")
echo "--- stop"
scripts/stop.sh
echo "--- left"
[ ! -e "/proc/$pid" ] || echo "daemon $pid"
[ ! -e "$HERE/run" ] || echo "$HERE/run"
find /run/lighter-demo 2>/dev/null || true
ip -o link | grep -v ': lo:' || true
nft list ruleset
grep -e lighter-demo /proc/self/mountinfo || true
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = "$before" ] || echo "ip_forward"
scripts/stop.sh
"""


@pytest.fixture
def namespace():
    name = "lighter-make-" + uuid.uuid4().hex[:8]
    run(["ip", "netns", "add", name], check=True)
    yield name
    run(["ip", "netns", "del", name])


def groups():
    return {d for d, _, _ in os.walk(sweep.CGROUPS) if os.path.basename(d) == "lighter"}


def test_run_and_stop(namespace):
    there = BUILD.relative_to(TOP) if BUILD.is_relative_to(TOP) else os.path.relpath(BUILD, TOP)
    before = groups()
    if (BUILD / "run").exists():
        pytest.skip("a demo daemon runs from this build directory")
    try:
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{namespace}", "unshare", "--mount", "--pid", "--fork",
             "--kill-child", "--mount-proc", "bash", "-c", SCRIPT],
            cwd=TOP, env=dict(os.environ, BUILD=str(there), HERE=str(BUILD)), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
    finally:
        shutil.rmtree(BUILD / "run", ignore_errors=True)
    out = done.stdout.decode(errors="replace")
    assert done.returncode == 0, out
    first, again, use, stop, left = out.split("--- ")
    assert "lighterd runs (pid" in first and "host name     barge" in first
    assert "memory limit  67108864 bytes" in first and "lighter run -it --rm busybox" in first
    assert "runs already" in again
    assert use.splitlines()[-1] == "left"
    assert "Stopped; nothing is left." in stop
    assert left.splitlines()[1:] == ["Nothing runs."], left
    assert groups() <= before
