#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the same API calls to lighterd and to a real dockerd, and compares the answers: status, content
type, error text, and the JSON: every key, every type, and every value that is not the daemon's own choice.

usage: compare_api.py --host SOCKET --peer SOCKET [--docker PATH] [--version 1.45] [-v] [FILTER]

The peer must have an image `busybox:latest`; it is copied to the other. The bodies of create requests
are those that the docker command line sends: it is run against a recorder. Everything made is named
cmpapi-* and removed. FILTER: a regular expression that a scenario's name must match.
"""
import argparse
import http.server
import io
import json
import pathlib
import re
import shlex
import socketserver
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from compare_api_cases import CREATES, RAW_CREATES  # noqa: E402
from support.api import Api  # noqa: E402

# What may differ: (a pattern of the record's name, a pattern of the place in the answer, the reason).
INTENDED = [
    ("", r"HostConfig\.Runtime$", "each engine's own runtime"),
    ("", r"MaskedPaths{/proc/interrupts}", "masked since Docker 28"),
    ("", r"\.GwPriority$", "a newer field"),
    ("system: ping", "Builder-Version", "there is no BuildKit"),
    ("system: info", "KernelMemoryTCP|BridgeNf", "gone from Docker 29's"),
    ("system: version too new", "message", "each has its own newest version"),
    ("system: wrong method", "status|message", "says what is wrong"),
    ("system: auth", "status|message", "registries are not supported yet"),
    ("create: .*--privileged|--pid host", "Config.Hostname", "with the host's UTS namespace the host's name is it"),
    ("", r"Mounts\[\d+\]\.Propagation", "Docker keeps its own mounts from binds of their parent; we have none on the host"),
    ("create: create --log-opt max-size=x", "", "refused before the start"),
    ("create: create --isolation hyperv", "", "another status and text for what only Windows has"),
    ("create: create --platform linux/arm64", "message", "the words of Docker 28"),
    ("create: create --cpu-shares -1", "", "the check of Docker 28"),
    ("create: create --volume-driver nosuch", "", "404 would make the command line pull the image"),
    ("raw_create: create (an array|text for a number|number for a text)", "message", "Go's types are not ours"),
    ("(states|streams): attach unknown", "", "JSON, as for all other errors"),
    ("streams: attach bad keys", "", "JSON, as for all other errors"),
    ("system: info", "Warnings", "what the two warn of differs"),
    ("create --network container:nosuch|start no net", "", "looked for at the create already"),
    ("raw_create: create unknown field", "Warnings", "a field that is not known is told"),
    ("raw_create: create (bad platform|mount without type)", "message", "without Go's error class"),
    ("raw_create: create (bad exposed port|volumes|null endpoint|two networks)", "", "checked otherwise"),
    ("raw_create: inspect empty image", "Labels", "an empty set, as with an image"),
    ("raw_create: inspect volume relative", "Destination", "made absolute, as it is used"),
    ("exec: exec create no body", "message", "a body is needed"),
    ("exec: exec .*bad env", "", "refused when it is created"),
    ("exec: exec .*bad keys", "", "refused in the same words"),
    ("events: events? ", r"^\.$|^\[\d+\]$", "die comes before stop, and there is no update yet"),
    ("events: event container update", "", "there is no update yet"),
    ("parameters: resize", "", "what no terminal has is refused, as by Docker 28"),
    ("list: list size", r"SizeRw", "zero is told too"),
    ("list: list", r"Mounts\[\d+\]\.Source", "a volume's place is known before its first use"),
    ("list: inspect exited", "SandboxKey", "what is gone is not named"),
    ("exec: exec start .* again", "", "an exec that was run cannot be started; Docker tells inside the stream"),
    ("exec: exec create cmd text", "message", "Go's types are not ours"),
    ("start_errors: start no sysctl", "message|Error", "names the key"),
    ("start_errors: start workdir is a file", "", "found at the start"),
    ("images: tag ({'repo': ''}|{}$)", "", "no name is refused"),
    ("images: tag .*a b|images: tag .*cmpapi:x", "", "one text for all that is no reference; two tags are refused"),
    ("images: import .* inspect", "DockerVersion", "it is not Docker that made it"),
    ("images: import (not a tar|no source)", "", "says what is wrong"),
    ("images: load", "", "an archive that is none is an error, not a line of progress"),
    ("images: save files", "", "Docker adds a file for clients older than 1.10"),
    ("events: events bad filter", "", "a filter that cannot match is refused"),
    ("networks", "bridge.name$", "each has its own bridge"),
    ("networks", "EnableIPv4|IPv4Address", "a newer field; each has its own addresses"),
    ("networks: network scope", "", "there is no swarm: all are local"),
]

# Values that each daemon chooses; only their type is compared.
OWN_VALUES = re.compile(
    r"(^|\.)(Created|CreatedAt|StartedAt|FinishedAt|Pid|MacAddress|IPAddress|Gateway|EndpointID|SandboxID|"
    r"SandboxKey|NetworkID|ResolvConfPath|HostnamePath|HostsPath|LogPath|HostPort|Subnet|"
    r"time|timeNano|SizeRw|SizeRootFs|Size|SharedSize|VirtualSize|LastTagTime|Mountpoint|ContainerID|"
    r"LowerDir|MergedDir|UpperDir|WorkDir|ID|Status)$")

class Recorder:
    """Answers the docker command line's `create`, remembering what it asks for."""

    def __init__(self, docker):
        self.docker, self.seen = docker, None
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self):
                return "-"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b""):
                self.send_response(status)
                self.send_header("Api-Version", "1.45")
                self.send_header("Ostype", "linux")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_HEAD(self):
                self.answer(200)

            def do_GET(self):
                self.answer(200, b'{"OSType":"linux"}')

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                recorder.seen = (re.sub(r"^/v[0-9.]+", "", self.path), json.loads(body or b"null"))
                self.answer(500, b'{"message":"recorded"}')

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

            def get_request(self):
                request, _ = super().get_request()
                return request, ("-", 0)

        self.dir = tempfile.TemporaryDirectory()
        self.path = self.dir.name + "/r.sock"
        self.server = Server(self.path, Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def record(self, words):
        self.seen = None
        run = subprocess.run([self.docker, "-H", f"unix://{self.path}", "create", *words],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                             stdin=subprocess.DEVNULL, timeout=30)
        return self.seen, run.stderr.decode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.dir.cleanup()


def normalise(text):
    text = text.replace("OCI runtime create failed: runc create failed: ", "OCI runtime create failed: ")
    text = re.sub(r"\b[0-9a-f]{64}\b", "ID64", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "ID12", text)
    text = re.sub(r"\b1[78]\d{8}\.\d{9}\b", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME", text)
    return text


SETS = re.compile(r"\.(MaskedPaths|ReadonlyPaths)$")


def flatten(value, at="", out=None):
    """{place: text}; a list's members are numbered, but for lists that are sets."""
    out = {} if out is None else out
    if isinstance(value, dict):
        out[at or "."] = "{}" if not value else "{...}"
        for key, item in value.items():
            flatten(item, f"{at}.{normalise(key)}" if at else normalise(key), out)
    elif isinstance(value, list) and SETS.search(at):
        out[at] = "{...}"
        out.update((f"{at}{{{item}}}", "in") for item in value)
    elif isinstance(value, list):
        out[at or "."] = "[]" if not value else f"[{len(value)}]"
        for number, item in enumerate(value):
            flatten(item, f"{at}[{number}]", out)
    elif OWN_VALUES.search(at):
        kind = type(value).__name__
        out[at] = kind + (" (empty)" if value in ("", 0) else "")
    else:
        out[at or "."] = normalise(json.dumps(value))
    return out


class Side:
    """One daemon, and what it answered."""

    def __init__(self, kind, sock, version):
        self.kind = kind
        self.api = Api(sock, version)
        self.records = {}
        self.made = []

    def note(self, name, answer, shape=None, keep_body=False):
        """Records an answer; `shape` makes of its JSON what is compared."""
        places = {"status": str(answer.status), "type": answer.headers.get("Content-Type") or ""}
        body = answer.body.decode(errors="replace")
        try:
            value = json.loads(body) if body else None
            if shape and answer.status < 400:
                value = shape(value)
            places.update(("body" if k == "." else k, v) for k, v in flatten(value).items())
        except ValueError:
            places["body"] = normalise(body) if keep_body else f"{bool(body)}"
        self.records[name] = places
        return answer

    def note_value(self, name, value):
        self.records[name] = flatten(value)

    def create(self, name=None, **body):
        body = {"Image": "busybox", **body}
        query = {"name": name} if name else {}
        answer = self.api.post("/containers/create", body, **query)
        assert answer.status == 201, answer.body
        self.made.append(answer.json["Id"])
        return answer.json["Id"]

    def run(self, name=None, **body):
        cid = self.create(name, **body)
        answer = self.api.post(f"/containers/{cid}/start")
        assert answer.status == 204, answer.body
        return cid

    def clean(self):
        for cid in self.made:
            self.api.delete(f"/containers/{cid}", force=1, v=1)
        self.made = []


SLEEP = {"Cmd": ["sleep", "1000"], "StopSignal": "SIGKILL"}


def by(key):
    return lambda value: sorted(value, key=lambda item: item[key])


def scenario_system(e):
    for method in ("GET", "HEAD"):
        answer = e.note(f"ping {method}", e.api.request(method, "/_ping"), keep_body=True)
        e.note_value(f"ping {method} headers", {
            k: v for k, v in answer.headers.items() if k not in ("Date", "Api-Version", "Server")})
    e.note("version", e.api.get("/version"), lambda v: {k: type(x).__name__ for k, x in v.items()})
    e.note("version components", e.api.get("/version"),
           lambda v: [{k: type(x).__name__ for k, x in c.items()} for c in v["Components"][:1]])
    e.note("info", e.api.get("/info"), lambda v: {k: type(x).__name__ for k, x in v.items()})
    for path in ("/nosuch", "/containers", "/containers/a/nosuch", "/", "/images"):
        e.note(f"no page {path}", e.api.get(path), keep_body=True)
    e.note("wrong method", e.api.post("/containers/json"), keep_body=True)
    e.note("wrong method 2", e.api.delete("/info"), keep_body=True)
    prefix, e.api.prefix = e.api.prefix, "/v1.99"
    e.note("version too new", e.api.get("/info"))
    e.api.prefix = "/v1.11"
    e.note("version too old", e.api.get("/info"))
    e.api.prefix = prefix
    e.note("auth", e.api.post("/auth", {}))
    e.note("df", e.api.get("/system/df"), lambda v: {k: type(x).__name__ for k, x in v.items()})


def create_one(e, name, path, body):
    answer = e.note(f"create {name}", e.api.post(path, body), lambda v: {
        k: "x" if k == "Id" else x for k, x in v.items()})
    if answer.status == 201:
        cid = answer.json["Id"]
        e.made.append(cid)
        e.note(f"inspect {name}", e.api.get(f"/containers/{cid}/json"), inspect_shape)
        e.clean()


def inspect_shape(value):
    value["Id"] = "x"
    value["Name"] = "x" if not value["Name"].startswith("/cmpapi") else value["Name"]
    hostname = value["Config"]["Hostname"]
    value["Config"]["Hostname"] = "x" if re.fullmatch("[0-9a-f]{12}", hostname) else hostname
    for mount in value["Mounts"]:
        for key in ("Name", "Source"):
            if key in mount:
                mount[key] = re.sub(r"^/.*/volumes/.*", "VOLUME", mount[key])
    value["Mounts"].sort(key=lambda m: m["Destination"])
    return value


def scenario_create(e):
    for line in CREATES.strip().splitlines():
        seen, _ = e.bodies[line]
        if seen:
            create_one(e, line, *seen)
    for name in ("cmpapi-vol", "cmpapi-vol2"):
        e.api.delete(f"/volumes/{name}", force=1)


def scenario_raw_create(e):
    for name, query, body in RAW_CREATES:
        headers = {"Content-Type": "application/json"}
        if isinstance(body, dict) and body:
            body = {"Cmd": ["true"], **body}
        path = "/containers/create" + query
        answer = e.note(f"create {name}", e.api.post(path, body, headers=headers), lambda v: {
            k: "x" if k == "Id" else x for k, x in v.items()})
        if answer.status == 201:
            e.made.append(answer.json["Id"])
            e.note(f"inspect {name}", e.api.get(f"/containers/{answer.json['Id']}/json"), inspect_shape)
            e.clean()
    e.note("create with no content type", e.api.post("/containers/create", '{"Image":"busybox"}'))
    e.note("create with text/plain", e.api.post("/containers/create", '{"Image":"busybox"}', headers={
        "Content-Type": "text/plain"}))


def scenario_conflict(e):
    e.create("cmpapi-a", **SLEEP)
    e.note("name conflict", e.api.post("/containers/create", {"Image": "busybox"}, name="cmpapi-a"))
    e.create("cmpapi-b", **SLEEP)
    e.note("rename conflict", e.api.post("/containers/cmpapi-b/rename", name="cmpapi-a"))
    e.note("rename same", e.api.post("/containers/cmpapi-b/rename", name="cmpapi-b"))
    e.note("rename empty", e.api.post("/containers/cmpapi-b/rename", name=""))
    e.note("rename no name", e.api.post("/containers/cmpapi-b/rename"))
    e.note("rename bad", e.api.post("/containers/cmpapi-b/rename", name="a/b"))
    e.note("rename slash", e.api.post("/containers/cmpapi-b/rename", name="/cmpapi-c"))
    e.note("rename unknown", e.api.post("/containers/cmpapi-b/rename", name="x"))
    e.clean()


def scenario_states(e):
    """Each action on a container in each state."""
    actions = [("start", {}), ("pause", {}), ("unpause", {}), ("kill", {}), ("resize", {"h": 10, "w": 10}),
               ("stop", {"t": 0}), ("restart", {"t": 0}), ("attach", {"stdout": 1}),
               ("wait", {"condition": "not-running"}), ("update", {})]
    for action, query in actions:
        for state in ("unknown", "created", "running", "paused", "exited", "removing twice"):
            if action in ("attach", "wait") and state in ("running", "paused"):
                continue
            ref = "cmpapi-s" if state != "unknown" else "nosuch"
            if state != "unknown":
                e.create("cmpapi-s", **SLEEP)
            if state in ("running", "paused", "exited"):
                e.api.post("/containers/cmpapi-s/start")
            if state == "paused":
                e.api.post("/containers/cmpapi-s/pause")
            if state == "exited":
                e.api.post("/containers/cmpapi-s/kill")
                e.api.post("/containers/cmpapi-s/wait")
            body = {} if action == "update" else None
            try:
                answer = e.api.post(f"/containers/{ref}/{action}", body, timeout=5, **query)
                e.note(f"{action} {state}", answer)
            except TimeoutError:
                e.note_value(f"{action} {state}", "no answer")
            if state != "unknown":
                answer = e.api.get("/containers/cmpapi-s/json")
                if answer.status == 200:
                    e.note_value(f"{action} {state} afterwards", answer.json["State"]["Status"])
            if state == "paused":
                e.api.post("/containers/cmpapi-s/unpause")
            e.clean()


def scenario_remove(e):
    e.note("remove unknown", e.api.delete("/containers/nosuch"))
    e.note("remove unknown by force", e.api.delete("/containers/nosuch", force=1))
    e.run("cmpapi-r", **SLEEP)
    e.note("remove running", e.api.delete("/containers/cmpapi-r"))
    e.api.post("/containers/cmpapi-r/pause")
    e.note("remove paused", e.api.delete("/containers/cmpapi-r"))
    e.note("remove paused by force", e.api.delete("/containers/cmpapi-r", force=1))
    e.note("remove again", e.api.delete("/containers/cmpapi-r"))
    e.create("cmpapi-r", **SLEEP)
    e.note("remove link", e.api.delete("/containers/cmpapi-r", link=1))
    e.note("remove bool", e.api.delete("/containers/cmpapi-r", force="no"))
    e.clean()


def scenario_parameters(e):
    e.run("cmpapi-p", **SLEEP)
    for path, query in [
            ("kill", {"signal": "FOO"}), ("kill", {"signal": "0"}), ("kill", {"signal": "-1"}),
            ("kill", {"signal": "99"}), ("kill", {"signal": "sigusr1x"}), ("stop", {"t": "x"}),
            ("stop", {"signal": "FOO"}), ("restart", {"t": "x"}), ("resize", {"h": "x", "w": "1"}),
            ("resize", {}), ("resize", {"h": -1, "w": 1}), ("wait", {"condition": "foo"}),
            ("resize", {"h": "99999999999", "w": 1}), ("kill", {"signal": ""})]:
        e.note(f"{path} {query}", e.api.post(f"/containers/cmpapi-p/{path}", **query))
    e.api.delete("/containers/cmpapi-p", force=1)
    e.run("cmpapi-p", **SLEEP)
    for path, query in [
            ("logs", {}), ("logs", {"stdout": 1, "tail": "x"}), ("logs", {"stdout": 1, "since": "x"}),
            ("logs", {"stdout": 1, "until": "x"}), ("logs", {"stdout": 1, "tail": "-5"}),
            ("logs", {"stdout": "maybe", "tail": "0"}), ("top", {"ps_args": "--foo"}),
            ("top", {"ps_args": "-o pid,comm"}), ("json", {"size": 1}), ("json", {"size": "x"})]:
        e.note(f"{path} {query}", e.api.get(f"/containers/cmpapi-p/{path}", **query), keep_body=True,
               shape=lambda v: sorted(v) if isinstance(v, dict) else v)
    e.clean()


def scenario_list(e):
    e.run("cmpapi-l1", Labels={"a": "b", "c": ""}, ExposedPorts={"80/tcp": {}}, **SLEEP)
    e.create("cmpapi-l2", Cmd=["true"], Volumes={"/v": {}}, HostConfig={"NetworkMode": "none"})
    e.run("cmpapi-l3", Cmd=["sh", "-c", "exit 3"])
    e.api.post("/containers/cmpapi-l3/wait")
    host = {"Binds": ["/tmp:/t:ro"]}
    if e.publishes:
        host["PortBindings"] = {"80/tcp": [{"HostPort": "18123"}]}
    e.run("cmpapi-l4", HostConfig=host, **SLEEP)
    e.api.post("/containers/cmpapi-l4/pause")
    ids = {n: e.api.get(f"/containers/cmpapi-l{n}/json").json["Id"] for n in "1234"}

    def shape(value):
        mine = [c for c in value if c["Names"][0].startswith("/cmpapi-l")]
        for one in mine:
            one["Status"] = re.sub(r"\d+ seconds?|Less than a second", "N seconds", one["Status"])
            one["State "] = one["Status"]
            for mount in one["Mounts"]:
                mount["Name"] = "x" if "Name" in mount else ""
                if "volumes" in mount["Source"]:
                    mount["Source"] = "x"
        return mine

    e.note("list all", e.api.get("/containers/json", all=1), shape)
    e.note("list", e.api.get("/containers/json"), shape)
    e.note("list size", e.api.get("/containers/json", all=1, size=1), shape)
    names = lambda value: [c["Names"] for c in shape(value)]  # noqa: E731
    for query in ({"limit": 2}, {"limit": 0}, {"limit": -1}, {"limit": "x"}, {"all": "x"}, {"all": "false"},
                  {"before": "cmpapi-l3"}, {"since": "cmpapi-l2"}, {"last": 1}):
        e.note(f"list {query}", e.api.get("/containers/json", **query), names)
    for key, values in [
            ("name", ["cmpapi-l1"]), ("name", ["^/cmpapi-l1$"]), ("name", ["^cmpapi-l1$"]), ("name", ["l1", "l2"]),
            ("name", ["["]), ("id", [ids["1"]]), ("id", [ids["1"][:5]]), ("id", ["x"]), ("label", ["a"]),
            ("label", ["a=b"]), ("label", ["a=x"]), ("label", ["a", "c"]), ("label", ["a", "zz"]),
            ("label!", ["a"]), ("exited", ["3"]), ("exited", ["0"]), ("exited", ["x"]), ("status", ["running"]),
            ("status", ["created", "paused"]), ("status", ["foo"]), ("status", ["exited"]),
            ("ancestor", ["busybox"]), ("ancestor", ["busybox:latest"]), ("ancestor", ["nosuch"]),
            ("before", ["cmpapi-l3"]), ("since", ["cmpapi-l2"]), ("before", ["nosuch"]),
            ("volume", ["/tmp"]), ("volume", ["/t"]), ("volume", ["/v"]), ("network", ["none"]),
            ("network", ["bridge"]), ("network", ["nosuch"]), ("publish", ["18123"]), ("publish", ["80"]),
            ("publish", ["80/udp"]), ("publish", ["x"]), ("expose", ["80"]), ("expose", ["80/tcp"]),
            ("expose", ["1-100"]), ("health", ["none"]), ("health", ["foo"]), ("is-task", ["true"]),
            ("is-task", ["x"]), ("isolation", ["default"]), ("foo", ["bar"]), ("status", [])]:
        query = {"filters": json.dumps({key: values})}
        e.note(normalise(f"list {key}={values}").replace(ids["1"][:5], "ID5"), e.api.get("/containers/json", all=1, **query), names)
    for text in ('{"name":{"cmpapi-l1":true}}', '{"name":{"cmpapi-l1":false}}', "{", "[]", "null",
                 '{"name":"x"}', '{"name":["cmpapi-l1"],"label":["a"]}', ""):
        e.note(f"list filters {text}", e.api.get("/containers/json", all=1, filters=text), names)
    e.note("prune", e.api.post("/containers/prune", filters=json.dumps({"label": ["nosuch"]})))
    for text in ('{"foo":["x"]}', '{"until":["x"]}', '{"until":["1h","2h"]}'):
        e.note(f"prune {text}", e.api.post("/containers/prune", filters=text))
    e.note("inspect running", e.api.get("/containers/cmpapi-l1/json"), inspect_shape)
    e.note("inspect exited", e.api.get("/containers/cmpapi-l3/json"), inspect_shape)
    e.note("inspect paused with a port", e.api.get("/containers/cmpapi-l4/json"), inspect_shape)
    e.note("inspect size", e.api.get("/containers/cmpapi-l1/json", size=1), inspect_shape)
    e.note("inspect unknown", e.api.get("/containers/nosuch/json"))
    e.note("inspect prefix", e.api.get(f"/containers/{ids['1'][:10]}/json"), lambda v: v["Name"])
    e.api.post("/containers/cmpapi-l4/unpause")
    e.clean()


def hijacked(e, path, body=None, upgrade=True):
    """Status and headers of a hijacking POST, with and without the client's asking for an upgrade."""
    data = json.dumps(body).encode() if body is not None else b""
    wish = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else ""
    kind = "Content-Type: application/json\r\n" if body is not None else ""
    sock = e.api.connect((f"POST {e.api.prefix}{path} HTTP/1.1\r\nHost: d\r\n{wish}{kind}"
                          f"Content-Length: {len(data)}\r\n\r\n").encode() + data, timeout=10)
    got = b""
    while b"\r\n\r\n" not in got:
        piece = sock.recv(1)
        if not piece:
            break
        got += piece
    head = got.decode().split("\r\n\r\n")[0].split("\r\n")
    # Docker leaves Ostype and the like out of such answers; they are in all of ours.
    own = ("Date", "Server", "Api-Version", "Docker-Experimental", "Ostype")
    headers = sorted(h for h in head[1:] if not h.startswith(own))
    rest = b""
    while True:
        try:
            piece = sock.recv(65536)
        except (TimeoutError, ConnectionResetError):
            rest += b"(timeout)"
            break
        if not piece:
            break
        rest += piece
    sock.close()
    return {"status": head[0], "headers": headers, "body": rest.decode(errors="replace")}


def scenario_streams(e):
    for tty in (False, True):
        e.run("cmpapi-s", Cmd=["sh", "-c", "echo out; sleep 0.1; echo err >&2; sleep 0.1; echo end"], Tty=tty)
        e.api.post("/containers/cmpapi-s/wait")
        for query in ({"stdout": 1}, {"stderr": 1}, {"stdout": 1, "stderr": 1, "tail": 1},
                      {"stdout": 1, "follow": 1}, {"stdout": 1, "since": 1}, {"stdout": 1, "until": 1},
                      {"stdout": 1, "tail": "all"}, {"stdout": 1, "tail": 0}):
            e.note(f"logs tty={tty} {query}", e.api.get("/containers/cmpapi-s/logs", **query), keep_body=True)
        e.clean()
        for query in ("stream=1&stdout=1&stderr=1", "stream=1&stdout=1&logs=1", "logs=1&stdout=1", "", "stream=1"):
            for upgrade in (True, False):
                e.run("cmpapi-s", Cmd=["sh", "-c", "echo out; read x; echo end"], Tty=tty, OpenStdin=True,
                      StdinOnce=False)
                time.sleep(0.2)
                killer = threading.Timer(0.7, lambda: e.api.post("/containers/cmpapi-s/kill"))
                killer.start()
                e.note_value(f"attach tty={tty} {query} upgrade={upgrade}",
                             hijacked(e, f"/containers/cmpapi-s/attach?{query}", upgrade=upgrade))
                killer.join()
                e.clean()
    e.note_value("attach unknown", hijacked(e, "/containers/nosuch/attach?stream=1"))
    e.create("cmpapi-s", **SLEEP)
    e.note_value("attach bad keys", hijacked(e, "/containers/cmpapi-s/attach?stream=1&detachKeys=foo"))
    e.clean()
    e.note("logs unknown", e.api.get("/containers/nosuch/logs", stdout=1))
    e.create("cmpapi-s", **SLEEP)
    e.note("logs created", e.api.get("/containers/cmpapi-s/logs", stdout=1, follow=0), keep_body=True)
    e.clean()
    e.run("cmpapi-s", HostConfig={"LogConfig": {"Type": "none"}}, **SLEEP)
    e.note("logs none", e.api.get("/containers/cmpapi-s/logs", stdout=1), keep_body=True)
    e.clean()


def scenario_exec(e):
    cid = e.run("cmpapi-x", **SLEEP)
    path = f"/containers/{cid}/exec"
    for name, body in [
            ("no body", None), ("empty", {}), ("empty cmd", {"Cmd": []}), ("cmd text", {"Cmd": "true"}),
            ("bad user", {"Cmd": ["true"], "User": "nosuch"}), ("bad keys", {"Cmd": ["true"], "DetachKeys": "foo"}),
            ("bad env", {"Cmd": ["true"], "Env": ["=x"]}), ("ok", {"Cmd": ["true"]})]:
        answer = e.note(f"exec create {name}", e.api.post(path, body), lambda v: sorted(v))
        if answer.status == 201:
            xid = answer.json["Id"]
            e.note(f"exec inspect {name} before", e.api.get(f"/exec/{xid}/json"))
            e.note_value(f"exec start {name}", hijacked(e, f"/exec/{xid}/start", {}))
            time.sleep(0.3)
            e.note(f"exec inspect {name} after", e.api.get(f"/exec/{xid}/json"))
            e.note_value(f"exec start {name} again", hijacked(e, f"/exec/{xid}/start", {}))
    for tty in (False, True):
        for upgrade in (True, False):
            answer = e.api.post(path, {"Cmd": ["sh", "-c", "echo out; exit 5"], "AttachStdout": True, "Tty": tty,
                                       "WorkingDir": "/tmp", "Env": ["A=b"], "Privileged": True, "User": "0"})
            xid = answer.json["Id"]
            e.note_value(f"exec tty={tty} upgrade={upgrade}",
                         hijacked(e, f"/exec/{xid}/start", {"Tty": tty}, upgrade=upgrade))
            time.sleep(0.3)
            e.note(f"exec inspect tty={tty} upgrade={upgrade}", e.api.get(f"/exec/{xid}/json"))
    xid = e.api.post(path, {"Cmd": ["sleep", "100"]}).json["Id"]
    e.note("exec start detached", e.api.post(f"/exec/{xid}/start", {"Detach": True}), keep_body=True)
    e.note("exec inspect running", e.api.get(f"/exec/{xid}/json"))
    e.note("exec start running", e.api.post(f"/exec/{xid}/start", {"Detach": True}))
    e.note("exec resize", e.api.post(f"/exec/{xid}/resize", h=10, w=10))
    e.note("container with execs", e.api.get(f"/containers/{cid}/json"), lambda v: v["ExecIDs"])
    for cmd in (["nosuch"], ["/etc"], ["/etc/passwd"]):
        for detach in (True, False):
            xid = e.api.post(path, {"Cmd": cmd, "AttachStdout": True}).json["Id"]
            if detach:
                e.note(f"exec {cmd} detached", e.api.post(f"/exec/{xid}/start", {"Detach": True}))
            else:
                e.note_value(f"exec {cmd}", hijacked(e, f"/exec/{xid}/start", {}))
            e.note(f"exec {cmd} {detach} inspect", e.api.get(f"/exec/{xid}/json"))
    xid = e.api.post(path, {"Cmd": ["true"], "WorkingDir": "/nosuch", "AttachStdout": True}).json["Id"]
    e.note_value("exec in no directory", hijacked(e, f"/exec/{xid}/start", {}))
    e.note("exec start unknown", e.api.post("/exec/nosuch/start", {}))
    e.note("exec inspect unknown", e.api.get("/exec/nosuch/json"))
    e.note("exec resize unknown", e.api.post("/exec/nosuch/resize", h=1, w=1))
    e.note("exec create unknown", e.api.post("/containers/nosuch/exec", {"Cmd": ["true"]}))
    e.api.post(f"/containers/{cid}/pause")
    e.note("exec create paused", e.api.post(path, {"Cmd": ["true"]}))
    e.api.post(f"/containers/{cid}/unpause")
    xid = e.api.post(path, {"Cmd": ["true"]}).json["Id"]
    e.api.post(f"/containers/{cid}/kill")
    e.api.post(f"/containers/{cid}/wait")
    e.note("exec create exited", e.api.post(path, {"Cmd": ["true"]}))
    e.note("exec start exited", e.api.post(f"/exec/{xid}/start", {}))
    e.clean()


def scenario_start_errors(e):
    for name, body in [
            ("no program", {"Cmd": ["nosuch"]}), ("no path", {"Cmd": ["/nosuch"]}),
            ("directory", {"Cmd": ["/etc"]}), ("not executable", {"Cmd": ["/etc/passwd"]}),
            ("no user", {"Cmd": ["true"], "User": "nosuch"}), ("no group", {"Cmd": ["true"], "User": "0:nosuch"}),
            ("no group add", {"Cmd": ["true"], "HostConfig": {"GroupAdd": ["nosuch"]}}),
            ("no device", {"Cmd": ["true"], "HostConfig": {"Devices": [
                {"PathOnHost": "/dev/nosuch", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]}}),
            ("no sysctl", {"Cmd": ["true"], "HostConfig": {"Sysctls": {"net.ipv4.nosuch": "1"}}}),
            ("no net", {"Cmd": ["true"], "HostConfig": {"NetworkMode": "container:nosuch"}}),
            ("port in use", {"Cmd": ["true"], "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "18999"}]}}}),
            ("bad address", {"Cmd": ["true"], "HostConfig": {
                "PortBindings": {"80/tcp": [{"HostIp": "203.0.113.9", "HostPort": "18998"}]}}}),
            ("workdir is a file", {"Cmd": ["true"], "WorkingDir": "/etc/passwd"})]:
        if "PortBindings" in body.get("HostConfig", {}) and not e.publishes:
            continue
        if name == "port in use":
            e.run("cmpapi-port", HostConfig={"PortBindings": {"80/tcp": [{"HostPort": "18999"}]}}, **SLEEP)
        answer = e.api.post("/containers/create", {"Image": "busybox", **body}, name="cmpapi-e")
        e.note(f"start {name}: create", answer, lambda v: sorted(v))
        if answer.status == 201:
            e.made.append("cmpapi-e")
            e.note(f"start {name}", e.api.post("/containers/cmpapi-e/start"))
            state = e.api.get("/containers/cmpapi-e/json").json
            e.note_value(f"start {name}: state", state["State"])
        e.clean()


def small_tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo("hello")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"hi"))
    return out.getvalue()


def scenario_images(e):
    def only(value):
        return [i for i in value if any(t.startswith(("busybox:l", "cmpapi")) for t in i["RepoTags"] or [])]
    e.note("images", e.api.get("/images/json"), only)
    e.note("images digests", e.api.get("/images/json", digests=1), only)
    for filters in ('{"reference":["busybox"]}', '{"reference":["busy*"]}', '{"reference":["busybox:x"]}',
                    '{"dangling":["true"]}', '{"dangling":["x"]}', '{"label":["a"]}', '{"before":["busybox"]}',
                    '{"before":["nosuch"]}', '{"since":["busybox"]}', '{"until":["1h"]}', '{"foo":["x"]}'):
        e.note(f"images {filters}", e.api.get("/images/json", filters=filters),
               lambda v: [i["RepoTags"] for i in only(v)])
    e.note("image", e.api.get("/images/busybox/json"), lambda v: {
        **v, "RepoTags": [t for t in v["RepoTags"] if "cmp" not in t]})
    e.note("image history", e.api.get("/images/busybox/history"))
    for verb in ("json", "history", "get"):
        e.note(f"{verb} unknown", e.api.get(f"/images/nosuch/{verb}"))
        e.note(f"{verb} bad", e.api.get(f"/images/UPPER/{verb}"))
    e.note("get two unknown", e.api.get("/images/get?names=nosuch&names=nosuch2"))
    e.note("remove unknown", e.api.delete("/images/nosuch"))
    e.note("remove bad", e.api.delete("/images/UPPER"))
    e.note("remove id unknown", e.api.delete("/images/sha256:" + "0" * 64))
    for query in ({"repo": "cmpapi", "tag": "1"}, {"repo": "UPPER"}, {"repo": ""}, {}, {"repo": "cmpapi", "tag": "a b"},
                  {"repo": "sha256:aa"}, {"repo": "cmpapi:x", "tag": "2"}):
        e.note(f"tag {query}", e.api.post("/images/busybox/tag", **query), keep_body=True)
    e.note("tag unknown", e.api.post("/images/nosuch/tag", repo="cmpapi"))
    e.note("untag", e.api.delete("/images/cmpapi:1"))
    e.api.delete("/images/cmpapi:2")
    headers = {"Content-Type": "application/x-tar"}
    for name, query, body in [
            ("ok", {"repo": "cmpapi-i", "tag": "1"}, small_tar()), ("changes", {
                "repo": "cmpapi-j", "changes": ["CMD [\"a\",\"b\"]", "ENV A=b C=d", "EXPOSE 80", "USER u",
                                                "WORKDIR /x", "VOLUME /v", "LABEL l=m", "ENTRYPOINT [\"e\"]",
                                                "HEALTHCHECK CMD true", "STOPSIGNAL 9", "ONBUILD RUN x"],
                "message": "hello"}, small_tar()),
            ("bad change", {"repo": "cmpapi-k", "changes": "RUN x"}, small_tar()),
            ("bad change 2", {"repo": "cmpapi-k", "changes": "FOO x"}, small_tar()),
            ("bad name", {"repo": "UPPER"}, small_tar()), ("not a tar", {"repo": "cmpapi-l"}, b"hello" * 300),
            ("empty", {"repo": "cmpapi-m"}, b""), ("platform", {"repo": "cmpapi-n", "platform": "foo/bar/x"}, small_tar())]:
        e.note(f"import {name}", e.api.post("/images/create", body, headers=headers, fromSrc="-", **query), keep_body=True)
        e.note(f"import {name} inspect", e.api.get(f"/images/{query['repo']}:{query.get('tag', 'latest')}/json"))
        e.note(f"import {name} history", e.api.get(f"/images/{query['repo']}:{query.get('tag', 'latest')}/history"))
    for name in ("i:1", "j", "l", "m", "n"):
        e.note(f"remove imported {name}", e.api.delete(f"/images/cmpapi-{name}"))
    e.note("import no source", e.api.post("/images/create"))
    for name, body in [("not a tar", b"hello" * 300), ("empty", b""), ("no manifest", small_tar())]:
        e.note(f"load {name}", e.api.post("/images/load", body, headers=headers, quiet=1), keep_body=True)
    e.create("cmpapi-u", **SLEEP)
    e.note("remove used", e.api.delete("/images/busybox"))
    e.api.post("/containers/cmpapi-u/start")
    e.note("remove running", e.api.delete("/images/busybox"))
    image = e.api.get("/images/busybox/json").json["Id"]
    e.note("remove used by id", e.api.delete(f"/images/{image}"))
    e.note("remove running by force", e.api.delete(f"/images/{image}", force=1))
    e.clean()
    data = e.api.get("/images/busybox/get")
    e.note("load again", e.api.post("/images/load", data.body, headers=headers, quiet=1), keep_body=True)
    e.note("load again loud", e.api.post("/images/load", data.body, headers=headers), keep_body=True)
    e.note_value("save", {"status": data.status, "type": data.headers.get("Content-Type")})
    with tarfile.open(fileobj=io.BytesIO(data.body)) as tar:
        e.note_value("save manifest", json.load(tar.extractfile("manifest.json")))
        e.note_value("save files", sorted(normalise(m.name) for m in tar))
    e.note("prune images", e.api.post("/images/prune", filters='{"label":["nosuch"]}'))
    e.note("prune images bad", e.api.post("/images/prune", filters='{"foo":["x"]}'))
    e.note("search", e.api.get("/images/search"), keep_body=True)


def events(e, since, until, **filters):
    query = {"since": since, "until": until}
    if filters:
        query["filters"] = json.dumps(filters)
    return e.api.get("/events", **query).lines


def scenario_events(e):
    since = f"{time.time():.9f}"
    cid = e.create("cmpapi-ev", Labels={"a": "b"}, HostConfig={"Binds": ["cmpapi-vv:/v"]}, **SLEEP)
    e.api.post(f"/containers/{cid}/start")
    xid = e.api.post(f"/containers/{cid}/exec", {"Cmd": ["sh", "-c", "exit 3"]}).json["Id"]
    hijacked(e, f"/exec/{xid}/start", {})
    time.sleep(0.3)
    for step in ("pause", "unpause", "kill?signal=0", "kill?signal=USR1", "rename?name=cmpapi-ew", "restart?t=0", "top"):
        e.api.request("GET" if step == "top" else "POST", f"/containers/{cid}/{step}")
        time.sleep(0.3)
    e.api.post(f"/containers/{cid}/update", {"CpuShares": 100})
    hijacked(e, f"/containers/{cid}/attach?logs=1&stdout=1")
    e.api.post(f"/containers/{cid}/resize", h=10, w=10)
    e.api.post(f"/containers/{cid}/stop", t=0)
    time.sleep(0.3)
    e.api.post(f"/containers/{cid}/start")
    e.api.post(f"/containers/{cid}/kill")
    time.sleep(0.3)
    e.api.delete(f"/containers/{cid}", v=1)
    e.api.delete("/volumes/cmpapi-vv")
    e.api.post("/images/busybox/tag", repo="cmpapi-t")
    e.api.delete("/images/cmpapi-t")
    e.api.post("/images/create", small_tar(), fromSrc="-", repo="cmpapi-t", headers={"Content-Type": "application/x-tar"})
    e.api.delete("/images/cmpapi-t")
    e.api.post("/images/load", e.api.get("/images/busybox/get").body, headers={"Content-Type": "application/x-tar"})
    until = f"{time.time():.9f}"
    seen = events(e, since, until)

    def told(event):
        attributes = dict(event["Actor"]["Attributes"])
        attributes.pop("execDuration", None)
        return {**event, "Actor": {**event["Actor"], "Attributes": attributes}}
    for kind in ("container", "network", "volume", "image"):
        mine = [told(v) for v in seen if v["Type"] == kind]
        e.note_value(f"events of {kind}s, names", [v["Action"] for v in mine])
        counts = {}
        for event in mine:
            counts[event["Action"]] = counts.get(event["Action"], 0) + 1
            e.note_value(f"event {kind} {event['Action']} {counts[event['Action']]}", event)
    e.note_value("event sequence", [f"{v['Type']} {v['Action']}" for v in seen])
    for filters in ({"event": ["start"]}, {"type": ["network"]}, {"container": ["cmpapi-ew"]}, {"container": [cid[:12]]},
                    {"label": ["a=b"], "event": ["die"]}, {"image": ["busybox"], "event": ["die"]},
                    {"event": ["health_status"]}, {"scope": ["local"], "event": ["stop"]}, {"daemon": ["x"]},
                    {"event": ["exec_create"]}, {"volume": ["cmpapi-vv"]}, {"network": ["bridge"]}):
        e.note_value(normalise(f"events {filters}"), [f"{v['Type']} {v['Action']}" for v in events(e, since, until, **filters)])
    e.note("events bad filter", e.api.get("/events", until=until, filters='{"foo":["x"]}'), keep_body=True)
    e.note("events bad since", e.api.get("/events", until=until, since="x"), keep_body=True)
    e.note("events bad until", e.api.get("/events", until="x"), keep_body=True)
    e.note("events until before since", e.api.get("/events", since=until, until=since), keep_body=True)


def scenario_networks(e):
    def shape(value):
        value = [n for n in value if n["Name"] in ("bridge", "host", "none")]
        return sorted(value, key=lambda n: n["Name"])
    e.note("networks", e.api.get("/networks"), shape)
    def quiet(value):
        own = {k: c for k, c in value["Containers"].items() if c["Name"].startswith("cmpapi")}
        return {**value, "Containers": list(own.values())}

    for name in ("bridge", "host", "none", "nosuch"):
        e.note(f"network {name}", e.api.get(f"/networks/{name}"), quiet)
    e.run("cmpapi-n", **SLEEP)
    e.note("network bridge in use", e.api.get("/networks/bridge"), quiet)
    e.clean()
    e.note("network verbose", e.api.get("/networks/bridge", verbose=1), quiet)
    e.note("network scope", e.api.get("/networks/bridge", scope="swarm"))
    for filters in ('{"driver":["bridge"]}', '{"name":["bri"]}', '{"type":["builtin"]}', '{"type":["custom"]}',
                    '{"type":["x"]}', '{"scope":["local"]}', '{"dangling":["true"]}', '{"foo":["x"]}', '{"label":["a"]}'):
        e.note(f"networks {filters}", e.api.get("/networks", filters=filters), lambda v: [n["Name"] for n in shape(v)])
    for name in ("bridge", "host", "nosuch"):
        e.note(f"network remove {name}", e.api.delete(f"/networks/{name}"))
    e.note("network create bridge", e.api.post("/networks/create", {"Name": "bridge"}))
    e.note("network create empty", e.api.post("/networks/create", {"Name": ""}))
    e.note("network connect unknown", e.api.post("/networks/nosuch/connect", {"Container": "x"}))
    e.note("network disconnect unknown", e.api.post("/networks/nosuch/disconnect", {"Container": "x"}))


def scenario_volumes(e):
    own = lambda v: {**v, "Mountpoint": "x"}  # noqa: E731
    for name, body in [("ok", {"Name": "cmpapi-v", "Labels": {"a": "b"}}), ("again", {"Name": "cmpapi-v"}),
                       ("bad name", {"Name": "a/b"}), ("short name", {"Name": "a"}), ("no body", None),
                       ("bad driver", {"Name": "cmpapi-w", "Driver": "nosuch"}),
                       ("again other driver", {"Name": "cmpapi-v", "Driver": "nosuch"}),
                       ("bad option", {"Name": "cmpapi-w", "DriverOpts": {"foo": "bar"}}),
                       ("tmpfs", {"Name": "cmpapi-o", "DriverOpts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}),
                       ("no device", {"Name": "cmpapi-y", "DriverOpts": {"type": "tmpfs"}})]:
        e.note(f"volume create {name}", e.api.post("/volumes/create", body), own)
    answer = e.note("volume anonymous", e.api.post("/volumes/create", {}), lambda v: own({**v, "Name": len(v["Name"])}))
    if answer.status == 201:
        e.api.delete(f"/volumes/{answer.json['Name']}")
    e.note("volume", e.api.get("/volumes/cmpapi-v"), own)
    e.note("volume unknown", e.api.get("/volumes/nosuch"))

    def shape(value):
        mine = [own(v) for v in value["Volumes"] or [] if v["Name"] == "cmpapi-v"]
        return {**value, "Volumes": sorted(mine, key=lambda v: v["Name"])}
    e.note("volumes", e.api.get("/volumes"), shape)
    for filters in ('{"name":["cmpapi-v"]}', '{"name":["pi-v"]}', '{"label":["a"]}', '{"label":["a=x"]}', '{"driver":["local"]}',
                    '{"driver":["x"]}', '{"dangling":["true"]}', '{"dangling":["false"]}', '{"dangling":["x"]}', '{"foo":["x"]}'):
        e.note(f"volumes {filters}", e.api.get("/volumes", filters=filters), lambda v: [n["Name"] for n in shape(v)["Volumes"]])
    e.create("cmpapi-c", HostConfig={"Binds": ["cmpapi-v:/v"]}, **SLEEP)
    e.note("volume remove used", e.api.delete("/volumes/cmpapi-v"))
    e.note("volume remove used by force", e.api.delete("/volumes/cmpapi-v", force=1))
    e.clean()
    e.note("volume remove", e.api.delete("/volumes/cmpapi-v"))
    e.note("volume remove again", e.api.delete("/volumes/cmpapi-v"))
    e.note("volume remove again by force", e.api.delete("/volumes/cmpapi-v", force=1))
    e.note("volumes prune", e.api.post("/volumes/prune", filters='{"label":["nosuch"]}'))
    e.note("volumes prune bad", e.api.post("/volumes/prune", filters='{"foo":["x"]}'))
    for name in ("cmpapi-o", "cmpapi-w", "cmpapi-y"):
        e.api.delete(f"/volumes/{name}", force=1)


SCENARIOS = {name[9:]: function for name, function in list(globals().items()) if name.startswith("scenario_")}


def reason(name, place):
    for record, where, why in INTENDED:
        if re.search(record, name) and re.search(where, place):
            return why
    return None


def blames_caller(a, b):
    """Docker 26 answers many a mistake of the caller with 500, later ones with 400 or the like."""
    return a.get("status") == "500" and b.get("status", "").startswith("4") and a.get("message") == b.get("message")


def unsupported(record):
    """Not supported yet, and said so."""
    return record.get("status") == "501" and "not supported" in record.get("message", "")


def compare(scenario, peer, ours, verbose):
    """Prints what differs; returns how many records do, how many places may, how many calls are unsupported."""
    bad, allowed, missing, last = 0, 0, set(), None
    for name in list(dict.fromkeys([*peer.records, *ours.records])):
        a, b = peer.records.get(name, {}), ours.records.get(name, {})
        if unsupported(b) and not unsupported(a):
            missing.add(name)
            if verbose:
                print(f"UNSUPPORTED {scenario}: {name}: {b['message']}")
            continue
        if not a or not b:
            if reason(f"{scenario}: {name}", ""):
                allowed += 1
                continue
            # What could not be made cannot be looked at: that was told already.
            if not name.startswith("inspect "):
                bad += 1
                print(f"DIFF {scenario}: {name}: only the {'peer' if a else 'other'} came to it")
            continue
        lines = []
        if blames_caller(a, b):
            allowed += 1
            continue
        if a.get("status") != b.get("status") and "status" in a and "status" in b:
            a, b = ({k: v for k, v in side.items() if k in ("status", "message")} for side in (a, b))
        for place in dict.fromkeys([*a, *b]):
            if a.get(place) == b.get(place):
                continue
            if reason(f"{scenario}: {name}", place):
                allowed += 1
                continue
            lines.append(f"    {place}: peer {a.get(place, '-')} | ours {b.get(place, '-')}")
        if lines:
            bad += 1
            if lines == last:
                print(f"DIFF {scenario}: {name} (as above)")
            else:
                print(f"DIFF {scenario}: {name}")
                print("\n".join(lines))
            last = lines
    return bad, allowed, len(missing)


def same_image(peer, ours):
    theirs = peer.api.get("/images/busybox:latest/json").json["Id"]
    mine = ours.api.get("/images/busybox:latest/json")
    if mine.status != 200 or mine.json["Id"] != theirs:
        data = peer.api.get("/images/busybox:latest/get").body
        ours.api.post("/images/load", data, headers={"Content-Type": "application/x-tar"})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--docker", default="docker")
    parser.add_argument("--version", default="1.45")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("filter", nargs="?", default="")
    args = parser.parse_args()
    peer = Side("peer", args.peer.removeprefix("unix://"), args.version)
    ours = Side("ours", args.host.removeprefix("unix://"), args.version)
    same_image(peer, ours)
    # What only one of them can do would hide what both can.
    probe = ours.api.post("/containers/create", {"Image": "busybox", "HostConfig": {
        "PortBindings": {"80/tcp": [{"HostPort": "18123"}]}}}, name="cmpapi-probe")
    ours.api.delete("/containers/cmpapi-probe")
    peer.publishes = ours.publishes = probe.status == 201
    bodies = {}
    if re.search(args.filter, "create"):
        recorder = Recorder(args.docker)
        for line in CREATES.strip().splitlines():
            bodies[line] = recorder.record(shlex.split(line.replace("{n}", "cmpapi")))
            if args.v and not bodies[line][0]:
                print(f"the command line refuses {line}: {bodies[line][1].splitlines()[0]}")
        recorder.close()
    bad = allowed = missing = total = 0
    for name, function in SCENARIOS.items():
        if not re.search(args.filter, name):
            continue
        threads = []
        for side in (peer, ours):
            side.records, side.bodies = {}, bodies

            def work(side=side, function=function):
                try:
                    function(side)
                finally:
                    side.clean()
            threads.append(threading.Thread(target=work))
            threads[-1].start()
        for thread in threads:
            thread.join()
        total += len(peer.records)
        counts = compare(name, peer, ours, args.v)
        bad, allowed, missing = bad + counts[0], allowed + counts[1], missing + counts[2]
    print(f"{total} records, {bad} differ, {missing} unsupported; {allowed} places differ as intended")
    return 1 if bad else 0


sys.exit(main())
