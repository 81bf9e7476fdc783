/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard streams of one process: from the names in the request to fds for the runtime, and the copying
 * between.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "reaper.h"

struct stdio;

struct stdio_spec {
    struct loop *loop;
    struct reaper *reaper;
    const char *ns, *id; /* for loggers: id is the exec's for an exec */
    const char *stdin_path, *stdout_path, *stderr_path; /* "" = none */
    bool terminal;
    bool own_null; /* what is not connected is a null device of its own, not the host's */
    uid_t uid;
    gid_t gid;
};

#define STDIO_NAME_MAX (16 * 1024) /* of a path or log URI */

/* InvalidArgument when one of the names is longer than STDIO_NAME_MAX. */
int stdio_names_check(const char *in, const char *out, const char *errp, struct err *err);

/*
 * Opens what the names mean and makes the pipes. Never waits: a fifo is held open for reading and writing, so a reader
 * that comes late or goes and comes back misses nothing that fits into it. ready(arg, r, err) is called once from
 * the loop: at once, or when the logger program is ready.
 */
int stdio_new(const struct stdio_spec *spec, void (*ready)(void *arg, int r, const struct err *err),
              void *arg, struct stdio **ret, struct err *err);
/* For the runtime's 0, 1, 2; -1 = the host's /dev/null. */
const int *stdio_child_fds(const struct stdio *s);
/* For --console-socket; NULL without a terminal. */
const char *stdio_console_path(const struct stdio *s);
/* The runtime has started the process: lets go of its ends, takes the terminal, starts copying. */
int stdio_started(struct stdio *s, struct err *err);

/* The process has begun: feeds its stdin from now on. */
int stdio_begin_input(struct stdio *s, struct err *err);

/* The process sees the end of its stdin once all other writers of the fifo are gone. */
void stdio_close_stdin(struct stdio *s);
/* Without a terminal nothing happens. */
int stdio_resize(struct stdio *s, uint32_t width, uint32_t height, struct err *err);

/* All output up to the end of the process's streams is delivered. */
bool stdio_drained(const struct stdio *s);
/* fn(arg), once, from the loop, as soon as that is so; at most one at a time; NULL unsets. */
void stdio_on_drained(struct stdio *s, void (*fn)(void *arg), void *arg);
void stdio_free(struct stdio *s); /* NULL is fine */
