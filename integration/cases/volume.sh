#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Volumes: by name and without, filled from the image, in use and not, read-only, and what a hostile image tries with them.
. "$(dirname "$0")/../lib/common.sh"
need jq umoci
# an image with a volume, files in it, and links that lead out of their directory
demo_layout
umoci unpack --image "$WORK/demo:demo:latest" "$WORK/b" >/dev/null
mkdir -p "$WORK/b/rootfs/data/sub" "$WORK/b/rootfs/var/auto"
echo one >"$WORK/b/rootfs/data/file"
ln "$WORK/b/rootfs/data/file" "$WORK/b/rootfs/data/sub/hard"
ln -s /etc/shadow "$WORK/b/rootfs/data/link"
chmod 0751 "$WORK/b/rootfs/data"
chown 1234:5678 "$WORK/b/rootfs/data" "$WORK/b/rootfs/data/file"
echo auto >"$WORK/b/rootfs/var/auto/file"
mkdir "$WORK/outside"
echo secret >"$WORK/outside/secret"
ln -s "$WORK/outside" "$WORK/b/rootfs/out"
ln -s ../../../../../../../../.."$WORK/outside" "$WORK/b/rootfs/updown"
umoci repack --image "$WORK/demo:demo:latest" "$WORK/b" >/dev/null
umoci config --image "$WORK/demo:demo:latest" --config.volume /var/auto
ross load -q --input "$WORK/demo" >/dev/null
data() { echo "$ROSS_ROOT/volumes/$1/_data"; }

# by hand
expect mine ross volume create --label a=b mine
expect_fail 125 "already" ross volume create mine
expect_fail 125 "is no volume name" ross volume create a/b
expect_fail 125 "is no volume name" ross volume create ..
expect_fail 125 "no volume 'other'" ross volume inspect other
expect b bash -c "'$BIN/ross-cli' volume inspect mine | jq -r '.[0].labels.a'"
expect mine ross volume ls -q

# filled from the image at first use, with all that the files have; never again
expect one ross run --rm -v mine:/data demo cat /data/file
[ "$(stat -c '%a %u:%g' "$(data mine)")" = "751 1234:5678" ] || fail "the volume has $(stat -c '%a %u:%g' "$(data mine)")"
[ "$(stat -c %i "$(data mine)/file")" = "$(stat -c %i "$(data mine)/sub/hard")" ] || fail "hard links are lost"
[ "$(readlink "$(data mine)/link")" = /etc/shadow ] || fail "a link was followed"
ross run --rm -v mine:/data demo sh -c 'rm /data/file; echo new >/data/made'
expect new ross run --rm -v mine:/data demo cat /data/made
[ ! -e "$(data mine)/file" ] || fail "filled twice"
expect "" ross run --rm -v bare:/data:nocopy demo ls /data
expect "" ross run --rm --mount type=volume,src=bare2,dst=/data,volume-nocopy demo ls /data
expect one ross run --rm --mount type=volume,src=words,dst=/data demo cat /data/file

# links of the image lead into the image, not to this machine
ross run --rm -v trap:/out demo true || true
[ ! -e "$(data trap)/secret" ] || fail "a link of the image was followed on the host"
ross run --rm -v trap2:/updown demo true || true
[ ! -e "$(data trap2)/secret" ] || fail "a link with .. was followed on the host"
[ "$(ls "$WORK/outside")" = secret ] || fail "something was made outside"

# read-only, in use, by several
got=0; ross run --rm -v mine:/data:ro demo touch /data/no 2>/dev/null || got=$?
[ $got = 1 ] || fail "a read-only volume is writable"
ross run -d --name holder -v mine:/data demo sleep 1000 >/dev/null
expect_fail 125 "in use by container" ross volume rm mine
expect new ross run --rm -v mine:/data demo cat /data/made
expect 1 bash -c "'$BIN/ross-cli' volume ls --format json | jq '.[] | select(.name == \"mine\") | .containers | length'"
ross stop -t 0 holder >/dev/null
expect_fail 125 "in use by container" ross volume rm mine
ross rm -v holder >/dev/null
[ -e "$(data mine)/made" ] || fail "rm took a named volume"

# anonymous ones: of the image, of -v; they go with --rm and rm -v
before=$(ross volume ls -q | wc -l)
expect auto ross run --rm demo cat /var/auto/file
expect "" ross run --rm -v /nothing demo ls /nothing
[ "$(ross volume ls -q | wc -l)" = "$before" ] || fail "--rm leaves anonymous volumes: $(ross volume ls)"
ross create --name keeps demo true >/dev/null
[ "$(ross volume ls -q | wc -l)" = $((before + 1)) ] || fail "no anonymous volume was made"
ross rm -v keeps >/dev/null
[ "$(ross volume ls -q | wc -l)" = "$before" ] || fail "rm -v leaves its volume"
ross create --name keeps demo true >/dev/null
ross rm keeps >/dev/null
[ "$(ross volume ls -q | wc -l)" = $((before + 1)) ] || fail "rm without -v takes its volume"
ross volume prune -f >"$WORK/out"
[ "$(wc -l <"$WORK/out")" = 1 ] && [ "$(ross volume ls -q | wc -l)" = "$before" ] || fail "prune: $(cat "$WORK/out")"
expect hello ross run --rm -v mine:/var/auto demo sh -c 'echo hello'
[ "$(ross volume ls -q | wc -l)" = "$before" ] || fail "a volume of the image was made though something is mounted there"

# nothing is made by a command that fails
expect_fail 125 "is no volume name" ross run --rm -v .bad:/x demo true
got=0; ross run --rm -v fresh:/x --security-opt bogus demo true 2>/dev/null || got=$?
[ $got = 125 ] && [ ! -e "$ROSS_ROOT/volumes/fresh" ] || fail "a failed run made a volume ($got)"
ross volume ls -q | xargs "$BIN/ross-cli" volume rm >/dev/null
[ -z "$(ls "$ROSS_ROOT/volumes")" ] || fail "left: $(ls "$ROSS_ROOT/volumes")"
[ -z "$(find "$ROSS_ROOT/volumes" -mindepth 1 ! -name .lock)" ] || fail "hidden things are left"
assert_clean
