#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Others read what we push, and we pull what others push: skopeo, podman, buildah, ctr; gzip and zstd layers, docker's schema 2, indexes in
# indexes, attestations beside images.
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo jq curl
start_registry
demo_layout
digest=$(jq -r '.manifests[0].digest' "$WORK/demo/index.json")
ross load -q --input "$WORK/demo" >/dev/null
arch=$(dpkg --print-architecture)
raw() { skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/$1"; }
put() { curl -fsS -X PUT -H "Content-Type: $2" --data-binary @"$3" "http://$REGISTRY/v2/${1%:*}/manifests/${1#*:}" -o /dev/null; }

# --- what we push
ross push -q demo "$REGISTRY/ours/demo:1" >/dev/null
skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/ours/demo:1" "oci:$WORK/back:demo" || fail "skopeo cannot read what we pushed"
podman_here() { podman --root "$WORK/podman" --runroot "$WORK/podman-run" --storage-driver vfs "$@"; }
if command -v podman >/dev/null; then
    podman_here pull -q --tls-verify=false "$REGISTRY/ours/demo:1" >/dev/null || fail "podman cannot read what we pushed"
    ross save -o "$WORK/saved.tar" demo
    podman_here load -q -i "$WORK/saved.tar" >/dev/null || fail "podman cannot load what we saved"
fi
(
    start_containerd 1.6
    ctr images pull --plain-http "$REGISTRY/ours/demo:1" >/dev/null || fail "ctr cannot read what we pushed"
    ctr images import "$WORK/saved.tar" >/dev/null || fail "ctr cannot import what we saved"
    # and back: what ctr pushes and exports
    ctr images push --plain-http "$REGISTRY/ctr/demo:1" "$REGISTRY/ours/demo:1" >/dev/null || fail "ctr cannot push"
    ctr images export "$WORK/ctr.tar" "$REGISTRY/ours/demo:1" || fail "ctr cannot export"
    kill "$CD_PID"
    wait "$CD_PID" 2>/dev/null || true
)

# --- what others push and save
expect "$digest" ross pull -q "$REGISTRY/ctr/demo:1"
ross load -q --input "$WORK/ctr.tar" >/dev/null || fail "cannot load what ctr exported"
pulled_runs() { # NAME: in a store of its own
    (
        export ROSS_ROOT=$WORK/root-$1 ROSS_STATE=$WORK/state-$1
        ross pull -q "$REGISTRY/$2" >/dev/null
        expect "$1" ross run --rm "$REGISTRY/$2" /bin/echo "$1"
    )
}
skopeo copy -q --dest-tls-verify=false --format v2s2 "oci:$WORK/demo:demo:latest" "docker://$REGISTRY/skopeo:v2s2"
pulled_runs schema2 skopeo:v2s2
skopeo copy -q --dest-tls-verify=false --dest-compress-format zstd --dest-compress "oci:$WORK/demo:demo:latest" "dir:$WORK/zstd-dir"
skopeo copy -q --dest-tls-verify=false --format oci "dir:$WORK/zstd-dir" "docker://$REGISTRY/skopeo:zstd" && pulled_runs zstd skopeo:zstd
if command -v podman >/dev/null; then
    podman_here push -q --tls-verify=false "$REGISTRY/ours/demo:1" "$REGISTRY/podman/demo:1" || fail "podman cannot push"
    pulled_runs podman podman/demo:1
    podman_here push -q --tls-verify=false --compression-format zstd --force-compression "$REGISTRY/ours/demo:1" "$REGISTRY/podman/zstd:1" 2>/dev/null ||
        podman_here push -q --tls-verify=false --compression-format zstd "$REGISTRY/ours/demo:1" "$REGISTRY/podman/zstd:1" || fail "podman cannot push zstd"
    pulled_runs podmanzstd podman/zstd:1
    podman_here save -q --format docker-archive -o "$WORK/podman.tar" "$REGISTRY/ours/demo:1"
    podman_here save -q --format oci-archive -o "$WORK/podman-oci.tar" "$REGISTRY/ours/demo:1"
    ross load -q --name from/podman:1 --input "$WORK/podman.tar" >/dev/null || fail "cannot load a docker archive of podman"
    ross load -q --name from/podman:2 --input "$WORK/podman-oci.tar" >/dev/null || fail "cannot load an OCI archive of podman"
    expect saved ross run --rm from/podman:2 /bin/echo saved
fi

# --- an attestation beside the image, as buildkit pushes it: skipped
size=$(raw ours/demo:1 | wc -c)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,"annotations":{"vnd.docker.reference.type":"attestation-manifest"},"platform":{"os":"unknown","architecture":"unknown"}},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,"platform":{"os":"linux","architecture":"%s"}}]}' \
    "$digest" "$size" "$digest" "$size" "$arch" >"$WORK/attested"
put ours/demo:attested application/vnd.oci.image.index.v1+json "$WORK/attested" || fail "cannot put an index with an attestation"
pulled_runs attested ours/demo:attested
# an index with nothing but an attestation has nothing for us
jq -c '.manifests |= [.[0]]' "$WORK/attested" >"$WORK/only"
put ours/demo:only application/vnd.oci.image.index.v1+json "$WORK/only"
expect_fail 125 "has nothing for linux/$arch" ross pull -q "$REGISTRY/ours/demo:only"
# an index in an index, and too many of them
inner=$WORK/attested
for depth in 2 3 4 5; do
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%d}]}' \
        "$(sha256sum <"$inner" | cut -d' ' -f1)" "$(stat -c %s "$inner")" >"$WORK/nested$depth"
    inner=$WORK/nested$depth
    put "ours/demo:nested$depth" application/vnd.oci.image.index.v1+json "$inner" || fail "cannot put an index in an index"
done
pulled_runs nested ours/demo:nested2
pulled_runs nested4 ours/demo:nested4
expect_fail 125 "indexes inside each other" ross pull -q "$REGISTRY/ours/demo:nested5"
(
    export ROSS_ROOT=$WORK/root-nested ROSS_STATE=$WORK/state-nested
    ross save -o "$WORK/nested.tar" "$REGISTRY/ours/demo:nested2" || fail "an index in an index cannot be saved"
    export ROSS_ROOT=$WORK/root-loaded ROSS_STATE=$WORK/state-loaded
    ross load -q -i "$WORK/nested.tar" >/dev/null || fail "an index in an index cannot be loaded"
    expect loaded ross run --rm "$REGISTRY/ours/demo:nested2" /bin/echo loaded
)
# docker's list
jq -c '.mediaType = "application/vnd.docker.distribution.manifest.list.v2+json" | .manifests |= [.[1]]' "$WORK/attested" >"$WORK/list"
put ours/demo:list application/vnd.docker.distribution.manifest.list.v2+json "$WORK/list" && pulled_runs list ours/demo:list
assert_clean
