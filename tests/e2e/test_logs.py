# SPDX-License-Identifier: GPL-2.0-or-later
"""Container logs: what the shim writes, what `logs` prints."""

import json
import os
import re

import pytest

from support.daemon import PATIENCE, wait_for


def test_streams_and_tail(daemon, cli):
    cli.ok("run", "--name", "l1", "busybox", "sh", "-c",
           "for i in 1 2 3 4 5; do echo out$i; done; echo err >&2")
    done = cli("logs", "l1")
    assert done.stdout == "out1\nout2\nout3\nout4\nout5\n" and done.stderr == "err\n"
    # Which of two streams' last lines came last is nobody's promise.
    tail = cli("logs", "--tail", "2", "l1")
    assert len(tail.stdout.split() + tail.stderr.split()) == 2
    cli.ok("run", "--name", "l1b", "busybox", "sh", "-c", "for i in 1 2 3 4 5; do echo out$i; done")
    assert cli.ok("logs", "--tail", "2", "l1b") == "out4\nout5"
    assert cli.ok("logs", "--tail", "all", "l1b").count("out") == 5
    assert cli("logs", "--tail", "0", "l1").stdout == ""


def test_timestamps(cli):
    cli.ok("run", "--name", "l2", "busybox", "echo", "x")
    line = cli.ok("logs", "-t", "l2")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z x", line)


def test_since_and_until(daemon, cli):
    cli.ok("run", "--name", "l3", "busybox", "sh", "-c", "echo a; sleep 1.2; echo b")
    stamps = [line.split()[0] for line in cli.ok("logs", "-t", "l3").splitlines()]
    assert cli.ok("logs", "--since", stamps[1], "l3") == "b"
    assert cli.ok("logs", "--until", stamps[0], "l3") == "a"
    assert cli.ok("logs", "--since", "10m", "l3") == "a\nb"


def test_follow_ends_with_the_container(daemon, cli):
    cli.ok("run", "-d", "--name", "l4", "busybox", "sh", "-c",
           "for i in 1 2 3; do echo $i; sleep 0.3; done")
    assert cli.ok("logs", "-f", "l4", timeout=PATIENCE) == "1\n2\n3"


def test_follow_a_stopped_one_ends(cli):
    cli.ok("run", "--name", "l5", "busybox", "echo", "x")
    assert cli.ok("logs", "-f", "l5", timeout=PATIENCE) == "x"


def test_file_format(daemon):
    daemon.cli.ok("run", "--name", "l6", "busybox", "printf", 'a<&>"\\t\\377\\033b\\nrest')
    path = wait_for(lambda: daemon.inspect("l6")["LogPath"], what="log path")
    lines = open(path, encoding="utf-8").read().splitlines()
    first = json.loads(lines[0])
    assert first["log"] == 'a<&>"\t\ufffd\x1bb\n' and first["stream"] == "stdout"
    assert "\\u003c\\u0026\\u003e" in lines[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", first["time"])
    assert list(first) == ["log", "stream", "time"]
    assert json.loads(lines[1])["log"] == "rest"


def test_long_lines_are_split_and_rejoined(daemon, cli):
    cli.ok("run", "--name", "l7", "busybox", "sh", "-c", "head -c 40000 /dev/zero | tr '\\0' z; echo")
    assert cli("logs", "l7").stdout == "z" * 40000 + "\n"
    lines = [json.loads(line)["log"] for line in
             open(daemon.inspect("l7")["LogPath"], encoding="utf-8")]
    assert max(map(len, lines)) <= 16384


def test_rotation_is_bounded(daemon):
    daemon.cli.ok("run", "--name", "l8", "--log-opt", "max-size=20k", "--log-opt", "max-file=3",
                  "busybox", "sh", "-c", "for i in $(seq 2000); do echo line $i; done")
    path = daemon.inspect("l8")["LogPath"]
    directory = path.rsplit("/", 1)[0]
    sizes = [os.path.getsize(f"{directory}/{f}") for f in os.listdir(directory) if "-json.log" in f]
    assert len(sizes) == 3 and all(size <= 21_000 for size in sizes)
    out = daemon.cli.ok("logs", "l8").splitlines()
    last = int(out[0].split()[1])
    assert out == [f"line {i}" for i in range(last, 2001)]
    assert last > 1
    assert daemon.cli.ok("logs", "--tail", "3", "l8").splitlines() == \
        ["line 1998", "line 1999", "line 2000"]


def test_follow_across_rotation(daemon):
    daemon.cli.ok("run", "-d", "--name", "l9", "--log-opt", "max-size=5k", "--log-opt", "max-file=2",
                  "busybox", "sh", "-c",
                  "sleep 0.5; for i in $(seq 400); do echo line $i; usleep 2000; done")
    out = daemon.cli.ok("logs", "-f", "l9", timeout=PATIENCE).splitlines()
    assert out == [f"line {i}" for i in range(1, 401)]


def test_defaults_are_bounded(daemon):
    daemon.cli.ok("create", "--name", "l10", "busybox", "true")
    config = daemon.inspect("l10")["HostConfig"]["LogConfig"]
    assert config["Type"] == "json-file"


@pytest.mark.lighter_only
def test_default_bound_of_20_megabytes(daemon):
    """A container that prints for years does not fill the disk: 5 files of 20 MB."""
    daemon.cli.ok("run", "--name", "lbig", "busybox", "sh", "-c",
                  "head -c 24000000 /dev/zero | tr '\\0' x | fold -w 4000", timeout=PATIENCE)
    path = daemon.inspect("lbig")["LogPath"]
    directory = os.path.dirname(path)
    sizes = sorted(os.path.getsize(f"{directory}/{f}") for f in os.listdir(directory) if "-json.log" in f)
    assert len(sizes) == 2 and sizes[1] <= (20 << 20) + 20_000, sizes
    assert len(daemon.cli.ok("logs", "--tail", "1", "lbig")) == 4000


def test_none_driver(cli):
    done = cli("run", "--name", "l11", "--log-driver", "none", "busybox", "echo", "seen")
    assert done.stdout == "seen\n"
    done = cli("logs", "l11")
    assert done.returncode == 1
    assert "configured logging driver does not support reading" in done.stderr


def test_unknown_log_option(cli):
    done = cli("run", "--log-opt", "bogus=1", "busybox", "true")
    assert done.returncode == 125 and "bogus" in done.stderr
    done = cli("run", "--log-driver", "nonesuch", "busybox", "true")
    assert done.returncode == 125 and "nonesuch" in done.stderr


def test_logs_while_running(cli):
    cli.ok("run", "-d", "--name", "l12", "busybox", "sh", "-c", "echo now; sleep 60")
    wait_for(lambda: cli.ok("logs", "l12") == "now", what="the line")


def test_tty_logs_are_raw(cli):
    cli.ok("run", "-t", "--name", "l13", "busybox", "echo", "raw")
    assert cli("logs", "l13").stdout == "raw\r\n"
