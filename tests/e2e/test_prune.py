# SPDX-License-Identifier: GPL-2.0-or-later
"""prune and system df."""

import re

import pytest


@pytest.fixture
def leftovers(daemon):
    daemon.cli.ok("run", "--name", "old", "-l", "kind=test", "-v", "/anon", "busybox", "sh", "-c", "echo 12345 >/f; echo x >/anon/x")
    daemon.cli.ok("run", "-d", "--name", "alive", "-v", "named:/n", "busybox", "sleep", "600")
    yield
    daemon.cli("rm", "-fv", "old", "alive")
    daemon.api.delete("/volumes/named")
    daemon.api.post("/volumes/prune")


def test_containers(daemon, cli, leftovers):
    assert cli("container", "prune", stdin="n\n").returncode in (0, 1)
    assert daemon.cli.ok("ps", "-aq", "-f", "name=old")
    assert cli.ok("container", "prune", "-f", "--filter", "label=other") == "Total reclaimed space: 0B"
    assert cli.ok("container", "prune", "-f", "--filter", "until=10m") == "Total reclaimed space: 0B"
    assert cli.ok("container", "prune", "-f", "--filter", "label!=kind") == "Total reclaimed space: 0B"
    out = cli.ok("container", "prune", "-f", "--filter", "label=kind=test")
    assert re.fullmatch(r"Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: 6B", out), out
    assert daemon.cli.ok("ps", "-a", "--format", "{{.Names}}") == "alive"


def test_volumes(daemon, leftovers):
    assert daemon.api.post("/volumes/prune").json in (
        {"VolumesDeleted": None, "SpaceReclaimed": 0}, {"VolumesDeleted": [], "SpaceReclaimed": 0})
    daemon.cli.ok("rm", "old")
    daemon.cli.ok("rm", "-f", "alive")
    answer = daemon.api.post("/volumes/prune").json
    assert len(answer["VolumesDeleted"]) == 1 and answer["SpaceReclaimed"] == 2
    assert daemon.api.get("/volumes/named").status == 200
    answer = daemon.api.request("POST", "/volumes/prune", filters={"all": {"1": True}}).json
    assert answer["VolumesDeleted"] == ["named"]


@pytest.mark.images_change
def test_images(daemon, cli):
    daemon.cli.ok("create", "--name", "source", "busybox", "true")
    data, _ = daemon.cli.popen("export", "source").communicate(timeout=60)
    daemon.cli.ok("rm", "source")
    dangling = daemon.cli.ok("import", "-", stdin=data)
    daemon.cli.ok("import", "-", "spare:1", stdin=data + b"\0" * 512)
    out = cli.ok("image", "prune", "-f")
    assert f"deleted: {dangling}" in out
    assert cli.ok("image", "prune", "-f") == "Total reclaimed space: 0B"
    out = cli.ok("image", "prune", "-af", "--filter", "until=10m")
    assert "spare" not in out
    daemon.cli.ok("create", "--name", "holds", "busybox", "true")
    out = cli.ok("image", "prune", "-af")
    assert "untagged: spare:1" in out
    assert daemon.cli.ok("images", "-q")


def test_system_prune(daemon, cli, leftovers):
    out = cli.ok("system", "prune", "-f")
    assert "Deleted Containers:" in out and "Total reclaimed space: " in out
    assert daemon.api.get("/containers/old/json").status == 404
    assert daemon.api.get("/containers/alive/json").status == 200


def test_df(daemon, cli, leftovers):
    rows = [re.split(r"\s{2,}", line.strip()) for line in cli.ok("system", "df").splitlines()]
    assert rows[0] == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    table = {row[0]: row[1:] for row in rows[1:]}
    assert table["Images"][:2] == ["1", "1"] and table["Images"][3] == "0B (0%)"
    assert table["Containers"] == ["2", "1", "6B", "6B (100%)"]
    assert table["Local Volumes"] == ["2", "2", "2B", "0B (0%)"]
    assert table["Build Cache"] == ["0", "0", "0B", "0B"]
    answer = daemon.api.get("/system/df", type="volume").json
    assert [key for key in answer if answer[key]] == ["Volumes"] and {v["UsageData"]["RefCount"] for v in answer["Volumes"]} == {1}
    assert daemon.api.get("/system/df", type="cheese").status == 400
