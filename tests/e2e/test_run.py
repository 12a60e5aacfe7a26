# SPDX-License-Identifier: GPL-2.0-or-later
"""`run` and its options: the same words typed to our command line and to the real docker's."""

import json
import re

import pytest

from support.daemon import PATIENCE, run, wait_for


def test_output_and_exit_code(cli):
    done = cli("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_signal_exit_code(daemon, cli):
    client = cli.popen("run", "--name", "sig", "busybox", "sh", "-c", "echo ready; sleep 600")
    assert client.stdout.readline() == b"ready\n"
    assert daemon.api.post("/containers/sig/kill", signal="QUIT").status == 204
    assert daemon.api.post("/containers/sig/kill", signal="SEGV").status == 204
    assert daemon.api.post("/containers/sig/kill", signal="9").status == 204
    assert client.wait(PATIENCE) == 137
    assert cli("run", "--rm", "busybox", "sh", "-c", "exit 130").returncode == 130


def test_it_is_a_container(cli):
    out = cli.ok("run", "--rm", "--hostname", "box", "busybox", "sh", "-c",
                 "hostname; echo $$; id -u; pwd; ls /; read name </proc/1/comm; echo $name").splitlines()
    assert out[:4] == ["box", "1", "0", "/"]
    assert {"bin", "dev", "etc", "proc", "sys", "tmp"} <= set(out[4:])
    assert out[-1] == "sh"


def test_namespaces_are_its_own(daemon, cli):
    out = cli.ok("run", "--rm", "busybox", "sh", "-c",
                 "for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done")
    host = run(["sh", "-c", "for n in mnt pid net ipc uts; do readlink /proc/self/ns/$n; done"])
    assert not set(out.splitlines()) & set(host.stdout.splitlines())


def test_stdin_reaches_it(cli):
    assert cli.ok("run", "-i", "--rm", "busybox", "cat", stdin="one\ntwo\n") == "one\ntwo"


def test_large_stdin_and_output_are_whole(cli):
    data = "0123456789abcdef" * 65536
    done = cli("run", "-i", "--rm", "busybox", "md5sum", stdin=data)
    assert done.stdout.split()[0] == run(["md5sum"], stdin=data).stdout.split()[0]
    done = cli("run", "--rm", "busybox", "sh", "-c", "yes abcdefgh | head -c 8000000")
    assert len(done.stdout) == 8_000_000


def test_detached(daemon, cli):
    container = cli.ok("run", "-d", "--name", "bg", "busybox", "sleep", "60")
    assert re.fullmatch("[0-9a-f]{64}", container)
    assert cli.ok("ps", "-q", "--no-trunc") == container
    assert cli.ok("inspect", "-f", "{{.State.Status}} {{.Name}}", "bg") == "running /bg"
    assert cli.ok("rm", "-f", "bg") == "bg"
    assert cli.ok("ps", "-aq") == ""


def test_name_is_taken(cli):
    first = cli.ok("create", "--name", "taken", "busybox", "true")
    done = cli("run", "--name", "taken", "busybox", "true")
    assert done.returncode == 125
    assert f'Conflict. The container name "/taken" is already in use by container "{first}".' \
        in done.stderr


def test_unknown_image(cli):
    done = cli("run", "--pull", "never", "no/such:thing")
    assert done.returncode == 125
    assert "No such image: no/such:thing" in done.stderr


def matches(alternatives, text):
    return any(part in text for part in alternatives.split("|"))


@pytest.mark.parametrize("command,code,text", [
    (["nope"], 127, 'exec: "nope": executable file not found in $PATH'),
    (["/nope"], 127, "no such file or directory"),
    (["/etc/passwd"], 126, "permission denied"),
    (["/etc"], 126, "permission denied|is a directory"),
])
def test_command_that_cannot_run(daemon, cli, command, code, text):
    done = cli("run", "--name", "bad", "busybox", *command)
    assert done.returncode == code, done.stderr
    assert matches(text, done.stderr)
    state = daemon.state("bad")
    assert (state["Status"], state["ExitCode"]) == ("created", code)
    assert matches(text, state["Error"])


def test_failed_start_with_rm_leaves_nothing(daemon, cli):
    assert cli("run", "--rm", "busybox", "nope").returncode == 127
    wait_for(lambda: cli.ok("ps", "-aq") == "", what="the removal")


def test_environment(cli):
    out = cli.ok("run", "--rm", "-e", "A=1", "-e", "B=two words", "--env", "C", "busybox", "env")
    assert {"A=1", "B=two words", "HOME=/root", "PATH=/bin:/usr/bin"} <= set(out.splitlines())
    assert not any(line.startswith("C=") for line in out.splitlines())
    assert any(line.startswith("HOSTNAME=") for line in out.splitlines())


def test_env_file(cli, tmp_path):
    (tmp_path / "env").write_text("# comment\nX=from file\n\nY=\n")
    out = cli.ok("run", "--rm", "--env-file", tmp_path / "env", "busybox", "env").splitlines()
    assert "X=from file" in out and "Y=" in out


def test_working_directory(cli):
    assert cli.ok("run", "--rm", "-w", "/made/for/it", "busybox", "pwd") == "/made/for/it"
    assert cli("run", "--rm", "-w", "relative", "busybox", "pwd").returncode == 125


@pytest.mark.parametrize("user,uid,gid,groups", [
    ("user", 1000, 1000, {1000, 2000}),
    ("1000", 1000, 1000, {1000, 2000}),
    ("1000:0", 1000, 0, {0}),
    ("user:extra", 1000, 2000, {2000}),
    ("4242", 4242, 0, {0}),
    ("4242:4343", 4242, 4343, {4343}),
    ("0", 0, 0, {0}),
])
def test_user(cli, user, uid, gid, groups):
    out = cli.ok("run", "--rm", "-u", user, "busybox", "sh", "-c", "id -u; id -g; id -G").split("\n")
    assert (int(out[0]), int(out[1])) == (uid, gid)
    assert set(map(int, out[2].split())) >= groups


@pytest.mark.parametrize("user", ["1x", "nobody-here", "-1", "4294967296", "2147483648",
                                  "99999999999999999999", "0:nogroup-here", "root:1x"])
def test_bad_user_is_refused(cli, user):
    done = cli("run", "--rm", f"--user={user}", "busybox", "id", "-u")
    assert done.returncode in (125, 126), done.stdout + done.stderr
    assert done.stdout == ""


def test_entrypoint(cli):
    assert cli.ok("run", "--rm", "--entrypoint", "echo", "busybox", "a", "b") == "a b"


def test_memory_limit(daemon, cli):
    cli.ok("run", "-d", "--name", "mem", "-m", "64m", "busybox", "sleep", "60")
    assert daemon.inspect("mem")["HostConfig"]["Memory"] == 64 << 20
    out = cli.ok("exec", "mem", "sh", "-c",
                 "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max "
                 "2>/dev/null || true")
    assert out.split() == [str(64 << 20)]


def test_out_of_memory_kill(daemon, cli):
    done = cli("run", "--name", "oom", "-m", "32m", "--memory-swap", "32m", "busybox", "sh", "-c",
               "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo survived")
    assert done.returncode == 137, done.stdout + done.stderr
    assert daemon.state("oom")["OOMKilled"] is True


def test_memory_below_minimum(cli):
    done = cli("run", "--rm", "-m", "1m", "busybox", "true")
    assert done.returncode == 125
    assert "Minimum memory limit allowed is 6MB" in done.stderr


def test_pids_limit(cli):
    done = cli("run", "--rm", "--pids-limit", "8", "busybox", "sh", "-c",
               "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; wait")
    assert "can't fork" in done.stderr


def test_cpu_limits(daemon, cli):
    cli.ok("run", "-d", "--name", "cpu", "--cpus", "0.5", "--cpu-shares", "512", "busybox", "sleep",
           "60")
    host = daemon.inspect("cpu")["HostConfig"]
    assert (host["NanoCpus"], host["CpuShares"]) == (500_000_000, 512)
    out = cli.ok("exec", "cpu", "sh", "-c",
                 "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null || true")
    assert out.split()[0] == "50000"


def test_ulimit(cli):
    assert cli.ok("run", "--rm", "--ulimit", "nofile=77:88", "busybox", "sh", "-c",
                  "ulimit -n; ulimit -Hn").split() == ["77", "88"]


def test_sysctl(cli):
    assert cli.ok("run", "--rm", "--sysctl", "net.ipv4.ip_default_ttl=33", "busybox", "cat",
                  "/proc/sys/net/ipv4/ip_default_ttl") == "33"
    done = cli("run", "--rm", "--sysctl", "kernel.panic=5", "busybox", "true")
    assert done.returncode in (125, 126, 127) and "kernel.panic" in done.stderr


def test_read_only_root(cli):
    done = cli("run", "--rm", "--read-only", "--tmpfs", "/run", "busybox", "sh", "-c",
               "touch /x; touch /run/y && echo tmpfs works")
    assert "Read-only file system" in done.stderr
    assert done.stdout == "tmpfs works\n"


def test_bind_mounts(cli, tmp_path):
    (tmp_path / "in").write_text("hello")
    out = cli("run", "--rm", "-v", f"{tmp_path}:/m", "busybox", "sh", "-c",
              "cat /m/in; echo back >/m/out")
    assert out.stdout == "hello"
    assert (tmp_path / "out").read_text() == "back\n"
    done = cli("run", "--rm", "-v", f"{tmp_path}:/m:ro", "busybox", "touch", "/m/x")
    assert done.returncode == 1 and "Read-only file system" in done.stderr


def test_bind_mount_of_a_file(cli, tmp_path):
    (tmp_path / "f").write_text("content")
    assert cli.ok("run", "--rm", "-v", f"{tmp_path}/f:/etc/deep/f", "busybox", "cat",
                  "/etc/deep/f") == "content"


def test_named_volume_keeps_data(daemon, cli):
    cli.ok("run", "--rm", "-v", "keep:/data", "busybox", "sh", "-c", "echo kept >/data/f")
    assert cli.ok("run", "--rm", "-v", "keep:/data", "busybox", "cat", "/data/f") == "kept"
    mount = json.loads(cli.ok("create", "--name", "mv", "-v", "keep:/data", "busybox", "true")
                       and cli.ok("inspect", "-f", "{{json .Mounts}}", "mv"))[0]
    assert (mount["Type"], mount["Name"], mount["Destination"]) == ("volume", "keep", "/data")
    cli.ok("rm", "mv")
    assert daemon.api.delete("/volumes/keep").status == 204


def test_init_reaps(cli):
    out = cli.ok("run", "--rm", "--init", "busybox", "sh", "-c",
                 "cat /proc/1/comm; (sleep 0.1 &) ; sleep 0.5; ps -o pid,stat,comm")
    assert out.splitlines()[0] != "sh"
    assert not re.search(r"\bZ\b", out)


def test_tty(cli):
    done = cli("run", "-t", "--rm", "busybox", "sh", "-c", "tty; echo $TERM")
    assert done.stdout == "/dev/pts/0\r\nxterm\r\n"


def test_cidfile(cli, tmp_path):
    cli.ok("run", "-d", "--name", "cf", "--cidfile", tmp_path / "id", "busybox", "sleep", "60")
    assert (tmp_path / "id").read_text() == cli.ok("inspect", "-f", "{{.Id}}", "cf")
    done = cli("run", "--cidfile", tmp_path / "id", "busybox", "true")
    assert done.returncode == 125 and "container ID file found" in done.stderr


def test_labels(cli):
    cli.ok("create", "--name", "lab", "--label", "a=b", "-l", "empty", "busybox", "true")
    assert json.loads(cli.ok("inspect", "-f", "{{json .Config.Labels}}", "lab")) == {
        "a": "b", "empty": ""}
    assert cli.ok("ps", "-a", "--filter", "label=a=b", "--format", "{{.Names}}") == "lab"
    assert cli.ok("ps", "-a", "--filter", "label=a=c", "--format", "{{.Names}}") == ""


def test_tmpfs_and_shm(cli):
    out = cli.ok("run", "--rm", "--shm-size", "32m", "--tmpfs", "/t:size=1m,mode=700", "busybox",
                 "sh", "-c", "df -k /dev/shm /t | awk '{print $2}'; stat -c %a /t").split()
    assert out[1:] == ["32768", "1024", "700"]


def test_unknown_flag(daemon):
    done = daemon.cli("run", "--no-such-flag", "busybox")
    assert done.returncode == 125
    assert "unknown flag: --no-such-flag" in done.stderr


@pytest.mark.lighter_only
def test_published_ports_are_refused_by_name(daemon, cli):
    done = cli("run", "--rm", "-p", "8080:80", "busybox", "true")
    assert done.returncode == 125
    assert "publish" in done.stderr.lower() or "PortBindings" in done.stderr
    assert cli.ok("ps", "-aq") == ""
