#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench/apply: unpacking the layers of a real image, gzip and zstd, against `ctr snapshots unpack` of containerd 1.6 and against the parts.
#   run.sh [LAYOUT TAG]   an OCI layout; without: $LAB/oci-big, else $LAB/oci-deb, else one made of this machine's /usr
#   ROUNDS=2 KINDS="gzip zstd"
# One run, one machine, layers in the page cache; the rows take turns, and the best of the rounds counts. All trees are written to an ext4 of our own in a
# file: on the host's filesystem an fsync waits for what everybody wrote, and on one mounted with `discard` for the trees that were removed before
# (minutes, after a few gigabytes). For the same reason nothing is removed before the end.
# ctr does not wait for the disk; "ctr+sync" adds a sync of that filesystem, which is what "durable" has to be compared with. "together" is
# durable as well, with all layers at once, as ross-cli pulls an image; containerd takes one after the other.
source "${ROSS_INTEGRATION:-$(dirname "$(readlink -f "$0")")/../..}/lib/common.sh"
source "$HERE/lib/containerd.sh"
need skopeo python3 umoci zstd mkfs.ext4
BENCH=$(dirname "$BIN")/test/apply-bench
[ -x "$BENCH" ] || skip "apply-bench is not built"
ROUNDS=${ROUNDS:-2} KINDS=${KINDS:-gzip zstd}

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

private_filesystem() {
    OUTER=$WORK
    truncate -s 48G "$OUTER/disk"
    mkfs.ext4 -q -E nodiscard,lazy_itable_init=1,lazy_journal_init=1 "$OUTER/disk"
    mkdir "$OUTER/fs"
    loop=$(losetup -f --show --direct-io=on "$OUTER/disk" 2>/dev/null) || skip "no loop devices here"
    mount "$loop" "$OUTER/fs" 2>/dev/null || { losetup -d "$loop"; skip "no loop mounts here"; }
    losetup -d "$loop" # goes with the mount
    WORK=$OUTER/fs
    trap 'WORK=$OUTER cleanup' EXIT
}

stage() { # NAME
    local out
    out=$(mktemp -d "$WORK/out.XXXXXX")
    sync -f "$WORK"
    "$BENCH" "$1" "${layers[@]}" -- "$out" | awk '{print $2}'
}
since() { echo "$(date +%s.%N) $1" | awk '{printf "%.3f\n", $1 - $2}'; }
# Each time in a namespace of its own: nothing is there yet. Prints two times.
unpack() { # KIND ROUND
    local digest=${layers_and_digest[-1]} start
    CONTAINERD_NAMESPACE=$1-$2
    export CONTAINERD_NAMESPACE
    ctr images import --no-unpack --base-name "bench/$1" "$OUTER/import.tar" >/dev/null || fail "ctr images import"
    sync -f "$WORK"
    start=$(date +%s.%N)
    ctr snapshots unpack "$digest" >/dev/null || fail "ctr snapshots unpack"
    since "$start"
    sync -f "$WORK"
    since "$start"
}

measure() {
    local kind=$1 layout=$2 tag=$3 t mb now
    mapfile -t layers_and_digest < <(python3 "$HERE/lib/oci_layers.py" "$layout" "$tag")
    layers=("${layers_and_digest[@]:0:${#layers_and_digest[@]}-1}")
    tar -C "$layout" -cf "$OUTER/import.tar" .
    mb=$("$BENCH" inflate "${layers[@]}" | awk '{printf "%.0f", $4 / 1e6}')
    declare -A took
    for round in $(seq "$ROUNDS"); do
        for t in inflate hash write apply durable together; do
            now=$(stage "$t")
            took[$t]=$(printf '%s\n' "$now" ${took[$t]:-} | sort -n | head -1)
        done
        mapfile -t now < <(unpack "$kind" "$round")
        took[ctr]=$(printf '%s\n' "${now[0]}" ${took[ctr]:-} | sort -n | head -1)
        took[ctr+sync]=$(printf '%s\n' "${now[1]}" ${took[ctr+sync]:-} | sort -n | head -1)
    done
    echo "$kind: ${#layers[@]} layers, $mb MB of tar"
    for t in inflate hash write apply durable together ctr ctr+sync; do
        awk -v t="$t" -v s="${took[$t]}" -v mb="$mb" -v ctr="${took[ctr]}" -v synced="${took[ctr+sync]}" -v i="${took[inflate]}" -v h="${took[hash]}" -v w="${took[write]}" 'BEGIN {
            slowest = i; if (h > slowest) slowest = h; if (w > slowest) slowest = w
            printf "  %-8s %7.2f s %6.0f MB/s   %5.2f x the speed of ctr   %5.2f x that of ctr+sync   %5.2f x the slowest part\n", t, s, mb / s, ctr / s, synced / s, s / slowest }'
    done
}

private_filesystem
start_containerd 1.6
echo "filesystem: $(stat -f -c %T "$WORK") of its own, $(nproc) processors, unpigz: $(command -v unpigz || echo none) (containerd uses it when it is there)"
dd if=/dev/zero of="$WORK/dd" bs=4M count=128 conv=fsync 2>&1 | awk 'END {print "one large file, written and synced: " $(NF-1), $NF}'
case " $KINDS " in *" gzip "*) measure gzip "$LAYOUT" "$TAG" ;; esac
case " $KINDS " in *" zstd "*)
    skopeo copy -q --dest-compress --dest-compress-format zstd "oci:$LAYOUT:$TAG" "oci:$OUTER/zstd:$TAG"
    measure zstd "$OUTER/zstd" "$TAG"
    ;;
esac
