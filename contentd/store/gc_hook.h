/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told that something was deleted, so that what it referred to may go. */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"

struct gc_hook {
    /* Something of the namespace was deleted. `wait`: return only when what it alone referred to is gone. */
    int (*deleted)(struct gc_hook *h, bool wait, struct err *err);
};

/* NULL: nobody collects. */
static inline int
gc_hook_deleted(struct gc_hook *h, bool wait, struct err *err)
{
    return h ? h->deleted(h, wait, err) : 0;
}
