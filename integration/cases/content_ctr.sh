#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `ctr` of each version against ross-contentd alone: content, images, leases, containers, namespaces, version.
# variants: 1.6 1.7 2.1
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo jq curl
version=$1
containerd_bin "$version"
CD_ADDRESS=$ROSS_STATE/contentd.sock
# unlike grep -q it reads to the end, so that the writer never meets a closed pipe
has() { finds "$@"; }
local_flag=()
[ "$version" = 2.1 ] && local_flag=(--local)
"$BIN/ross-contentd" --root "$ROSS_ROOT" --state "$ROSS_STATE" --log-level debug 2>"$WORK/contentd.log" &
PIDS+=($!)
wait_for 10 test -S "$CD_ADDRESS" || fail "ross-contentd does not start: $(cat "$WORK/contentd.log")"

# --- version, plugins ---
{ ctr version 2>/dev/null || true; } | has 'UUID:' || fail version # it exits with 1 when server and client differ
ctr plugins ls | has 'io.containerd.content.v1' || fail "plugins ls"

# --- content ---
head -c 3000000 /dev/urandom >"$WORK/blob"
digest=sha256:$(sha256sum <"$WORK/blob" | cut -d' ' -f1)
ctr content ingest --expected-digest "$digest" --expected-size 3000000 a-ref <"$WORK/blob"
ctr content get "$digest" | cmp - "$WORK/blob" || fail "content get differs"
ctr content label "$digest" a.b/c=d >/dev/null
ctr content ls -q 'labels."a.b/c"==d' 2>/dev/null | has "$digest" || fail "content ls with a filter"
ctr content ls | has "$digest.*a.b/c=d" || fail "content ls"
expect "$digest" ctr content ls -q
# another namespace does not see it
expect "" ctr -n other content ls -q
! ctr -n other content get "$digest" >/dev/null 2>&1 || fail "another namespace can read it"
# ... but need not send it again: its writer starts complete
ctr -n other content ingest --expected-digest "$digest" --expected-size 3000000 b-ref <"$WORK/blob"
expect "$digest" ctr -n other content ls -q
expect 1 sh -c "ls $ROSS_ROOT/content/blobs/sha256 | wc -l"
! ctr content ingest --expected-digest "sha256:$(printf 0%.0s {1..64})" --expected-size 3000000 bad <"$WORK/blob" 2>/dev/null ||
    fail "a wrong digest was taken"
ctr content active | has bad || fail "the refused write is not kept"
ctr content rm "$digest" >/dev/null
expect "" ctr content ls -q
expect "$digest" ctr -n other content ls -q
ctr -n other content rm "$digest" >/dev/null
expect 0 sh -c "ls $ROSS_ROOT/content/blobs/sha256 | wc -l"
# an edited copy, by an editor that keeps the file (1.6 goes on reading the one it opened)
cat >"$WORK/editor" <<'S'
#!/bin/sh
text=$(sed s/one/two/ "$1") && printf '%s\n' "$text" >"$1"
S
chmod +x "$WORK/editor"
echo one | ctr content ingest edit-ref
one=sha256:$(echo one | sha256sum | cut -d' ' -f1) two=sha256:$(echo two | sha256sum | cut -d' ' -f1)
expect "$two" ctr content edit --editor "$WORK/editor" "$one"
expect two ctr content get "$two"
expect one ctr content get "$one"
ctr content rm "$one" "$two" >/dev/null
expect "" ctr content ls -q

# --- images ---
demo_layout
skopeo copy -q "oci:$WORK/demo:demo:latest" "oci-archive:$WORK/demo.tar:docker.io/lab/demo:1"
ctr images import --no-unpack "${local_flag[@]}" "$WORK/demo.tar" >/dev/null
name=$(ctr images ls -q)
[ -n "$name" ] || fail "nothing was imported"
ctr images tag "${local_flag[@]}" "$name" docker.io/lab/other:2 >/dev/null
ctr images label docker.io/lab/other:2 k1=v1 k2=v2 >/dev/null
ctr images ls 'labels.k1==v1' | has docker.io/lab/other:2 || fail "images ls with a filter"
expect "docker.io/lab/other:2" ctr images ls -q 'name~=other'
ctr images export "${local_flag[@]}" "$WORK/out.tar" docker.io/lab/other:2
mkdir "$WORK/out" && tar -C "$WORK/out" -xf "$WORK/out.tar"
jq -e '.manifests | length == 1' "$WORK/out/index.json" >/dev/null || fail "the export has no manifest"
blobs=$(ctr content ls -q | sort)
ctr images rm docker.io/lab/other:2 >/dev/null
expect "$name" ctr images ls -q
expect "$blobs" sh -c "$CD_BIN/ctr --address $CD_ADDRESS content ls -q | sort"
# the blobs are all there; whether it is unpacked is asked of a snapshot service, and there is none
{ ctr images check 2>"$WORK/check" || true; } | has "^$name .*complete (2/2).*false" || fail "images check"
has -iE 'unimplemented|unknown service' "$WORK/check" || fail "images check: $(cat "$WORK/check")"
# a converted image is new blobs under a new name
ctr images convert --uncompress "$name" docker.io/lab/plain:1 >/dev/null || fail "images convert"
ctr images ls -q | has -x docker.io/lab/plain:1 || fail "images convert left no image"
plain=$(ctr images ls | awk '$1 == "docker.io/lab/plain:1" {print $3}')
ctr content get "$plain" | jq -e '.layers | all(.mediaType | test("gzip") | not)' >/dev/null || fail "images convert: $(ctr content get "$plain")"
ctr images rm --sync docker.io/lab/plain:1 >/dev/null
expect "$blobs" sh -c "$CD_BIN/ctr --address $CD_ADDRESS content ls -q | sort"
# layers are given up: first only in words
manifest=$(ctr images ls | awk -v n="$name" '$1 == n {print $3}')
layers=$(ctr content get "$manifest" | jq -r '.layers[].digest' | sort)
[ -n "$layers" ] || fail "the image has no layers"
ctr content prune references --dry >/dev/null 2>&1 || fail "content prune references --dry"
expect "$blobs" sh -c "$CD_BIN/ctr --address $CD_ADDRESS content ls -q | sort"
ctr -n empty content prune references >/dev/null || fail "content prune references in another namespace"
expect "$blobs" sh -c "$CD_BIN/ctr --address $CD_ADDRESS content ls -q | sort"
ctr content prune references >/dev/null || fail "content prune references"
expect "$(comm -23 <(echo "$blobs") <(echo "$layers"))" sh -c "$CD_BIN/ctr --address $CD_ADDRESS content ls -q | sort"

# --- with a registry: fetch, push, one object ---
start_registry
push_demo demo:1
ctr content fetch --plain-http "$REGISTRY/demo:1" >"$WORK/fetch" 2>&1 || fail "content fetch: $(tail -3 "$WORK/fetch")"
ctr images ls -q | has -x "$REGISTRY/demo:1" || fail "content fetch left no image"
ctr images push --plain-http "${local_flag[@]}" "$REGISTRY/pushed:1" "$REGISTRY/demo:1" >"$WORK/push" 2>&1 || fail "images push: $(tail -3 "$WORK/push")"
top=$(skopeo inspect --tls-verify=false "docker://$REGISTRY/demo:1" --format '{{.Digest}}')
expect "$top" skopeo inspect --tls-verify=false "docker://$REGISTRY/pushed:1" --format '{{.Digest}}'
ctr content fetch-object --plain-http "$REGISTRY/demo:1" "$top" >"$WORK/object" || fail "content fetch-object"
expect "${top#sha256:}" sh -c "sha256sum <$WORK/object | cut -d' ' -f1"
# one blob of an image to another repository
layer=$(ctr content get "$top" | jq -r '.layers[0].digest')
ctr content push-object --plain-http "$REGISTRY/objects:1" "$layer" application/vnd.oci.image.layer.v1.tar+gzip >/dev/null 2>"$WORK/push" ||
    fail "content push-object: $(tail -3 "$WORK/push")"
curl -fsS "http://$REGISTRY/v2/objects/blobs/$layer" | sha256sum | has "^${layer#sha256:} " || fail "content push-object"
if [ "$version" != 1.6 ]; then
    ctr content fetch-blob --plain-http "$REGISTRY/objects:1" "$layer" >"$WORK/object" || fail "content fetch-blob"
    expect "${layer#sha256:}" sh -c "sha256sum <$WORK/object | cut -d' ' -f1"
fi
ctr images rm --sync "$REGISTRY/demo:1" >/dev/null
expect "$name" ctr images ls -q

# --- leases ---
ctr leases create --id l1 x=y >/dev/null
ctr leases ls | has '^l1 .*x=y' || fail "leases ls"
! ctr leases create --id l1 >/dev/null 2>&1 || fail "a lease was made twice"
expect l1 ctr leases ls -q
ctr leases create --id l2 --expires 1h >/dev/null
ctr leases ls | has '^l2 .*containerd.io/gc.expire=' || fail "leases create --expires"
ctr leases rm l1 >/dev/null
ctr leases rm --sync l2 >/dev/null
expect "" ctr leases ls -q
! ctr leases rm l1 >/dev/null 2>&1 || fail "a lease was removed twice"

# --- containers ---
cat >"$WORK/spec.json" <<'S'
{"ociVersion": "1.0.2", "process": {"args": ["true"], "cwd": "/", "user": {}}, "root": {"path": "rootfs"}}
S
ctr containers create --config "$WORK/spec.json" --label role=test c1 >/dev/null
ctr containers ls | has c1 || fail "containers ls"
expect c1 ctr containers ls -q 'labels.role==test'
ctr containers info c1 | jq -e '.ID == "c1" and .Labels.role == "test" and .Spec.ociVersion == "1.0.2"' >/dev/null || fail "containers info"
ctr containers label c1 role=done >/dev/null
expect "" ctr containers ls -q 'labels.role==test'
expect "" ctr -n other containers ls -q
! ctr containers create --config "$WORK/spec.json" c1 2>/dev/null || fail "a container was made twice"
ctr containers create --config "$WORK/spec.json" c2 >/dev/null
ctr containers rm c2 >"$WORK/rm" 2>&1 || fail "containers rm: $(cat "$WORK/rm")"
expect c1 ctr containers ls -q
ctr containers rm c2 2>"$WORK/rm" && grep -q . "$WORK/rm" || has -i 'not found' "$WORK/rm" || fail "a container was removed twice: $(cat "$WORK/rm")"

# --- what the store does not serve is refused at once, in words ---
for verb in "tasks ls" "events" "snapshots ls"; do
    ! timeout 10 "$CD_BIN/ctr" --address "$CD_ADDRESS" $verb >"$WORK/refused" 2>&1 || fail "'$verb' succeeds"
    has -iE 'unimplemented|unknown service|not implemented' "$WORK/refused" || fail "'$verb' is not refused clearly: $(cat "$WORK/refused")"
done

# --- namespaces ---
ctr namespaces create fresh a=b
ctr namespaces ls | has '^fresh *a=b' || fail "namespaces ls"
ctr namespaces label fresh c=d
ctr namespaces ls | has '^fresh *a=b,c=d' || fail "namespaces label"
ctr namespaces rm fresh >/dev/null
! ctr namespaces ls -q | has -x fresh || fail "namespaces rm"
! ctr namespaces rm default >/dev/null 2>&1 || fail "a namespace in use was removed"

! grep -E 'level=(warn|error)' "$WORK/contentd.log" || fail "the log has warnings"
