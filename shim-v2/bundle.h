/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a bundle directory (reference 1.10). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libross/base/err.h"
#include "runc_options.h"

#define BUNDLE_SPEC_MAX (16 * 1024 * 1024) /* bytes of config.json */

/* What the shim needs to know of config.json. */
struct bundle_spec {
    char *group;    /* the pod's annotation, NULL when there is none */
    bool own_pidns; /* a pid namespace of its own: its processes end with it */
    bool userns;    /* a user namespace that is not ours */
    bool systemd;   /* the cgroups path is SLICE:PREFIX:NAME */
    char *rootfs;   /* root.path, absolute */
    char *cgroup;   /* the cgroups path when it is absolute, else NULL */
};
void bundle_spec_done(struct bundle_spec *s);
/* FailedPrecondition when the file is missing, InvalidArgument when malformed. */
int bundle_spec_read(const char *bundle, struct bundle_spec *ret, struct err *err);
int bundle_spec_parse(const char *bundle, const void *text, size_t n, struct bundle_spec *ret,
                      struct err *err);

/* options.json and runtime, 0600: `delete` finds the runtime again. */
int bundle_write_options(const char *bundle, const struct runc_options *o, struct err *err);
/* Defaults when there are none. */
void bundle_read_options(const char *bundle, struct runc_options *ret);

int bundle_write_address(const char *bundle, const char *address, struct err *err);
/* malloc'ed; NULL when there is none. */
char *bundle_read_address(const char *bundle);

/* How the container ended, from its deletion until somebody removes the bundle: `delete` may still be asked then. */
struct bundle_exit {
    pid_t pid;
    uint32_t status;
    int64_t exited_at_ns;
};
void bundle_write_exit(const char *bundle, const struct bundle_exit *x);
/* False when there is none. */
bool bundle_read_exit(const char *bundle, struct bundle_exit *ret);
/* Of a life before, in the same bundle. */
void bundle_forget_exit(const char *bundle);

/* The number in a pid file of the bundle. */
int bundle_read_pid(const char *bundle, const char *name, pid_t *ret, struct err *err);
