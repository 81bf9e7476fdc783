/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of one pull share. Inside pull/ only. */
#pragma once

#include <pthread.h>

#include "libross/oci/oci_ref.h"
#include "ross-cli/pull/board.h"
#include "ross-cli/pull/pull.h"
#include "ross-cli/registry/registry.h"

struct job {
    const struct pull_services *svc;
    const struct pull_options *opt;
    struct registry *registry; /* NULL: everything must be in the store */
    struct oci_ref ref;        /* with registry */
    char *name;
    struct oci_platform platform;
    struct call_ctx ctx; /* namespace, lease, `stop` */
    char *lease;         /* ours to delete; NULL when somebody else's or none */
    int lock_fd;         /* see job_share */
    struct board *board;
    atomic_bool stop; /* set with the first failure */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t cond;
    struct err failed; /* the first failure */
    struct pull_timing timing;
};

/* opt, svc, registry and ref_or_name are borrowed for the job's life. */
void job_init(struct job *j, const struct pull_services *svc, const struct pull_options *opt,
              struct registry *registry, const char *name);
void job_done(struct job *j);

/* Makes the lease that keeps everything of the job from being collected, for 24 hours at most. */
int job_lease(struct job *j, struct err *err);
/* Deletes it. */
void job_unlease(struct job *j);
/* Also keeps a snapshot by the lease; for stores that do not see our snapshotter. */
int job_keep_snapshot(struct job *j, const char *key, struct err *err);

/* Notes a failure (the first one counts), stops everything. Returns r. */
int job_fail(struct job *j, int r, const struct err *err);
/* Waits that long; Canceled when the job stops. */
int job_pause(struct job *j, int64_t ms, struct err *err);
/* Adds the time since start_ns to one of timing's fields. */
void job_took(struct job *j, int64_t *field, int64_t start_ns);

/*
 * Waits until no other pull of this machine works on the layers under `chain`, and is then the one that does, until
 * job_unshare or the process's end. Nothing without a lock directory.
 */
int job_share(struct job *j, const struct digest *chain, struct err *err);
void job_unshare(struct job *j);
