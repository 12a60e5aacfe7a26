# SPDX-License-Identifier: GPL-2.0-or-later
"""commit: images of what containers have changed."""

import pytest

from support.daemon import wait_for

pytestmark = pytest.mark.images_change


@pytest.mark.parametrize("running", [True, False])
def test_commit(daemon, cli, running):
    daemon.cli.ok("run", "-d", "--name", "source", "-e", "A=b", "busybox", "sh", "-c",
                  "echo new >/new; rm /etc/group; rm -rf /var; mkdir /var; echo v >/var/v; touch /ready; sleep 600")
    wait_for(lambda: daemon.cli("exec", "source", "test", "-e", "/ready").returncode == 0, what="its changes")
    if not running:
        daemon.cli.ok("stop", "-t", "0", "source")
    image = cli.ok("commit", "-m", "a message", "-a", "me", "-c", 'CMD ["cat", "/new"]', "-c", "ENV X=y",
                   "source", "made:1")
    assert image.startswith("sha256:")
    assert daemon.inspect("source")["State"]["Paused"] is False
    assert cli.ok("run", "--rm", "made:1") == "new"
    out = daemon.cli.ok("run", "--rm", "made:1", "sh", "-c", "echo $A $X; ls -A /var; test -e /etc/group || echo gone")
    assert out.split() == ["b", "y", "v", "gone"]
    about = daemon.api.get("/images/made:1/json").json
    assert (about["Comment"], about["Author"], about["Id"]) == ("a message", "me", image)
    assert len(about["RootFS"]["Layers"]) == 2
    history = daemon.api.get("/images/made:1/history").json
    assert history[0]["Comment"] == "a message" and len(history) == 2


def test_without_changes(daemon):
    daemon.cli.ok("create", "--name", "same", "busybox", "true")
    image = daemon.cli.ok("commit", "same")
    assert daemon.cli.ok("run", "--rm", image, "echo", "works") == "works"


def test_again_and_again(daemon):
    base = "busybox"
    for i in range(4):
        daemon.cli.ok("run", "--name", f"c{i}", base, "sh", "-c", f"echo {i} >/n{i}")
        base = daemon.cli.ok("commit", f"c{i}", f"chain:{i}").strip()
    assert daemon.cli.ok("run", "--rm", base, "cat", "/n0", "/n1", "/n2", "/n3").split() == list("0123")


def test_refusals(daemon, cli):
    done = cli("commit", "nobody", "x")
    assert done.returncode == 1 and "No such container: nobody" in done.stderr
    daemon.cli.ok("create", "--name", "source", "busybox", "true")
    done = cli("commit", "-c", "FROM x", "source")
    assert done.returncode == 1 and done.stderr
    done = cli("commit", "source", "Bad Name")
    assert done.returncode == 1 and "invalid reference format" in done.stderr
    assert daemon.api.post("/auth", {"username": "u"}).status in (500, 501)
