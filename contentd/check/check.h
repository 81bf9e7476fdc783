/* SPDX-License-Identifier: Apache-2.0 */
/* Proving that the store is what its database says, and mending it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "libross/base/err.h"

struct check {
    const char *root;
    bool repair;        /* needs the store for itself (daemon_lock) */
    int64_t rate_bytes; /* read at most so many a second; 0 = as fast as it goes */
    const char
        *rebuild_ns; /* namespace that gets blobs without an owner when the database is rebuilt */
    FILE *to;        /* a line for each finding */
};

struct check_result {
    int64_t blobs, bytes; /* looked at */
    int64_t findings, repaired;
};

/*
 * Findings: a database that is damaged or gone, blobs whose bytes are not what their name says (flipped bits),
 * files that are no blobs or have no row (strangers), rows without a file or of another size, ingests without a
 * row or a file.
 *
 * Repair: bad and missing blobs lose their rows and files, so that they are fetched again; strangers are removed;
 * a damaged database is put aside (contentd.db.bad-TIME) and made anew; blobs without a row, when the database is
 * new, are taken into rebuild_ns with the label containerd.io/gc.root, so that a pull finds them and no collection
 * takes them. Returns 0 also when there are findings.
 */
int check_run(const struct check *c, struct check_result *ret, struct err *err);
