#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# containerd's own content test suite over our sockets, through containerd's Go proxy client: the plain store of the plugin
# socket, the namespaced store, and the sharing of blobs between namespaces.
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/go_program.sh"
content_tests 'Plain|Named|Shared'
passed=$(grep -cE '^    --- PASS' "$WORK/suite.log")
[ "$passed" = 26 ] || fail "$passed tests passed, not 26"
echo "$passed tests passed"
