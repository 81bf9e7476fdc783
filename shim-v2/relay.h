/* SPDX-License-Identifier: Apache-2.0 */
/* Moves the bytes of one stream from a process to its reader or back, without ever waiting for either. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libross/base/loop.h"

struct relay;

enum relay_kind {
    RELAY_SPLICE, /* pipe to pipe or fifo: the kernel moves pages, we hold nothing */
    RELAY_COPY,   /* to or from a terminal: what does not fit is kept, at most one chunk */
    RELAY_FILE,   /* to a regular file; what cannot be written (full disk) is dropped and counted */
    RELAY_SINK,   /* to a function */
};

/* How many bytes it took; the rest is offered again after a pause. */
typedef size_t (*relay_sink_fn)(void *arg, const char *data, size_t n);
/* Called once, from the loop, when the source has ended and all of it was delivered, or nobody can take it. */
typedef void (*relay_end_fn)(void *arg);

struct relay_spec {
    enum relay_kind kind;
    int src; /* non-blocking; taken */
    int dst; /* non-blocking unless a file; taken; -1 for a sink */
    relay_sink_fn sink;
    void *sink_arg;
    relay_end_fn end;
    void *end_arg;
};

/* Takes both fds, also on failure. Starts with the next turn of the loop. */
int relay_new(struct loop *loop, const struct relay_spec *spec, struct relay **ret,
              struct err *err);
/* Stops where it is and closes both ends; `end` is not called. NULL is fine. */
void relay_free(struct relay *r);
/* Bytes that RELAY_FILE could not write. */
uint64_t relay_dropped(const struct relay *r);
/* Moves what can be moved now; for the moment before the other side is given up. */
void relay_push(struct relay *r);
