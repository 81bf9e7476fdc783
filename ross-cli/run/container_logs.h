/* SPDX-License-Identifier: Apache-2.0 */
/* What a detached container wrote, from the log files of its shim (format cri, rotated as PATH.1, PATH.2 …). */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

struct container_logs {
    bool follow, times;
    int64_t tail;     /* only the last so many lines; -1 = all */
    int64_t since_ns; /* only what is newer; 0 = all */
    void (*on_end)(
        void *
            arg); /* what was there is printed, the rest comes as it is written; NULL = not asked */
    void *arg;
};

/*
 * stdout to our stdout, stderr to our stderr. With follow: until the container has ended.
 * NotFound when it never wrote a log,
 * as one that only ran in the foreground.
 */
int container_logs(const struct session *s, const struct container *c,
                   const struct container_logs *how, struct err *err);
