#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The content store under load: 64 writers and readers at once, many leases, readers that stop reading, writers that vanish, hostile
# requests. LOAD_BLOBS and LOAD_LEASES make it larger (100000 and 10000 for the long run).
# limit: 900s
# sanitizers: no, it bounds the memory of the service, of which a sanitizer takes most
. "$(dirname "$0")/../lib/common.sh"
GO=/usr/lib/go/bin/go
[ -x "$GO" ] || skip "Debian's golang-go is not installed"
[ -d /usr/share/gocode/src/github.com/containerd/containerd/content/testsuite ] ||
    skip "golang-github-containerd-containerd-dev is not installed"

(cd "$HERE/conformance/content" &&
    GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS='' GOCACHE=$LAB/gocache "$GO" test -c -o "$WORK/suite" .) ||
    fail "the load tests do not build"
cd "$WORK"
ROSS_CONTENTD=$BIN/ross-contentd TMPDIR=$WORK ./suite -test.v -test.run 'Load|SlowReaders|VanishedWriter|Hostile' >"$WORK/suite.log" 2>&1 || {
    grep -vE '^=== ' "$WORK/suite.log" | head -40 >&2
    fail "the load tests fail"
}
grep -E 'load_test.go|^--- PASS' "$WORK/suite.log"
