#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Compiles each header alone: it must include all it uses.
#   headers.sh [ROOT [BUILD]]
set -euo pipefail
cd "${1:-.}"
build=${2:-build}

flags=(-std=gnu17 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -Isrc -I"$build" -I"$build/src")
if command -v pkg-config >/dev/null; then
    for library in jansson libmnl libnftnl libseccomp sqlite3 nettle; do
        read -ra more <<<"$(pkg-config --cflags "$library" 2>/dev/null || true)"
        flags+=("${more[@]}")
    done
fi

one() {
    local header=$1
    shift
    # Included from a file of its own, so that a header's own `#pragma once` is no complaint.
    printf '#include "%s"\n' "$PWD/$header" | gcc -x c "$@" - 2>&1 || { printf '%s: does not compile alone\n' "$header"; return 1; }
}
export -f one
find src -name '*.h' ! -path src/base/banned.h -print0 | sort -z |
    xargs -0r -P "$(nproc)" -I{} bash -c 'one "$@"' one {} "${flags[@]}" || exit 1
