/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes the container of a bundle and who ends it exclude each other: a rootfs is not unmounted under a runtime
 * that is setting it up. The lock goes with its holder, however that ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"

/* Closing *ret_fd lets go. Unavailable when another process holds it. */
int bundle_lock(const char *bundle, int *ret_fd, struct err *err);
/*
 * Waits for it, at most until limit_ns (of clock_mono_ns). end_holder: one that holds it still at patience_ns is
 * killed. DeadlineExceeded when it was not to be had.
 */
struct bundle_lock_wait {
    int64_t patience_ns, limit_ns;
    bool end_holder;
};
int bundle_lock_wait(const char *bundle, const struct bundle_lock_wait *how, int *ret_fd,
                     struct err *err);
