#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A layer that was applied durably is whole after a power cut: what the disk under an ext4 has been given when apply returns, and
# nothing later, is mounted and compared. (Commits by time are ten minutes apart there.)
# limit: 300s
source "${ROSS_INTEGRATION:-$(dirname "$0")/..}/lib/common.sh"
need umoci skopeo python3 mkfs.ext4
BENCH=$(dirname "$BIN")/test/apply-bench
[ -x "$BENCH" ] || skip "apply-bench is not built"

"$HERE/lib/layers_image.sh" "$WORK/image" latest
mapfile -t layers < <(python3 "$HERE/lib/oci_layers.py" "$WORK/image" latest)
unset 'layers[-1]'
truncate -s 256M "$WORK/disk"
mkfs.ext4 -q -F -E nodiscard "$WORK/disk"
mkdir "$WORK/fs" "$WORK/after"
mount -o loop,commit=600 "$WORK/disk" "$WORK/fs" 2>/dev/null || skip "no loop mounts of ext4 here"

"$BENCH" durable "${layers[@]}" -- "$WORK/fs"
cp --sparse=always "$WORK/disk" "$WORK/disk.after"
mount -o loop "$WORK/disk.after" "$WORK/after" || fail "the filesystem cannot be mounted after the power cut"
for n in "${!layers[@]}"; do
    [ -d "$WORK/after/$n" ] || fail "layer $n is not there after the power cut"
    python3 "$HERE/lib/same_trees.py" "$WORK/fs/$n" "$WORK/after/$n" "${layers[n]}" || fail "layer $n is not whole after the power cut"
done
echo "${#layers[@]} layers are whole"
