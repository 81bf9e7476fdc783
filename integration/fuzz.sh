#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh SECONDS — every libFuzzer program of build/fuzz for that long, starting from and adding to its corpus.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
seconds=$1 failed=0 passed=0
findings=../build/fuzz/findings
mkdir -p "$findings"
for fuzzer in ../build/fuzz/fuzz/*_fuzz; do
    name=$(basename "$fuzzer")
    mkdir -p "../build/fuzz/corpus/$name"
    if "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$findings/$name-" \
        "../build/fuzz/corpus/$name" "corpus/$name" >"../build/fuzz/$name.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name $(grep -o 'DONE.*' "../build/fuzz/$name.log" | tail -1)"
    else
        failed=$((failed + 1))
        echo "FAILED  $name"
        tail -30 "../build/fuzz/$name.log"
    fi
done
echo "fuzz: $passed passed, $failed failed"
[ $failed = 0 ]
