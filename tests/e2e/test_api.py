# SPDX-License-Identifier: GPL-2.0-or-later
"""The REST API itself: versions, errors, odd clients, and old ones."""

import json
import socket
import time

import pytest

from support.api import read_all
from support.daemon import ENGINE, wait_for


def raw(daemon, data):
    sock = daemon.api.connect(data)
    sock.shutdown(socket.SHUT_WR)
    return read_all(sock)


def test_ping(daemon):
    for method in ("GET", "HEAD"):
        answer = daemon.api.request(method, "/_ping")
        assert answer.status == 200
        assert answer.body == (b"OK" if method == "GET" else b"")
        assert answer.headers["Api-Version"] == daemon.api_max
        assert answer.headers["Ostype"] == "linux"
        assert "no-cache" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("version", ["1.24", "1.30", "1.38", "1.41", "1.44", "1.47", "1.50", "1.55"])
def test_every_version(daemon, version):
    if float(version) > float(daemon.api_max):
        pytest.skip(f"this daemon speaks up to {daemon.api_max}")
    api = daemon.api_version(version)
    assert api.get("/version").json["ApiVersion"] == daemon.api_max
    made = api.post("/containers/create", {"Image": "busybox", "Cmd": ["sh", "-c", "exit 4"]},
                    name="v" + version.replace(".", ""))
    assert made.status == 201, made.body
    ident = made.json["Id"]
    assert api.post(f"/containers/{ident}/start").status == 204
    assert api.post(f"/containers/{ident}/wait").json["StatusCode"] == 4
    assert api.get(f"/containers/{ident}/json").json["State"]["ExitCode"] == 4
    assert api.get("/containers/json", all=1).json
    assert api.get("/images/json").json
    assert api.get("/info").json["Containers"] >= 1
    assert api.delete(f"/containers/{ident}").status == 204


def test_versions_out_of_range(daemon):
    old = daemon.api_version("1.12").get("/version")
    assert old.status == 400
    assert "client version 1.12 is too old. Minimum supported API version is 1.24, " \
           "please upgrade your client to a newer version" == old.message
    new = daemon.api_version("1.99").get("/version")
    assert new.status == 400
    assert new.message == \
        f"client version 1.99 is too new. Maximum supported API version is {daemon.api_max}"


def test_version_answer(daemon):
    v = daemon.api.get("/version").json
    assert v["MinAPIVersion"] == "1.24" and v["Os"] == "linux"
    assert v["Components"][0]["Name"] == "Engine"
    for key in ("Platform", "Version", "GitCommit", "GoVersion", "Arch", "KernelVersion", "BuildTime"):
        assert key in v


def test_info_answer(daemon):
    info = daemon.api.get("/info").json
    for key in ("ID", "Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped",
                "Images", "Driver", "DriverStatus", "Plugins", "MemoryLimit", "SwapLimit", "PidsLimit",
                "CPUShares", "IPv4Forwarding", "Debug", "NFd", "SystemTime", "LoggingDriver",
                "CgroupDriver", "CgroupVersion", "NEventsListener", "KernelVersion",
                "OperatingSystem", "OSType", "Architecture", "NCPU", "MemTotal", "DockerRootDir",
                "Name", "Labels", "ServerVersion", "Runtimes", "DefaultRuntime", "Swarm",
                "LiveRestoreEnabled", "SecurityOptions", "Warnings"):
        assert key in info, key
    assert info["Driver"] == "overlay2"
    assert info["LiveRestoreEnabled"] is True or ENGINE == "dockerd"
    assert info["ID"] == daemon.api.get("/info").json["ID"]


def test_unknown_things(daemon):
    assert daemon.api.get("/no/such/route").status == 404
    assert daemon.api.get("/no/such/route").message == "page not found"
    answer = daemon.api.get("/containers/nobody/json")
    assert (answer.status, answer.message) == (404, "No such container: nobody")
    answer = daemon.api.get("/images/nothing/json")
    assert answer.status == 404 and "No such image: nothing:latest" in answer.message


BAD_CREATES = [
    (b"", "", 400),
    (b"{", "", 400),
    (b"[]", "", 400),
    (b'{"Image":5}', "Image", 400),
    (b'{"Image":"busybox","Cmd":[1]}', "Cmd", 400),
    (b'{"Image":"busybox","HostConfig":{"Memory":"lots"}}', "Memory", 400),
    (b'{"Image":"busybox","HostConfig":{"Memory":1000}}', "Minimum memory limit", 400),
    (b'{"Image":"no/image"}', "No such image: no/image:latest", 404),
    (b'{"Image":"UPPER CASE"}', "invalid reference format", (400, 404)),
    (b'{}', "", 400),
    (b'{"Image":"busybox","WorkingDir":"rel"}', "working directory", 400),
    (b'{"Image":"busybox","HostConfig":{"Binds":["/x:rel"]}}', "invalid volume specification", (400, 500)),
    (b'{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"maybe"}}}', "maybe", 400),
    (b'{"Image":"busybox","Env":["=x"]}', "", 400),
    (b'{"Image":"busybox","HostConfig":{"CapAdd":["FLY"]}}', "FLY", 400),
    (b'{"Image":"busybox","HostConfig":{"ShmSize":-5}}', "", 400),
]


@pytest.mark.parametrize("body,text,status", BAD_CREATES, ids=range(len(BAD_CREATES)))
def test_bad_create(daemon, body, text, status):
    answer = daemon.api.post("/containers/create", body,
                             headers={"Content-Type": "application/json"})
    assert answer.status in (status if isinstance(status, tuple) else (status,)), answer.body
    assert text.lower() in answer.message.lower()
    assert answer.message
    assert daemon.api.get("/containers/json", all=1).json == []


def test_bad_name(daemon):
    for name in ("a b", "-x", "a/b", "x" * 300 + "!", ".", "x"):
        answer = daemon.api.post("/containers/create", {"Image": "busybox"}, name=name)
        assert answer.status == 400, name
        assert f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed" \
            in answer.message


def test_start_twice_is_not_modified(daemon):
    daemon.cli.ok("run", "-d", "--name", "nm", "busybox", "sleep", "60")
    assert daemon.api.post("/containers/nm/start").status == 304
    assert daemon.api.post("/containers/nm/stop", t=0).status == 204
    assert daemon.api.post("/containers/nm/stop", t=0).status == 304


def test_create_answers_with_warnings_and_id(daemon):
    made = daemon.api.post("/containers/create", {"Image": "busybox"}).json
    assert set(made) == {"Id", "Warnings"} and made["Warnings"] in ([], None)


def test_content_type_is_checked(daemon):
    answer = daemon.api.post("/containers/create", b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status == 400 and "Content-Type" in answer.message


def test_malformed_http(daemon):
    for bad in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET /_ping HTTP/9.9\r\n\r\n",
                b"GET /_ping HTTP/1.1\r\nBad Header\r\n\r\n",
                b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                b"POST /x HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n",
                b"POST /x HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"GET /%zz HTTP/1.1\r\nHost: d\r\n\r\n",
                b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: d\r\n\r\n"):
        answer = raw(daemon, bad)
        status = answer.split(b"\r\n")[0]
        assert answer == b"" or b" 4" in status or b" 505" in status, answer[:200]
    assert daemon.api.get("/_ping").status == 200


def test_keep_alive_and_pipelining(daemon):
    answer = raw(daemon, b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n" * 3)
    assert answer.count(b"HTTP/1.1 200 OK") == 3


def test_expect_continue(daemon):
    body = b'{"Image":"busybox"}'
    sock = daemon.api.connect(
        b"POST /containers/create HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
    assert sock.recv(100).startswith(b"HTTP/1.1 100 Continue")
    sock.sendall(body)
    assert b"201 Created" in sock.recv(1000)


def test_slow_client_blocks_nobody(daemon):
    for _ in range(50):
        daemon.api.connect(b"GET /_ping HTTP/1.1\r\nHo")
    assert daemon.api.get("/_ping", timeout=20).status == 200


@pytest.mark.lighter_only
def test_a_waiting_client_that_leaves(daemon, ledger):
    daemon.cli.ok("run", "-d", "--name", "long", "busybox", "sh", "-c", "echo ready; exec sleep 600")
    daemon.wait_log("long", "ready")
    fds = ledger.fds()
    for path in ("POST /containers/long/wait", "GET /containers/long/logs?follow=1&stdout=1",
                 "GET /events"):
        sock = daemon.api.connect(f"{path} HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n".encode())
        assert sock.recv(12) == b"HTTP/1.1 200"
        sock.close()
    wait_for(lambda: ledger.fds() <= fds, what="the descriptors' return")


def test_wait_sends_its_headers_at_once(daemon):
    daemon.api.post("/containers/create", {"Image": "busybox", "Cmd": ["true"]}, name="hdr")
    sock = daemon.api.connect(b"POST /containers/hdr/wait?condition=next-exit HTTP/1.1\r\nHost: d\r\n"
                              b"Content-Length: 0\r\n\r\n")
    assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
    daemon.api.post("/containers/hdr/start")
    data = b""
    while b'"StatusCode"' not in data:
        data += sock.recv(1000)


def test_pull_says_what_it_cannot(daemon):
    answer = daemon.api.post("/images/create", fromImage="alpine", tag="latest")
    assert answer.status in (404, 500, 501, 503)
    assert answer.message


INSPECT = {
    "Id", "Created", "Path", "Args", "State", "Image", "ResolvConfPath", "HostnamePath", "HostsPath",
    "LogPath", "Name", "RestartCount", "Driver", "Platform", "MountLabel", "ProcessLabel",
    "AppArmorProfile", "ExecIDs", "HostConfig", "GraphDriver", "Mounts", "Config", "NetworkSettings"}


def test_inspect_has_dockers_fields(daemon):
    daemon.cli.ok("run", "-d", "--name", "ins", "busybox", "sleep", "60")
    inspect = daemon.inspect("ins")
    assert INSPECT <= set(inspect)
    assert set(inspect["State"]) >= {"Status", "Running", "Paused", "Restarting", "OOMKilled", "Dead",
                                     "Pid", "ExitCode", "Error", "StartedAt", "FinishedAt"}
    assert inspect["Path"] == "sleep" and inspect["Args"] == ["60"]
    assert inspect["GraphDriver"]["Name"] == "overlay2"
    assert set(inspect["GraphDriver"]["Data"]) >= {"LowerDir", "UpperDir", "WorkDir", "MergedDir"}
    bridge = inspect["NetworkSettings"]["Networks"]["bridge"]
    assert bridge["IPAddress"] and bridge["Gateway"] and bridge["MacAddress"]
    assert json.dumps(inspect["Config"]["Cmd"]) == '["sleep", "60"]'


def test_docker_py(daemon, docker_py):
    import docker
    out = docker_py.containers.run("busybox", ["sh", "-c", "echo out; echo err >&2"], remove=True,
                                   stdout=True, stderr=True)
    assert sorted(out.split()) == [b"err", b"out"]
    box = docker_py.containers.run("busybox", "sleep 60", detach=True, name="py", mem_limit="64m",
                                   environment={"A": "1"}, labels={"x": "y"})
    assert box.status == "created"
    box.reload()
    assert box.status == "running" and box.attrs["HostConfig"]["Memory"] == 64 << 20
    code, out = box.exec_run(["sh", "-c", "echo $A; exit 3"])
    assert (code, out) == (3, b"1\n")
    code, out = box.exec_run("cat", stdin=False, demux=True)
    assert code == 0
    assert [c.name for c in docker_py.containers.list(filters={"label": "x=y"})] == ["py"]
    box.stop(timeout=0)
    assert box.wait()["StatusCode"] == 137
    assert box.logs() == b""
    box.remove()
    with pytest.raises(docker.errors.NotFound):
        docker_py.containers.get("py")
    with pytest.raises(docker.errors.ContainerError):
        docker_py.containers.run("busybox", "false", remove=True)
    with pytest.raises(docker.errors.ImageNotFound):
        docker_py.images.get("nothing")
    assert "busybox:latest" in [t for i in docker_py.images.list() for t in i.tags]
    assert docker_py.version()["ApiVersion"] == daemon.api_max
    assert docker_py.ping()


def test_docker_py_events_and_stream(docker_py):
    since = int(time.time()) - 1
    events = docker_py.events(decode=True, since=since, filters={"container": "pyev"})
    box = docker_py.containers.run("busybox", ["sh", "-c", "for i in 1 2 3; do echo $i; done"],
                                   detach=True, name="pyev")
    assert b"".join(box.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    actions = []
    for event in events:
        actions.append(event["Action"])
        if event["Action"] == "die":
            break
    events.close()
    assert actions == ["create", "start", "die"]
    box.remove()


@pytest.mark.parametrize("version", ["1.24", "1.38", "1.41"])
def test_docker_cli_speaking_old_versions(daemon, docker, version):
    old = daemon.docker(docker.program, DOCKER_API_VERSION=version)
    assert old.ok("run", "--rm", "busybox", "echo", "old") == "old"
    old.ok("run", "-d", "--name", "oldie", "busybox", "sleep", "60")
    assert old.ok("exec", "oldie", "echo", "in") == "in"
    assert "oldie" == old.ok("ps", "--format", "{{.Names}}")
    assert old("run", "--rm", "busybox", "sh", "-c", "exit 3").returncode == 3
    old.ok("inspect", "oldie")
    old.ok("images")
    old.ok("rm", "-f", "oldie")
