#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What depends on the kernel and its cgroup layout: limits, OOM, freezer, devices, the default
# network. Run it as root on a machine, usually a virtual one, whose layout differs from the
# developer's: pure v2, pure v1 or a hybrid. It uses a data root on a tmpfs of its own.
#   BUILD=directory tests/vm/limits.sh      prints `N passed, N failed`
set -u
cd "$(dirname "$0")/../.." || exit
build=$(realpath "${BUILD:-build}")
dir=$(mktemp -d)
mount -t tmpfs -o size=1g lighter-vm "$dir"
busybox=$(command -v busybox)
passed=0 failed=0

"$build/lighterd" -H "unix://$dir/l.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
    --pidfile "$dir/pid" --config-file /dev/null >"$dir/log" 2>&1 &
daemon=$!
for _ in {1..300}; do [ -S "$dir/l.sock" ] && break; sleep 0.1; done

l() { "$build/lighter" -H "unix://$dir/l.sock" "$@"; }
# check NAME EXPECTED COMMAND...: the command's output, errors included, must contain EXPECTED
check() {
    local name=$1 expected=$2 got
    shift 2
    got=$("$@" 2>&1)
    if [[ $got == *"$expected"* ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: expected %s, got:\n%s\n' "$name" "$expected" "$got"
    fi
}

mkdir -p "$dir/root/bin" "$dir/root/tmp"
cp "$busybox" "$dir/root/bin/busybox"
for applet in sh cat sleep true head tr wc mknod ping echo; do ln -s busybox "$dir/root/bin/$applet"; done
tar -C "$dir/root" -c . | l import -c 'ENV PATH=/bin' - box:1 >/dev/null

either='cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null'
check "memory limit" 67108864 l run --rm -m 64m box:1 sh -c "$either"
either='cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null'
check "cpu limit" 50000 l run --rm --cpus 0.5 box:1 sh -c "$either"
check "pids limit" "can't fork" l run --rm --pids-limit 8 box:1 sh -c \
    'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; wait'
# shellcheck disable=SC2016  # expanded inside
l run --name oom -m 32m --memory-swap 32m box:1 sh -c 'x=$(head -c 200000000 /dev/zero | tr "\0" x)' >/dev/null 2>&1
check "out of memory" "true 137" l inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom
l run -d --name bg box:1 sleep 600 >/dev/null
check "exec" inside l exec bg echo inside
l pause bg >/dev/null
check "pause" paused l inspect -f '{{.State.Status}}' bg
l unpause bg >/dev/null
check "unpause" again l exec bg echo again
check "devices refused" "Operation not permitted" l run --rm box:1 sh -c 'mknod /tmp/d b 8 0; cat /tmp/d'
check "devices allowed" 1 l run --rm box:1 sh -c 'head -c1 /dev/urandom | wc -c'
gateway=$(l inspect -f '{{.NetworkSettings.Gateway}}' bg)
check "bridge" "1 packets received" l run --rm box:1 ping -c1 -w9 "$gateway"
kill -9 $daemon
wait $daemon 2>/dev/null
"$build/lighterd" -H "unix://$dir/l.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
    --pidfile "$dir/pid" --config-file /dev/null >>"$dir/log" 2>&1 &
daemon=$!
for _ in {1..300}; do l version >/dev/null 2>&1 && break; sleep 0.1; done
check "taken over" running l inspect -f '{{.State.Status}}' bg
l kill bg >/dev/null
check "ended" 137 l wait bg
l rm -f bg oom >/dev/null
left=$(find /sys/fs/cgroup -type d -regextype posix-extended -regex '.*/[0-9a-f]{64}' | head -3)
check "no control groups left" "none" echo "${left:-none}"
kill $daemon
wait $daemon
umount -l "$dir"
rmdir "$dir"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
