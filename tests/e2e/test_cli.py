# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line's forms, formats and texts; much is compared with what the real docker prints."""

import json
import os
import re
import time

import pytest

from support.daemon import ENGINE, LIGHTER, run


@pytest.fixture(scope="module")
def scene(daemon):
    """Containers to be listed, of every state; the ledger of single tests must not remove them."""
    def make():
        daemon.cli.ok("run", "-d", "--name", "runner", "-l", "role=web", "-e", "A=b", "-m", "64m",
                      "busybox", "sleep", "600")
        daemon.cli("run", "--name", "ended", "busybox", "sh", "-c", "exit 4")
        daemon.cli.ok("create", "--name", "made", "--hostname", "h", "busybox", "echo", "a b")
        daemon.cli.ok("tag", "busybox", "other/name:v1")
    return make


def test_grouped_forms(daemon, cli):
    """Each command under its group does what its short form does."""
    ident = cli.ok("container", "create", "--name", "grp", "busybox", "sh", "-c",
                   "echo started; trap 'exit 3' TERM; while :; do sleep 0.05; done")
    assert cli.ok("container", "start", "grp") == "grp"
    daemon.wait_log("grp", "started")
    assert cli.ok("container", "ls", "-q", "--no-trunc") == ident
    assert cli.ok("container", "exec", "grp", "echo", "in") == "in"
    assert cli.ok("container", "logs", "grp") == "started"
    assert json.loads(cli.ok("container", "inspect", "grp"))[0]["Id"] == ident
    cli.ok("container", "pause", "grp")
    cli.ok("container", "unpause", "grp")
    cli.ok("container", "rename", "grp", "grp2")
    assert cli.ok("container", "stop", "-t", "60", "grp2") == "grp2"
    assert cli.ok("container", "wait", "grp2") == "3"
    cli.ok("container", "restart", "grp2")
    assert cli.ok("container", "kill", "grp2") == "grp2"
    assert cli.ok("container", "rm", "-f", "grp2") == "grp2"
    assert cli.ok("container", "run", "--rm", "busybox", "echo", "run") == "run"
    assert cli.ok("image", "ls", "-q", "busybox") == cli.ok("images", "-q", "busybox")
    assert json.loads(cli.ok("image", "inspect", "busybox"))[0]["RepoTags"] == ["busybox:latest"]
    cli.ok("image", "tag", "busybox", "grouped:1")
    assert cli.ok("image", "rm", "grouped:1") == "Untagged: grouped:1"
    assert "Server" in cli.ok("system", "info")
    assert cli("image", "inspect", "runner").returncode == 1


def test_grouped_import_and_load(daemon, cli, rootfs):
    from support.images import Image
    assert re.fullmatch("sha256:[0-9a-f]{64}", cli.ok("image", "import", "-", "gi:1", stdin=rootfs))
    assert "Loaded image: gl:1" in cli.ok("image", "load", stdin=Image([rootfs], "gl:1").docker_archive())


SAME = [
    ["ps", "-a", "--format", "{{.ID}} {{.Names}} {{.Image}} {{.Command}} {{.State}} {{.Labels}}"],
    ["ps", "-a", "--format", "table {{.Names}}\t{{.Image}}\t{{.Networks}}\t{{.Mounts}}"],
    ["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Command}}"],
    ["ps", "-aq"],
    ["ps", "-aq", "--no-trunc"],
    ["ps", "-a", "-n", "2", "--format", "{{.Names}}"],
    ["ps", "-l", "--format", "{{.Names}}"],
    ["ps", "--filter", "name=runner", "--format", "{{.Names}}"],
    ["ps", "-a", "--filter", "status=exited", "--filter", "status=created", "--format", "{{.Names}}"],
    ["ps", "-a", "--format", '{{.Label "role"}}|{{.Names}}'],
    ["ps", "-a", "--format", "{{upper .Names}} {{len .ID}} {{printf \"%-10s|\" .Names}}"],
    ["inspect", "-f", "{{.Name}} {{.State.Status}} {{.State.ExitCode}}", "runner", "ended"],
    ["inspect", "-f", "{{json .Config.Env}} {{json .HostConfig.Memory}}", "runner"],
    ["inspect", "-f", "{{range .Config.Env}}[{{.}}]{{end}}", "runner"],
    ["inspect", "-f", "{{index .Config.Labels \"role\"}}", "runner"],
    ["inspect", "-f", "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}} {{end}}", "runner"],
    ["inspect", "-f", "{{if .State.Running}}up{{else}}down{{end}}", "runner", "ended"],
    ["inspect", "-f", "{{.Config.Cmd}} {{.Config.Hostname}} {{.HostConfig.RestartPolicy.Name}}", "made"],
    ["inspect", "-f", "{{join .Config.Cmd \",\"}}", "made"],
    ["inspect", "--type", "image", "-f", "{{.Id}} {{.Os}} {{json .RepoTags}}", "busybox"],
    ["images", "--format", "{{.Repository}} {{.Tag}} {{.ID}} {{.Size}}"],
    ["images", "--no-trunc", "--format", "{{.ID}}"],
    ["images", "-q"],
    ["images", "--format", "table {{.Repository}}\t{{.Tag}}"],
    ["images", "--filter", "reference=other/*", "--format", "{{.Repository}}"],
    ["version", "--format", "{{.Server.APIVersion}} {{.Server.Os}} {{.Server.MinAPIVersion}}"],
    ["info", "--format", "{{.Containers}} {{.ContainersRunning}} {{.Driver}} {{.CgroupDriver}} {{.NCPU}}"],
    ["history", "--format", "{{.ID}} {{.Size}} {{.Comment}}", "busybox"],
    ["logs", "ended"],
    ["ps", "-a", "--format", "json"],
    ["images", "--format", "{{json .}}"],
]


@pytest.mark.lighter_only
def test_prints_what_docker_prints(daemon, docker, scene):
    scene()
    different = []
    for args in SAME:
        ours, theirs = daemon.cli(*args), docker(*args)
        if "json" in args[-1] and args[0] in ("ps", "images"):
            # Fields that a newer client adds are no difference.
            ours.stdout, theirs.stdout = [sorted((json.loads(line) for line in d.stdout.splitlines()), key=lambda o: (o["ID"], o.get("Repository", "")))
                                          for d in (ours, theirs)]
            for mine, other in zip(ours.stdout, theirs.stdout):
                for key in set(mine) ^ set(other):
                    mine.pop(key, None)
                    other.pop(key, None)
        if args[0] == "images" and isinstance(ours.stdout, str):
            ours.stdout, theirs.stdout = [sorted(d.stdout.splitlines()) for d in (ours, theirs)]
        if (ours.returncode, ours.stdout) != (theirs.returncode, theirs.stdout):
            different.append((args, ours.stdout or ours.stderr, theirs.stdout or theirs.stderr))
    assert not different, "\n".join(f"{a}\n  ours:   {o!r}\n  theirs: {t!r}" for a, o, t in different)


def blanked(text):
    """Texts without what differs between any two moments or programs."""
    return re.sub(r"\s+", " ", re.sub(r"\d+ (seconds?|minutes?)|About a minute|Less than a second", "T", text))


@pytest.mark.lighter_only
@pytest.mark.parametrize("args", [["ps", "-a"], ["images"], ["ps", "-a", "--no-trunc"], ["ps", "-as"]],
                         ids=" ".join)
def test_tables_are_dockers(daemon, docker, scene, args):
    scene()
    ours, theirs = [[blanked(line) for line in client.ok(*args).splitlines()] for client in (daemon.cli, docker)]
    # docker lists the names of one image in random order.
    assert sorted(ours) == sorted(theirs) and ours[0] == theirs[0]
    assert args[0] == "images" or ours == theirs


ERRORS = [
    ["ps", "--no-such"], ["run"], ["start"], ["rm"], ["logs"], ["exec", "runner"], ["inspect"], ["rmi"],
    ["logs", "nobody"], ["start", "nobody"], ["stop", "nobody"], ["rm", "nobody"], ["kill", "nobody"],
    ["wait", "nobody"], ["rmi", "nobody"], ["restart", "nobody"], ["exec", "nobody", "true"],
    ["attach", "nobody"], ["attach", "ended"], ["tag", "nobody", "x"], ["rename", "nobody", "x"],
    ["kill", "-s", "BOGUS", "runner"], ["kill", "ended"], ["pause", "ended"], ["unpause", "runner"],
    ["rm", "runner"], ["ps", "-f", "bogus=x"], ["ps", "-f", "nonsense"], ["images", "-f", "bogus=x"],
    ["run", "--name", "runner", "busybox"], ["run", "-m", "1k", "busybox"], ["run", "-m", "lots", "busybox"],
    ["run", "-v", "relative/path:rel", "busybox"], ["run", "--cpus", "-1", "busybox"],
    ["run", "--net", "nosuch", "busybox"], ["run", "--restart", "sometimes", "busybox"],
    ["run", "-e", "", "busybox", "true"], ["run", "--ulimit", "nofile=9:5", "busybox"],
    ["run", "--rm", "--restart", "always", "busybox"], ["run", "-w", "rel", "busybox"],
    ["run", "-u", "nobody-here", "--rm", "busybox"], ["run", "--rm", "busybox", "nope"],
    ["run", "Upper/Case", "true"], ["exec", "runner", "nope"], ["exec", "-w", "rel", "runner", "true"],
    ["exec", "-u", "nobody-here", "runner", "true"], ["inspect", "-f", "{{.Nope}}", "runner"],
    ["inspect", "-f", "{{.Name", "runner"], ["ps", "--format", "{{.Nope}}"], ["logs", "--tail", "x", "runner"],
    ["logs", "--since", "yesterday", "runner"], ["container", "nope"], ["image", "inspect", "nobody"],
]


@pytest.mark.lighter_only
def test_errors_are_dockers(daemon, docker, scene):
    """The exit code is the same; the text too, but for the program's name and its hint."""
    scene()

    def text(done):
        lines = [line for line in done.stderr.splitlines()
                 if line.strip() and not re.match(r"(Run |See |Usage)", line)]
        return re.sub(r"\bdocker\b", "lighter", " ".join(lines)).rstrip(".")

    different = []
    for args in ERRORS:
        ours, theirs = daemon.cli(*args), docker(*args)
        if ours.returncode != theirs.returncode:
            different.append((args, (ours.returncode, ours.stderr), (theirs.returncode, theirs.stderr)))
        elif text(ours)[:60] != text(theirs)[:60]:
            different.append((args, text(ours), text(theirs)))
        daemon.api.delete("/containers/x")
    assert not different, "\n".join(f"{a}\n  ours:   {o}\n  theirs: {t}" for a, o, t in different)


@pytest.mark.lighter_only
def test_help_everywhere():
    out = run([LIGHTER, "--help"], check=True).stdout
    for command in ("run", "ps", "exec", "images", "events", "inspect", "container", "image", "system"):
        assert re.search(rf"^  {command}\*? ", out, re.M), command
        done = run([LIGHTER, command, "--help"], check=True)
        assert f"lighter {command}" in done.stdout.split("\n\n")[0] + done.stdout
    done = run([LIGHTER, "no-such-command"])
    assert done.returncode == 1
    assert "unknown command: lighter no-such-command" in done.stderr \
        or "is not a lighter command" in done.stderr
    out = run([LIGHTER, "run", "--help"], check=True).stdout
    for option in ("--interactive", "--tty", "--detach", "--rm", "--name", "--env", "--workdir", "--user",
                   "--volume", "--net", "--memory", "--cpus", "--pids-limit", "--entrypoint",
                   "--hostname", "--init"):
        assert option in out, option


def test_options_after_the_image_are_the_programs(cli):
    assert cli.ok("run", "--rm", "busybox", "echo", "-n", "--rm", "-it") == "--rm -it"


def test_bundled_and_joined_options(cli):
    assert cli.ok("run", "-i", "--rm=true", "--env=A=b", "-eC=d", "-w=/tmp", "busybox", "sh", "-c",
                  "echo $A $C; pwd").split() == ["b", "d", "/tmp"]
    assert cli.ok("run", "--rm", "--interactive=false", "-u0", "busybox", "id", "-u") == "0"


def test_version(daemon, cli):
    out = cli.ok("version")
    assert "Client" in out and "Server" in out and daemon.api_max in out
    version = json.loads(cli.ok("version", "--format", "{{json .}}"))
    assert version["Server"]["ApiVersion"] == daemon.api_max


def test_events_since_until(daemon, cli):
    cli.ok("run", "--rm", "--name", "evt", "busybox", "true")
    daemon.wait_gone("evt")
    until = int(time.time()) + 2  # clients send whole seconds
    out = cli.ok("events", "--since", "10m", "--until", until, "--filter", "container=evt")
    assert re.search(r"^\d{4}-\d\d-\d\dT\S+ container create [0-9a-f]{64} \(image=busybox, name=evt\)$",
                     out, re.M), out
    assert re.search(r" container die [0-9a-f]{64} \(execDuration=\d+, exitCode=0, image=busybox, "
                     r"name=evt\)$", out, re.M), out


@pytest.mark.lighter_only
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_output_is_an_error(daemon):
    with open("/dev/full", "wb") as full:
        client = daemon.cli.popen("ps", "-a", stdout=full)
        assert client.wait(60) != 0
    assert ENGINE
