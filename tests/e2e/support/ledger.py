# SPDX-License-Identifier: GPL-2.0-or-later
"""The leak ledger: what a daemon and its containers hold of the kernel's things."""

import os
import pathlib
import time


def _cgroups(marks):
    found = set()
    for top in pathlib.Path("/sys/fs/cgroup").iterdir():
        for directory, names, _ in os.walk(top):
            if any(mark in directory for mark in marks):
                found.add(directory)
                names.clear()
    if pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
        for directory, names, _ in os.walk("/sys/fs/cgroup"):
            if any(mark in directory for mark in marks):
                found.add(directory)
                names.clear()
    return found


def _processes(marks):
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (entry / "stat").read_text().rsplit(") ", 1)[1][0]
            parent = int((entry / "stat").read_text().rsplit(") ", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        name = command or "?"
        if "lighter-shim" in command or any(mark in command for mark in marks):
            found.add(f"{entry.name} {state} {name}")
        elif state == "Z" and parent in marks_as_pids(marks):
            found.add(f"{entry.name} zombie of the daemon")
    return found


def marks_as_pids(marks):
    return {int(m) for m in marks if m.isdigit()}


def _network_namespaces():
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(os.readlink(entry / "ns/net"))
            except OSError:
                continue
    return found


class Ledger:
    """Entries are compared as sets; what is there now and was not before is a leak."""

    def __init__(self, daemon):
        self.daemon = daemon

    def take(self):
        d = self.daemon
        pid = d.pid
        links = d.in_netns("ip", "-o", "link").splitlines()
        return {
            "mounts": set(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()),
            "daemon mounts": set(pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()),
            "cgroups": _cgroups(self.container_ids()),
            "processes": _processes({str(d.exec)}),
            "network namespaces": _network_namespaces(),
            "interfaces": {line.split(":")[1].strip().split("@")[0] for line in links},
            "nft objects": set(d.in_netns("nft", "-a", "list", "ruleset").splitlines()),
            "exec root": {p.name for p in d.exec.rglob("*") if len(p.name) >= 64},
            "containers": set(os.listdir(d.data / "containers"))
            if (d.data / "containers").exists() else set(),
            "layers": {e for e in os.listdir(d.data / "overlay2")}
            if (d.data / "overlay2").exists() else set(),
            "loop devices": {e for e in os.listdir("/sys/block") if e.startswith("loop")
                             and os.path.exists(f"/sys/block/{e}/loop/backing_file")},
        }

    def container_ids(self):
        """Control groups of a daemon's containers are named by their IDs."""
        seen = getattr(self.daemon, "seen_ids", set())
        try:
            seen |= {c["Id"] for c in self.daemon.api.get("/containers/json", all=1).json}
        except OSError:
            pass
        self.daemon.seen_ids = seen
        return seen or {"no-container-yet"}

    def fds(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def leaks(self, before):
        now = self.take()
        return {what: sorted(now[what] - before[what])
                for what in before if now[what] - before[what]}

    def assert_settled(self, before, fds_before=None, timeout=15, fd_slack=2):
        """The kernel ends namespaces in the background, so the ledger gets a while to settle."""
        end = time.monotonic() + timeout
        while True:
            leaks = self.leaks(before)
            if fds_before is not None and self.fds() > fds_before + fd_slack:
                leaks["file descriptors"] = [f"{fds_before} -> {self.fds()}"]
            if not leaks:
                return
            if time.monotonic() > end:
                raise AssertionError(f"left behind: {leaks}")
            time.sleep(0.1)
