# SPDX-License-Identifier: GPL-2.0-or-later
"""The leak ledger: what a daemon and its containers hold of the kernel's things."""

import os
import pathlib
import re
import time

from . import sweep


def _names(directory):
    return set(os.listdir(directory)) if os.path.isdir(directory) else set()


def _namespaces(pid):
    """The namespaces that a process holds by descriptors."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if ":[" in link and not link.startswith(("socket", "pipe", "anon_inode")):
            found.add(link)
    return found


class Ledger:
    """Entries are compared as sets; what is there now and was not before is a leak."""

    def __init__(self, daemon):
        self.daemon = daemon

    def take(self):
        d = self.daemon
        links = d.in_netns("ip", "-o", "link").splitlines()
        return {
            "mounts": sweep.mounts(d),
            "daemon mounts": sweep.mounts(d, f"/proc/{d.pid}/mountinfo"),
            "cgroups": sweep.cgroups(d),
            "processes": set(sweep.processes(d).values()),
            "namespaces held": _namespaces(d.pid),
            "interfaces": {line.split(":")[1].strip().split("@")[0] for line in links},
            # a new daemon makes its table anew: the table's own handle says nothing
            "nft objects": {re.sub(r"^(table .*) # handle \d+$", r"\1", line)
                            for line in d.in_netns("nft", "-a", "list", "ruleset").splitlines()},
            "exec root": {p.name for p in d.exec.rglob("*") if len(p.name) >= 64},
            "containers": _names(d.data / "containers"),
            "layers": _names(d.data / "overlay2"),
            "loop devices": {e for e in os.listdir("/sys/block") if str(d.base) in
                             _backing_file(e)},
        }

    def fds(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def leaks(self, before):
        now = self.take()
        return {what: sorted(now[what] - before[what])
                for what in before if now[what] - before[what]}

    def assert_settled(self, before, fds_before=None, timeout=60, fd_slack=2):
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


def _backing_file(device):
    try:
        return pathlib.Path(f"/sys/block/{device}/loop/backing_file").read_text()
    except OSError:
        return ""
