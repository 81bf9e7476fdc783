/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of runc (reference section 6), and what they share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/strv.h"
#include "runc_options.h"

/* Who the command is for; strings are borrowed. */
struct runc_target {
    const struct runc_options *options;
    const char *ns, *bundle, *id;
    bool systemd; /* the spec's cgroups path demands it, whatever the options say */
};

/* All return a fresh list. console may be NULL. pid_file is a name below the bundle. */
struct strv runc_args_create(const struct runc_target *t, const char *console);
struct strv runc_args_start(const struct runc_target *t);
struct strv runc_args_exec(const struct runc_target *t, const char *process_file,
                           const char *pid_file, const char *console);
struct strv runc_args_kill(const struct runc_target *t, uint32_t signo, bool all);
struct strv runc_args_delete(const struct runc_target *t, bool force);
struct strv runc_args_pause(const struct runc_target *t);
struct strv runc_args_resume(const struct runc_target *t);
struct strv runc_args_ps(const struct runc_target *t);
struct strv runc_args_update(const struct runc_target *t);

struct runc_checkpoint {
    const char *image_path, *work_path, *parent_path; /* parent may be NULL */
    bool leave_running, open_tcp, external_unix_sockets, terminal, file_locks;
    const char *const *empty_namespaces;
    size_t n_empty_namespaces;
};
struct strv runc_args_checkpoint(const struct runc_target *t, const struct runc_checkpoint *c);
struct strv runc_args_restore(const struct runc_target *t, const struct runc_checkpoint *c,
                              const char *console);

/* The runtime's program; the directory of its state, malloc'ed. */
const char *runc_binary(const struct runc_options *o);
char *runc_root(const struct runc_options *o, const char *ns);
/* Has the runtime a container of that id? Runtimes keep it in ROOT/NS/ID. */
bool runc_knows(const struct runc_target *t);
