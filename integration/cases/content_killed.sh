#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The content store is killed while blobs are written: a write goes on where it was and nothing is read back for it (the kernel counts), and of
# many clients that write one blob one commits, before and after.
. "$(dirname "$0")/../lib/common.sh"
GO=/usr/lib/go/bin/go
[ -x "$GO" ] || skip "Debian's golang-go is not installed"
[ -d /usr/share/gocode/src/github.com/containerd/containerd/content/testsuite ] ||
    skip "golang-github-containerd-containerd-dev is not installed"

(cd "$HERE/conformance/content" &&
    GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS='' GOCACHE=$LAB/gocache "$GO" test -c -o "$WORK/suite" .) ||
    fail "the tests do not build"
cd "$WORK"
ROSS_CONTENTD=$BIN/ross-contentd TMPDIR=$WORK ./suite -test.v -test.run Killed >"$WORK/suite.log" 2>&1 || {
    grep -vE '^=== ' "$WORK/suite.log" | head -40 >&2
    fail "the tests fail"
}
grep -E 'killed_test.go|^--- PASS' "$WORK/suite.log"
