#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [VERSION [COUNT]] — our shim beside the Go shim of the same containerd, in one run: memory at COUNT idle containers,
# time of `ctr run --rm`, of an exec, of COUNT containers started in parallel, processor time of COUNT probed containers.
# Needs BIN; prints one table.
. "$(dirname "$0")/../../lib/common.sh"
. "$(dirname "$0")/../../lib/containerd.sh"
. "$(dirname "$0")/../../lib/shim.sh"
need runc python3
version=${1:-1.6} count=${2:-100} rounds=${ROUNDS:-20}
start_containerd "$version"
load_demo
now() { date +%s%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# time_of N COMMAND…: median milliseconds of N runs; %d in the command is the round
time_of() {
    local n=$1 i started
    shift
    for i in $(seq "$n"); do
        started=$(now)
        "${@//%d/$i}" >/dev/null 2>&1 || fail "${*//%d/$i}"
        echo $((($(now) - started) / 10000))
    done | median | awk '{ printf "%.2f", $1 / 100 }'
}
shims() { pgrep -f "containerd-shim-(ross|runc)-v2 -namespace $NS -id " || true; }
sum_kb() { local pid; for pid in $(shims); do cat "/proc/$pid/smaps_rollup"; done | awk -v k="$1" 'index($1, k) == 1 { s += $2 } END { print s + 0 }'; }
cpu_ticks() { local pid; for pid in $(shims); do awk '{ print $14 + $15 + $16 + $17 }' "/proc/$pid/stat"; done | awk '{ s += $1 } END { print s + 0 }'; }
start_one() { run "$1" -d -- sleep 100000 >/dev/null 2>&1; }
stop_all() {
    local i
    for i in $(c task ls -q); do
        c task kill -s SIGKILL "$i" >/dev/null 2>&1 || true
    done
    for i in $(c task ls -q); do
        wait_for 20 status_is "$i" STOPPED || true
        c task delete "$i" >/dev/null 2>&1 || true
        c container rm "$i" >/dev/null 2>&1 || true
    done
    wait_for 20 no_bench_shims
}
no_bench_shims() { [ -z "$(shims)" ]; }

measure() {
    local i started pids=() n p
    RUNTIME=$1
    R_run=$(time_of "$rounds" run "r%d" --rm -- true)
    start_one probe
    R_exec=$(time_of "$rounds" c task exec --exec-id "x%d" probe true)
    stop_all
    started=$(now)
    for i in $(seq "$count"); do start_one "c$i" & pids+=($!); done
    for p in "${pids[@]}"; do wait "$p" || fail "a parallel start failed"; done
    R_parallel=$((($(now) - started) / 1000000))
    n=$(shims | wc -l)
    sleep 2
    R_private=$((($(sum_kb Private_Dirty) + $(sum_kb Private_Clean)) / n))
    R_pss=$(($(sum_kb Pss:) / n))
    R_rss=$(($(sum_kb Rss:) / n))
    R_threads=$(for p in $(shims); do ls "/proc/$p/task" | wc -l; done | median)
    started=$(cpu_ticks)
    for i in $(seq "$count"); do c task exec --exec-id probe "c$i" true >/dev/null 2>&1 || fail "probe c$i"; done
    R_cpu=$((($(cpu_ticks) - started) * 10))
    stop_all
}
# The runtime alone, on the same root: what no shim can be faster than.
bare() {
    local dir=$WORK/bare
    mkdir -p "$dir"
    PYTHONPATH=$HERE/lib python3 -c 'import sys, json, shim_client as c
c.make_rootfs(sys.argv[1] + "/rootfs")
for name, args in (("run", ["true"]), ("stay", ["sleep", "100000"])):
    c.os.makedirs(sys.argv[1] + "/" + name)
    json.dump(c.spec(args, root=sys.argv[1] + "/rootfs", cgroup="/" + sys.argv[2] + "/bare-" + name), open(sys.argv[1] + "/" + name + "/config.json", "w"))' "$dir" "$NS"
    B_run=$(time_of "$rounds" runc --root "$dir/state" run --bundle "$dir/run" "b%d")
    runc --root "$dir/state" run --detach --bundle "$dir/stay" stay </dev/null >/dev/null 2>&1
    B_exec=$(time_of "$rounds" runc --root "$dir/state" exec stay true)
    runc --root "$dir/state" delete --force stay
}
bare
measure io.containerd.runc.v2
go=("$R_run" "$R_exec" "$R_parallel" "$R_private" "$R_pss" "$R_rss" "$R_threads" "$R_cpu")
measure io.containerd.ross.v2
ours=("$R_run" "$R_exec" "$R_parallel" "$R_private" "$R_pss" "$R_rss" "$R_threads" "$R_cpu")
names=("ctr run --rm, ms (median of $rounds)" "ctr exec, ms (median of $rounds)" "$count parallel starts, ms" "private memory, KiB" "proportional memory, KiB" "resident memory, KiB" threads "processor time of $count probes, shims and runc, ms")
printf '%-52s %12s %12s %8s\n' "the same by runc alone: run, exec, ms" "$B_run" "$B_exec" ""
printf '%-52s %12s %12s %8s\n' "containerd $version, $count containers" "Go shim" "ross" ratio
for i in "${!names[@]}"; do
    printf '%-52s %12s %12s %8s\n' "${names[$i]}" "${go[$i]}" "${ours[$i]}" "$(awk -v a="${ours[$i]}" -v b="${go[$i]}" 'BEGIN { printf "%.2f", b ? a / b : 0 }')"
done
remove_cgroups
