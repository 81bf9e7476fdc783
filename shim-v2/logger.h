/* SPDX-License-Identifier: Apache-2.0 */
/* A logger program that takes the output of a process: binary:// and binary-v2:// (reference 5.5). */
#pragma once

#include "libross/logfile/log_uri.h"
#include "reaper.h"

struct logger;

#define LOGGER_READY_TIMEOUT_MS (30 * 1000)
#define LOGGER_END_TIMEOUT_MS                                                                      \
    (12 * 1000) /* to read up to the end; then as long again after SIGTERM */

struct logger_spec {
    struct loop *loop;
    struct reaper *reaper;
    const struct log_uri *uri;
    const char *ns, *id; /* what the logger is told: CONTAINER_NAMESPACE, CONTAINER_ID */
    int out, err;        /* read ends for the logger; borrowed during logger_start */
    /* r is 0, or why it will not log: it ended, or took too long. Once, from the loop. */
    void (*ready)(void *arg, int r, const struct err *err);
    /* The program has ended. Once, from the loop, after ready; not after logger_free. */
    void (*ended)(void *arg);
    void *arg;
};

int logger_start(const struct logger_spec *spec, struct logger **ret, struct err *err);
/* Lets go: it may read up to the end of its input, then it gets SIGTERM, then SIGKILL. NULL is fine. */
void logger_free(struct logger *l);
