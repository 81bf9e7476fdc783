#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [WORD…] — every benchmark bench/NAME/run.sh (or those whose NAME contains a word); each prints a table of ratios measured in one run.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")"
export ROSS_INTEGRATION=${PWD%/bench} BIN=${BIN:?} LAB=${LAB:-/tmp/lab}
status=0
for script in */run.sh; do
    name=${script%/run.sh}
    [ $# = 0 ] && wanted=1 || wanted=0
    for word in "$@"; do case $name in *"$word"*) wanted=1 ;; esac; done
    [ $wanted = 1 ] || continue
    echo "=== $name"
    bash "$script"
    case $? in 0) ;; 77) echo "($name skipped)" ;; *) status=1; echo "($name failed)" ;; esac
done
exit $status
