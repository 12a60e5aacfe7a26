# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the other scripts: the few things they share.
# shellcheck shell=bash
set -euo pipefail
# Installed files are for everybody to read, and tests compare modes.
umask 022

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$TOP"
BUILD=${BUILD:-build}
PROGRAMS=(lighterd lighter lighter-shim lighter-runtime lighter-init)
# The distribution's interpreter: the test and lint modules are its packages.
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
export PYTHONDONTWRITEBYTECODE=1

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "${0##*/}: $*"; exit 1; }

need_root() {
    [ "$(id -u)" = 0 ] || die "this needs root: sudo make ${1:-}"
}

# The version as meson.build states it.
project_version() {
    sed -n "/^project(/,/)/s/.*[^_]version *: *'\([^']*\)'.*/\1/p" meson.build | head -1
}

# Every C file that is ours, NUL-terminated.
c_files() {
    find src tests -name '*.[ch]' -print0 2>/dev/null | sort -z
}
