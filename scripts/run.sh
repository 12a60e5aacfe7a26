#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds, starts lighterd on a socket and data root of its own, makes a busybox image from the machine's
# own busybox, and runs a container that shows what it is. stop.sh undoes all of it.
. "$(dirname "$0")/lib.sh"
. scripts/demo.sh

need_root run
scripts/deps.sh build run
scripts/build.sh

# Overlayfs cannot keep its upper directories on overlayfs: take the first place that is none.
choose_data_root() {
    local place
    for place in "$RUN/data" /var/lib/lighter-demo "$EXEC_ROOT/data"; do
        mkdir -p "$place"
        [ "$(stat -f -c %T "$place")" = overlayfs ] || { echo "$place"; return; }
        rmdir "$place"
    done
    die "no file system here can hold overlay layers"
}

# What was there before is not ours to remove.
note_what_exists() {
    cat /proc/sys/net/ipv4/ip_forward >"$RUN/before.ip_forward"
    ! ip link show $BRIDGE >/dev/null 2>&1 || : >"$RUN/before.bridge"
    nft_tables >"$RUN/before.nft"
    parent_groups >"$RUN/before.cgroups"
}

start_daemon() {
    local data_root
    mkdir -p "$RUN" $EXEC_ROOT
    data_root=$(choose_data_root)
    echo "$data_root" >"$RUN/data-root"
    note_what_exists
    printf '{}\n' >"$RUN/daemon.json"
    setsid "$TOP/$BUILD/lighterd" -H "unix://$SOCKET" --data-root "$data_root" --exec-root $EXEC_ROOT \
        --pidfile "$PIDFILE" --config-file "$RUN/daemon.json" >"$RUN/lighterd.log" 2>&1 </dev/null &
    for _ in $(seq 100); do
        ! "${LIGHTER[@]}" version >/dev/null 2>&1 || return 0
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    tail -20 "$RUN/lighterd.log" >&2
    die "lighterd did not start; its log is $RUN/lighterd.log"
}

if is_daemon "$(daemon_pid)" && "${LIGHTER[@]}" version >/dev/null 2>&1; then
    say "lighterd runs already (pid $(daemon_pid))."
else
    start_daemon
    say "lighterd runs (pid $(daemon_pid)), its log is $BUILD/run/lighterd.log."
fi

if [ -z "$("${LIGHTER[@]}" images -q busybox:latest 2>/dev/null)" ]; then
    scripts/busybox-image.sh | "${LIGHTER[@]}" import -c 'CMD ["sh"]' -c 'ENV PATH=/bin:/sbin:/usr/bin:/usr/sbin' \
        - busybox:latest >/dev/null
    say "Image busybox:latest made from $(command -v busybox)."
fi

say "A container:"
# shellcheck disable=SC2016  # expanded inside
"${LIGHTER[@]}" run --rm --hostname barge -m 64m busybox sh -c '
    limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes)
    echo "  host name     $(hostname)"
    echo "  user          $(id)"
    echo "  process 1     $(cat /proc/1/comm), this shell: pid $$"
    echo "  root          $(grep " / " /proc/mounts | cut -d" " -f1,3 | head -1), $(wc -l </proc/mounts) mounts"
    echo "  memory limit  $limit bytes"
    echo "  eth0          $(ip -4 -o addr show eth0 | sed "s/.*inet \([^ ]*\).*/\1/")"
    echo "  gateway       $(ip route | sed -n "s/^default via \([^ ]*\).*/\1/p")"'

cat <<EOF

Next, as root:
  export LIGHTER_HOST=unix://$SOCKET PATH=$TOP/$BUILD:\$PATH
  lighter run -it --rm busybox        a shell in a container (Ctrl-P Ctrl-Q leaves it running)
  lighter run -d --name web busybox httpd -f -h /etc
  lighter ps; lighter logs web; lighter exec -it web sh
  docker -H \$LIGHTER_HOST ps         Docker's own client works too
  make stop                           stops it and removes everything
EOF
