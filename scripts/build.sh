#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Configures a build directory when it is new, and builds it.
#   build.sh [meson options for a new directory]      BUILD=directory
. "$(dirname "$0")/lib.sh"

scripts/deps.sh build
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" "$@"
exec ninja -C "$BUILD" --quiet
