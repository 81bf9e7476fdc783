/* SPDX-License-Identifier: Apache-2.0 */
/* One fsync of a directory for everybody who waits for one. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"

struct group_sync {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t done_changed;
    uint64_t asked, done; /* tickets */
    bool running;
};

void group_sync_init(struct group_sync *g);
void group_sync_done(struct group_sync *g);
/* Returns when an fsync of fd that began after the call has ended. `what` names it in the error. */
int group_sync_run(struct group_sync *g, int fd, const char *what, struct err *err);
