# SPDX-License-Identifier: GPL-2.0-or-later
"""What a container may not do."""

import os
import tarfile

import pytest

from support.daemon import run
from support.images import Image, add_dir, add_special, make_tar

DEFAULT_CAPS = 0x00000000a80425fb


def status(out, field):
    return next(line.split()[1] for line in out.splitlines() if line.startswith(field + ":"))


def test_default_capabilities(daemon):
    out = daemon.cli.ok("run", "--rm", "busybox", "cat", "/proc/self/status")
    for field in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status(out, field), 16) == DEFAULT_CAPS
    assert int(status(out, "CapInh"), 16) == 0
    assert int(status(out, "CapAmb"), 16) == 0
    assert status(out, "Seccomp") == "2"


def test_exec_has_no_more(daemon):
    daemon.cli.ok("run", "-d", "--name", "cc", "busybox", "sleep", "60")
    out = daemon.cli.ok("exec", "cc", "cat", "/proc/self/status")
    assert int(status(out, "CapEff"), 16) == DEFAULT_CAPS
    assert int(status(out, "CapInh"), 16) == 0
    assert status(out, "Seccomp") == "2"
    out = daemon.cli.ok("exec", "-u", "user", "cc", "cat", "/proc/self/status")
    assert int(status(out, "CapEff"), 16) == 0


def test_cap_add_and_drop(cli):
    out = cli.ok("run", "--rm", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN", "busybox", "cat",
                 "/proc/self/status")
    assert int(status(out, "CapEff"), 16) == 1 << 12
    done = cli("run", "--rm", "--cap-add", "NO_SUCH", "busybox", "true")
    assert done.returncode == 125 and "NO_SUCH" in done.stderr


def test_no_new_privileges(cli):
    out = cli.ok("run", "--rm", "--security-opt", "no-new-privileges", "busybox", "cat",
                 "/proc/self/status")
    assert status(out, "NoNewPrivs") == "1"


def test_privileged_has_what_the_machine_gives(cli):
    mine = int(status(open("/proc/self/status", encoding="utf-8").read(), "CapBnd"), 16)
    out = cli.ok("run", "--rm", "--privileged", "busybox", "cat", "/proc/self/status")
    assert int(status(out, "CapEff"), 16) == mine
    assert status(out, "Seccomp") == "0"
    assert cli.ok("run", "--rm", "--privileged", "busybox", "sh", "-c",
                  "mount -t tmpfs none /tmp && echo mounted") == "mounted"


def test_seccomp_default_blocks(cli):
    done = cli("run", "--rm", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined",
               "busybox", "unshare", "-m", "true")
    assert done.returncode == 0, done.stderr
    done = cli("run", "--rm", "busybox", "unshare", "-U", "true")
    assert done.returncode != 0 and "Operation not permitted" in done.stderr


def test_own_seccomp_profile(cli, tmp_path):
    profile = tmp_path / "p.json"
    profile.write_text('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":'
                       '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}')
    done = cli("run", "--rm", "--security-opt", f"seccomp={profile}", "busybox", "mkdir", "/tmp/x")
    assert "Operation not permitted" in done.stderr


MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats",
          "/proc/acpi", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"]


@pytest.mark.parametrize("path", MASKED)
def test_masked(cli, daemon, path):
    if not os.path.exists(path):
        pytest.skip(f"this kernel has no {path}")
    out = daemon.cli("run", "--rm", "busybox", "sh", "-c",
                     f"if [ -d {path} ]; then ls -A {path}; else cat {path}; fi")
    assert out.stdout == ""


@pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
                                  "/proc/irq/default_smp_affinity"])
def test_read_only(daemon, path):
    if not os.path.exists(path):
        pytest.skip(f"this kernel has no {path}")
    out = daemon.cli("run", "--rm", "busybox", "sh", "-c", f"echo x >{path}")
    assert "Read-only file system" in out.stderr


def test_sys_and_cgroup_are_read_only(daemon):
    out = daemon.cli("run", "--rm", "busybox", "sh", "-c",
                     "touch /sys/x; find /sys/fs/cgroup -name cgroup.procs | while read f; do "
                     "echo 1 >$f && echo WROTE $f; done")
    assert "WROTE" not in out.stdout
    assert "Read-only file system" in out.stderr


def test_devices_are_limited(daemon):
    out = daemon.cli("run", "--rm", "busybox", "sh", "-c",
                     "mknod /tmp/sda b 8 0 && cat /tmp/sda; mknod /tmp/mem c 1 1 && cat /tmp/mem; "
                     "echo ok >/dev/null && echo null works; head -c1 /dev/urandom | wc -c")
    assert "Operation not permitted" in out.stderr
    assert out.stdout.splitlines() == ["null works", "1"]


def hostile_image(daemon, rootfs, fill, **config):
    image = Image([rootfs, make_tar(fill)], "evil:1", config)
    daemon.cli.ok("load", stdin=image.docker_archive())
    return "evil:1"


@pytest.fixture
def evil(daemon, rootfs):
    yield lambda fill, **config: hostile_image(daemon, rootfs, fill, **config)


@pytest.mark.images_change
@pytest.mark.parametrize("path", ["proc", "sys", "dev", "etc"])
def test_image_with_links_for_mount_points(daemon, evil, path, tmp_path):
    """Mount targets are links to the host's own directories: nothing lands there."""
    canary = tmp_path / "canary"
    canary.mkdir()
    before = set(os.listdir("/etc")) | set(os.listdir("/dev"))
    name = evil(lambda t: (add_special(t, f".wh.{path}", tarfile.REGTYPE),
                           add_special(t, path, tarfile.SYMTYPE, str(canary))))
    daemon.cli("run", "--rm", name, "true")
    assert list(canary.iterdir()) == []
    assert set(os.listdir("/etc")) | set(os.listdir("/dev")) == before


@pytest.mark.images_change
def test_volume_over_a_link(daemon, evil, tmp_path):
    name = evil(lambda t: add_special(t, "esc", tarfile.SYMTYPE, "/../../../../../.." + str(tmp_path)))
    source = tmp_path / "src"
    source.mkdir()
    daemon.cli("run", "--rm", "-v", f"{source}:/esc/made/here", name, "true")
    assert not (tmp_path / "made").exists()


@pytest.mark.images_change
def test_image_volume_path_traversal(daemon, evil):
    name = evil(lambda t: add_dir(t, "v"), Volumes={"/../../../../../tmp/lighter-volume-escape": {}})
    daemon.cli("run", "--rm", name, "true")
    assert not os.path.exists("/tmp/lighter-volume-escape")


@pytest.mark.parametrize("fd", range(3, 20))
def test_working_directory_through_a_leaked_descriptor(daemon, fd):
    """CVE-2024-21626."""
    done = daemon.cli("run", "--rm", "-w", f"/proc/self/fd/{fd}", "busybox", "sh", "-c",
                      "ls ../../../../etc/shadow && cat ../../../../etc/hostname")
    host = open("/etc/hostname", encoding="utf-8").read().strip() if os.path.exists("/etc/hostname") \
        else "no such host"
    assert host not in done.stdout.split()


def test_program_cannot_be_overwritten(daemon):
    """CVE-2019-5736: /proc/self/exe as the entry point, then writing through it."""
    before = run(["sha256sum", *[os.path.realpath(p) for p in
                                 (f"/proc/{daemon.pid}/exe",)]], check=True).stdout
    daemon.cli.ok("run", "-d", "--name", "own", "busybox", "sleep", "60")
    daemon.cli("exec", "own", "/proc/self/exe", "true")
    daemon.cli("run", "--rm", "--entrypoint", "/proc/self/exe", "busybox", "true")
    daemon.cli("exec", "own", "sh", "-c", "for p in /proc/[0-9]*/exe; do echo x >>$p; done")
    after = run(["sha256sum", os.path.realpath(f"/proc/{daemon.pid}/exe")], check=True).stdout
    assert before == after
    assert daemon.cli.ok("run", "--rm", "busybox", "echo", "fine") == "fine"


def test_host_network_reaches_no_control_socket(daemon):
    """CVE-2020-15257: no abstract socket of ours."""
    out = daemon.cli.ok("run", "--rm", "--net", "host", "busybox", "cat", "/proc/net/unix")
    assert not [line for line in out.splitlines() if " @" in line and "lighter" in line]


def test_state_is_private(daemon):
    loose = []
    for top in (daemon.data, daemon.exec):
        assert os.stat(top).st_mode & 0o066 == 0, oct(os.stat(top).st_mode)
    for directory, _, files in os.walk(daemon.exec):
        for name in files:
            path = os.path.join(directory, name)
            if os.stat(path).st_mode & 0o002:
                loose.append(path)
    assert not loose
    assert os.stat(daemon.socket).st_mode & 0o007 == 0


@pytest.mark.lighter_only
def test_newline_in_hostname(daemon):
    answer = daemon.api.post("/containers/create", {"Image": "busybox", "Hostname": "a\nb"})
    assert answer.status == 400


def test_newline_in_environment(daemon):
    answer = daemon.api.post("/containers/create", {"Image": "busybox", "Cmd": ["true"],
                                                    "Env": ["A=1\n2"]}, name="nl")
    assert answer.status == 201
    daemon.cli.ok("start", "nl")


def test_oom_and_ptrace_see_no_host_descriptor(daemon):
    daemon.cli.ok("run", "-d", "--name", "fds", "busybox", "sleep", "60")
    pid = daemon.container_pid("fds")
    targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert len(targets) == 3, targets
