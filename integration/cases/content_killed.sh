#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The content store is killed while blobs are written: a write goes on where it was and nothing is read back for it (the kernel counts), and of
# many clients that write one blob one commits, before and after.
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/go_program.sh"
content_tests Killed
grep -E 'killed_test.go|^--- PASS' "$WORK/suite.log"
