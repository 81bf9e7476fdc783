#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The time of a whole pull: an image of about half a gigabyte in six layers from docker-registry on loopback, by ross-cli, by containerd 1.6, 1.7
# and 2.1 (ctr images pull) and by podman; cold and warm page cache, every one into an empty store. Then our stages, and the parts alone.
#   PULL_IMAGE=HOST:PORT/REPO:TAG   another image of a registry that runs already
#   ROUNDS=1                        each needs about 20 GB of disk: stores are kept to the end, because ext4 without a journal allocates inodes
#                                   slowly for minutes after many were freed, which would be measured instead
. "$(dirname "$0")/../../lib/common.sh"
. "$(dirname "$0")/../../lib/containerd.sh"
need docker-registry skopeo jq python3
ROUNDS=${ROUNDS:-1}

# --- the image: what is there, or one made of Debian packages' files on this machine
if [ -z "${PULL_IMAGE:-}" ]; then
    start_registry
    PULL_IMAGE=$REGISTRY/bench/big:latest
    if [ -d "$LAB/oci-big" ]; then
        skopeo copy -q --dest-tls-verify=false "oci:$LAB/oci-big:big" "docker://$PULL_IMAGE"
    else
        need umoci
        umoci init --layout "$WORK/big"
        umoci new --image "$WORK/big:big"
        for part in /usr/share /usr/lib/python3 /usr/lib/gcc /usr/lib/x86_64-linux-gnu /usr/lib/go-1.19 /usr/bin; do
            [ ! -d "$part" ] || umoci insert --image "$WORK/big:big" "$part" "$part"
        done
        skopeo copy -q --dest-tls-verify=false "oci:$WORK/big:big" "docker://$PULL_IMAGE"
    fi
fi
skopeo inspect --raw --tls-verify=false "docker://$PULL_IMAGE" | jq -r '"image: \(.layers | length) layers, \([.layers[].size] | add / 1e6 | floor) MB compressed"'

RESULTS=$WORK/results
: >"$RESULTS"
now() { date +%s.%N; }
# timed NAME CACHE COMMAND…
timed() {
    local name=$1 cache=$2 from
    shift 2
    sync
    [ "$cache" = warm ] || echo 3 >/proc/sys/vm/drop_caches
    from=$(now)
    "$@" >"$WORK/out" 2>&1 || { echo "$name failed: $(tail -1 "$WORK/out")"; return 0; }
    printf '%s\t%s\t%s\n' "$name" "$cache" "$(echo "$(now) $from" | awk '{print $1-$2}')" >>"$RESULTS"
}

pull_ross() {
    local cache=$1 name=$2
    (
        export ROSS_ROOT=$WORK/root-$round-$cache ROSS_STATE=$WORK/state-$round-$cache
        ross images >/dev/null # the services run, as containerd does
        timed "$name" "$cache" ross image pull -q --timing "$PULL_IMAGE"
        grep ' ms$\| MB$' "$WORK/out" >"$WORK/stages" || true
        for pid in $(pgrep -f -- "--root $ROSS_ROOT" || true); do
            awk '{printf "%s %.2f %.2f\n", $2, $14 / 100, $15 / 100}' "/proc/$pid/stat"
        done >"$WORK/cpu"
        for pid in $(pgrep -f -- "--root $ROSS_ROOT" || true); do kill "$pid"; done
        wait_for 10 bash -c "! pgrep -f -- '--root $ROSS_ROOT'" || true
    )
}

pull_containerd() {
    local cache=$1 version=$2
    (
        start_containerd "$version"
        timed "containerd $version" "$cache" "$CD_BIN/ctr" --address "$CD_ADDRESS" images pull --plain-http "$PULL_IMAGE"
        kill "$CD_PID"
        wait "$CD_PID" 2>/dev/null || true
        mv "$CD_DIR" "$WORK/kept-containerd-$version-$round-$cache"
    )
}

pull_podman() {
    local cache=$1 storage
    storage=(podman --root "$WORK/podman-$round-$cache" --runroot "$WORK/podman-run-$round-$cache" --storage-driver overlay)
    timed podman "$cache" "${storage[@]}" pull -q --tls-verify=false "$PULL_IMAGE"
    umount "$WORK/podman-$round-$cache/overlay" 2>/dev/null || true
}

for round in $(seq "$ROUNDS"); do
    for cache in cold warm; do
        pull_ross "$cache" ross
        for version in 1.6 1.7 2.1; do
            (pull_containerd "$cache" "$version") || echo "containerd $version: left out"
        done
        if command -v podman >/dev/null; then pull_podman "$cache"; fi
    done
done

python3 - "$RESULTS" "$WORK/stages" "$WORK/cpu" <<'P'
import collections, statistics, sys
times = collections.defaultdict(list)
for line in open(sys.argv[1]):
    name, cache, t = line.rstrip("\n").split("\t")
    times[name, cache].append(float(t))
med = {k: statistics.median(v) for k, v in times.items()}
print("\n%-18s %10s %10s   (seconds, median)" % ("", "cold", "warm"))
for name in dict.fromkeys(n for n, _ in times):
    print("%-18s %10s %10s" % (name, *("%.2f" % med[name, c] if (name, c) in med else "-" for c in ("cold", "warm"))))
for cache in ("cold", "warm"):
    others = {n: t for (n, c), t in med.items() if c == cache and n != "ross"}
    if others and ("ross", cache) in med:
        best = min(others, key=others.get)
        print("%s: ross / fastest other (%s) = %.2f (goal: at most 0.33)" % (cache, best, med["ross", cache] / others[best]))
print("\nour stages (layers overlap: download and unpack are sums over layers)")
print(open(sys.argv[2]).read(), end="")
print("processor seconds of our services (user, system)")
print(open(sys.argv[3]).read(), end="")
P

# --- the parts alone, over the blobs of the image
echo
echo "the parts alone, all layers one after the other (seconds)"
skopeo copy -q --src-tls-verify=false "docker://$PULL_IMAGE" "dir:$WORK/parts"
mapfile -t layers < <(jq -r '.layers[].digest[7:]' "$WORK/parts/manifest.json")
part() {
    local name=$1 from
    shift
    from=$(now)
    for l in "${layers[@]}"; do "$@" "$WORK/parts/$l" || return 0; done >/dev/null
    printf '%-28s %6.2f\n' "$name" "$(echo "$(now) $from" | awk '{print $1-$2}')"
}
fetch() { curl -fsS -o /dev/null "http://${PULL_IMAGE%%/*}/v2/$(echo "${PULL_IMAGE#*/}" | cut -d: -f1)/blobs/sha256:$(basename "$1")"; }
hash_tar() { gzip -dc "$1" | openssl dgst -sha256; }
part "download (curl)" fetch
part "sha256 of the blobs" openssl dgst -sha256
if command -v igzip >/dev/null; then part "inflate (igzip)" igzip -dc; fi
part "inflate (gzip)" gzip -dc
part "inflate + sha256 (gzip)" hash_tar
untar() { mkdir -p "$WORK/untar" && gzip -dc "$1" | tar -C "$WORK/untar" -xf - 2>/dev/null || true; } # some lack the end blocks
part "gzip + tar, files written" untar
from=$(now)
sync -f "$WORK/untar"
printf '%-28s %6.2f\n' "flushing those files" "$(echo "$(now) $from" | awk '{print $1-$2}')"
