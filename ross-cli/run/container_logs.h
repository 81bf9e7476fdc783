/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container wrote, from the log files of its shim, or of the ross-cli that had it in the foreground (format cri,
 * rotated as PATH.1, PATH.2 …).
 */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

struct container_logs {
    bool follow, times;
    int64_t tail;     /* only the last so many lines; -1 = all */
    int64_t since_ns; /* only what is newer; 0 = all */
    int64_t until_ns; /* only what is older; 0 = all */
    void (*on_end)(
        void *
            arg); /* what was there is printed, the rest comes as it is written; NULL = not asked */
    void *arg;
};

/*
 * stdout to our stdout, stderr to our stderr. With follow: until the container has ended, or until_ns is over.
 * NotFound when it keeps none, as one that runs in the foreground with --rm.
 */
int container_logs(const struct session *s, const struct container *c,
                   const struct container_logs *how, struct err *err);
