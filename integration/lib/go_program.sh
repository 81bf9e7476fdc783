# SPDX-License-Identifier: Apache-2.0
# Sourced after common.sh: programs of ours on containerd's own Go packages, with Debian's Go and Debian's sources of containerd.
# shellcheck shell=bash
DEBIAN_GO=/usr/lib/go/bin/go
GO_SOURCES=/usr/share/gocode

# go_program build|test DIR NAME PACKAGE: makes $WORK/NAME from DIR below integration/, which needs containerd's PACKAGE; or skips the case.
go_program() {
    local how=(build)
    [ "$1" = build ] || how=(test -c)
    [ -x "$DEBIAN_GO" ] || skip "Debian's golang-go is not installed"
    [ -d "$GO_SOURCES/src/github.com/containerd/containerd/$4" ] || skip "golang-github-containerd-containerd-dev is not installed"
    (cd "$HERE/$2" && GO111MODULE=off GOPATH=$GO_SOURCES GOFLAGS='' GOCACHE=$LAB/gocache "$DEBIAN_GO" "${how[@]}" -o "$WORK/$3" .) ||
        fail "the Go program in $2 does not build"
}

# content_tests PATTERN [FLAG…]: those tests of conformance/content against ross-contentd; what they say is in $WORK/suite.log.
content_tests() {
    local pattern=$1
    shift
    go_program test conformance/content suite content/testsuite
    (cd "$WORK" && ROSS_CONTENTD=$BIN/ross-contentd TMPDIR=$WORK ./suite -test.v "$@" -test.run "$pattern") >"$WORK/suite.log" 2>&1 || {
        grep -E '^ *--- FAIL|_test\.go|testsuite\.go|^panic' "$WORK/suite.log" | head -40 >&2
        fail "the tests fail"
    }
}
