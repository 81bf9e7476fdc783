#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The content store under a long load: 64 writers and readers at once, LOAD_BLOBS (100,000) blobs, LOAD_LEASES (10,000) leases, ROUNDS (3)
# times; nothing fails, nothing is ever "locked", and the memory stays bounded.
# limit: 7200s
. "$(dirname "$0")/../lib/common.sh"
GO=/usr/lib/go/bin/go
[ -x "$GO" ] || skip "Debian's golang-go is not installed"
[ -d /usr/share/gocode/src/github.com/containerd/containerd/content/testsuite ] ||
    skip "golang-github-containerd-containerd-dev is not installed"
export LOAD_BLOBS=${LOAD_BLOBS:-100000} LOAD_LEASES=${LOAD_LEASES:-10000}
(cd "$HERE/conformance/content" &&
    GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS='' GOCACHE=$LAB/gocache "$GO" test -c -o "$WORK/suite" .) ||
    fail "the load tests do not build"
cd "$WORK"
ROSS_CONTENTD=$BIN/ross-contentd TMPDIR=$WORK ./suite -test.v -test.timeout 2h -test.count "${ROUNDS:-3}" \
    -test.run 'Load|SlowReaders|VanishedWriter|Hostile|Beside' >"$WORK/suite.log" 2>&1 || {
    grep -vE '^=== ' "$WORK/suite.log" | head -40 >&2
    fail "the load tests fail"
}
grep -E 'load_test.go|^--- PASS' "$WORK/suite.log"
