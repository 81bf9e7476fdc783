#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# layers_image.sh DIR TAG: an OCI layout at DIR with an image of four layers on busybox: files, links, attributes,
# a whiteout and an opaque directory, so that trees can be compared.
set -euo pipefail
dir=$1 tag=$2
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/demo_image.sh" "$dir" "$tag"
layer() { umoci raw add-layer --image "$dir:$tag" "$1"; }

mkdir -p "$work/1"/{etc/conf.d,opaque,replaced,many}
for i in $(seq 200); do echo "$i" >"$work/1/many/file-$i"; done
echo old >"$work/1/etc/old"; echo keep >"$work/1/etc/keep"; echo theirs >"$work/1/opaque/theirs"; echo x >"$work/1/replaced/x"
echo a >"$work/1/becomes-dir"
ln "$work/1/etc/keep" "$work/1/etc/hard"; ln -s keep "$work/1/etc/soft"; ln -s /etc/keep "$work/1/etc/absolute"
mkfifo "$work/1/fifo"; mknod "$work/1/null" c 1 3; chown 1000:2000 "$work/1/etc/old"
touch -d '2001-02-03 04:05:06.123456789Z' "$work/1/etc/keep"
chmod 4755 "$work/1/many/file-1"; chmod 1777 "$work/1/opaque"
setfattr -n user.colour -v blue "$work/1/etc/keep" 2>/dev/null || true
setcap cap_net_bind_service+ep "$work/1/many/file-2" 2>/dev/null || true
tar --format=pax --xattrs --xattrs-include='*' --numeric-owner --sort=name -C "$work/1" -cf "$work/1.tar" .
layer "$work/1.tar"

mkdir -p "$work/2"/{etc,opaque,becomes-dir}
: >"$work/2/etc/.wh.old"; : >"$work/2/opaque/.wh..wh..opq"; echo mine >"$work/2/opaque/mine"; : >"$work/2/.wh.replaced"
echo b >"$work/2/becomes-dir/inside"; : >"$work/2/etc/.wh.absolute"
tar --format=pax --numeric-owner --sort=name -C "$work/2" -cf "$work/2.tar" .
layer "$work/2.tar"

mkdir -p "$work/3/etc"
echo file >"$work/3/replaced"; echo newer >"$work/3/etc/old"; ln "$work/3/etc/old" "$work/3/etc/old-link"
tar --format=gnu --numeric-owner --sort=name -C "$work/3" -cf "$work/3.tar" .
layer "$work/3.tar"
