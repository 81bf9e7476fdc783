#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The time of `run --rm IMAGE true`: ross-cli, beside ctr with stock containerd, and beside the bare runtimes on the same root filesystem.
# Interleaved rounds after a warm-up; medians and ratios.
. "$(dirname "$0")/../../lib/common.sh"
. "$(dirname "$0")/../../lib/containerd.sh"
need runc crun python3 jq
ROUNDS=${ROUNDS:-20}
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
start_containerd 1.6
start_registry
push_demo demo:1
IMAGE=$REGISTRY/demo:1
ctr images pull --plain-http "$IMAGE" >/dev/null
ctr run --rm "$IMAGE" warm true
ross run --rm demo true

# containers to exec into
ross run -d --network none --name box demo sleep 3600 >/dev/null
ross run -d --network none --runtime runc --name box-runc demo sleep 3600 >/dev/null
ctr run -d "$IMAGE" box sleep 3600

# The bare runtimes, on the same layer unpacked: with the spec that they write themselves (no seccomp filter, no limits on devices), and with
# the one that ross wrote for its container: the same work.
mkdir -p "$WORK/rootfs"
layer=$(jq -r '.layers[0].digest[7:]' "$WORK/demo/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$WORK/demo/index.json")")
tar -C "$WORK/rootfs" -xzf "$WORK/demo/blobs/sha256/$layer"
(cd "$WORK" && runc spec)
# bundle NAME SPEC ARGS: $WORK/NAME, in a cgroup of its own
bundle() {
    mkdir -p "$WORK/$1"
    jq --arg name "$1" --arg rootfs "$WORK/rootfs" --argjson args "$3" '.process.terminal=false | .process.args=$args | .process.env=["PATH=/bin"] |
        .root.path=$rootfs | .linux.cgroupsPath="/ross-bench/" + $name' "$2" >"$WORK/$1/config.json"
}
spec_of() { echo "$ROSS_STATE/tasks/default/$(ross inspect --format '{{.Id}}' "$1")/config.json"; }
bundle bundle "$WORK/config.json" '["true"]'
bundle bundle-ross "$(spec_of box)" '["true"]'
bundle bundle-ross-runc "$(spec_of box-runc)" '["true"]'
for runtime in runc crun; do
    bundle "box-$runtime" "$WORK/config.json" '["sleep","3600"]'
    $runtime --root "$WORK/$runtime" run -d --bundle "$WORK/box-$runtime" "box-$runtime" </dev/null >/dev/null 2>&1 || echo "(no bare $runtime to exec into)"
done

cat >"$WORK/bench.py" <<'P'
import os, subprocess, sys, time, statistics
rounds, work, bins, image = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
n = 0
def fresh():
    global n
    n += 1
    return "b%d" % n
ctr = os.environ["CTR"].split()
commands = {
    "ross-cli run --rm (chosen runtime)": lambda: [bins + "/ross-cli", "run", "--rm", "--network", "none", "demo", "true"],
    "ross-cli run --rm --runtime runc": lambda: [bins + "/ross-cli", "run", "--rm", "--network", "none", "--runtime", "runc", "demo", "true"],
    "ctr run --rm (containerd 1.6, runc)": lambda: ctr + ["run", "--rm", image, fresh(), "true"],
    "runc run": lambda: ["runc", "--root", work + "/runc", "run", "--bundle", work + "/bundle", fresh()],
    "ross-cli run --rm (bridge network)": lambda: [bins + "/ross-cli", "run", "--rm", "--network", "bridge", "demo", "true"],
    "ross-cli exec (chosen runtime)": lambda: [bins + "/ross-cli", "exec", "box", "true"],
    "ctr task exec (containerd 1.6, runc)": lambda: ctr + ["task", "exec", "--exec-id", fresh(), "box", "true"],
    "runc exec": lambda: ["runc", "--root", work + "/runc", "exec", "box-runc", "true"],
    "crun exec": lambda: ["crun", "--root", work + "/crun", "exec", "box-crun", "true"],
    "runc run, ross's spec": lambda: ["runc", "--root", work + "/runc", "run", "--bundle", work + "/bundle-ross-runc", fresh()],
    "crun run, ross's spec": lambda: ["crun", "--root", work + "/crun", "run", "--bundle", work + "/bundle-ross", fresh()],
    "crun run": lambda: ["crun", "--root", work + "/crun", "run", "--bundle", work + "/bundle", fresh()],
}
times = {name: [] for name in commands}
bad = set()
for i in range(rounds + 2):
    for name, make in commands.items():
        if name in bad:
            continue
        time.sleep(0.1)  # what the one before leaves in the kernel (a warm lock of cgroups) shall not help the next
        t = time.perf_counter()
        p = subprocess.run(make(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        t = time.perf_counter() - t
        if p.returncode:
            print("%s failed: %s" % (name, p.stderr.decode().strip()[:200]))
            bad.add(name)
        elif i >= 2:
            times[name].append(t * 1000)
med = {n: statistics.median(t) for n, t in times.items() if t and n not in bad}
print("%-40s %9s %9s %9s" % ("", "median ms", "min", "max"))
for name, t in times.items():
    if name in med:
        print("%-40s %9.1f %9.1f %9.1f" % (name, med[name], min(t), max(t)))
names = list(commands)
def row(text, a, b, f):
    if a in med and b in med:
        print("%-60s %8.2f" % (text, f(med[a], med[b])))
RUN, RUN_RUNC, RUN_CTR = names[0], names[1], names[2]
row("run: chosen runtime minus bare crun, ms (goal: at most 30)", RUN, "crun run", lambda a, b: a - b)
row("run: with runc minus bare runc, ms (goal: at most 30)", RUN_RUNC, "runc run", lambda a, b: a - b)
row("run: chosen runtime minus bare crun with the same spec, ms", RUN, "crun run, ross's spec", lambda a, b: a - b)
row("run: with runc minus bare runc with the same spec, ms", RUN_RUNC, "runc run, ross's spec", lambda a, b: a - b)
row("run: ross-cli / ctr (goal: at most 0.33)", RUN, RUN_CTR, lambda a, b: a / b)
row("run: ross-cli with runc / ctr with runc", RUN_RUNC, RUN_CTR, lambda a, b: a / b)
row("run: what the bridge network costs, ms", "ross-cli run --rm (bridge network)", RUN, lambda a, b: a - b)
EXEC, EXEC_CTR = "ross-cli exec (chosen runtime)", "ctr task exec (containerd 1.6, runc)"
row("exec: chosen runtime minus bare crun exec, ms (goal: at most 5)", EXEC, "crun exec", lambda a, b: a - b)
row("exec: ross-cli / ctr", EXEC, EXEC_CTR, lambda a, b: a / b)
P
CTR="$CD_BIN/ctr --address $CD_ADDRESS" python3 "$WORK/bench.py" "$ROUNDS" "$WORK" "$BIN" "$IMAGE"
for runtime in runc crun; do $runtime --root "$WORK/$runtime" delete --force "box-$runtime" 2>/dev/null || true; done
ross rm -f box box-runc >/dev/null
ctr task kill -s SIGKILL box
ctr task delete box >/dev/null 2>&1 || true
ross network prune -f >/dev/null
