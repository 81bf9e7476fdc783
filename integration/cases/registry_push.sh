#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Push, save, tags, search, login: what we send is read by skopeo and by ourselves; nothing is sent twice; chunks, mounts, several platforms.
. "$(dirname "$0")/../lib/common.sh"
need skopeo jq openssl perl
export DOCKER_CONFIG=$WORK/docker
demo_layout
digest=$(jq -r '.manifests[0].digest' "$WORK/demo/index.json")
ross load -q --input "$WORK/demo" >/dev/null
start_registry

# --- push: new, again, under another repository (mounted), read by others
ross image push demo "$REGISTRY/one/demo:v1" >"$WORK/out" 2>"$WORK/err" || fail "push: $(cat "$WORK/err")"
grep -qF "$REGISTRY/one/demo:v1 $digest (2 blobs sent, 0 mounted, 0 there before)" "$WORK/out" || fail "push says: $(cat "$WORK/out")"
expect "$digest" skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/one/demo:v1"
skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/one/demo:v1" "oci:$WORK/back:x" || fail "skopeo cannot read what we pushed"
ross image push demo "$REGISTRY/one/demo:v2" | finds -F "(0 blobs sent, 0 mounted, 2 there before)" || fail "blobs were sent again"
ross image pull -q "$REGISTRY/one/demo:v1" >/dev/null
ross image push "$REGISTRY/one/demo:v1" "$REGISTRY/two/demo:v1" | finds -F "(0 blobs sent, 2 mounted, 0 there before)" || fail "blobs were not mounted"
expect "$digest" ross image push -q --chunk-size 100k demo "$REGISTRY/three/chunked:1"
skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/three/chunked:1" "oci:$WORK/back:y" || fail "skopeo cannot read what we pushed in chunks"
expect_fail 125 "nothing" ross image push -q nothing "$REGISTRY/x:1"
expect_fail 125 "names a digest" ross image push -q demo "$REGISTRY/x@$digest"
port=$(free_port)
expect_fail 125 "127.0.0.1:$port" ross image push -q demo "127.0.0.1:$port/x:1"

# --- what is there
expect "v1
v2" ross image tags "$REGISTRY/one/demo"
expect_fail 125 "404" ross image tags "$REGISTRY/no/such"
expect "one/demo" ross image search "$REGISTRY" one
expect 3 bash -c "$BIN/ross-cli search $REGISTRY | wc -l"

# --- what refers to an image: by the API where a registry has it, else by the tag that stands for it
expect "" ross image referrers --format '{{.digest}}' "$REGISTRY/one/demo:v1"
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x-sig","digest":"%s","size":1},{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x-sbom","digest":"%s","size":2}]}' \
    "$digest" "$digest" >"$WORK/referrers"
curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @"$WORK/referrers" "http://$REGISTRY/v2/one/demo/manifests/${digest/:/-}" -o /dev/null || fail "cannot put the referrers' tag"
expect "application/x-sig
application/x-sbom" ross image referrers --format '{{.artifactType}}' "$REGISTRY/one/demo:v1"
expect 2 ross image referrers --artifact-type application/x-sbom --format '{{.size}}' "$REGISTRY/one/demo@$digest"
ross image referrers "$REGISTRY/one/demo:v1" | finds 'application/x-sig' || fail "referrers: $(ross image referrers "$REGISTRY/one/demo:v1")"
expect_fail 125 "404" ross image referrers "$REGISTRY/one/demo:none"

# --- several platforms: of an index that is here in part, our manifest; of a whole one, all of it
arch=$(dpkg --print-architecture)
config=$(jq -r .config.digest "$WORK/demo/blobs/${digest/://}")
mkdir -p "$WORK/two/blobs/sha256"
cp "$WORK"/demo/blobs/sha256/* "$WORK/two/blobs/sha256/"
put() { local h; h=$(sha256sum <"$1" | cut -d' ' -f1); cp "$1" "$WORK/two/blobs/sha256/$h"; echo "$h"; }
jq -c '.architecture="s390x"' "$WORK/demo/blobs/${config/://}" >"$WORK/c"
jq -c --arg d "sha256:$(put "$WORK/c")" --argjson s "$(stat -c %s "$WORK/c")" '.config.digest=$d | .config.size=$s' "$WORK/demo/blobs/${digest/://}" >"$WORK/m"
other=sha256:$(put "$WORK/m")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,"platform":{"os":"linux","architecture":"s390x"}},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,"platform":{"os":"linux","architecture":"%s"}}]}' \
    "$other" "$(stat -c %s "$WORK/m")" "$digest" "$(stat -c %s "$WORK/demo/blobs/${digest/://}")" "$arch" >"$WORK/i"
index=sha256:$(put "$WORK/i")
echo '{"imageLayoutVersion":"1.0.0"}' >"$WORK/two/oci-layout"
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"%s","size":%d,"annotations":{"io.containerd.image.name":"docker.io/library/two:1"}}]}' "$index" "$(stat -c %s "$WORK/i")" >"$WORK/two/index.json"
ross load -q --input "$WORK/two" >/dev/null
expect "$index" ross image push -q two:1 "$REGISTRY/two:all"
expect "$digest" ross image push -q --platform "linux/$arch" two:1 "$REGISTRY/two:mine"
expect "$other" ross image push -q --platform linux/s390x two:1 "$REGISTRY/two:other"
(
    export ROSS_ROOT=$WORK/root2 ROSS_STATE=$WORK/state2
    expect "$index" ross image pull -q "$REGISTRY/two:all"
    expect "$digest" ross image push -q "$REGISTRY/two:all" "$REGISTRY/two:part"
    expect_fail 125 "s390x" ross image pull -q "$REGISTRY/two:other"
)
(
    export ROSS_ROOT=$WORK/root3 ROSS_STATE=$WORK/state3
    expect "$index" ross image pull -q --all-platforms "$REGISTRY/two:all"
    expect "$index" ross image push -q "$REGISTRY/two:all" "$REGISTRY/two:whole"
)

# --- save: for ourselves, for skopeo as OCI and as docker archive; through a pipe
ross image save -o "$WORK/demo.tar" demo two:1
tar -tf "$WORK/demo.tar" | sort | uniq -d | grep . && fail "an entry is there twice"
[ "$(tar -tf "$WORK/demo.tar" | head -1)" = oci-layout ] || fail "the layout file is not first"
skopeo copy -q "docker-archive:$WORK/demo.tar:docker.io/library/demo:latest" "oci:$WORK/back:archive" || fail "skopeo cannot read it as docker archive"
ross image save demo >"$WORK/one.tar"
expect "$digest" skopeo inspect --format '{{.Digest}}' "oci-archive:$WORK/one.tar"
(
    export ROSS_ROOT=$WORK/root4 ROSS_STATE=$WORK/state4
    gzip -c "$WORK/demo.tar" | ross load -q | sort >"$WORK/loaded"
    expect "loaded demo:latest
loaded two:1" cat "$WORK/loaded"
    expect hi ross run --rm demo echo hi
)
for format in oci docker; do
    ross save --format $format -o "$WORK/$format.tar" demo
    skopeo copy -q "$format-archive:$WORK/$format.tar" "oci:$WORK/back:$format" || fail "skopeo cannot read --format $format"
    ( # and back, in a store of its own
        export ROSS_ROOT=$WORK/root-$format ROSS_STATE=$WORK/state-$format
        expect "loaded demo:latest" ross load -q -i "$WORK/$format.tar"
        expect hi ross run --rm demo echo hi
    )
done
[ "$(tar -tf "$WORK/oci.tar" | grep -cx -e manifest.json -e index.json -e oci-layout)" = 2 ] || fail "oci: $(tar -tf "$WORK/oci.tar")"
[ "$(tar -tf "$WORK/docker.tar" | grep -cx -e manifest.json -e index.json -e oci-layout)" = 1 ] || fail "docker: $(tar -tf "$WORK/docker.tar")"
if command -v podman >/dev/null; then
    for format in oci docker; do
        podman --root "$WORK/podman" --runroot "$WORK/podman-run" --storage-driver vfs load -q -i "$WORK/$format.tar" >/dev/null || fail "podman cannot load --format $format"
    done
fi
# a layout as a directory, as skopeo, podman and umoci have it
ross save --format oci-dir -o "$WORK/layout/" demo two:1
[ "$(find "$WORK/layout" -maxdepth 1 -mindepth 1 -printf '%f ' | tr ' ' '\n' | sort | xargs)" = "blobs index.json oci-layout" ] || fail "oci-dir: $(find "$WORK/layout")"
expect "$digest" skopeo inspect --format '{{.Digest}}' "oci:$WORK/layout:latest"
skopeo copy -q --all "oci:$WORK/layout:1" "oci:$WORK/back:whole" || fail "skopeo cannot read an index from --format oci-dir"
( # and back, in a store of its own
    export ROSS_ROOT=$WORK/root-dir ROSS_STATE=$WORK/state-dir
    ross load -q -i "$WORK/layout" >/dev/null || fail "load does not read what save --format oci-dir has written"
    expect hi ross run --rm demo echo hi
)
ross save --format oci-dir -o "$WORK/alone" demo
if command -v podman >/dev/null; then
    # it names the image after the directory, in lower case only
    env -u DOCKER_CONFIG unshare --mount sh -c 'mount --bind "$1" /mnt && shift && exec "$@" -i /mnt' - "$WORK/alone" podman --root "$WORK/podman" --runroot "$WORK/podman-run" --storage-driver vfs load -q >/dev/null ||
        fail "podman cannot read --format oci-dir"
fi
mkdir "$WORK/empty" "$WORK/used" "$WORK/small"
touch "$WORK/used/mine"
ross save --format oci-dir -o "$WORK/empty" demo
[ -s "$WORK/empty/index.json" ] || fail "an empty directory is not used"
expect_fail 125 "is not empty" ross save --format oci-dir -o "$WORK/used" demo
expect_fail 125 "is not empty" ross save --format oci-dir -o "$WORK/empty" demo
expect_fail 125 "--output" ross save --format oci-dir demo
expect_fail 125 "$WORK/demo.tar" ross save --format oci-dir -o "$WORK/demo.tar" demo
expect_fail 125 "$WORK/nowhere/x" ross save --format oci-dir -o "$WORK/nowhere/x" demo
expect_fail 125 "nothing" ross save --format oci-dir -o "$WORK/new" demo nothing
mount -t tmpfs -o size=64k tmpfs "$WORK/small"
expect_fail 125 "No space left" ross save --format oci-dir -o "$WORK/small/x" demo
[ -z "$(ls "$WORK/small")" ] || fail "a full disk leaves a layout: $(ls "$WORK/small")"
umount "$WORK/small"
[ -z "$(find "$WORK" -maxdepth 1 -name '*.part*')" ] && [ ! -e "$WORK/new" ] || fail "a half-made layout is left: $(ls "$WORK")"
expect mine ls "$WORK/used"
expect_fail 125 "--format 'zip'" ross save --format zip -o "$WORK/none.tar" demo
expect_fail 125 "nothing" ross image save -o "$WORK/none.tar" nothing
[ ! -e "$WORK/none.tar" ] && [ ! -e "$WORK/none.tar.part" ] || fail "a half-made archive is left"

# --- login
printf 'me:%s\n' "$(perl -e 'print crypt("secret", "\$2b\$05\$" . "abcdefghijklmnopqrstuu")')" >"$WORK/htpasswd"
port=$(free_port)
LOGIN=127.0.0.1:$port
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\nauth: {htpasswd: {realm: test, path: %s}}\n' "$WORK/login" "$LOGIN" "$WORK/htpasswd" >"$WORK/login.yml"
docker-registry serve "$WORK/login.yml" >"$WORK/login.log" 2>&1 &
PIDS+=($!)
wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || fail "the registry with logins does not answer"
expect_fail 125 "ross-cli login $LOGIN" ross image push -q demo "$LOGIN/demo:1"
login() { echo "$1" | ross login -u me --password-stdin "$LOGIN"; }
expect_fail 125 "refuses the login of 'me'" login wrong
[ ! -e "$DOCKER_CONFIG/config.json" ] || fail "a refused login is kept"
expect "logged in to $LOGIN as me" login secret
[ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ] || fail "the file with the login can be read by others"
expect "$digest" ross image push -q demo "$LOGIN/demo:1"
skopeo inspect --tls-verify=false --authfile "$DOCKER_CONFIG/config.json" "docker://$LOGIN/demo:1" >/dev/null || fail "skopeo does not understand our login"
expect "logged out of $LOGIN" ross logout "$LOGIN"
expect "there was no login for $LOGIN" ross logout "$LOGIN"
expect_fail 125 "ross-cli login $LOGIN" ross image push -q demo "$LOGIN/demo:2"
