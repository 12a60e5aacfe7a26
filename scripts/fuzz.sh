#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs each fuzzer (or the named ones) for FUZZ_SECONDS. New inputs go to a scratch directory; what
# made one fail is left in build-fuzz/failures/ and belongs into tests/fuzz/corpus/<name>/ with the fix.
. "$(dirname "$0")/lib.sh"

scripts/deps.sh build fuzz
export CC=clang BUILD=build-fuzz
scripts/build.sh -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link

seconds=${FUZZ_SECONDS:-20} failed=() ran=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p $BUILD/failures
mapfile -t fuzzers < <(find $BUILD/tests/fuzz -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort)
for fuzzer in "${fuzzers[@]}"; do
    name=${fuzzer##*/fuzz_}
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    ran=$((ran + 1))
    mkdir -p "$scratch/$name"
    corpus=("$scratch/$name")
    [ ! -d "tests/fuzz/corpus/$name" ] || corpus+=("tests/fuzz/corpus/$name")
    say "== $name, $seconds s"
    "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 \
        -artifact_prefix="$BUILD/failures/$name-" "${corpus[@]}" >"$scratch/log" 2>&1 || failed+=("$name")
    if [[ " ${failed[*]} " == *" $name "* ]]; then tail -40 "$scratch/log"; else
        sed -n 's/^stat::number_of_executed_units: */   runs: /p; s/^stat::new_units_added: */   new inputs: /p' "$scratch/log"
    fi
done
[ $ran -gt 0 ] || die "no fuzzer was found"
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]} (inputs in $BUILD/failures/)"
say "$ran fuzzers, no failure"
