#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Times Lighter and every peer found on this machine on the same work, in turn, and prints medians
and how many times ours each peer takes.

Run as root through `make bench`. Peers are whatever of dockerd + containerd, podman, crun and runc is
installed; `make bench-peers` installs them all.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import bundle
import engines
from engines import IMAGE, find, quiet

TOP = pathlib.Path(__file__).resolve().parents[2]
OURS = "lighter"
VIA_DOCKER = "docker CLI + lighterd"
LIGHTER_RUNTIME = "lighter-runtime"
CRUN_V2 = "crun, cgroup v2 only"

# A command in a mount namespace that shows cgroup v2 alone.
ONLY_CGROUP2 = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh"]

# (work, subject) -> the most it may take on the two-core virtual machine of docs/ARCHITECTURE.md.
BUDGETS = {
    ("run --rm, bridge", OURS): 15,
    ("run --rm, bridge", VIA_DOCKER): 50,
    ("exec true", OURS): 6,
    ("version", OURS): 3,
    ("ps", OURS): 15,
    ("idle daemon, RSS", OURS): 10 * 1024,
    ("shim, private memory", OURS): 400,
}


class Table:
    """Results by work, in the order in which they were measured."""

    def __init__(self):
        self.rows = []  # (work, subject, value, unit)

    def add(self, work, subject, value, unit):
        self.rows.append((work, subject, value, unit))
        print(f"  {work}: {subject}: {value:.1f} {unit}", file=sys.stderr, flush=True)

    def get(self, work, subject):
        return next((v for w, s, v, _ in self.rows if (w, s) == (work, subject)), None)

    def budget(self, work, subject):
        if subject == LIGHTER_RUNTIME:
            crun = self.get(work, "crun") or self.get(work, CRUN_V2)
            return crun and crun / 2
        return BUDGETS.get((work, subject))

    def text(self):
        lines = [f"{'work':<24}{'what':<24}{'median':>14}{'x ours':>9}   budget"]
        previous = None
        for work, subject, value, unit in self.rows:
            ours = self.get(work, OURS) or self.get(work, LIGHTER_RUNTIME)
            ratio = f"{value / ours:.1f}" if ours else "-"
            budget = self.budget(work, subject)
            verdict = f"{budget:.1f} {'met' if value <= budget else 'MISSED'}" if budget else ""
            label = work if work != previous else ""
            lines.append(f"{label:<24}{subject:<24}{value:>11.1f} {unit}{ratio:>9}   {verdict}".rstrip())
            previous = work
        return "\n".join(lines)


def time_ms(command, runs, scratch, inside=()):
    """Median time of a command in milliseconds, by hyperfine without a shell. A command that fails
    says why before it is timed. `inside` is put before hyperfine itself, and is not timed."""
    quiet([*inside, *command], cwd=scratch)
    report = pathlib.Path(scratch) / "hyperfine.json"
    words = " ".join(subprocess.list2cmdline([str(word)]) for word in command)
    quiet([*inside, "hyperfine", "-N", "--warmup", "3", "--runs", str(runs), "--style", "none", "--export-json",
           report, words], timeout=600, cwd=scratch)
    return statistics.median(json.loads(report.read_text())["results"][0]["times"]) * 1000


def pick_docker(scratch_sockets):
    """The first docker command here that all the daemons accept: a new one refuses an old daemon."""
    for candidate in filter(None, (find("docker"), "/usr/bin/docker")):
        if os.access(candidate, os.X_OK) and all(
                subprocess.run([candidate, "-H", socket, "version"], capture_output=True, check=False).returncode == 0
                for socket in scratch_sockets):
            return candidate
    return None


class Bench:
    def __init__(self, options, scratch):
        self.options = options
        self.scratch = scratch
        self.table = Table()
        self.running = []
        self.rootfs = pathlib.Path(scratch) / "busybox.tar"
        with open(self.rootfs, "wb") as out:
            subprocess.run([TOP / "scripts/busybox-image.sh"], stdout=out, check=True)

    def start(self, kind, *arguments):
        """Starts an engine; one that does not start here is left out, saying so."""
        try:
            engine = kind(self.scratch, *arguments)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"left out: {error}", file=sys.stderr)
            return None
        self.running.append(engine)
        engine.import_image(self.rootfs)
        return engine

    def start_all(self):
        ours = self.start(engines.Lighter, self.options.build)
        if not ours:
            raise SystemExit("bench: lighterd does not start")
        self.subjects = {OURS: ours.cli}
        dockerd, containerd = find("dockerd"), find("containerd")
        docker = next((c for c in ("/usr/bin/docker", find("docker")) if c and os.access(c, os.X_OK)), None)
        theirs = None
        if dockerd and containerd and docker:
            theirs = self.start(engines.Docker, dockerd, containerd, docker)
        docker = pick_docker([e.socket for e in (ours, theirs) if e])
        if docker:
            self.subjects[VIA_DOCKER] = [docker, "-H", ours.socket]
            if theirs:
                theirs.cli[0] = docker
        if theirs:
            self.subjects["docker CLI + dockerd"] = theirs.cli
        podman = find("podman")
        if podman:
            theirs = self.start(engines.Podman, podman)
            if theirs:
                self.subjects["podman"] = theirs.cli

    def measure(self, work, *arguments, runs=None):
        for subject, cli in self.subjects.items():
            try:
                value = time_ms([*cli, *arguments], runs or self.options.runs, self.scratch)
            except RuntimeError as error:
                print(f"  {work}: {subject}: {error}", file=sys.stderr)
                continue
            self.table.add(work, subject, value, "ms")

    def engines_work(self):
        self.start_all()
        for engine in self.running:
            memory = engine.daemon_rss_kb()
            if memory:
                self.table.add("idle daemon, RSS", engine.name, memory, "kB")
        self.measure("version", "version", runs=self.options.runs * 2)
        self.measure("run --rm, bridge", "run", "--rm", IMAGE, "true")
        self.measure("run --rm, no network", "run", "--rm", "--net", "none", IMAGE, "true")
        for engine in self.running:
            engine.start_containers(0, 1)
        self.measure("exec true", "exec", "c0", "true")
        for engine in self.running:
            engine.start_containers(1, self.options.containers)
        self.measure("ps", "ps")
        for engine in self.running:
            memory = engine.shim_private_kb()
            if memory:
                self.table.add("shim, private memory", engine.name, memory, "kB")

    def runtimes_work(self):
        where = bundle.make(self.scratch, self.rootfs)
        root = pathlib.Path(self.scratch) / "state"

        def measure(name, program, inside=()):
            command = [program, "--root", root / os.path.basename(program), "run", "--bundle", where,
                       f"bench-{os.getpid()}"]
            try:
                value = time_ms(command, self.options.runs, self.scratch, inside)
            except RuntimeError as error:
                print(f"  runtime: {name}: {error}", file=sys.stderr)
                return False
            self.table.add("runtime: run a bundle", name, value, "ms")
            return True

        root.mkdir()
        measure(LIGHTER_RUNTIME, f"{self.options.build}/lighter-runtime")
        crun, runc = find("crun"), find("runc")
        # crun refuses machines that have both cgroup versions in use.
        if crun and not measure("crun", crun):
            measure(CRUN_V2, crun, ONLY_CGROUP2)
        if runc:
            measure("runc", runc)

    def stop_all(self):
        for engine in reversed(self.running):
            try:
                engine.stop()
            except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
                print(f"bench: {engine.name} does not stop cleanly: {error}", file=sys.stderr)


def unmount_below(directory):
    """Deepest first, whatever an engine left mounted."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        points = [line.split()[4] for line in mounts]
    for point in reversed([p for p in points if p.startswith(f"{directory}/")]):
        quiet(["umount", "-l", point], check=False)


def make_scratch():
    """A directory whose file system can hold overlay layers, with a short path, for sockets."""
    for base in ("/var/tmp", "/dev/shm"):
        if quiet(["stat", "-f", "-c", "%T", base]).strip() != "overlayfs":
            return tempfile.mkdtemp(prefix="lbench-", dir=base)
    raise SystemExit("bench: no file system here can hold overlay layers")


def groups():
    """The engines' parent control groups, at whatever depth this machine puts them."""
    return {path for name in ("lighter", "docker", "libpod_parent") for path in pathlib.Path("/sys/fs/cgroup").rglob(name)}


def remove_groups(before):
    """Removes those that the run has left behind. One that is in use refuses."""
    for group in groups() - before:
        for directory, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=str(TOP / "build"), help="directory of our programs")
    parser.add_argument("--runs", type=int, default=20, help="runs per measurement")
    parser.add_argument("--containers", type=int, default=100, help="how many run for `ps`")
    parser.add_argument("--only", choices=("engines", "runtimes"), help="one half of it")
    parser.add_argument("--json", metavar="FILE", help="also write the results there")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if os.geteuid() != 0:
        raise SystemExit("bench: this needs root")

    before = groups()
    scratch = make_scratch()
    bench = None
    try:
        bench = Bench(options, scratch)
        if options.only != "engines":
            bench.runtimes_work()
        if options.only != "runtimes":
            bench.engines_work()
    finally:
        if bench:
            bench.stop_all()
        unmount_below(scratch)
        shutil.rmtree(scratch, ignore_errors=True)
        remove_groups(before)
    if options.json:
        keys = ("work", "subject", "median", "unit")
        pathlib.Path(options.json).write_text(json.dumps([dict(zip(keys, row)) for row in bench.table.rows], indent=1))
    print(f"\n{os.cpu_count()} CPUs, Linux {os.uname().release}, {options.runs} runs each, "
          f"{options.containers} containers for ps\n")
    print(bench.table.text())


if __name__ == "__main__":
    main()
