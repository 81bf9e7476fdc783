/* SPDX-License-Identifier: Apache-2.0 */
/* Spells runc's command lines. */
#include "runc_args.h"

#include <errno.h>
#include <unistd.h>

#include "libross/base/path.h"

const char *
runc_binary(const struct runc_options *o)
{
    return o->binary_name ? o->binary_name : "runc";
}

char *
runc_root(const struct runc_options *o, const char *ns)
{
    return path_join(o->root ? o->root : RUNC_ROOT_DEFAULT, ns);
}

bool
runc_knows(const struct runc_target *t)
{
    auto_free char *root = runc_root(t->options, t->ns);
    auto_free char *path = path_join(root, t->id);

    return access(path, F_OK) == 0 || errno != ENOENT;
}

static struct strv
begin(const struct runc_target *t, const char *verb)
{
    struct strv v = {0};

    strv_add(&v, runc_binary(t->options));
    strv_add(&v, "--root");
    strv_take(&v, runc_root(t->options, t->ns));
    strv_add(&v, "--log");
    strv_take(&v, path_join(t->bundle, "log.json"));
    strv_add(&v, "--log-format");
    strv_add(&v, "json");
    if (t->systemd || t->options->systemd_cgroup)
        strv_add(&v, "--systemd-cgroup");
    strv_add(&v, verb);
    return v;
}

static void
add_pair(struct strv *v, const char *flag, const char *value)
{
    if (!value)
        return;
    strv_add(v, flag);
    strv_add(v, value);
}

static void
add_pid_file(struct strv *v, const struct runc_target *t, const char *name)
{
    strv_add(v, "--pid-file");
    strv_take(v, path_join(t->bundle, name));
}

struct strv
runc_args_create(const struct runc_target *t, const char *console)
{
    struct strv v = begin(t, "create");

    add_pair(&v, "--bundle", t->bundle);
    add_pid_file(&v, t, "init.pid");
    add_pair(&v, "--console-socket", console);
    if (t->options->no_pivot_root)
        strv_add(&v, "--no-pivot");
    if (t->options->no_new_keyring)
        strv_add(&v, "--no-new-keyring");
    strv_add(&v, t->id);
    return v;
}

struct strv
runc_args_exec(const struct runc_target *t, const char *process_file, const char *pid_file,
               const char *console)
{
    struct strv v = begin(t, "exec");

    add_pair(&v, "--process", process_file);
    strv_add(&v, "--detach");
    add_pid_file(&v, t, pid_file);
    add_pair(&v, "--console-socket", console);
    strv_add(&v, t->id);
    return v;
}

static struct strv
plain(const struct runc_target *t, const char *verb)
{
    struct strv v = begin(t, verb);

    strv_add(&v, t->id);
    return v;
}

struct strv
runc_args_start(const struct runc_target *t)
{
    return plain(t, "start");
}

struct strv
runc_args_pause(const struct runc_target *t)
{
    return plain(t, "pause");
}

struct strv
runc_args_resume(const struct runc_target *t)
{
    return plain(t, "resume");
}

struct strv
runc_args_kill(const struct runc_target *t, uint32_t signo, bool all)
{
    struct strv v = begin(t, "kill");

    if (all)
        strv_add(&v, "--all");
    strv_add(&v, t->id);
    strv_printf(&v, "%u", signo);
    return v;
}

struct strv
runc_args_delete(const struct runc_target *t, bool force)
{
    struct strv v = begin(t, "delete");

    if (force)
        strv_add(&v, "--force");
    strv_add(&v, t->id);
    return v;
}

struct strv
runc_args_ps(const struct runc_target *t)
{
    struct strv v = begin(t, "ps");

    add_pair(&v, "--format", "json");
    strv_add(&v, t->id);
    return v;
}

struct strv
runc_args_update(const struct runc_target *t)
{
    struct strv v = begin(t, "update");

    strv_add(&v, "--resources=-");
    strv_add(&v, t->id);
    return v;
}

static void
add_criu(struct strv *v, const struct runc_checkpoint *c)
{
    add_pair(v, "--image-path", c->image_path);
    add_pair(v, "--work-path", c->work_path);
    add_pair(v, "--parent-path", c->parent_path);
    if (c->open_tcp)
        strv_add(v, "--tcp-established");
    if (c->external_unix_sockets)
        strv_add(v, "--ext-unix-sk");
    if (c->terminal)
        strv_add(v, "--shell-job");
    if (c->file_locks)
        strv_add(v, "--file-locks");
    for (size_t i = 0; i < c->n_empty_namespaces; i++)
        add_pair(v, "--empty-ns", c->empty_namespaces[i]);
}

struct strv
runc_args_checkpoint(const struct runc_target *t, const struct runc_checkpoint *c)
{
    struct strv v = begin(t, "checkpoint");

    add_criu(&v, c);
    if (c->leave_running)
        strv_add(&v, "--leave-running");
    strv_add(&v, t->id);
    return v;
}

struct strv
runc_args_restore(const struct runc_target *t, const struct runc_checkpoint *c, const char *console)
{
    struct strv v = begin(t, "restore");

    add_criu(&v, c);
    strv_add(&v, "--detach");
    add_pid_file(&v, t, "init.pid");
    add_pair(&v, "--console-socket", console);
    if (t->options->no_pivot_root)
        strv_add(&v, "--no-pivot");
    strv_add(&v, "--no-subreaper");
    add_pair(&v, "--bundle", t->bundle);
    strv_add(&v, t->id);
    return v;
}
