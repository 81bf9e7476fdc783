# SPDX-License-Identifier: Apache-2.0
# Sourced after common.sh: OCI layouts of one layer, right or wrong.
# shellcheck shell=bash disable=SC2034
OCI_TAR=application/vnd.oci.image.layer.v1.tar

# make_layout NAME LAYER_FILE MEDIA_TYPE DIFF_ID [ARCH]: $WORK/bad-NAME, tagged bad:NAME; sets LAYOUT and LAYER (its hex digest).
make_layout() {
    local dir=$WORK/bad-$1 layer=$2 type=$3 diff=$4 arch=${5:-$(dpkg --print-architecture)} hex size chex csize mhex
    rm -rf "$dir"
    mkdir -p "$dir/blobs/sha256"
    hex=$(sha256sum <"$layer" | cut -d' ' -f1) size=$(stat -c %s "$layer")
    cp "$layer" "$dir/blobs/sha256/$hex"
    printf '{"architecture":"%s","os":"linux","config":{"Cmd":["/bin/true"]},"rootfs":{"type":"layers","diff_ids":["%s"]}}' "$arch" "$diff" >"$WORK/c.json"
    chex=$(sha256sum <"$WORK/c.json" | cut -d' ' -f1) csize=$(stat -c %s "$WORK/c.json")
    cp "$WORK/c.json" "$dir/blobs/sha256/$chex"
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[{"mediaType":"%s","digest":"sha256:%s","size":%d}]}' "$chex" "$csize" "$type" "$hex" "$size" >"$WORK/m.json"
    mhex=$(sha256sum <"$WORK/m.json" | cut -d' ' -f1)
    cp "$WORK/m.json" "$dir/blobs/sha256/$mhex"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"platform":{"os":"linux","architecture":"%s"},"annotations":{"org.opencontainers.image.ref.name":"bad:%s"}}]}' "$mhex" "$(stat -c %s "$WORK/m.json")" "$arch" "$1" >"$dir/index.json"
    LAYOUT=$dir LAYER=$hex
}
