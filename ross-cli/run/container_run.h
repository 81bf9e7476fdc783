/* SPDX-License-Identifier: Apache-2.0 */
/* `run` from image name to exit code. */
#pragma once

#include "libross/base/strv.h"
#include "ross-cli/pull/pull.h"
#include "ross-cli/session/session.h"
#include "run_options.h"

/*
 * With opt->detach it is left running: *ret_id is its id (malloc'ed), and stays NULL otherwise.
 *
 * *ret_status  exit code of the container; on failure 126 when its command cannot be executed,
 * 127 when it was not found,
 *              else 0
 * Negative: our own failure; nothing of the container stays when it was never started or with --rm.
 *   on_pull  hears how a pull goes when the image must be fetched
 */
int container_run(struct session *s, const struct run_options *opt, const char *image_name,
                  const struct strv *args, pull_event_fn on_pull, void *on_pull_arg,
                  int *ret_status, char **ret_id, struct err *err);

/* The container without its task, for `create`; *ret_id is malloc'ed. */
int container_create(struct session *s, const struct run_options *opt, const char *image_name,
                     const struct strv *args, pull_event_fn on_pull, void *on_pull_arg,
                     char **ret_id, struct err *err);
