#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The time of a whole pull: an image of about half a gigabyte in six layers from docker-registry on loopback, by ross-cli, by containerd 1.6, 1.7
# and 2.1 (ctr images pull) and by podman; cold and warm page cache, every one into an empty store. Then our stages, and the parts alone.
#   PULL_IMAGE=HOST:PORT/REPO:TAG   another image of a registry that runs already
#   ROUNDS=1                        each needs about 20 GB of disk: stores are kept to the end
#   PULL_DISK=40G                   all stores are in a fresh ext4 of that size on a loop device: on a used one without a journal inodes are allocated
#                                   slowly for minutes after others were freed, by whomever, which would be measured instead. "" = where /tmp is
#   PEERS="1.6 1.7 2.1 podman"      whom beside us
#   CACHES="cold warm"
#   PARTS=1                         0 = without the parts alone
#   PULL_RESULTS=FILE               kept, and added to: several shorter runs make one table
. "$(dirname "$0")/../../lib/common.sh"
. "$(dirname "$0")/../../lib/containerd.sh"
need docker-registry skopeo jq python3
PULL_DISK=${PULL_DISK-40G}
if [ -n "$PULL_DISK" ]; then
    truncate -s "$PULL_DISK" "$WORK.disk"
    mkfs.ext4 -q -E lazy_itable_init=1,nodiscard "$WORK.disk"
    loop=$(losetup -f --show --direct-io=on "$WORK.disk")
    rm "$WORK.disk"
    mount "$loop" "$WORK" || { losetup -d "$loop"; fail "cannot mount a loop device"; }
    losetup -d "$loop" # goes with the mount
fi
ROUNDS=${ROUNDS:-1} PEERS=${PEERS-1.6 1.7 2.1 podman} CACHES=${CACHES:-cold warm} PARTS=${PARTS:-1}

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

RESULTS=${PULL_RESULTS:-$WORK/results}
touch "$RESULTS"
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
        wait_for 10 bash -c "! pgrep -f -- '[-]-root $ROSS_ROOT'" || true
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
    for cache in $CACHES; do
        pull_ross "$cache" ross
        for peer in $PEERS; do
            case $peer in
            podman) ! command -v podman >/dev/null || pull_podman "$cache" ;;
            *) (pull_containerd "$cache" "$peer") || echo "containerd $peer: left out" ;;
            esac
        done
    done
done

# --- the parts alone, over the blobs of the image: layers one after the other, everything that is read is in the page cache
PARTS_FILE=$WORK/parts.tsv
: >"$PARTS_FILE"
part() {
    local name=$1 from
    shift
    from=$(now)
    for l in "${layers[@]}"; do "$@" "$l" || return 0; done >/dev/null
    printf '%s\t%s\n' "$name" "$(echo "$(now) $from" | awk '{print $1-$2}')" >>"$PARTS_FILE"
}
fetch() { curl -fsS -o /dev/null "http://${PULL_IMAGE%%/*}/v2/$(echo "${PULL_IMAGE#*/}" | cut -d: -f1)/blobs/sha256:$1"; }
hash_blob() { openssl dgst -sha256 "$WORK/parts/$1"; }
inflate_fast() { igzip -dc "$WORK/parts/$1"; }
inflate_gzip() { gzip -dc "$WORK/parts/$1"; }
hash_tar() { openssl dgst -sha256 "$WORK/parts/$1.tar"; }
untar() { mkdir -p "$WORK/untar/$1" && tar -C "$WORK/untar/$1" -xf "$WORK/parts/$1.tar" 2>/dev/null || true; } # some lack the end blocks
flush() { sync -f "$WORK/untar/$1"; }
if [ "$PARTS" = 1 ]; then
    skopeo copy -q --src-tls-verify=false "docker://$PULL_IMAGE" "dir:$WORK/parts"
    mapfile -t layers < <(jq -r '.layers[].digest[7:]' "$WORK/parts/manifest.json")
    for l in "${layers[@]}"; do gzip -dc "$WORK/parts/$l" >"$WORK/parts/$l.tar"; done
    sync
    part "download (curl)" fetch
    part "sha256 of the blobs" hash_blob
    if command -v igzip >/dev/null; then part "inflate (igzip)" inflate_fast; else part "inflate (gzip)" inflate_gzip; fi
    part "sha256 of the tar streams" hash_tar
    part "files written (tar)" untar
    part "those files flushed" flush
fi

python3 - "$RESULTS" "$WORK/stages" "$WORK/cpu" "$PARTS_FILE" "$(nproc)" <<'P'
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
print("\nour stages (layers overlap: download and unpack are sums over layers, and hold their waits for a processor)")
print(open(sys.argv[2]).read(), end="")
print("processor seconds of our services (user, system)")
print(open(sys.argv[3]).read(), end="")
parts = [(n, float(t)) for n, t in (line.rstrip("\n").split("\t") for line in open(sys.argv[4]))]
ours = min((t for (n, _), t in med.items() if n == "ross"), default=None)
if parts and ours:
    cores = int(sys.argv[5])
    print("\nthe parts alone, layers one after the other (seconds)")
    for name, t in parts:
        print("%-28s %6.2f" % (name, t))
    name, slowest = max(parts, key=lambda p: p[1])
    total = sum(t for _, t in parts)
    print("ours / the slowest part (%s) = %.2f" % (name, ours / slowest))
    print("ours / all parts spread evenly over %d processors (%.2f s) = %.2f" % (cores, total / cores, ours / (total / cores)))
P
