/* SPDX-License-Identifier: Apache-2.0 */
/* Starting ross-contentd and ross-snapshotter when nobody answers on their sockets (map, "Embedded default"). */
#pragma once

#include "libross/base/err.h"

struct service_spec {
    const char *program; /* "ross-contentd" */
    const char *root, *state;
    const char *address; /* socket path */
    const char *log_level;
};

/*
 * Makes sure that somebody listens on `address`: returns at once when a connect succeeds; otherwise, under the lock
 * STATE/PROGRAM.start, binds the socket, and starts the program detached with the listening socket as fd 3
 * (LISTEN_FDS=1), `--idle-exit`, and STATE/PROGRAM.log as its stderr. The caller can connect right away: the
 * kernel queues it until the service accepts.
 *
 * Returns 1 when it started one, 0 when one was there. NotFound when the program is not installed.
 */
int service_ensure(const struct service_spec *spec, struct err *err);

/*
 * Has a service that was started on demand leave as soon as nobody calls it, and keeps everybody from starting it
 * again until *ret_fd is closed. 1: it is not there. 0: it stays: it is one that nobody here started, or calls went
 * on for too long.
 */
int service_ask_to_leave(const struct service_spec *spec, int *ret_fd, struct err *err);

/*
 * The last lines of STATE/PROGRAM.log, for the message when a service that we started does not answer. malloc'ed,
 * "" when none.
 */
char *service_last_words(const char *program, const char *state);
