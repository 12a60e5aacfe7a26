# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds, and if need be removes, what a test's daemon made: processes, control groups, mounts.

Other daemons may run on the machine, so that all is told by what is the test's alone: its directories'
names, its network namespace, and its containers' ids.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

CGROUPS = pathlib.Path("/sys/fs/cgroup")


def _marks(daemon):
    return [str(daemon.base), str(daemon.exec_base)]


def _text(path):
    try:
        return pathlib.Path(path).read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _links(directory):
    found = []
    try:
        names = os.listdir(directory)
    except OSError:
        return found
    for name in names:
        try:
            found.append(os.readlink(f"{directory}/{name}"))
        except OSError:
            continue
    return found


def _stat(pid):
    """(state, parent), or None when the process is gone."""
    fields = _text(f"/proc/{pid}/stat").rpartition(") ")[2].split()
    return (fields[0], int(fields[1])) if len(fields) > 1 else None


def _is_marked(pid, marks, ids):
    command = _text(f"/proc/{pid}/cmdline")
    if any(mark in command for mark in marks):
        return True
    if any(ident in command or ident in _text(f"/proc/{pid}/cgroup") for ident in ids):
        return True
    return any(link.startswith(mark) for mark in marks for link in _links(f"/proc/{pid}/fd"))


def processes(daemon):
    """{pid: "pid state command"} of the daemon's shims, containers and clients, without itself."""
    marks, ids = _marks(daemon), getattr(daemon, "seen_ids", set())
    table = {int(e): _stat(e) for e in os.listdir("/proc") if e.isdigit()}
    table = {pid: stat for pid, stat in table.items() if stat}
    main = daemon.process.pid if daemon.process else None
    skip = {main, os.getpid()}
    found = {pid for pid in table if pid not in skip and _is_marked(pid, marks, ids)}
    grew = True
    while grew:
        more = {pid for pid, (_, parent) in table.items() if parent in found} - found - skip
        found |= more
        grew = bool(more)
    found |= {pid for pid, (state, parent) in table.items() if state == "Z" and parent == main}
    return {pid: f"{pid} {table[pid][0]} {_text(f'/proc/{pid}/cmdline')[:120]}" for pid in found}


def end_processes(daemon):
    for _ in range(100):
        found = processes(daemon)
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.05)


def cgroups(daemon):
    """The control groups named by the daemon's containers' ids, in every hierarchy."""
    ids, found = getattr(daemon, "seen_ids", set()), set()
    if not ids:
        return found
    for directory, names, _ in os.walk(CGROUPS):
        if any(ident in os.path.basename(directory) for ident in ids):
            found.add(directory)
            names.clear()
    return found


def remove_cgroups(daemon):
    for top in cgroups(daemon):
        for directory, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass


def mounts(daemon, table="/proc/self/mountinfo"):
    """Mounts of the table that are on or of the daemon's directories."""
    marks = _marks(daemon)
    return {line for line in _text(table).splitlines() if any(mark in line for mark in marks)}


def unmount(daemon):
    points = [line.split()[4] for line in mounts(daemon)]
    own = [p for p in points if any(p.startswith(mark + "/") for mark in _marks(daemon))]
    for point in sorted(own, reverse=True):
        subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL, check=False)


def remove(daemon):
    end_processes(daemon)
    remove_cgroups(daemon)
    unmount(daemon)
    subprocess.run(["ip", "netns", "del", daemon.netns], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(daemon.exec_base, ignore_errors=True)
    shutil.rmtree(daemon.base, ignore_errors=True)


class Remains:
    """What a test run that was killed has left of one of its daemons."""

    def __init__(self, netns):
        part = netns.rpartition("-")[2]
        self.process = None
        self.netns = netns
        self.base = pathlib.Path(tempfile.gettempdir()) / f"lighter-e2e-{part}"
        self.exec_base = pathlib.Path(f"/run/lighter-x-{part}")
        containers = self.base / "data/containers"
        self.seen_ids = set(os.listdir(containers)) if containers.is_dir() else set()


def remove_remains():
    """Of runs whose process is gone."""
    for entry in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
        match = re.fullmatch(r"lighter-(\d+)-[a-z0-9_]{8}", entry)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            remove(Remains(entry))
