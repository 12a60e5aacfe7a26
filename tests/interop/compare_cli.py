#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the same commands with `lighter` and with the real docker command line against one daemon,
and compares what they print and return. What must differ (the program's name, IDs, times) is made
equal first.

usage: compare_cli.py --host URL [--lighter PATH] [--docker PATH] [-v] [FILTER]

The daemon must have an image `busybox:latest`. Everything made is named cmp-* and removed.
"""
import argparse
import difflib
import os
import pathlib
import re
import shlex
import stat
import subprocess
import sys

# One case a line. "{n}" becomes a name of the program's own, so that both start from nothing.
# "!" before a line: only the exit code is compared. "+" before: not compared at all (set-up).
CASES = r"""
run --foo
run -X
ps --foo
ps -aX
run
exec a
ps x
logs
logs a b
rename a
load x
tag a
run --rm=maybe busybox
run --memory 3x busybox
run --cpus abc busybox
run --name
run -e
foo
container foo
image foo
container --foo
run -m 1k busybox true
run busybox nosuch
run busybox /etc
run -it busybox
run -d -a stdout busybox
run -d --rm --restart always busybox true
run --env-file nofile busybox
run -v /a:/b:zz busybox true
run --mount foo busybox true
run --mount type=bind,src=/a busybox true
run --ulimit x busybox
run -p x busybox
run --restart foo busybox true
run -l =x busybox
run --device foo:bar:z:q busybox
run -e =x busybox true
run --add-host x busybox
run --dns x busybox
run --log-opt x busybox true
run --sysctl x busybox true
run --memory-swappiness 200 busybox true
run -a foo busybox
run --pull foo busybox true
run --pull never nosuch
run --net= busybox true
run --security-opt x busybox true
run --security-opt seccomp=/nofile busybox true
run X busybox
run -m
run --tmpfs x busybox true
run --health-cmd x --no-healthcheck busybox true
inspect nosuch
inspect -f '{{.Id' busybox
inspect -f '{{.Foo}}' busybox
inspect -f '{{.Config.Foo}}' busybox
container inspect nosuch
image inspect nosuch
inspect --type image nosuch
logs nosuch
logs nosuch --since foo
rm nosuch1 nosuch2
rm -f nosuch
stop nosuch
kill nosuch
kill -s FOO nosuch
start nosuch nosuch2
wait nosuch
exec nosuch ls
exec -it nosuch ls
attach nosuch
rmi nosuch
rmi -f nosuch
tag nosuch x
tag busybox X
history nosuch
rename nosuch x
pause nosuch
ps -f foo
ps -f foo=bar
ps --last=x
stop -t x a
ps --format '{{.Foo}}'
ps --format '{{.ID'
ps --format '{{foo .ID}}'
ps --format '{{if .ID}}'
-H a -H b ps
-H unix:///nonexist ps
-H unix:///nonexist run busybox
-H tcp://127.0.0.1:1 ps
-l foo ps
-D=foo ps
--foo ps
import
import nofile
load -i nofile
help nosuch
version x
images --digests
images --no-trunc
images nosuch
images 'busybox:*'
images -q
images --format json
images --format 'table {{.Repository}} {{.CreatedAt}} {{.Digest}}'
images --format 'table {{.Repository}}\t{{.Tag}}\t{{.VirtualSize}}'
images --format '{{.Repository | printf "%-12s|"}}{{upper .Tag}}{{println}}'
history busybox
history --no-trunc busybox
history --format json busybox
history -H=false busybox
history -q busybox
image inspect busybox
inspect -f '{{eq 1 "a"}}' busybox
inspect -f '{{index .RootFS.Layers 5}}' busybox
inspect -f '{{.Config.Labels.foo}} {{.Config.Healthcheck}} {{.Config.Volumes}}' busybox
inspect -f '{{range .Config.Env}}x{{else}}none{{end}}{{/* c */}} {{- " t" -}}   z' busybox
inspect -f '{{printf "%5d|%-5s|%q|%v|%x" 3 "ab" "c\"" true 255}}' busybox
inspect -f '{{$x := .Os}}{{if and (eq $x "linux") .Size}}Y{{else if false}}q{{else}}N{{end}} {{slice .Id 7 9}} {{split "a,b" ","}} {{join (split "a,b" ",") "-"}} {{title "abc def"}} {{pad "x" 1 2}}| {{truncate "abcdef" 3}}' busybox
inspect -f '{{len .Foo}}' busybox
inspect -f '{{.Foo}}' busybox nosuch
inspect -f '{{.Id}}' nosuch
inspect -f json nosuch
inspect -f json busybox nosuch busybox
inspect -f '{{.Id.Foo}}' busybox
inspect -f '{{foo}}' busybox
inspect -f '{{end}}' busybox
inspect -f '{{"a' busybox
inspect -f '{{println "a" 1}}{{print 1 2 "a" "b"}}' busybox
inspect -f '{{.Id}} {{with .Nope}}x{{end}}' busybox
ps -h
! container -h
inspect -f '{{.Config.Env}} {{.Os}}/{{.Architecture}} {{len .RootFS.Layers}}' busybox
inspect -f '{{range $i, $e := .RootFS.Layers}}{{$i}}={{$e}};{{end}}{{with .RootFS}}{{.Type}}{{end}}' busybox
inspect -f '{{json .RootFS}}' busybox
inspect --format json busybox
info
info -f '{{.ServerVersion}} {{.OSType}} {{range .Plugins.Network}}{{.}},{{end}}'
system info -f '{{.Foo}}'
version -f '{{.Foo}}'
version -f '{{.Server.Version}} {{range .Server.Components}}{{.Name}} {{end}}'
run --rm busybox echo hello
run --rm busybox sh -c 'echo out; echo err >&2; exit 5'
run --rm busybox sh -c 'kill -9 $$'
run --rm -e A=b -e HOME -w /tmp -h box busybox sh -c 'echo $A $HOME $PWD; hostname'
run --rm -u 33:33 --read-only busybox sh -c 'id -u; touch /x'
run --rm --cpus 1.5 -m 64m --pids-limit 50 --ulimit nofile=100:200 busybox sh -c 'ulimit -n'
run --rm --entrypoint echo busybox a b
run --rm -v /tmp/cmp-vol:/v --tmpfs /t:size=1m busybox sh -c 'ls -d /v /t'
run --rm --mount type=tmpfs,dst=/q,tmpfs-size=1m busybox sh -c 'grep -c " /q " /proc/mounts'
run --rm -t busybox tty
run --rm -d --name {n}0 busybox sleep 0.01
+ run -d --name {n}1 --label a=b --label c=d -v /x -p 8{p}80:80 busybox sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
ps --filter name={n}1
ps --filter name={n}1 -s
ps --filter name={n}1 --no-trunc
ps --filter name={n}1 -q
ps --filter name={n}1 --format json
ps --filter name={n}1 --format '{{json .}}' -s
ps --filter name={n}1 --format 'table {{.ID}}\t{{.Names}}\t{{.Status}}\t{{.Label "a"}}'
ps --filter name={n}1 --format 'table {{.ID | printf "%.0s"}} {{.Image}}'
ps --filter name={n}1 --format '{{.Names}} {{.Labels}} {{.Mounts}} {{.Networks}} {{.State}} {{.Ports}}'
container ls --filter name={n}1
inspect -f '{{json .Config}}' {n}1
inspect -f '{{.State.Status}}{{range $k, $v := .Config.Labels}} {{$k}}={{$v}}{{end}} {{index .Config.Labels "a"}}' {n}1
inspect -f '{{if .State.Health}}h{{else}}none{{end}} {{.HostConfig.NetworkMode}} {{eq .State.Status "running"}}' {n}1
inspect -f '{{.State.Status}}' {n}1 nosuch {n}1
inspect -s -f '{{.SizeRw}}' {n}1
exec {n}1 echo hi
exec {n}1 nosuch
exec -d {n}1 nosuch
exec {n}1 sh -c 'exit 7'
exec -t {n}1 tty
exec -w /tmp -e A=b -u 33 {n}1 sh -c 'pwd; echo $A; id -u'
rm {n}1
pause {n}1
ps --filter name={n}1
exec {n}1 true
unpause {n}1
stop -t 5 {n}1
ps -a --filter name={n}1 --format '{{.Names}} {{.State}}'
attach {n}1
start {n}1
kill {n}1
kill {n}1
restart -t 0 {n}1
rename {n}1 {n}2
rename {n}2 {n}2
+ run --name {n}3 busybox sh -c 'echo e >&2; sleep 0.1; for i in 1 2 3; do echo l$i; done'
logs {n}3
logs --tail 1 {n}3
logs -f -n 2 {n}3
! logs -t {n}3
start -a {n}3
wait {n}3
start {n}2 {n}3
create --name {n}4 busybox true
! rm -f {n}2 {n}3
rm -v {n}4
run --rm --cidfile /nonexist/x busybox true
tag busybox {n}:1
rmi {n}:1
events --since 1 --until 2
! system events --since 1m --until 0s
events --since 1m --until 0s --filter event=rename --format '{{.Action}} {{.Type}}'
save busybox -o /tmp/cmp-{n}.tar
save busybox -o /tmp
save busybox -o /tmp/cmp-device
save nosuch -o /tmp/cmp-{n}.tar
load -i /tmp/cmp-{n}.tar
load -q -i /tmp/cmp-{n}.tar
load -i /etc/passwd
import /tmp/cmp-{n}.tar {n}:i
! rmi {n}:i
create busybox
create -v
create --rm --restart always busybox
"""

# Words of our help texts that docker's lacks: it has a misprint there.
OWN_WORDS = {'"missing",'}

HELP = ["run", "create", "start", "stop", "kill", "restart", "rm", "ps", "logs", "exec", "attach",
        "wait", "images", "import", "load", "save", "history", "events", "info", "rename",
        "pause", "unpause", "tag", "container ls", "container inspect", "container rm",
        "container prune", "image ls", "container run"]


def normalise(text, name, program):
    text = text.replace(name, "NAME")
    text = re.sub(r"\bdocker\b", "lighter", text)
    text = re.sub(r"\bDocker (daemon|host)\b", r"Lighter \1", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "ID64", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "ID12", text)
    text = re.sub(r"\b[0-9a-f]{14}…", "ID14", text)
    text = re.sub(r"docker-import-\d+", "docker-import-N", text)
    text = re.sub(r"Runtimes: (.*)", lambda m: "Runtimes: " + str(sorted(m[1].split())), text)
    text = re.sub(r"\b8[01]80\b", "8x80", text)
    text = re.sub(r"(\d+|an?|Less than a|About an?) (second|minute|hour|day)s?", "SPAN", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000 UTC)", "TIME", text)
    # Lighter's own version texts.
    text = re.sub(r"Version:    \S+", "Version:    V", text)
    text = re.sub(r" +SPAN *", " SPAN ", text)
    text = re.sub(r"(?m)^(CONTAINER ID|REPOSITORY|IMAGE) .*$",
                  lambda m: re.sub(" {2,}", "  ", m[0]), text)
    return text


def run(argv, timeout=60):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=timeout, check=False)
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


def show(what, a, b):
    lines = difflib.unified_diff(a.splitlines(), b.splitlines(), f"docker {what}",
                                 f"lighter {what}", lineterm="", n=1)
    print("\n".join("    " + line for line in lines))


def expand(line, program):
    name = "cmp-d" if program == "docker" else "cmp-l"
    line = line.replace("{n}", name).replace("{p}", "0" if program == "docker" else "1")
    return name, shlex.split(line)


def compare_help(args, command):
    """Options that lighter leaves out are allowed to be missing, not to differ."""
    docker = run([args.docker] + command.split() + ["--help"])[1]
    ours = run([args.lighter] + command.split() + ["--help"])[1]
    known = normalise(docker, "\0", "docker").splitlines()
    # Columns move where a longer option was left out; words do not change.
    known = {word for line in known for word in line.split()}
    bad = [line for line in normalise(ours, "\0", "lighter").splitlines()
           if any(word not in known | OWN_WORDS for word in line.split())]
    if bad:
        print(f"DIFF {command} --help")
        print("\n".join("    + " + line for line in bad))
    return not bad


def compare(args, line, bare, only_code):
    results = {}
    for program, path in (("docker", args.docker), ("lighter", args.lighter)):
        name, argv = expand(line, program)
        code, out, err = run([path] + argv if bare else [path, "-H", args.host] + argv)
        results[program] = (code, normalise(out, name, program), normalise(err, name, program))
    d, o = results["docker"], results["lighter"]
    if d == o or (only_code and d[0] == o[0]):
        return True
    print(f"DIFF {line}")
    if d[0] != o[0]:
        print(f"    exit code: docker {d[0]}, lighter {o[0]}")
    for i, what in ((1, "stdout"), (2, "stderr")):
        if d[i] != o[i]:
            show(what, d[i], o[i])
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--lighter", default="build/lighter")
    parser.add_argument("--docker", default="docker")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("filter", nargs="?", default="")
    args = parser.parse_args()
    # A device like /dev/null, which `save` must leave alone.
    device = pathlib.Path("/tmp/cmp-device")
    device.unlink(missing_ok=True)
    os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    passed = failed = 0
    for raw in CASES.strip().splitlines():
        mark, line = (raw[0], raw[2:]) if raw[:2] in ("! ", "+ ") else ("", raw)
        if mark == "+":
            for program, path in (("docker", args.docker), ("lighter", args.lighter)):
                run([path, "-H", args.host] + expand(line, program)[1])
            continue
        if args.filter not in line and "{n}" not in line:
            continue
        if args.v:
            print(line)
        ok = compare(args, line, line.startswith("-H"), mark == "!")
        passed, failed = passed + ok, failed + (not ok)
    for command in HELP:
        ok = compare_help(args, command)
        passed, failed = passed + ok, failed + (not ok)
    if not device.is_char_device():
        print("DIFF save replaced a device")
        failed += 1
    device.unlink(missing_ok=True)
    for name in ("cmp-d", "cmp-l"):
        run([args.docker, "-H", args.host, "rm", "-f", "-v"] + [f"{name}{i}" for i in range(5)])
        pathlib.Path(f"/tmp/cmp-{name}.tar").unlink(missing_ok=True)
    print(f"{passed} alike, {failed} different")
    return 1 if failed else 0


sys.exit(main())
