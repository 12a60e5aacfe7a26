#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the named checks, or all of them; says which failed, and fails if one did.
#   lint.sh [selftest format shell hygiene layering size manual banned headers cppcheck clang-tidy]
. "$(dirname "$0")/lib.sh"

scripts/deps.sh build lint
# Configured for clang, so that clang-tidy sees only flags it knows; generated headers come with it.
LINT_BUILD=build-lint
configure() {
    CC=clang BUILD=$LINT_BUILD scripts/build.sh --only-configure
}

check_selftest() { scripts/checks/selftest.sh; }
check_format() { scripts/format.sh --check; }
check_shell() {
    # Sourced files are checked with the scripts that source them; their variables are used there.
    shellcheck -x -P SCRIPTDIR -s bash -e SC2034 scripts/*.sh scripts/checks/*.sh .ci/run &&
        shellcheck packaging/postinst packaging/prerm packaging/postrm
}
check_hygiene() { "$PYTHON" scripts/checks/hygiene.py; }
check_layering() { "$PYTHON" scripts/checks/layering.py; }
check_size() { "$PYTHON" scripts/checks/size.py; }
check_manual() { "$PYTHON" scripts/checks/manual.py; }
check_banned() { "$PYTHON" scripts/checks/banned.py; }
check_headers() { configure && scripts/checks/headers.sh . $LINT_BUILD; }

check_cppcheck() {
    cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
        --suppressions-list=scripts/cppcheck-suppressions.txt --error-exitcode=1 -j "$(nproc)" \
        -D__linux__ -D__x86_64__ -D__GNUC__=12 --include=scripts/checks/cppcheck.h -Isrc src
}

check_clang-tidy() {
    configure || return
    # One file per process: with several, version 14 mistakes every va_list after the first for unset.
    find src -name '*.c' -print0 | sort -z |
        xargs -0r -n 1 -P "$(nproc)" clang-tidy --quiet -p $LINT_BUILD --extra-arg=-Wno-error 2>&1 |
        { grep -vE '^([0-9]+ warnings? generated\.)?$' || true; }
}

checks=("$@")
[ $# -gt 0 ] || checks=(selftest format shell hygiene layering size manual banned headers cppcheck clang-tidy)
failed=()
for check in "${checks[@]}"; do
    declare -F "check_$check" >/dev/null || die "no such check: $check"
    started=$SECONDS
    if ("check_$check"); then result=ok; else result=FAILED failed+=("$check"); fi
    printf 'lint: %-10s %s (%d s)\n' "$check" "$result" $((SECONDS - started))
done
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
