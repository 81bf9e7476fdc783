#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [WORD…] — the long tests of this folder (those whose name contains one of the words), with BIN = our binaries of a
# build with test programs. Their output is shown as it comes; exit 0 is passed, 77 skipped, anything else failed.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")"
export BIN=${BIN:?BIN must name the folder of the binaries}
passed=0 failed=0 skipped=0
for script in *.sh; do
    [ "$script" != run.sh ] || continue
    name=${script%.sh} wanted=
    [ $# -gt 0 ] || wanted=yes
    for word in "$@"; do case $name in *"$word"*) wanted=yes ;; esac; done
    [ -n "$wanted" ] || continue
    limit=$(sed -n 's/^# limit: \([0-9]*\)s$/\1/p' "$script" | head -1)
    echo "== $name"
    status=0
    timeout -k 10 "${limit:-3600}" bash "$script" </dev/null || status=$?
    case $status in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *) failed=$((failed + 1)); echo "FAILED  $name (exit $status)" ;;
    esac
done
echo "soak: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
