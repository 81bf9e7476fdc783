#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong is said in one sentence, with the right exit code, and leaves nothing half-made behind.
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/layout.sh"
need skopeo jq python3
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
start_registry
push_demo demo:1

snapshots_now() { find "$ROSS_ROOT/snapshots" -mindepth 1 -maxdepth 1 -type d | wc -l; }
before=$(snapshots_now)
as_before() { [ "$(snapshots_now)" = "$before" ]; }
nothing_left() {
    wait_for 5 as_before || fail "$1: snapshots are left: $(ls "$ROSS_ROOT/snapshots")"
    [ "$(ross ps -a --format json)" = "[]" ] || fail "$1: a container is left"
    assert_clean
}

# the command line
expect_fail 2 "--no-such-option" ross run --no-such-option demo true
expect_fail 2 "argument is missing" ross run
expect_fail 2 "unknown command" ross runn
expect_fail 2 "unknown command" ross help runn
expect_fail 2 "unknown command" ross runn --help
expect_fail 2 "unknown log level" ross --log-level loud ps
expect_fail 125 "Upper/Case" ross run Upper/Case:x true
expect_fail 125 "/no/such" ross run -v /no/such:/x demo true
expect_fail 125 "nosuchuser" ross run -u nosuchuser demo true
expect_fail 125 "no-such-runtime" ross run --runtime no-such-runtime demo true
expect_fail 125 "--pull" ross run --pull sometimes demo true
expect_fail 125 "not for linux/s390x" ross run --pull never --platform linux/s390x demo true
expect_fail 125 "nothing" ross container rm nothing
expect_fail 125 "/no/such/file" ross image load --input /no/such/file
expect_fail 125 "unknown format" ross ps --format xml
nothing_left "command line"
# help is asked for in every way, and then no error
expect "$(ross run --help)" ross help run
expect "$(ross network create --help)" ross help network create
expect "$(ross network --help)" ross help network
ross network --help | finds '^  network create ' || fail "network --help"
got=0
ross network >"$WORK/out" 2>"$WORK/err" || got=$?
[ $got = 2 ] && [ ! -s "$WORK/out" ] && finds '^  network create ' <"$WORK/err" || fail "network alone: $got $(cat "$WORK/out" "$WORK/err")"

# registries
expect_fail 125 "$REGISTRY/nosuch:latest" ross image pull -q "$REGISTRY/nosuch"
expect_fail 125 "demo:2" ross run -q "$REGISTRY/demo:2" true
port=$(free_port)
expect_fail 125 "127.0.0.1:$port" ross image pull -q "127.0.0.1:$port/x"
nothing_left "registry"

# layouts with something wrong inside
python3 - "$WORK" <<'P'
import io, sys, tarfile
work = sys.argv[1]
def make(name, *entries):
    with tarfile.open(f"{work}/{name}.tar", "w", format=tarfile.PAX_FORMAT) as t:
        for e, data in entries:
            if data is not None:
                e.size = len(data)
            t.addfile(e, io.BytesIO(data) if data is not None else None)
def file(name, data=b"x"): return (tarfile.TarInfo(name), data)
def link(name, to, kind):
    i = tarfile.TarInfo(name); i.type = kind; i.linkname = to; return (i, None)
make("dotdot", file("../escaped-by-dotdot"))
make("absolute", file("/escaped-by-absolute"))
make("symlink", link("out", "/" , tarfile.SYMTYPE), file("out/escaped-by-symlink"))
make("hardlink", link("pw", "../../../../../../etc/passwd", tarfile.LNKTYPE))
make("good", file("bin/true", b"#!/bin/false\n"))
P
gzip -k "$WORK/good.tar"
good_diff=sha256:$(sha256sum <"$WORK/good.tar" | cut -d' ' -f1)
head -c 60 "$WORK/good.tar.gz" >"$WORK/cut.tar.gz"

make_layout diffid "$WORK/good.tar.gz" $OCI_TAR+gzip sha256:$(printf x | sha256sum | cut -d' ' -f1)
expect_fail 125 "$LAYER" ross load -q --input "$LAYOUT"
make_layout truncated "$WORK/cut.tar.gz" $OCI_TAR+gzip "$good_diff"
expect_fail 125 "$LAYER" ross load -q --input "$LAYOUT"
make_layout type "$WORK/good.tar.gz" application/x-unknown "$good_diff"
expect_fail 125 "application/x-unknown" ross load -q --input "$LAYOUT"
make_layout platform "$WORK/good.tar.gz" $OCI_TAR+gzip "$good_diff" s390x
expect_fail 125 "s390x" ross run -q --platform linux/s390x "$REGISTRY/demo:1" true
# (a layer of its own: a blob that is in the store already is not read again)
printf 'never seen before\n' >"$WORK/motd"; tar -C "$WORK" -cf "$WORK/fresh.tar" motd; gzip -k "$WORK/fresh.tar"
make_layout flipped "$WORK/fresh.tar.gz" $OCI_TAR+gzip "sha256:$(sha256sum <"$WORK/fresh.tar" | cut -d' ' -f1)"
printf X | dd of="$LAYOUT/blobs/sha256/$LAYER" bs=1 seek=20 conv=notrunc 2>/dev/null
expect_fail 125 "$LAYER" ross load -q --input "$LAYOUT"
nothing_left "bad layouts"

# names that leave the root: each either fails or stays inside; nothing appears outside
for bad in dotdot absolute symlink hardlink; do
    make_layout $bad "$WORK/$bad.tar" $OCI_TAR "sha256:$(sha256sum <"$WORK/$bad.tar" | cut -d' ' -f1)"
    ross load -q --input "$LAYOUT" >"$WORK/out" 2>"$WORK/err" || [ "$(wc -l <"$WORK/err")" = 1 ] || fail "$bad: $(cat "$WORK/err")"
    for f in /escaped-by-$bad "$ROSS_ROOT"/escaped-by-$bad "$ROSS_ROOT"/snapshots/escaped-by-$bad "$ROSS_ROOT"/snapshots/*/escaped-by-$bad; do
        [ ! -e "$f" ] || fail "$bad: $f was written"
    done
    before=$(snapshots_now)
done
assert_clean

# a full disk: an own file system of 24 MB under root
ROSS_ROOT=$WORK/small ROSS_STATE=$WORK/small-state
mkdir -p "$ROSS_ROOT"
mount -t tmpfs -o size=24m none "$ROSS_ROOT"
head -c 40000000 /dev/urandom >"$WORK/noise"
mkdir -p "$WORK/noisedir"; mv "$WORK/noise" "$WORK/noisedir/"
tar -C "$WORK/noisedir" -cf "$WORK/noise.tar" .
make_layout full "$WORK/noise.tar" $OCI_TAR "sha256:$(sha256sum <"$WORK/noise.tar" | cut -d' ' -f1)"
expect_fail 125 "No space left on device" ross load -q --input "$LAYOUT"
ross load -q --input "$WORK/demo" >/dev/null || fail "after a full disk nothing works"
expect fits ross run --rm demo echo fits
