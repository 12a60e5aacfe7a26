#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the Debian/Ubuntu packages of the named sets; those present already are
# found with dpkg-query, so that a machine that has them all needs no network.
#   deps.sh SET...      sets: build run test lint fuzz bench peers
. "$(dirname "$0")/lib.sh"

# Of alternatives with a bar between them the first is taken that there is.
build=(gcc libc6-dev make meson ninja-build pkg-config libjansson-dev "libhttp-parser-dev|libllhttp-dev"
    libsqlite3-dev nettle-dev zlib1g-dev libzstd-dev libbz2-dev liblzma-dev libseccomp-dev
    libmnl-dev libnftnl-dev libcmocka-dev)
# ISA-L is not built for every architecture; zlib does its work elsewhere.
case "$(uname -m)" in x86_64 | aarch64) build+=(libisal-dev) ;; esac
run=(busybox-static iproute2 nftables)
test=(busybox-static iproute2 nftables procps util-linux python3 python3-pytest python3-docker
    curl zstd xz-utils libcap2-bin attr skopeo)
lint=(clang clang-format clang-tidy cppcheck python3 shellcheck)
fuzz=(clang)
bench=(hyperfine busybox-static iproute2 util-linux python3)
peers=(docker.io containerd runc crun podman conmon containernetworking-plugins iptables)

[ $# -gt 0 ] || die "usage: deps.sh build|run|test|lint|fuzz|bench|peers ..."
want=()
for set in "$@"; do
    case $set in
    build | run | test | lint | fuzz | bench | peers) declare -n packages=$set ;;
    *) die "unknown set of packages: $set" ;;
    esac
    want+=("${packages[@]}")
done

if ! command -v dpkg-query >/dev/null; then
    warn "deps: no dpkg here; these packages (Debian's names) are expected: ${want[*]}"
    exit 0
fi
# installed PACKAGE|ALTERNATIVE...
installed() {
    local alternatives package
    IFS='|' read -ra alternatives <<<"$1"
    for package in "${alternatives[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ] || return 0
    done
    return 1
}
missing=()
for package in "${want[@]}"; do installed "$package" || missing+=("$package"); done
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || die "missing packages: ${missing[*]} (sudo make deps installs them)"

say "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Peers are run by the bench itself, apart from the machine: installing one must not start it.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f $policy' EXIT
fi
choose() {
    local alternatives package
    IFS='|' read -ra alternatives <<<"$1"
    for package in "${alternatives[@]}"; do
        apt-cache show "$package" >/dev/null 2>&1 && break
    done
    printf '%s\n' "$package"
}
install_missing() {
    local chosen
    mapfile -t chosen < <(for package in "${missing[@]}"; do choose "$package"; done)
    apt-get install -y -qq --no-install-recommends "${chosen[@]}" </dev/null >/dev/null
}
apt-get update -qq </dev/null || { sleep 5; apt-get update -qq </dev/null; }
install_missing || { sleep 5; apt-get update -qq </dev/null; install_missing; }
