#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The content store under load: 64 writers and readers at once, many leases, readers that stop reading, writers that vanish, hostile
# requests, pulls beside collections. LOAD_BLOBS, LOAD_LEASES and LOAD_PULLS make it larger (100000, 10000 and 8000 for the long run).
# limit: 900s
# sanitizers: no, it bounds the memory of the service, of which a sanitizer takes most
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/go_program.sh"
content_tests 'Load|SlowReaders|VanishedWriter|Hostile|CollectBeside'
grep -E 'load_test.go|^--- PASS' "$WORK/suite.log"
