/* SPDX-License-Identifier: Apache-2.0 */
/* One more process in a running container. */
#pragma once

#include "libross/base/strv.h"
#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

struct container_exec {
    const struct strv *args;
    const struct strv *env; /* "K=V" */
    const char *working_dir, *user;
    bool detach, interactive, terminal, privileged;
};

/*
 * What is not said is as for the container's own process. *ret_status: exit code of the
 * process, or 126 or 127 when it could not
 * be started for its own fault (then negative). container_io_block_signals() must have been called.
 */
int container_exec(const struct session *s, const struct container *c,
                   const struct container_exec *how, int *ret_status, struct err *err);
