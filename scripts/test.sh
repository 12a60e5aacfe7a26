#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds, runs the named suites, and ends with `N passed, N failed, N skipped` over all of them.
#   test.sh [unit] [e2e]     BUILD=directory  ARGS=more arguments for pytest
. "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- unit e2e
case " $* " in *" e2e "*)
    need_root test
    scripts/deps.sh test
    ;;
esac
scripts/build.sh
build=$(realpath "$BUILD")
results=()

# Failed programs' output is shown; all of it is in meson-logs/.
run_unit() {
    rm -f "$build"/meson-logs/testlog.json
    results+=("$build/meson-logs/testlog.json")
    meson test -C "$build" --no-rebuild --suite unit --print-errorlogs || true
}

# The programs under test are those of the build directory, never installed ones.
run_e2e() {
    local report=$build/e2e.xml arguments=()
    read -ra arguments <<<"${ARGS:-}"
    rm -f "$report"
    results+=("$report")
    LIGHTER_BUILD=$build PATH=$build:$PATH "$PYTHON" -m pytest tests/e2e -p no:cacheprovider -q -ra \
        --junit-xml="$report" "${arguments[@]}" </dev/null || true
}

for suite in "$@"; do
    case $suite in
    unit) run_unit ;;
    e2e) run_e2e ;;
    *) die "no such suite: $suite" ;;
    esac
done
exec "$PYTHON" scripts/tally.py "${results[@]}"
