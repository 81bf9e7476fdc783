#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layers of real images come out the same from ours as from containerd's own overlay snapshotter: every name, mode, owner, time,
# attribute and byte.
# limit: 600s
# sanitizers: no, half a minute of inflating takes four there
source "${ROSS_INTEGRATION:-$(dirname "$0")/..}/lib/common.sh"
source "$HERE/lib/containerd.sh"
need umoci skopeo python3
BENCH=$(dirname "$BIN")/test/apply-bench
[ -x "$BENCH" ] || skip "apply-bench is not built"
start_containerd 1.6

# compare LAYOUT TAG NAME
compare() {
    local layers manifest ours=$WORK/ours-$3 n layer id ids fs
    mapfile -t layers < <(python3 "$HERE/lib/oci_layers.py" "$1" "$2")
    unset 'layers[-1]'
    tar -C "$1" -cf "$WORK/$3.tar" .
    ctr images import --base-name "compare/$3" "$WORK/$3.tar" >"$WORK/import.log" 2>&1 || fail "ctr images import: $(tail -3 "$WORK/import.log")"
    mkdir -p "$ours"
    "$BENCH" apply "${layers[@]}" -- "$ours" || fail "$3: ours does not apply"
    # containerd numbers its snapshots as it goes: each layer took two ids or one, in order; only committed ones have a directory left.
    mapfile -t ids < <(find "$CD_DIR/root/io.containerd.snapshotter.v1.overlayfs/snapshots" -mindepth 1 -maxdepth 1 -newer "$WORK/$3.tar" -printf '%f\n' | sort -n)
    # Lower layers that an image before had as well were compared with that one.
    n=$((${#layers[@]} - ${#ids[@]}))
    [ "$n" -ge 0 ] && [ "${#ids[@]}" -gt 0 ] || fail "$3: ${#layers[@]} layers, containerd has snapshots ${ids[*]}"
    for id in "${ids[@]}"; do
        layer=${layers[n]}
        fs=$CD_DIR/root/io.containerd.snapshotter.v1.overlayfs/snapshots/$id/fs
        python3 "$HERE/lib/same_trees.py" "$ours/$n" "$fs" "$layer" || fail "$3: layer $n differs from containerd's"
        n=$((n + 1))
    done
    rm -rf "$ours" "$WORK/$3.tar"
}

"$HERE/lib/layers_image.sh" "$WORK/layers" latest
compare "$WORK/layers" latest layers
for name in deb big; do
    [ -d "$LAB/oci-$name" ] || continue
    tag=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]+"/index.json"))["manifests"][-1]["annotations"]["org.opencontainers.image.ref.name"])' "$LAB/oci-$name")
    compare "$LAB/oci-$name" "$tag" "$name"
done
