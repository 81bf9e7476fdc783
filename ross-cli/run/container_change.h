/* SPDX-License-Identifier: Apache-2.0 */
/* Changing what is recorded of a container that is there: its name, its limits, its restart policy. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"
#include "run_options.h"

/* AlreadyExists when the name is taken. */
int container_rename(struct session *s, const struct container *c, const char *name,
                     struct err *err);

struct container_update {
    /* of these: memory*, cpus, cpu_shares, cpuset_*, pids_limit; 0 or NULL = as it is */
    const struct run_options *limits;
    const char *restart; /* NULL = as it is */
};

/*
 * Limits of a running one count at once, and are recorded for later starts. Nothing is recorded when the running one
 * does not take them.
 */
int container_update(struct session *s, const struct container *c,
                     const struct container_update *how, struct err *err);
