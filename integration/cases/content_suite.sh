#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# containerd's own content test suite over our sockets, through containerd's Go proxy client: the plain store of the plugin
# socket, the namespaced store, and the sharing of blobs between namespaces.
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
GO=/usr/lib/go/bin/go
[ -x "$GO" ] || skip "Debian's golang-go is not installed"
[ -d /usr/share/gocode/src/github.com/containerd/containerd/content/testsuite ] ||
    skip "golang-github-containerd-containerd-dev is not installed (1.6 carries the suite)"

(cd "$HERE/conformance/content" &&
    GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS='' GOCACHE=$LAB/gocache "$GO" test -c -o "$WORK/suite" .) ||
    fail "the suite does not build"
cd "$WORK"
ROSS_CONTENTD=$BIN/ross-contentd TMPDIR=$WORK ./suite -test.v -test.run 'Plain|Named|Shared' >"$WORK/suite.log" 2>&1 || {
    grep -E '^ *--- FAIL|testsuite.go' "$WORK/suite.log" | head -40 >&2
    fail "the suite fails"
}
passed=$(grep -cE '^    --- PASS' "$WORK/suite.log")
[ "$passed" = 26 ] || fail "$passed tests passed, not 26"
echo "$passed tests passed"
