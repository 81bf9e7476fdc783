#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The content store under a long load: 64 writers and readers at once, LOAD_BLOBS (100,000) blobs, LOAD_LEASES (10,000) leases, LOAD_PULLS (8,000)
# pulls beside one collection after the other, ROUNDS (3) times; nothing fails, nothing is ever "locked", and the memory stays bounded.
# limit: 7200s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/go_program.sh"
export LOAD_BLOBS=${LOAD_BLOBS:-100000} LOAD_LEASES=${LOAD_LEASES:-10000} LOAD_PULLS=${LOAD_PULLS:-8000}
content_tests 'Load|SlowReaders|VanishedWriter|Hostile|CollectBeside' -test.timeout 2h -test.count "${ROUNDS:-3}"
grep -E 'load_test.go|^--- PASS' "$WORK/suite.log"
