#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Configures a build directory when it is new, and builds it.
#   build.sh [--only-configure] [meson options for a new directory]      BUILD=directory
. "$(dirname "$0")/lib.sh"

only_configure=
if [ "${1:-}" = --only-configure ]; then
    only_configure=1
    shift
fi
scripts/deps.sh build

# Quietly, unless it fails.
quietly() {
    local output
    output=$("$@" 2>&1) || { warn "$output"; return 1; }
}

[ -f "$BUILD/build.ninja" ] || quietly meson setup "$BUILD" "$@"
if [ -n "$only_configure" ]; then
    quietly ninja -C "$BUILD" build.ninja
else
    ninja -C "$BUILD" --quiet
fi
