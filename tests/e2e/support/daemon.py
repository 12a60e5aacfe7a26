# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon with its own data root, exec root, socket and network namespace.

It is lighterd, or Docker's own dockerd when E2E_ENGINE=dockerd: that shows whether what the tests expect
is what Docker does. E2E_DOCKERD names its program; containerd and runc are looked for beside it first.
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import pytest

from . import sweep
from .api import Api

ENGINE = os.environ.get("E2E_ENGINE", "lighterd")
DOCKERD = pathlib.Path(os.environ.get("E2E_DOCKERD", "/usr/sbin/dockerd"))
BUILD = pathlib.Path(os.environ.get("LIGHTER_BUILD", "build")).resolve()
LIGHTERD = BUILD / "lighterd"
LIGHTER = BUILD / "lighter"
RUNTIME = BUILD / "lighter-runtime"
SHIM = BUILD / "lighter-shim"
DAEMON = DOCKERD if ENGINE == "dockerd" else LIGHTERD
DOCKER_CLIS = [p for p in ("/usr/local/bin/docker", "/usr/bin/docker") if os.access(p, os.X_OK)]

# The machine may be busy with other things: a time limit tells that something hangs, not that it is slow.
PATIENCE = 60

_clients = []


def run(argv, stdin=None, timeout=120, check=False, env=None, **kw):
    """Runs a command; result.returncode, .stdout, .stderr as text."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    kw.setdefault("stdin", subprocess.DEVNULL) if stdin is None else kw.setdefault("input", stdin)
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, env=env, check=False, **kw)
    done.stdout = done.stdout.decode(errors="replace")
    done.stderr = done.stderr.decode(errors="replace")
    if check and done.returncode != 0:
        raise AssertionError(f"{argv} gave {done.returncode}: {done.stdout}{done.stderr}")
    return done


def wait_for(condition, timeout=PATIENCE, what="condition", interval=0.02):
    """Polls until condition() is true, and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {timeout} s")
        time.sleep(interval)


def skip_if_sanitized():
    """For tests that measure memory: a sanitizer's build is another matter."""
    libraries = run(["ldd", LIGHTERD]).stdout
    if "asan" in libraries or "tsan" in libraries:
        pytest.skip("built with a sanitizer")


def parent_of(pid):
    """The parent's id: a container's first process has its shim as parent."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return int(stat.read().rsplit(") ", 1)[1].split()[1])


def end_clients():
    """Ends the clients that a test, perhaps by failing, has left running."""
    while _clients:
        client = _clients.pop()
        if client.poll() is None:
            client.kill()
        for stream in (client.stdin, client.stdout, client.stderr):
            if stream:
                stream.close()
        client.wait()


class Cli:
    """A command line client bound to a daemon: ours or the real docker."""

    def __init__(self, program, url, env=None):
        self.program = str(program)
        self.url = url
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("DOCKER_", "LIGHTER_"))}
        self.env.update(env or {})

    def argv(self, *args):
        return [self.program, "-H", self.url, *[str(a) for a in args]]

    def __call__(self, *args, **kw):
        return run(self.argv(*args), env=self.env, **kw)

    def ok(self, *args, **kw):
        """Must succeed; returns stdout without the last newline."""
        return self(*args, check=True, **kw).stdout.rstrip("\n")

    def popen(self, *args, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stdout", subprocess.PIPE)
        kw.setdefault("stderr", subprocess.PIPE)
        client = subprocess.Popen(self.argv(*args), env=self.env, **kw)
        _clients.append(client)
        return client


class Daemon:
    def __init__(self, args=(), config=None, name="e2e", base=None, program=None):
        self.program = program
        self.base = pathlib.Path(tempfile.mkdtemp(prefix=f"lighter-{name}-", dir=base))
        # Named alike, so that what a killed test run has left can be found by any of its parts.
        self.exec_base = pathlib.Path("/run") / f"lighter-x-{self.base.name[-8:]}"
        self.exec_base.mkdir(mode=0o711)
        self.data = self.base / "data"
        self.exec = self.exec_base / "exec"
        self.socket = self.exec_base / "l.sock"
        self.pidfile = self.exec_base / "d.pid"
        self.log = self.base / "daemon.log"
        self.config = self.base / "daemon.json"
        self.config.write_text(json.dumps(config or {}))
        self.args = list(args)
        self.netns = f"lighter-{os.getpid()}-{self.base.name[-8:]}"
        self.process = None
        run(["ip", "netns", "add", self.netns], check=True)
        self.in_netns("ip", "link", "set", "lo", "up")

    # --- life
    def nsenter(self, *argv):
        return ["nsenter", f"--net=/run/netns/{self.netns}", *[str(a) for a in argv]]

    def in_netns(self, *argv, **kw):
        return run(self.nsenter(*argv), check=True, **kw).stdout

    def command(self, *args):
        """The daemon's command line. dockerd mounts in its namespace, which must not be the host's."""
        start = ["unshare", "--mount"] if ENGINE == "dockerd" else []
        return self.nsenter(*start, self.program or DAEMON, "--config-file", self.config, "-H", self.url,
                            "--data-root", self.data, "--exec-root", self.exec,
                            "--pidfile", self.pidfile, *self.args, *args)

    def spawn(self, *args, env=None):
        """Starts the process without waiting for it."""
        env = dict(os.environ if env is None else env)
        if ENGINE == "dockerd":
            env["PATH"] = f"{DOCKERD.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=env, start_new_session=True)

    def start(self, *args, env=None):
        self.spawn(*args, env=env)
        self.wait_ready()
        return self

    def wait_ready(self, timeout=PATIENCE):
        def answers():
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}:\n"
                                     + self.log_text()[-4000:])
            try:
                return self.api.get("/_ping").status == 200
            except OSError:
                return False
        wait_for(answers, timeout, "the daemon's ping")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill9(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Asks it to end; returns its exit status."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=PATIENCE)
        return self.process.returncode if self.process else 0

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        """Removes all containers, ends the daemon, and removes whatever is left of it."""
        try:
            if self.process and not self.running():
                self.start()
            if self.process:
                self.remove_containers()
                self.stop()
                self.assert_nothing_left()
        finally:
            self.destroy()

    def assert_nothing_left(self):
        if ENGINE == "dockerd":
            return
        wait_for(lambda: not sweep.processes(self) and not sweep.cgroups(self)
                 and not sweep.mounts(self), what="the end of everything the daemon made")

    def destroy(self):
        """Leaves nothing, whatever state the daemon and its containers are in."""
        if self.running():
            self.kill9()
        sweep.remove(self)

    def remove_containers(self):
        self.note_containers()
        for container in self.api.get("/containers/json", all=1).json:
            self.api.delete(f"/containers/{container['Id']}", force=1, v=1, timeout=PATIENCE)
        wait_for(lambda: not self.api.get("/containers/json", all=1).json,
                 what="removal of all containers")

    def remove_images(self):
        """All but busybox:latest, which the tests share."""
        for image in self.api.get("/images/json", all=1).json:
            tags = image["RepoTags"] or []
            for ref in [t for t in tags if t != "busybox:latest"] if tags else [image["Id"]]:
                self.api.delete(f"/images/{ref}", force=1, timeout=PATIENCE)

    def note_containers(self):
        """Remembers the containers' ids, which name their control groups and shims."""
        seen = self.__dict__.setdefault("seen_ids", set())
        try:
            seen |= {c["Id"] for c in self.api.get("/containers/json", all=1).json}
        except (OSError, ValueError):
            pass
        return seen

    # --- clients
    @property
    def url(self):
        return f"unix://{self.socket}"

    @property
    def api(self):
        return Api(str(self.socket))

    def api_version(self, version):
        return Api(str(self.socket), version)

    @property
    def cli(self):
        return self.docker(DOCKER_CLIS[0]) if ENGINE == "dockerd" else Cli(LIGHTER, self.url)

    @property
    def api_max(self):
        """The newest version that it speaks, as text."""
        return "1.55" if ENGINE == "lighterd" else self.api.get("/version").json["ApiVersion"]

    def docker(self, program, **env):
        settings = self.base / "docker"
        settings.mkdir(exist_ok=True)
        return Cli(program, self.url, {"DOCKER_CONFIG": str(settings), **env})

    # --- looks
    @property
    def pid(self):
        return self.process.pid

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def inspect(self, ref):
        answer = self.api.get(f"/containers/{ref}/json")
        assert answer.status == 200, answer.body
        return answer.json

    def state(self, ref):
        return self.inspect(ref)["State"]

    def wait_status(self, ref, status="exited"):
        wait_for(lambda: self.state(ref)["Status"] == status, what=f"{ref} {status}")
        return self.state(ref)

    def wait_gone(self, ref):
        wait_for(lambda: self.api.get(f"/containers/{ref}/json").status == 404, what="removal")

    def wait_log(self, ref, text):
        """Waits until the container has printed that text."""
        def printed():
            answer = self.api.get(f"/containers/{ref}/logs", stdout=1, stderr=1)
            return text.encode() in answer.body
        wait_for(printed, what=f"{text!r} in the log of {ref}")

    def fetch(self, address, port):
        """What a server prints, as seen from the host; it may only just be starting."""
        command = self.nsenter("busybox", "nc", "-w", "20", address, port)
        return wait_for(lambda: run(command, stdin="").stdout, what=f"{address}:{port}")

    def container_pid(self, ref):
        return self.state(ref)["Pid"]

    def shim_pid(self, ref):
        return parent_of(self.container_pid(ref))
