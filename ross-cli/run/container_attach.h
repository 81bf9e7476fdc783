/* SPDX-License-Identifier: Apache-2.0 */
/* Our terminal on a container that runs detached. */
#pragma once

#include "container_io.h"
#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

struct container_attach {
    bool no_stdin;
    bool sig_proxy;   /* signals go to the container; else they end the attachment */
    const char *keys; /* that end it, see container_io_attach() */
};

/*
 * Shows what it writes from now on (its log is followed) and hands on what is typed, until it ends or the keys are
 * typed. *ret_status: its exit code, 0 when it goes on. FailedPrecondition when it does not run, or belongs to a
 * client in the foreground. container_io_block_signals() must have been called.
 */
int container_attach(const struct session *s, const struct container *c,
                     const struct container_attach *how, int *ret_status, struct err *err);
