/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of prune commands, docker's: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/labels.h"

struct prune_filter {
    int64_t until_ns; /* only what is older; 0 = of any age */
    struct strv labels, labels_not;
};
void prune_filter_done(struct prune_filter *f);

/*
 * Each of `words` is one filter, and all must hold. TIME: a duration before now_ns ("24h"), seconds since
 * 1970, a date or RFC 3339. InvalidArgument naming the word.
 */
int prune_filter_parse(const struct strv *words, int64_t now_ns, struct prune_filter *ret,
                       struct err *err);
bool prune_filter_matches(const struct prune_filter *f, int64_t created_ns,
                          const struct labels *labels);
