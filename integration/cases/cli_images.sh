#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images from a registry and from files: pull, list, inspect, remove, load; gzip, zstd and plain layers; an index; a digest.
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/layout.sh"
need skopeo jq umoci zstd
start_registry
push_demo demo:latest
digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/demo:latest")

# pull, by tag and by digest
expect "$digest" ross image pull -q "$REGISTRY/demo"
ross image pull "$REGISTRY/demo:latest" >"$WORK/out" 2>&1
! grep -q $'\033' "$WORK/out" || fail "escape sequences although output is no terminal"
ross image pull "$REGISTRY/demo@$digest" >/dev/null
ross images --format json | jq -e --arg n "$REGISTRY/demo:latest" --arg d "$digest" 'any(.[]; .name == $n and .digest == $d and .size > 100000)' >/dev/null || fail "images: $(ross images --format json)"
ross images | finds "$REGISTRY/demo" || fail "images table"
ross image inspect "$REGISTRY/demo" | jq -e '.[0].Config.Env | index("PATH=/bin")' >/dev/null || fail "inspect: $(ross image inspect "$REGISTRY/demo")"
expect hi ross run --rm "$REGISTRY/demo" echo hi

# run pulls what is missing
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/demo" "docker://$REGISTRY/other:v1"
expect fresh ross run --rm "$REGISTRY/other:v1" echo fresh

# other formats of manifests and layers
skopeo copy -q --format v2s2 --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/demo" "docker://$REGISTRY/schema2:1"
expect docker ross run --rm "$REGISTRY/schema2:1" echo docker
layer=$(jq -r '.layers[0].digest[7:]' "$WORK/demo/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$WORK/demo/index.json")")
gunzip -c "$WORK/demo/blobs/sha256/$layer" >"$WORK/plain.tar"
zstd -q "$WORK/plain.tar"
diff=sha256:$(sha256sum <"$WORK/plain.tar" | cut -d' ' -f1)
make_layout zstd "$WORK/plain.tar.zst" $OCI_TAR+zstd "$diff"
skopeo copy -q --dest-tls-verify=false "oci:$LAYOUT:bad:zstd" "docker://$REGISTRY/zstd:1"
make_layout plain "$WORK/plain.tar" $OCI_TAR "$diff"
skopeo copy -q --dest-tls-verify=false --dest-decompress "oci:$LAYOUT:bad:plain" "docker://$REGISTRY/plain:1"
expect plain ross run --rm "$REGISTRY/plain:1" /bin/echo plain
expect zstd ross run --rm "$REGISTRY/zstd:1" /bin/echo zstd

# several layers: files replaced, removed and added by umoci
umoci init --layout "$WORK/multi"
cp -a "$WORK/demo/." "$WORK/multi/"
umoci unpack --image "$WORK/multi:demo:latest" "$WORK/bundle" >/dev/null 2>&1 || { cp "$WORK/demo/index.json" "$WORK/multi/index.json"; sed -i 's/demo:latest/demo/' "$WORK/multi/index.json"; umoci unpack --image "$WORK/multi:demo" "$WORK/bundle"; }
rm "$WORK/bundle/rootfs/etc/motd"; echo second >"$WORK/bundle/rootfs/etc/second"
sed -i 's/demo:latest/demo/' "$WORK/multi/index.json"
umoci repack --image "$WORK/multi:two" "$WORK/bundle"
rm -rf "$WORK/bundle/rootfs/tmp"; mkdir "$WORK/bundle/rootfs/tmp"; echo third >"$WORK/bundle/rootfs/tmp/third"
rm -rf "$WORK/bundle2"; umoci unpack --image "$WORK/multi:two" "$WORK/bundle2"
echo third >"$WORK/bundle2/rootfs/etc/second"; mkdir -p "$WORK/bundle2/rootfs/a/b/c"; ln -s ../etc "$WORK/bundle2/rootfs/a/link"
umoci repack --image "$WORK/multi:three" "$WORK/bundle2"
skopeo copy -q --dest-tls-verify=false "oci:$WORK/multi:three" "docker://$REGISTRY/multi:3"
expect third ross run --rm "$REGISTRY/multi:3" cat /etc/second
got=0; ross run --rm "$REGISTRY/multi:3" test -e /etc/motd || got=$?
[ $got = 1 ] || fail "a file removed by an upper layer is still there"

# an index of two platforms

size=$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/demo:latest" | wc -c)
arch=$(dpkg --print-architecture)
index=$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%064d","size":%d,"platform":{"os":"linux","architecture":"s390x"}},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,"platform":{"os":"linux","architecture":"%s"}}]}' 0 "$size" "$digest" "$size" "$arch")
put_manifest() { curl -fsS -X PUT -H "Content-Type: $3" --data-binary "$4" "http://$REGISTRY/v2/$1/manifests/$2" -o /dev/null -w '%{http_code}'; }
if [ "$(put_manifest demo index application/vnd.oci.image.index.v1+json "$index" 2>/dev/null)" = 201 ]; then
    expect index ross run --rm "$REGISTRY/demo:index" echo index
else
    # this registry wants every manifest of an index to be there
    index=$(printf %s "$index" | jq -c '.manifests |= map(select(.platform.architecture != "s390x"))')
    [ "$(put_manifest demo index application/vnd.oci.image.index.v1+json "$index")" = 201 ] || fail "cannot put an index"
    expect index ross run --rm "$REGISTRY/demo:index" echo index
fi

# files
skopeo copy -q "oci:$WORK/multi:three" "docker-archive:$WORK/docker.tar:from/docker:1"
ross image load -q --input "$WORK/docker.tar" >/dev/null
expect third ross run --rm from/docker:1 cat /etc/second
tar -C "$WORK/demo" -cf "$WORK/layout.tar" .
ross image import -q "$WORK/layout.tar" >/dev/null 2>&1 || ross image load -q --input "$WORK/layout.tar" >/dev/null
expect tar ross run --rm demo echo tar
{ cat "$WORK/docker.tar" || true; } | ross image load -q >/dev/null # what comes after the end of an archive need not be read

# a root file system: plain, compressed, through a pipe; with changes; and what is none
mkdir -p "$WORK/rootfs"
umoci unpack --image "$WORK/multi:three" "$WORK/bundle3" >/dev/null 2>&1
tar -C "$WORK/bundle3/rootfs" -cf "$WORK/rootfs.tar" .
expect "loaded tree/plain:1" ross image import -q "$WORK/rootfs.tar" tree/plain:1
expect third ross run --rm tree/plain:1 /bin/cat /etc/second
expect "loaded tree/zipped:latest" bash -c "gzip -c '$WORK/rootfs.tar' | '$BIN/ross-cli' import -q -c 'CMD [\"/bin/cat\", \"/etc/second\"]' -c 'ENV A=1 B=2' -c 'WORKDIR /tmp' -c 'LABEL who=me' -m 'from a test' - tree/zipped"
expect third ross run --rm tree/zipped
expect "1 /tmp" ross run --rm tree/zipped /bin/sh -c 'echo $A $PWD'
expect "me" ross image inspect --format '{{.Config.Labels.who}}' tree/zipped
expect "from a test" ross history --format '{{.comment}}' tree/zipped
ross image push -q tree/zipped "$REGISTRY/tree:1" >/dev/null
skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/tree:1" "oci:$WORK/back:tree" || fail "skopeo cannot read an imported image"
expect_fail 125 "has no name" ross image import -q "$WORK/rootfs.tar"
expect_fail 125 "is no change" ross image import -q -c 'RUN make' "$WORK/rootfs.tar" tree/bad
expect_fail 125 "no tar archive" ross image import -q "$BIN/ross-cli" tree/bad
head -c 1000000 "$WORK/rootfs.tar" >"$WORK/cut.tar"
expect_fail 125 "load $WORK/cut.tar" ross image import -q "$WORK/cut.tar" tree/bad
! ross image inspect tree/bad >/dev/null 2>&1 || fail "a failed import leaves an image"

# more names
ross tag tree/plain:1 tree/again:2 other
expect third ross run --rm other /bin/cat /etc/second
expect_fail 125 "nowhere" ross tag nowhere x:1
expect_fail 125 "names a digest" ross tag tree/plain:1 "x@$digest"
expect_fail 125 "no field" ross image inspect --format '{{.Nothing}}' demo

# removal
n=$(ross images --format json | jq length)
ross image remove "$REGISTRY/multi:3" >/dev/null
[ "$(ross images --format json | jq length)" = $((n - 1)) ] || fail "image remove"
expect_fail 125 "$REGISTRY/multi:3" ross image remove "$REGISTRY/multi:3"
for name in $(ross images --format '{{.name}}'); do ross image remove "$name" >/dev/null; done
[ "$(ross images --format json)" = "[]" ] || fail "images are left"
[ -z "$(find "$ROSS_ROOT/content/blobs" -type f)" ] || fail "blobs are left: $(find "$ROSS_ROOT/content/blobs" -type f)"
assert_clean
