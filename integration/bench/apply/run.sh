#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench/apply: unpacking the layers of a real image, gzip and zstd, against `ctr snapshots unpack` of containerd 1.6 and against the parts.
#   run.sh [LAYOUT TAG]   an OCI layout; without: $LAB/oci-big, else $LAB/oci-deb, else one made of this machine's /usr
# One run, one machine, everything in the page cache; the rows take turns, and the best of ROUNDS (3) counts.
source "${ROSS_INTEGRATION:-$(dirname "$(readlink -f "$0")")/../..}/lib/common.sh"
source "$HERE/lib/containerd.sh"
need skopeo python3 umoci zstd
BENCH=$(dirname "$BIN")/test/apply-bench
[ -x "$BENCH" ] || skip "apply-bench is not built"
ROUNDS=${ROUNDS:-3}

last_tag() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]+"/index.json"))["manifests"][-1]["annotations"]["org.opencontainers.image.ref.name"])' "$1"; }
LAYOUT=${1:-} TAG=${2:-}
if [ -z "$LAYOUT" ]; then
    for name in big deb; do
        [ -n "$LAYOUT" ] || [ ! -d "$LAB/oci-$name" ] || LAYOUT=$LAB/oci-$name
    done
fi
if [ -z "$LAYOUT" ]; then
    LAYOUT=$WORK/image TAG=latest
    "$HERE/lib/demo_image.sh" "$LAYOUT" "$TAG"
    tar --numeric-owner -C / -cf "$WORK/usr.tar" usr/share usr/bin
    umoci raw add-layer --image "$LAYOUT:$TAG" "$WORK/usr.tar"
    rm "$WORK/usr.tar"
fi
TAG=${TAG:-$(last_tag "$LAYOUT")}

stage() {
    rm -rf "$WORK/out"
    mkdir "$WORK/out"
    sync -f "$WORK"
    "$BENCH" "$1" "${layers[@]}" -- "$WORK/out" | awk '{print $2}'
}
unpack() {
    local digest=${layers_and_digest[-1]} start
    ctr snapshots ls | awk 'NR > 1 {print $1}' | tac >"$WORK/snapshots"
    while [ -s "$WORK/snapshots" ]; do
        while read -r s; do ctr snapshots rm "$s" >/dev/null 2>&1 || true; done <"$WORK/snapshots"
        ctr snapshots ls | awk 'NR > 1 {print $1}' | tac >"$WORK/snapshots"
    done
    sync -f "$WORK"
    start=$(date +%s.%N)
    ctr snapshots unpack "$digest" >/dev/null || fail "ctr snapshots unpack"
    echo "$(date +%s.%N) $start" | awk '{printf "%.3f\n", $1 - $2}'
}

measure() {
    local kind=$1 layout=$2 tag=$3 t mb now
    mapfile -t layers_and_digest < <(python3 "$HERE/lib/oci_layers.py" "$layout" "$tag")
    layers=("${layers_and_digest[@]:0:${#layers_and_digest[@]}-1}")
    tar -C "$layout" -cf "$WORK/import.tar" .
    ctr images import --no-unpack --base-name "bench/$kind" "$WORK/import.tar" >/dev/null || fail "ctr images import"
    rm "$WORK/import.tar"
    rm -rf "$WORK/out" && mkdir "$WORK/out"
    mb=$("$BENCH" inflate "${layers[@]}" | awk '{printf "%.0f", $4 / 1e6}')
    declare -A took
    for _ in $(seq "$ROUNDS"); do
        for t in inflate hash write apply durable ctr; do
            [ "$t" = ctr ] && now=$(unpack) || now=$(stage "$t")
            took[$t]=$(printf '%s\n' "$now" ${took[$t]:-} | sort -n | head -1)
        done
    done
    echo "$kind: ${#layers[@]} layers, $mb MB of tar"
    for t in inflate hash write apply durable ctr; do
        awk -v t="$t" -v s="${took[$t]}" -v mb="$mb" -v ctr="${took[ctr]}" -v i="${took[inflate]}" -v h="${took[hash]}" -v w="${took[write]}" 'BEGIN {
            slowest = i; if (h > slowest) slowest = h; if (w > slowest) slowest = w
            printf "  %-8s %7.2f s %6.0f MB/s   %5.2f x the speed of ctr unpack   %5.2f x the slowest part\n", t, s, mb / s, ctr / s, s / slowest }'
    done
}

start_containerd 1.6
echo "filesystem: $(stat -f -c %T "$WORK"), $(nproc) processors, unpigz: $(command -v unpigz || echo none) (containerd uses it when it is there)"
measure gzip "$LAYOUT" "$TAG"
skopeo copy -q --dest-compress --dest-compress-format zstd "oci:$LAYOUT:$TAG" "oci:$WORK/zstd:$TAG"
measure zstd "$WORK/zstd" "$TAG"
