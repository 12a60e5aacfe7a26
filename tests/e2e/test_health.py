# SPDX-License-Identifier: GPL-2.0-or-later
"""Health checks."""

import json

import pytest

from support.daemon import wait_for

FAST = ("--health-interval", "200ms", "--health-timeout", "2s")


def health(daemon, name):
    return daemon.inspect(name)["State"].get("Health")


def becomes(daemon, name, status):
    return wait_for(lambda: health(daemon, name)["Status"] == status and health(daemon, name), what=status)


def test_states(daemon, cli):
    cli.ok("run", "-d", "--name", "hc", *FAST, "--health-retries", "2", "--health-cmd", "echo looked; test -e /good",
           "busybox", "sh", "-c", "sleep 1; touch /good; sleep 600")
    assert health(daemon, "hc")["Status"] in ("starting", "unhealthy")
    state = becomes(daemon, "hc", "unhealthy")
    assert state["FailingStreak"] >= 2 and state["Log"][-1]["ExitCode"] == 1
    assert state["Log"][-1]["Output"] == "looked\n"
    state = becomes(daemon, "hc", "healthy")
    assert state["FailingStreak"] == 0 and state["Log"][-1]["ExitCode"] == 0
    assert cli.ok("ps", "--format", "{{.Status}}", "-f", "health=healthy").endswith("(healthy)")
    assert cli.ok("ps", "-q", "-f", "health=unhealthy") == ""
    assert cli.ok("ps", "-q", "-f", "health=none") == ""
    wait_for(lambda: len(health(daemon, "hc")["Log"]) == 5, what="a full log")
    cli.ok("exec", "hc", "rm", "/good")
    becomes(daemon, "hc", "unhealthy")
    cli.ok("stop", "-t", "0", "hc")
    assert health(daemon, "hc")["Status"] == "unhealthy"
    assert "(" not in cli.ok("ps", "-a", "--format", "{{.Status}}").replace("(137)", "")


def test_events(daemon):
    daemon.cli.ok("run", "-d", "--name", "hc", *FAST, "--health-cmd", "true", "busybox", "sleep", "600")
    becomes(daemon, "hc", "healthy")
    lines = [json.loads(x) for x in daemon.cli.ok(
            "events", "--since", "1m", "--until", "0s", "--filter", "container=hc", "--format", "{{json .}}").splitlines()]
    assert "health_status: healthy" in [e["Action"] for e in lines]


def test_timeout(daemon):
    daemon.cli.ok("run", "-d", "--name", "hc", "--health-interval", "100ms", "--health-timeout", "300ms",
                  "--health-retries", "1", "--health-cmd", "exec sleep 77", "busybox", "sleep", "600")
    state = becomes(daemon, "hc", "unhealthy")
    assert state["Log"][-1]["ExitCode"] == -1
    assert state["Log"][-1]["Output"] == "Health check exceeded timeout (300ms)"
    daemon.cli.ok("pause", "hc")
    wait_for(lambda: "sleep 77" not in json.dumps(daemon.api.get("/containers/hc/top").json), what="its end")
    daemon.cli.ok("unpause", "hc")


def test_start_period(daemon):
    daemon.cli.ok("run", "-d", "--name", "hc", "--health-interval", "100ms", "--health-retries", "1",
                  "--health-start-period", "1h", "--health-start-interval", "100ms", "--health-cmd", "false",
                  "busybox", "sleep", "600")
    wait_for(lambda: len(health(daemon, "hc")["Log"]) >= 3, what="some probes")
    assert health(daemon, "hc")["Status"] == "starting" and health(daemon, "hc")["FailingStreak"] == 0
    assert "(health: starting)" in daemon.cli.ok("ps", "--format", "{{.Status}}")


@pytest.mark.images_change
def test_of_the_image(daemon, cli, rootfs):
    daemon.cli.ok("import", "-c", 'HEALTHCHECK --interval=100ms CMD ["true"]', "-c", 'CMD ["sleep", "600"]',
                  "-c", "ENV PATH=/bin", "-", "checked:1", stdin=rootfs + b"\0" * 1024)
    cli.ok("run", "-d", "--name", "hc", "checked:1")
    becomes(daemon, "hc", "healthy")
    cli.ok("run", "-d", "--name", "off", "--no-healthcheck", "checked:1")
    assert health(daemon, "off") is None
    daemon.cli.ok("run", "-d", "--name", "bad", "--health-cmd", "false", "--health-retries", "1", "checked:1")
    becomes(daemon, "bad", "unhealthy")


@pytest.mark.lighter_only
def test_it_goes_on_after_the_daemons_death(daemon):
    daemon.cli.ok("run", "-d", "--name", "hc", *FAST, "--health-cmd", "true", "busybox", "sleep", "600")
    becomes(daemon, "hc", "healthy")
    daemon.kill9()
    daemon.start()
    becomes(daemon, "hc", "healthy")
    daemon.cli.ok("restart", "-t", "0", "hc")
    becomes(daemon, "hc", "healthy")


@pytest.mark.parametrize("options,text", [
    (("--health-interval", "1us", "--health-cmd", "true"), "Interval in Healthcheck cannot be less than 1ms"),
])
def test_refusals(daemon, options, text):
    done = daemon.cli("create", *options, "busybox")
    assert done.returncode != 0 and text in done.stderr
