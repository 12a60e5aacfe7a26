#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ends the daemon of run.sh and removes what it and its containers made: processes, mounts, cgroups,
# links, firewall table, files.
. "$(dirname "$0")/lib.sh"
. scripts/demo.sh

need_root stop
[ -d "$RUN" ] || [ -d $EXEC_ROOT ] || { say "Nothing runs."; exit 0; }
data_root=$(cat "$RUN/data-root" 2>/dev/null || echo "$RUN/data")

# Waits up to so many tenths of a second for a process to be gone.
wait_gone() {
    local left=$2
    while [ -e "/proc/$1" ] && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
    [ ! -e "/proc/$1" ]
}

remove_containers() {
    local ids
    mapfile -t ids < <(timeout 20 "${LIGHTER[@]}" ps -aq 2>/dev/null)
    [ ${#ids[@]} -eq 0 ] || timeout 120 "${LIGHTER[@]}" rm -f "${ids[@]}" >/dev/null || warn "some containers stay"
}

stop_daemon() {
    kill -TERM "$1" 2>/dev/null || return 0
    wait_gone "$1" 150 || { kill -KILL "$1" 2>/dev/null || true; wait_gone "$1" 50; }
}

# A shim of ours has our directories in its arguments, or files of them open: its log. Its program may
# be a memory file, which only the link's text tells. With a shim goes its container.
stop_shims() {
    local dir
    for dir in /proc/[0-9]*; do
        case "$(readlink "$dir/exe" 2>/dev/null)" in *lighter-shim*) ;; *) continue ;; esac
        { tr '\0' '\n' <"$dir/cmdline"; find "$dir/fd" "$dir/cwd" -type l -printf '%l\n'; } 2>/dev/null |
            grep -qF -e "$EXEC_ROOT/" -e "$data_root/" || continue
        kill -KILL "${dir#/proc/}" 2>/dev/null || true
    done
}

unmount_below() {
    local mounts i
    mapfile -t mounts < <(awk -v a="$1/" 'index($5 "/", a) == 1 { print $5 }' /proc/self/mountinfo)
    for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do umount -l "${mounts[i]}" || true; done
}

undo_network() {
    local family name
    [ -e "$RUN/before.bridge" ] || ip link delete $BRIDGE 2>/dev/null || true
    nft_tables | while read -r family name; do
        grep -qx "$family $name" "$RUN/before.nft" 2>/dev/null || nft delete table "$family" "$name"
    done
    [ ! -e "$RUN/before.ip_forward" ] || cat "$RUN/before.ip_forward" >/proc/sys/net/ipv4/ip_forward
}

# A group in use refuses.
remove_groups() {
    local group
    parent_groups | while read -r group; do
        grep -qxF "$group" "$RUN/before.cgroups" 2>/dev/null || find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
}

pid=$(daemon_pid)
if is_daemon "$pid"; then
    remove_containers
    stop_daemon "$pid"
fi
stop_shims
remove_groups
undo_network
unmount_below "$data_root"
unmount_below $EXEC_ROOT
rm -rf "$data_root" "$RUN" $EXEC_ROOT
say "Stopped; nothing is left."
