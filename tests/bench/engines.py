# SPDX-License-Identifier: GPL-2.0-or-later
"""The engines that are measured: how each is started apart from the machine, and driven.

Each daemon runs in a network namespace, data root, exec root and socket of its own below one scratch
directory, so that no engine in use on this machine notices, and nothing is left afterwards.
"""
import os
import pathlib
import shutil
import subprocess
import time

IMAGE = "busybox:latest"


def find(*names):
    """The first of the programs that exists, as an absolute path, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin"
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    return None


def quiet(command, check=True, timeout=120, **more):
    """Runs a command; its output, or RuntimeError with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Namespace:
    """A network namespace. Entered with nsenter: `ip netns exec` would also remount /sys, and hide
    the control groups from the daemon."""

    def __init__(self, name):
        self.name = name
        quiet(["ip", "netns", "add", name])
        quiet(self.enter(["ip", "link", "set", "lo", "up"]))

    def enter(self, command):
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    def remove(self):
        quiet(["ip", "netns", "del", self.name], check=False)


class Engine:
    """One engine. `cli` is the command's beginning; all three understand Docker's words after it."""

    name = ""
    shim_names = ()

    def __init__(self, scratch):
        self.dir = pathlib.Path(scratch) / self.name
        self.dir.mkdir()
        self.namespace = Namespace(f"bench-{self.name}-{os.getpid()}")
        self.processes = []
        self.known_shims = set()
        self.cli = []

    def spawn(self, command):
        log = open(self.dir / "daemon.log", "a", encoding="utf-8")
        process = subprocess.Popen(self.namespace.enter(command), stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, start_new_session=True)
        log.close()
        self.processes.append(process)
        return process

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while True:
            try:
                return quiet([*self.cli, "version"])
            except RuntimeError as error:
                if time.monotonic() > end or any(p.poll() is not None for p in self.processes):
                    log = self.dir / "daemon.log"
                    tail = log.read_text(errors="replace")[-600:] if log.exists() else ""
                    raise RuntimeError(f"{self.name} does not start: {error}\n{tail}") from error
                time.sleep(0.1)

    def import_image(self, rootfs_tar):
        with open(rootfs_tar, "rb") as stream:
            quiet([*self.cli, "import", "-c", 'CMD ["sh"]', "-", IMAGE], stdin=stream)

    def start_containers(self, first, last):
        for number in range(first, last):
            quiet([*self.cli, "run", "-d", "--net", "none", "--name", f"c{number}", IMAGE, "sleep", "1000000"])

    def remove_containers(self):
        ids = quiet([*self.cli, "ps", "-aq"], check=False).split()
        for start in range(0, len(ids), 20):
            quiet([*self.cli, "rm", "-f", *ids[start:start + 20]], check=False, timeout=300)

    def stop(self):
        if self.cli:
            self.remove_containers()
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.kill_shims()
        self.namespace.remove()

    def kill_shims(self):
        for pid in self.known_shims:
            try:
                if any(name in os.readlink(f"/proc/{pid}/exe") for name in self.shim_names):
                    os.kill(pid, 9)
            except OSError:
                pass

    def shims(self):
        """The processes that stay beside our running containers: the parents of those."""
        ids = quiet([*self.cli, "ps", "-q"]).split()
        found = set()
        for start in range(0, len(ids), 50):
            pids = quiet([*self.cli, "inspect", "-f", "{{.State.Pid}}", *ids[start:start + 50]]).split()
            for pid in pids:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                found.add(next(int(l.split()[1]) for l in status.splitlines() if l.startswith("PPid:")))
        self.known_shims |= found
        return found

    def daemon_rss_kb(self):
        """Resident memory of the daemon and what it runs on, or None without a daemon."""
        if not self.processes:
            return None
        total = 0
        for process in self.processes:
            for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        return total

    def shim_private_kb(self):
        """Median private memory of one shim."""
        sizes = []
        for pid in self.shims():
            try:
                lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            sizes.append(sum(int(l.split()[1]) for l in lines if l.startswith(("Private_Clean", "Private_Dirty"))))
        return sorted(sizes)[len(sizes) // 2] if sizes else None


class Lighter(Engine):
    name = "lighter"
    shim_names = ("lighter-shim",)

    def __init__(self, scratch, build):
        super().__init__(scratch)
        self.socket = f"unix://{self.dir}/sock"
        (self.dir / "daemon.json").write_text("{}\n")
        self.spawn([f"{build}/lighterd", "-H", self.socket, "--data-root", f"{self.dir}/data", "--exec-root",
                    f"{self.dir}/exec", "--pidfile", f"{self.dir}/pid", "--config-file", f"{self.dir}/daemon.json"])
        self.cli = [f"{build}/lighter", "-H", self.socket]
        self.wait_ready()


class Docker(Engine):
    name = "dockerd"
    shim_names = ("containerd-shim",)

    def __init__(self, scratch, dockerd, containerd, docker):
        super().__init__(scratch)
        self.socket = f"unix://{self.dir}/sock"
        address = f"{self.dir}/containerd.sock"
        (self.dir / "containerd.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        (self.dir / "daemon.json").write_text("{}\n")
        self.spawn([containerd, "--config", f"{self.dir}/containerd.toml", "--root", f"{self.dir}/containerd",
                    "--state", f"{self.dir}/containerd-state", "--address", address])
        for _ in range(100):
            if os.path.exists(address):
                break
            time.sleep(0.1)
        self.spawn([dockerd, "-H", self.socket, "--data-root", f"{self.dir}/data", "--exec-root",
                    f"{self.dir}/exec", "--pidfile", f"{self.dir}/pid", "--config-file", f"{self.dir}/daemon.json",
                    "--containerd", address])
        self.cli = [docker, "-H", self.socket]
        self.wait_ready()


class Podman(Engine):
    name = "podman"
    shim_names = ("conmon",)

    def __init__(self, scratch, podman):
        super().__init__(scratch)
        # Its own defaults may be above what this machine grants even root.
        conf = self.dir / "containers.conf"
        conf.write_text('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
        os.environ["CONTAINERS_CONF"] = str(conf)
        self.cli = self.namespace.enter(
            [podman, "--root", f"{self.dir}/root", "--runroot", f"{self.dir}/run", "--tmpdir", f"{self.dir}/tmp",
             "--cgroup-manager", "cgroupfs", "--events-backend", "file"])
        self.wait_ready()

    def import_image(self, rootfs_tar):
        with open(rootfs_tar, "rb") as stream:
            quiet([*self.cli, "import", "-c", 'CMD ["sh"]', "-", f"docker.io/library/{IMAGE}"], stdin=stream)
        # Its default runtime, crun, refuses machines that have both cgroup versions in use.
        try:
            quiet([*self.cli, "run", "--rm", "--net", "none", IMAGE, "true"])
        except RuntimeError:
            self.cli += ["--runtime", "runc"]
