/* SPDX-License-Identifier: Apache-2.0 */
/* What every implementation of the content contract must do, whoever serves it: cmocka tests over the table. */
#pragma once

#include "libross/contract/content.h"

/*
 * One implementation. `content` is the view of one namespace (`ctx.ns`); the tests make refs and blobs of their own and
 * expect nothing else to change them.
 */
struct content_suite {
    const char *name;
    struct content *content;
    struct call_ctx ctx;
    bool
        plain; /* a store without namespaces: deletes and aborts of what is missing are fine, labels are unlimited */
    bool foreign; /* not ours: what only we promise is left out */
};

/* Runs all tests; the number of those that failed. */
int content_suite_run(const struct content_suite *suite);
