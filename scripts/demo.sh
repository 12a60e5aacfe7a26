# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by run.sh and stop.sh: where the demo daemon lives.
# shellcheck shell=bash

RUN=$TOP/$BUILD/run
EXEC_ROOT=/run/lighter-demo
SOCKET=$RUN/lighter.sock
# A socket's address holds 107 bytes.
[ ${#SOCKET} -le 107 ] || SOCKET=$EXEC_ROOT/lighter.sock
PIDFILE=$RUN/lighterd.pid
LIGHTER=("$TOP/$BUILD/lighter" -H "unix://$SOCKET")
BRIDGE=lighter0

# Is the process of that id a lighterd?
is_daemon() {
    local name
    [ -n "${1:-}" ] && read -r name <"/proc/$1/comm" 2>/dev/null && [ "$name" = lighterd ]
}

daemon_pid() {
    cat "$PIDFILE" 2>/dev/null || true
}

# The nftables tables of the daemon, as `family name` lines.
nft_tables() {
    nft list tables 2>/dev/null | sed -n 's/^table \(.* lighter\)$/\1/p' || true
}

# The daemon's parent control groups, in every hierarchy.
parent_groups() {
    find /sys/fs/cgroup -type d -name lighter 2>/dev/null || true
}
