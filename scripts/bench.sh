#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds optimised programs and measures them beside the peers that are installed.
#   bench.sh [arguments of tests/bench/bench.py]
. "$(dirname "$0")/lib.sh"

need_root bench
scripts/deps.sh build bench
export BUILD=build-release
scripts/build.sh --buildtype=release
exec "$PYTHON" tests/bench/bench.py --build "$BUILD" "$@"
