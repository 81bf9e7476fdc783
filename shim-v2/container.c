/* SPDX-License-Identifier: Apache-2.0 */
/* The table of containers, and making one. */
#include "container.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "bundle_lock.h"
#include "cgroup.h"
#include "events.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/mount/mount_apply.h"
#include "libross/oci/spec_read.h"
#include "oom.h"
#include "runc.h"
#include "shim_args.h"

#define CGROUP_TEXT_MAX (64 * 1024)
#define GIVE_UP_MS      1500 /* containerd has 5 s for Delete, Shutdown and `delete` together */

struct container *
container_find(struct shim *shim, const char *id)
{
    for (struct container *c = shim->containers; c; c = c->next)
        if (!c->creating && strcmp(c->id, id) == 0)
            return c;
    return NULL;
}

struct container *
container_find_creating(struct shim *shim, const char *id)
{
    for (struct container *c = shim->containers; c; c = c->next)
        if (c->creating && strcmp(c->id, id) == 0)
            return c;
    return NULL;
}

bool
containers_going(const struct shim *shim)
{
    for (const struct container *c = shim->containers; c; c = c->next)
        if (c->deletions == 0)
            return false;
    return true;
}

struct process *
container_process(struct container *c, const char *exec_id)
{
    if (exec_id[0] == '\0')
        return &c->init;
    for (struct process *p = c->execs; p; p = p->next)
        if (strcmp(p->id, exec_id) == 0)
            return p;
    return NULL;
}

static bool
process_drained(const struct process *p)
{
    return !p->exit_seen || !p->io || stdio_drained(p->io);
}

bool
containers_drained(const struct shim *shim)
{
    for (const struct container *c = shim->containers; c; c = c->next) {
        if (!process_drained(&c->init))
            return false;
        for (const struct process *p = c->execs; p; p = p->next)
            if (!process_drained(p))
                return false;
    }
    return true;
}

void
container_ref(struct container *c)
{
    c->refs++;
}

void
container_unref(struct container *c)
{
    if (--c->refs)
        return;
    process_done(&c->init);
    runc_options_done(&c->options);
    oom_watch_free(c->oom);
    free(c->id);
    free(c->bundle);
    free(c->rootfs);
    free(c->cgroup_path);
    free(c->checkpoint);
    free(c->parent_checkpoint);
    free(c->cgroup);
    free(c);
}

void
container_unlink(struct container *c)
{
    struct container **at = &c->shim->containers;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (!c->shim->containers)
        c->shim->emptied(c->shim);
}

struct runc_target
container_target(const struct container *c)
{
    return (struct runc_target){.options = &c->options,
                                .ns = c->shim->ns,
                                .bundle = c->bundle,
                                .id = c->id,
                                .systemd = c->systemd};
}

/* ---- creating ---- */

struct creation {
    struct container *c;
    struct mount_list rootfs;
    container_fn done;
    void *arg;
    int lock_fd; /* held until it is over: `delete` waits for it */
    bool runtime_ran;
};

static void
creation_free(struct creation *k)
{
    (void) fd_close(k->lock_fd);
    mount_list_done(&k->rootfs);
    free(k);
}

static void
creation_undo(struct creation *k, int r, const struct err *err)
{
    struct container *c = k->c;
    struct err ignored = {0};

    if (c->mounted && mount_detach_all(c->rootfs, &ignored) < 0)
        log_warn("cannot unmount after a failed create", KV_STR("container", c->id),
                 KV_ERR(&ignored));
    c->mounted = false;
    c->init.state = PROCESS_DELETED;
    container_unlink(c);
    k->done(k->arg, NULL, r, err);
    process_end_turn(&c->init);
    container_unref(c);
    creation_free(k);
}

void
container_give_up(struct container *c)
{
    if (c->making)
        runc_hurry(c->making, GIVE_UP_MS);
}

static void
runtime_run(struct container *c, struct runc_call *call, runc_fn fn, void *arg)
{
    c->making = runc_run(call, fn, arg);
    if (c->deletions)
        container_give_up(c);
}

/* Ends a container that the runtime made, or half made, before it was given up. */
struct doomed {
    struct creation *k;
    struct err err;
    int r;
};

static void
on_doomed(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct doomed *d = arg;

    (void) out;
    (void) n;
    d->k->c->making = NULL;
    if (r < 0)
        log_warn("cannot delete after a failed create", KV_STR("container", d->k->c->id),
                 KV_ERR(err));
    (void) cgroup_remove(d->k->c->cgroup_path);
    creation_undo(d->k, d->r, &d->err);
    free(d);
}

static bool
has_file(const struct container *c, const char *name)
{
    auto_free char *path = path_join(c->bundle, name);

    return access(path, F_OK) == 0;
}

static void
creation_fail(struct creation *k, int r, const struct err *err)
{
    struct container *c = k->c;
    auto_free char *log = path_join(c->bundle, "log.json");
    struct runc_target t = container_target(c);
    struct runc_call call;
    struct doomed *d;

    /* without our pid file the id may be another's container: hands off */
    if (!k->runtime_ran || (r != -CODE_DEADLINE_EXCEEDED && !has_file(c, "init.pid"))) {
        creation_undo(k, r, err);
        return;
    }
    d = xmalloc(sizeof *d);
    *d = (struct doomed){.k = k, .err = *err, .r = r};
    call = (struct runc_call){.loop = c->shim->loop,
                              .reaper = c->shim->reaper,
                              .argv = runc_args_delete(&t, true),
                              .failed = "delete",
                              .log_path = log};
    runtime_run(c, &call, on_doomed, d);
}

static void
on_oom(void *arg)
{
    struct container *c = arg;

    event_oom(c->shim->events, c->id);
}

static void
cgroup_load(struct container *c)
{
    char path[64];
    struct err err = {0};

    snprintf(path, sizeof path, "/proc/%d/cgroup", (int) c->init.pid);
    if (fd_read_file_at(AT_FDCWD, path, CGROUP_TEXT_MAX, &c->cgroup, NULL, &err) < 0 ||
        oom_watch_new(c->shim->loop, c->cgroup, on_oom, c, &c->oom, &err) < 0)
        log_debug("no notice of out-of-memory kills", KV_STR("container", c->id), KV_ERR(&err));
}

static void
creation_succeed(struct creation *k)
{
    struct container *c = k->c;
    struct event_io io = {.stdin_path = c->init.stdin_path,
                          .stdout_path = c->init.stdout_path,
                          .stderr_path = c->init.stderr_path,
                          .terminal = c->init.terminal};
    struct err err = {0};

    c->creating = false;
    event_create(c->shim->events, c->id, c->bundle, &k->rootfs, &io, c->checkpoint,
                 (uint32_t) c->init.pid);
    k->done(k->arg, c, 0, &err);
    process_end_turn(&c->init);
    creation_free(k);
}

static void
on_created(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct creation *k = arg;
    struct container *c = k->c;
    struct err e = *err;

    (void) out;
    (void) n;
    c->making = NULL;
    if (r == 0)
        r = process_adopt(&c->init, "init.pid", &e);
    if (r < 0) {
        creation_fail(k, r, &e);
        return;
    }
    cgroup_load(c);
    creation_succeed(k);
}

static void
on_stdio_ready(void *arg, int r, const struct err *err)
{
    struct creation *k = arg;
    struct container *c = k->c;
    struct runc_target t = container_target(c);
    auto_free char *log = path_join(c->bundle, "log.json");
    auto_free char *pid_file = path_join(c->bundle, "init.pid");
    struct runc_call call;

    if (r < 0) {
        creation_fail(k, r, err);
        return;
    }
    if (c->checkpoint) {
        c->init.state = PROCESS_CREATED_CHECKPOINT;
        creation_succeed(k);
        return;
    }
    (void) unlink(pid_file);
    call = (struct runc_call){.loop = c->shim->loop,
                              .reaper = c->shim->reaper,
                              .argv = runc_args_create(&t, stdio_console_path(c->init.io)),
                              .failed = "OCI runtime create failed",
                              .log_path = log,
                              .stdio = stdio_child_fds(c->init.io)};
    k->runtime_ran = true;
    runtime_run(c, &call, on_created, k);
}

static int
rootfs_mount(struct container *c, const struct mount_list *mounts, struct err *err)
{
    int r;

    if (mounts->n == 0)
        return 0;
    if (mkdir(c->rootfs, 0711) < 0 && errno != EEXIST)
        return err_sys(err, errno, "make %s", c->rootfs);
    r = mount_apply(mounts, c->rootfs, NULL, err);
    if (r < 0)
        return err_wrap(err, r, "mount the rootfs of %s", c->id);
    c->mounted = true;
    return 0;
}

static int
creation_begin(struct creation *k, struct err *err)
{
    struct container *c = k->c;
    struct stdio_spec io = {.loop = c->shim->loop,
                            .reaper = c->shim->reaper,
                            .ns = c->shim->ns,
                            .id = c->id,
                            .stdin_path = c->init.stdin_path,
                            .stdout_path = c->init.stdout_path,
                            .stderr_path = c->init.stderr_path,
                            .terminal = c->init.terminal,
                            .uid = c->options.io_uid,
                            .gid = c->options.io_gid};
    AUTO(bundle_spec) spec = {0};
    int r = bundle_spec_read(c->bundle, &spec, err);

    if (r == 0)
        r = bundle_lock(c->bundle, &k->lock_fd, err);
    if (r < 0)
        return r;
    c->own_pidns = spec.own_pidns;
    c->userns = io.own_null = spec.userns;
    c->systemd = spec.systemd;
    c->cgroup_path = TAKE(spec.cgroup);
    c->rootfs = path_join(c->bundle, "rootfs");
    bundle_forget_exit(c->bundle);
    r = bundle_write_options(c->bundle, &c->options, err);
    if (r == 0)
        r = rootfs_mount(c, &k->rootfs, err);
    if (r == 0)
        r = stdio_new(&io, on_stdio_ready, k, &c->init.io, err);
    return r;
}

static int
request_check(struct shim *shim, const struct container_create *req, struct err *err)
{
    int r = shim_id_validate("container id", req->id, err);

    if (r < 0)
        return r;
    for (struct container *c = shim->containers; c; c = c->next)
        if (strcmp(c->id, req->id) == 0)
            return err_set(err, CODE_ALREADY_EXISTS, "container %s exists already", req->id);
    if (req->bundle[0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT, "the bundle path '%s' is not absolute",
                       req->bundle);
    if (strlen(req->bundle) >= PATH_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "the bundle path is too long");
    if (shim->leaving)
        return err_set(err, CODE_UNAVAILABLE, "the shim is leaving");
    return stdio_names_check(req->stdin_path, req->stdout_path, req->stderr_path, err);
}

void
container_create(struct shim *shim, struct container_create *req, container_fn done, void *arg)
{
    struct creation *k;
    struct container *c;
    struct err err = {0};
    int r = request_check(shim, req, &err);

    if (r < 0) {
        mount_list_done(&req->rootfs);
        runc_options_done(&req->options);
        done(arg, NULL, r, &err);
        return;
    }
    shim->leave_when_empty = false;
    c = xcalloc(1, sizeof *c);
    *c = (struct container){.shim = shim,
                            .refs = 1,
                            .id = xstrdup(req->id),
                            .bundle = xstrdup(req->bundle),
                            .options = TAKE_STRUCT(req->options),
                            .creating = true,
                            .next = shim->containers};
    shim->containers = c;
    if (req->checkpoint[0])
        c->checkpoint = xstrdup(req->checkpoint);
    if (req->parent_checkpoint[0])
        c->parent_checkpoint = xstrdup(req->parent_checkpoint);
    process_init(&c->init, c, "", req->stdin_path, req->stdout_path, req->stderr_path,
                 req->terminal);
    c->init.busy = true; /* a Delete that comes meanwhile waits */
    k = xcalloc(1, sizeof *k);
    *k = (struct creation){
        .c = c, .rootfs = TAKE_STRUCT(req->rootfs), .done = done, .arg = arg, .lock_fd = -1};
    r = creation_begin(k, &err);
    if (r < 0)
        creation_fail(k, r, &err);
}

/* ---- execs ---- */

int
container_exec(struct container *c, const struct container_exec *req, struct err *err)
{
    struct process *p;
    AUTO(buf) spec = BUF_INIT(SPEC_SIZE_MAX);
    int r;

    assert(c);
    r = shim_id_validate("exec id", req->exec_id, err);
    if (r < 0)
        return r;
    if (container_process(c, req->exec_id))
        return err_set(err, CODE_ALREADY_EXISTS, "id %s: already exists", req->exec_id);
    r = process_state_check(false, c->init_exited ? PROCESS_STOPPED : c->init.state, OP_EXEC, err);
    if (r < 0)
        return r;
    r = stdio_names_check(req->stdin_path, req->stdout_path, req->stderr_path, err);
    if (r < 0)
        return r;
    if (c->n_execs >= EXECS_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "container %s has %d execs already", c->id,
                       EXECS_MAX);
    /* the request's terminal wins over the document's */
    r = spec_process_set_terminal(req->spec_json, req->n_spec_json, req->terminal, &spec, err);
    if (r == 0)
        r = buf_append(&spec, "", 1, err);
    if (r < 0)
        return err_wrap(err, r, "the process of exec %s", req->exec_id);
    p = xcalloc(1, sizeof *p);
    process_init(p, c, req->exec_id, req->stdin_path, req->stdout_path, req->stderr_path,
                 req->terminal);
    p->spec_json = buf_take(&spec);
    p->registered = true;
    p->next = c->execs;
    c->execs = p;
    c->n_execs++;
    container_ref(c);
    event_exec_added(c->shim->events, c->id, p->id);
    return 0;
}
