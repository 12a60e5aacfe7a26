# SPDX-License-Identifier: GPL-2.0-or-later
"""A lighterd with its own data root, exec root, socket and network namespace."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from .api import Api

BUILD = pathlib.Path(os.environ.get("LIGHTER_BUILD", "build")).resolve()
LIGHTERD = BUILD / "lighterd"
LIGHTER = BUILD / "lighter"
RUNTIME = BUILD / "lighter-runtime"
SHIM = BUILD / "lighter-shim"


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


def wait_for(condition, timeout=10, what="condition", interval=0.02):
    """Polls until condition() is true, and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {timeout} s")
        time.sleep(interval)


class Cli:
    """A command line client bound to a daemon: ours or the real docker."""

    def __init__(self, program, url, env=None):
        self.program = str(program)
        self.url = url
        self.env = dict(os.environ, DOCKER_CONFIG="/nonexistent", **(env or {}))
        for name in ("DOCKER_HOST", "LIGHTER_HOST", "DOCKER_CONTEXT"):
            self.env.pop(name, None)

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
        return subprocess.Popen(self.argv(*args), env=self.env, **kw)


class Daemon:
    def __init__(self, args=(), config=None, name="e2e", base=None):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix=f"lighter-{name}-", dir=base))
        self.exec_base = pathlib.Path(tempfile.mkdtemp(prefix="lighter-x-", dir="/run"))
        self.data = self.base / "data"
        self.exec = self.exec_base / "exec"
        self.socket = self.exec_base / "l.sock"
        self.log = self.base / "lighterd.log"
        self.config = self.base / "daemon.json"
        self.config.write_text(json.dumps(config or {}))
        self.args = list(args)
        self.netns = f"lighter-{os.getpid()}-{self.base.name[-6:]}"
        self.process = None
        run(["ip", "netns", "add", self.netns], check=True)
        self.in_netns("ip", "link", "set", "lo", "up")

    # --- life
    def in_netns(self, *argv, **kw):
        return run(["nsenter", f"--net=/run/netns/{self.netns}", *argv], check=True, **kw).stdout

    def spawn(self, *args, env=None):
        """Starts the process without waiting for it."""
        argv = ["nsenter", f"--net=/run/netns/{self.netns}", LIGHTERD,
                "--config-file", self.config, "-H", self.url, "--data-root", self.data,
                "--exec-root", self.exec, "--pidfile", self.exec_base / "lighterd.pid",
                *self.args, *args]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=env,
                                            start_new_session=True)

    def start(self, *args, env=None):
        self.spawn(*args, env=env)
        self.wait_ready()
        return self

    def wait_ready(self, timeout=20):
        def answers():
            if self.process.poll() is not None:
                raise AssertionError(f"lighterd ended with {self.process.returncode}:\n"
                                     + self.log_text()[-4000:])
            try:
                return self.api.get("/_ping").status == 200
            except OSError:
                return False
        wait_for(answers, timeout, "the daemon's ping")

    def kill9(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
        return self.process.returncode if self.process else 0

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        """Removes all containers and whatever the daemon made; must leave nothing."""
        try:
            if self.process and self.process.poll() is not None:
                self.start()
            self.remove_containers()
        finally:
            self.stop()
            run(["ip", "netns", "del", self.netns])
            shutil.rmtree(self.exec_base, ignore_errors=True)
            shutil.rmtree(self.base, ignore_errors=True)

    def remove_containers(self):
        for container in self.api.get("/containers/json", all=1).json:
            self.api.delete(f"/containers/{container['Id']}", force=1, v=1)
        wait_for(lambda: not self.api.get("/containers/json", all=1).json, 20,
                 "removal of all containers")

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
        return Cli(LIGHTER, self.url)

    def docker(self, program="/usr/local/bin/docker", **env):
        return Cli(program, self.url, env)

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

    def container_pid(self, ref):
        return self.state(ref)["Pid"]
