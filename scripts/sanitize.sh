#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds with a sanitizer in a build directory of its own, and runs the tests with it.
#   sanitize.sh asan|tsan     SUITES="unit e2e" (as root both, else unit)
. "$(dirname "$0")/lib.sh"

case ${1:-} in
asan) sanitizers=address,undefined ;;
tsan) sanitizers=thread ;;
*) die "usage: sanitize.sh asan|tsan" ;;
esac
# Every report ends the process: one that only scrolls by is no failed test.
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1:detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
if [ -z "${SUITES:-}" ]; then
    SUITES=unit
    [ "$(id -u)" != 0 ] || SUITES="unit e2e"
fi

export BUILD=build-$1
scripts/build.sh -Db_sanitize=$sanitizers -Db_lundef=false
read -ra suites <<<"$SUITES"
exec scripts/test.sh "${suites[@]}"
