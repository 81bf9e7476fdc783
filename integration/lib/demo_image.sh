#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo_image.sh DIR NAME[:TAG] — an OCI image layout of one layer, made from busybox-static, without network.
set -euo pipefail
dir=$1 name=$2
busybox=$(command -v busybox)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root"/{bin,etc,tmp,proc,sys,dev,root} "$dir/blobs/sha256"
cp "$busybox" "$work/root/bin/busybox"
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -sf busybox "$work/root/bin/$applet"
done
chmod 1777 "$work/root/tmp"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$work/root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$work/root/etc/group"
printf 'Hello from a container run by Ross.\n' >"$work/root/etc/motd"
tar --numeric-owner --owner 0 --group 0 --sort name --mtime @0 --format gnu -C "$work/root" -cf "$work/layer.tar" .
diff_id=$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)
gzip -n -1 "$work/layer.tar"

# put FILE: into the layout as a blob; prints "HEX SIZE"
put() {
    local hex
    hex=$(sha256sum <"$1" | cut -d' ' -f1)
    cp "$1" "$dir/blobs/sha256/$hex"
    echo "$hex $(stat -c %s "$1")"
}
arch=$(dpkg --print-architecture)
read -r layer layer_size <<<"$(put "$work/layer.tar.gz")"
cat >"$work/config.json" <<J
{"architecture":"$arch","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["/bin/sh","-c","cat /etc/motd; if [ -t 0 ]; then exec sh; fi"]},"rootfs":{"type":"layers","diff_ids":["sha256:$diff_id"]},"history":[{"created_by":"busybox-static"}]}
J
read -r config config_size <<<"$(put "$work/config.json")"
cat >"$work/manifest.json" <<J
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config","size":$config_size},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:$layer","size":$layer_size}]}
J
read -r manifest manifest_size <<<"$(put "$work/manifest.json")"
printf '{"imageLayoutVersion":"1.0.0"}\n' >"$dir/oci-layout"
cat >"$dir/index.json" <<J
{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$manifest","size":$manifest_size,"annotations":{"org.opencontainers.image.ref.name":"$name"}}]}
J
