#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [WORD…] — runs integration/cases/*.sh (those whose name contains one of the words) with BIN = our binaries.
# A line "# needs: tests" in a case means that it wants a build with test programs and fault points (a release build has none):
# such cases run only with CASES_KIND=tests, the others only without. CASES_KIND=sanitizers runs both, but those with a line
# "# sanitizers: no, …", which says why; CASES_KIND=unsanitized runs what is left of the first sort then.
# A case exits 0 (passed), 77 (skipped, its last line says why) or anything else (failed, its output is shown).
# With CASES_AGAIN=N one that failed runs up to N times more; if it passes then, it is counted as unsteady beside the passed ones,
# and the log of each failure stays beside that of the last run.
# Lines "# variants: A B" in a case run it once for each word as argument.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")"
export BIN=${BIN:?BIN must name the folder of the binaries} LAB=${LAB:-/tmp/lab}
export ROSS_INTEGRATION=$PWD
passed=0 failed=0 skipped=0 unsteady=0
logs=$(dirname "$BIN")/cases
mkdir -p "$logs"

wanted() {
    [ $# -gt 1 ] || return 0
    local name=$1 word
    shift
    for word in "$@"; do case $name in *"$word"*) return 0 ;; esac; done
    return 1
}

run_once() { # SCRIPT LABEL VARIANT: sets status, took, log
    local script=$1 label=$2 variant=$3 started limit
    log=$logs/${label//[^A-Za-z0-9_.-]/_}.log
    limit=$(sed -n 's/^# limit: \([0-9]*\)s$/\1/p' "$script" | head -1)
    limit=${limit:-600}
    # written for programs without sanitizers
    [ "${CASES_KIND:-}" != sanitizers ] || limit=$((2 * limit))
    started=$(date +%s.%N)
    timeout -k 10 "$limit" bash "$script" ${variant:+"$variant"} >"$log" 2>&1 </dev/null
    status=$?
    took=$(printf '%.1f' "$(echo "$(date +%s.%N) $started" | awk '{print $1-$2}')")
}

run_case() {
    local status took log tries=0 again=${CASES_AGAIN:-0}
    rm -f "$logs/${2//[^A-Za-z0-9_.-]/_}".failed-*.log
    while :; do
        run_once "$1" "$2" "${3:-}"
        tries=$((tries + 1))
        case $status in 0 | 77) break ;; esac
        echo "FAILED  $2 (exit $status, ${took}s, run $tries of $((again + 1))) $(grep -a '^FAIL: ' "$log" | tail -1)"
        tail -60 "$log" | sed 's/^/        | /'
        [ "$tries" -le "$again" ] || { failed=$((failed + 1)); return; }
        mv -f "$log" "${log%.log}.failed-$tries.log"
    done
    [ "$tries" = 1 ] || unsteady=$((unsteady + 1))
    if [ "$status" = 77 ]; then
        skipped=$((skipped + 1))
        echo "skipped $2: $(tail -1 "$log")"
        return
    fi
    passed=$((passed + 1))
    echo "ok      $2 (${took}s)"
    # parts that this host cannot show
    sed -n 's/^not shown here: /        not shown: /p' "$log"
}

# Controllers that a hybrid host left on its v2 mount get v1 mounts, so that crun can be tested.
cure_cgroups() {
    local c
    [ -f /sys/fs/cgroup/unified/cgroup.controllers ] || return 0
    for c in $(cat /sys/fs/cgroup/unified/cgroup.controllers); do
        mkdir -p "/sys/fs/cgroup/$c" && { mountpoint -q "/sys/fs/cgroup/$c" || mount -t cgroup -o "$c" cgroup "/sys/fs/cgroup/$c"; } || true
    done
}

mapfile -t scripts < <(ls cases/hybrid_host.sh cases/*.sh | awk '!seen[$0]++')
for script in "${scripts[@]}"; do
    [ "$script" = cases/hybrid_host.sh ] || cure_cgroups
    name=$(basename "$script" .sh)
    variants=$(sed -n 's/^# variants: //p' "$script" | head -1)
    for v in ${variants:-none}; do
        label=$name
        [ "$v" = none ] || label="$name $v"
        wanted "$label" "$@" || continue
        kind=$(sed -n 's/^# needs: //p' "$script" | head -1)
        if [ "${CASES_KIND:-}" = sanitizers ]; then
            ! grep -q '^# sanitizers: no, ' "$script" || continue
        elif [ "${CASES_KIND:-}" = unsanitized ]; then
            [ "${kind:-}" = tests ] && grep -q '^# sanitizers: no, ' "$script" || continue
        else
            [ $# -gt 0 ] || [ "${kind:-}" = "${CASES_KIND:-}" ] || continue
        fi
        if [ "$v" = none ]; then run_case "$script" "$label"; else run_case "$script" "$label" "$v"; fi
    done
done
echo "cases: $passed passed, $failed failed, $skipped skipped, $unsteady unsteady"
[ "$failed" = 0 ]
