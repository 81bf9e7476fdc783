/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every service process does around its rpc tables: directories, lock, socket or activation, signals, idle
 * exit.
 */
#pragma once

#include <stdint.h>

#include "api/rpc/rpc.h"
#include "libross/config/options.h"

struct daemon_options {
    const char *program; /* "ross-contentd" */
    const char *root, *state, *address, *config,
        *log_level;       /* --root --state --address --config --log-level */
    int64_t idle_exit_ns; /* --idle-exit: leave after that long without a call; 0 = never */
    bool version, help;
    bool print_options; /* hidden: the table, for the manual page */
};

/* The rows above, for the program's own table: copy them in front of its own. */
extern const struct option_row daemon_option_rows[];
extern const size_t daemon_option_rows_n;

/*
 * Reads the command line into `into`, a struct of `size` bytes that begins with its struct daemon_options (whose
 * `program` is set), over the settings file: --config, else /etc/ross/PROGRAM.toml when that exists. Fills root,
 * state and address (STATE/NAME.sock for "ross-NAME") with their defaults, sets the log level, answers --version,
 * --help and the hidden --print-options (as Markdown) on stdout.
 *   about        one sentence for --help
 *   *ret_words   as options_parse()
 * Returns 1 when the answer was all that was asked for.
 */
int daemon_options_read(const struct option_row *rows, size_t n, void *into, size_t size,
                        const char *about, int argc, char **argv, int *ret_words, struct err *err);

/*
 * The value of a SIGTERM by sigqueue() that means: leave as soon as no call runs. Only a process with idle_exit_ns
 * does; for the others it is no signal at all.
 */
#define DAEMON_LEAVE_WHEN_IDLE 0x1d1e

/*
 * Opens root and state (0711), takes the lock ROOT/PROGRAM.lock (FailedPrecondition naming the holder's pid when
 * another one has it), listens on address or the socket passed by systemd (LISTEN_FDS), serves, tells sd_notify, until
 * SIGTERM, SIGINT or idle. SIGTERM lets running calls end for 5 s.
 */
int daemon_serve(const struct daemon_options *opt, const struct rpc_service *services, size_t n,
                 struct err *err);

/* One socket and the services behind it. */
struct daemon_endpoint {
    const char *
        name; /* FileDescriptorName= of a socket passed by systemd; the first also takes an unnamed one */
    const char *address; /* NULL for the first: opt->address */
    const struct rpc_service *services;
    size_t n;
};
/* daemon_serve() for a process with several sockets (at most DAEMON_ENDPOINTS_MAX). */
#define DAEMON_ENDPOINTS_MAX 4
int daemon_serve_endpoints(const struct daemon_options *opt,
                           const struct daemon_endpoint *endpoints, size_t n, struct err *err);

/* The lock alone, before opening a database; the fd is held for the life of the process. */
int daemon_lock(const struct daemon_options *opt, int *ret_lock_fd, struct err *err);
