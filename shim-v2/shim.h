/* SPDX-License-Identifier: Apache-2.0 */
/* What all parts of a serving shim share. */
#pragma once

#include <stdbool.h>

#include "libross/base/loop.h"
#include "reaper.h"

struct container;
struct events;
struct task_record;

struct shim {
    struct loop *loop;
    struct reaper *reaper;
    struct events *events;
    struct task_record *record;
    const char *ns, *id;
    struct container *containers;
    void (*shutdown)(struct shim *shim); /* leaves in good order */
    void (*emptied)(struct shim *shim);  /* the last container is gone */
    bool leaving;
    bool leave_when_empty; /* told to while the last containers were being deleted */
};

/* Serves on fd 3 (or the socket of the arguments) until told to leave. Returns the exit code. */
struct shim_args;
int shim_serve(const struct shim_args *args);
