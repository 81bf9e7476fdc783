/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of ps, as docker has them: KEY=VALUE, alternatives within a key, every key must fit. Pure. */
#pragma once

#include <stdbool.h>

#include "libross/base/strv.h"
#include "libross/contract/records.h"
#include "ross-cli/run/container_status.h"

/* What of a container the filters look at. */
struct ps_item {
    const struct container *c;
    const struct container_status *st;
    const struct json *spec;     /* NULL = cannot be read */
    const struct strv *networks; /* the names of its networks */
};

/* True for "status=running"; false for what is a filter expression of containerd ("labels.a==b"). */
bool ps_filter_is_ours(const char *text);
/*
 * 1 when all fit, 0 when not; InvalidArgument for a value that its key does not take.
 *   before_ns, since_ns  creation times of the containers behind before= and since=, 0 = none
 */
int ps_filter_match(const struct strv *filters, const struct ps_item *item, int64_t before_ns,
                    int64_t since_ns, struct err *err);
/* The value behind "KEY=", NULL when there is no such filter. */
const char *ps_filter_find(const struct strv *filters, const char *key);
