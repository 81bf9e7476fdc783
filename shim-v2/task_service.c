/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacks requests, calls the containers, packs answers.
 *
 * The messages of task.v2 and task.v3 have the same fields with the same numbers, so their generated structs are
 * the same but for the descriptor in front, which the transport fills in. Handlers use the names of v2 for both.
 */
#include "task_service.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "container.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "libross/base/mem_try.h"
#include "runtime/task/v2/shim.pb-c.h"
#include "runtime/task/v3/shim.pb-c.h"
#include "types/mount.pb-c.h"
#include "types/runc/options/oci.pb-c.h"
#include "types/task/task.pb-c.h"

#define SAME(a, b)                                                                                 \
    static_assert(sizeof(Containerd__Task__V2__##a) == sizeof(Containerd__Task__V3__##a), b)
SAME(CreateTaskRequest, "v2 and v3 differ");
SAME(StateResponse, "v2 and v3 differ");
SAME(DeleteResponse, "v2 and v3 differ");
SAME(ExecProcessRequest, "v2 and v3 differ");
SAME(UpdateTaskRequest, "v2 and v3 differ");
SAME(ConnectResponse, "v2 and v3 differ");
#undef SAME

#define EXEC_SPEC_MAX        (1024 * 1024)
#define MOUNTS_MAX           128
#define MOUNT_OPTIONS_MAX    4096
#define MOUNTS_SIZE_MAX      (256 * 1024) /* bytes of all strings; the kernel takes a page of options */
#define NAME_SIZE_MAX        8192         /* bytes of a path or URI in a request */
#define EMPTY_NAMESPACES_MAX 16           /* there are eight kinds */

/* What is left to do when an operation has ended. */
struct pending {
    struct rpc_call *call;
    struct process *p;
};

static const char *
str(const char *s)
{
    return s ? s : "";
}

static int
find(struct shim *shim, const char *id, struct container **ret, struct err *err)
{
    *ret = container_find(shim, str(id));
    if (!*ret)
        return err_set(err, CODE_NOT_FOUND, "container not created: not found");
    return 0;
}

static int
find_process(struct shim *shim, const char *id, const char *exec_id, struct process **ret,
             struct err *err)
{
    struct container *c;
    int r = find(shim, id, &c, err);

    if (r < 0)
        return r;
    *ret = container_process(c, str(exec_id));
    if (!*ret)
        return err_set(err, CODE_NOT_FOUND, "process does not exist %.100s: not found", exec_id);
    return 0;
}

/* Go's zero time, year 1, says "not yet". */
static Google__Protobuf__Timestamp *
time_to(struct arena *a, int64_t ns)
{
    Google__Protobuf__Timestamp *t = arena_alloc(a, sizeof *t);

    google__protobuf__timestamp__init(t);
    t->seconds = ns ? ns / NS_PER_S : INT64_C(-62135596800);
    t->nanos = ns ? (int32_t) (ns % NS_PER_S) : 0;
    return t;
}

static struct pending *
pend(struct rpc_call *call, struct process *p)
{
    struct pending *w = xmalloc(sizeof *w);

    *w = (struct pending){.call = call, .p = p};
    if (p)
        process_ref(p);
    return w;
}

static void
unpend(struct pending *w, int r, const struct err *err)
{
    struct process *p = w->p;

    rpc_finish(w->call, r, r == 0 ? rpc_call_reply(w->call) : NULL, err);
    free(w);
    if (p)
        process_unref(p);
}

static void
finish_empty(void *arg, int r, const struct err *err)
{
    unpend(arg, r, err);
}

/* ---- create, start, delete ---- */

static size_t
mount_size(const Containerd__Types__Mount *m)
{
    size_t n = strlen(str(m->type)) + strlen(str(m->source)) + strlen(str(m->target));

    for (size_t k = 0; k < m->n_options; k++)
        n += strlen(m->options[k]);
    return n;
}

/* A string whose length its sender chose. */
static int
text_copy(const char *s, char **ret, struct err *err)
{
    char *copy = mem_try_strndup(str(s), strlen(str(s)));

    if (!copy)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a mount");
    free(*ret);
    *ret = copy;
    return 0;
}

static int
mount_from(const Containerd__Types__Mount *item, struct mount *m, struct err *err)
{
    int r = text_copy(item->type, &m->type, err);

    if (r == 0)
        r = text_copy(item->source, &m->source, err);
    if (r == 0)
        r = text_copy(item->target, &m->target, err);
    for (size_t k = 0; k < item->n_options && r == 0; k++) {
        char *option = NULL;

        r = text_copy(item->options[k], &option, err);
        if (r == 0)
            strv_take(&m->options, option);
    }
    return r;
}

static int
mounts_from(Containerd__Types__Mount *const *items, size_t n, struct mount_list *ret,
            struct err *err)
{
    size_t size = 0;

    if (n > MOUNTS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "a rootfs has more than %d mounts", MOUNTS_MAX);
    for (size_t i = 0; i < n; i++) {
        int r;

        size += mount_size(items[i]);
        if (items[i]->n_options > MOUNT_OPTIONS_MAX || size > MOUNTS_SIZE_MAX)
            return err_set(
                err, CODE_INVALID_ARGUMENT,
                "a mount has more than %d options, or those of a rootfs more than %d bytes",
                MOUNT_OPTIONS_MAX, MOUNTS_SIZE_MAX);
        r = mount_from(items[i], mount_list_add(ret, "", ""), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int
names_check(const char *const *names, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (names[i] && strlen(names[i]) > NAME_SIZE_MAX)
            return err_set(err, CODE_INVALID_ARGUMENT, "a name is longer than %d bytes",
                           NAME_SIZE_MAX);
    return 0;
}

static void
finish_create(void *arg, struct container *c, int r, const struct err *err)
{
    struct pending *w = arg;

    if (c) {
        Containerd__Task__V2__CreateTaskResponse *reply = rpc_call_reply(w->call);

        reply->pid = (uint32_t) c->init.pid;
    }
    unpend(w, r, err);
}

static int
do_create(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__CreateTaskRequest *m = request;
    const char *names[] = {m->bundle, m->stdin,      m->stdout,
                           m->stderr, m->checkpoint, m->parent_checkpoint};
    struct container_create req = {.id = str(m->id),
                                   .bundle = str(m->bundle),
                                   .stdin_path = str(m->stdin),
                                   .stdout_path = str(m->stdout),
                                   .stderr_path = str(m->stderr),
                                   .terminal = m->terminal,
                                   .checkpoint = str(m->checkpoint),
                                   .parent_checkpoint = str(m->parent_checkpoint)};
    int r = names_check(names, ARRAY_LEN(names), err);

    (void) reply;
    if (r == 0)
        r = mounts_from(m->rootfs, m->n_rootfs, &req.rootfs, err);
    if (r == 0 && m->options)
        r = runc_options_from_any(str(m->options->type_url), m->options->value.data,
                                  m->options->value.len, &req.options, err);
    if (r < 0) {
        mount_list_done(&req.rootfs);
        return r;
    }
    container_create(impl, &req, finish_create, pend(call, NULL));
    return RPC_LATER;
}

static void
finish_start(void *arg, int r, const struct err *err)
{
    struct pending *w = arg;
    Containerd__Task__V2__StartResponse *reply = rpc_call_reply(w->call);

    if (r == 0)
        reply->pid = (uint32_t) w->p->pid;
    unpend(w, r, err);
}

static int
do_start(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__StartRequest *m = request;
    struct process *p;
    int r = find_process(impl, m->id, m->exec_id, &p, err);

    (void) reply;
    if (r < 0)
        return r;
    process_start(p, finish_start, pend(call, p));
    return RPC_LATER;
}

static void
finish_delete(void *arg, int r, const struct err *err)
{
    struct pending *w = arg;
    Containerd__Task__V2__DeleteResponse *reply = rpc_call_reply(w->call);

    if (r == 0) {
        reply->pid = (uint32_t) w->p->pid;
        reply->exit_status = w->p->exit_status;
        reply->exited_at = time_to(rpc_call_arena(w->call), w->p->exited_at_ns);
    }
    unpend(w, r, err);
}

static int
do_delete(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__DeleteRequest *m = request;
    struct container *made = container_find_creating(impl, str(m->id));
    struct process *p;
    int r;

    (void) reply;
    /* containerd has given a Create up: nobody else will ever ask for the container that comes of it */
    if (made && str(m->exec_id)[0] == '\0') {
        process_delete(&made->init, finish_delete, pend(call, &made->init));
        return RPC_LATER;
    }
    r = find_process(impl, m->id, m->exec_id, &p, err);
    if (r < 0)
        return r;
    process_delete(p, finish_delete, pend(call, p));
    return RPC_LATER;
}

/* ---- exec, terminal, signals ---- */

static int
do_exec(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__ExecProcessRequest *m = request;
    const char *names[] = {m->stdin, m->stdout, m->stderr};
    struct container_exec req = {.exec_id = str(m->exec_id),
                                 .stdin_path = str(m->stdin),
                                 .stdout_path = str(m->stdout),
                                 .stderr_path = str(m->stderr),
                                 .terminal = m->terminal};
    struct container *c;
    int r = find(impl, m->id, &c, err);

    (void) call;
    (void) reply;
    if (r == 0)
        r = names_check(names, ARRAY_LEN(names), err);
    if (r < 0)
        return r;
    if (!m->spec || m->spec->value.len == 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "exec %s has no process", req.exec_id);
    if (m->spec->value.len > EXEC_SPEC_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "the process of an exec is larger than %d bytes",
                       EXEC_SPEC_MAX);
    req.spec_json = (const char *) m->spec->value.data;
    req.n_spec_json = m->spec->value.len;
    return container_exec(c, &req, err);
}

static int
do_resize(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__ResizePtyRequest *m = request;
    struct process *p;
    int r = find_process(impl, m->id, m->exec_id, &p, err);

    (void) call;
    (void) reply;
    if (r == 0)
        r = process_state_check(process_is_exec(p), p->state, OP_RESIZE, err);
    if (r < 0 || !p->io)
        return r;
    return stdio_resize(p->io, m->width, m->height, err);
}

static int
do_close_io(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__CloseIORequest *m = request;
    struct process *p;
    int r = find_process(impl, m->id, m->exec_id, &p, err);

    (void) call;
    (void) reply;
    if (r < 0)
        return r;
    if (p->io)
        stdio_close_stdin(p->io);
    return 0;
}

static int
do_kill(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__KillRequest *m = request;
    struct process *p;
    int r = find_process(impl, m->id, m->exec_id, &p, err);

    (void) reply;
    if (r < 0)
        return r;
    process_kill(p, m->signal, m->all, finish_empty, pend(call, p));
    return RPC_LATER;
}

/* ---- waiting ---- */

struct wait_call {
    struct process_waiter waiter;
    struct pending *w;
};

static void
wait_answer(struct pending *w, int r, const struct err *err)
{
    Containerd__Task__V2__WaitResponse *reply = rpc_call_reply(w->call);

    if (r == 0) {
        reply->exit_status = w->p->exit_status;
        reply->exited_at = time_to(rpc_call_arena(w->call), w->p->exited_at_ns);
    }
    unpend(w, r, err);
}

static void
on_waited(struct process_waiter *waiter, int r, const struct err *err)
{
    struct wait_call *wc = CONTAINER_OF(waiter, struct wait_call, waiter);
    struct pending *w = wc->w;

    rpc_call_on_cancel(w->call, NULL, NULL);
    free(wc);
    wait_answer(w, r, err);
}

static void
on_wait_cancelled(void *arg)
{
    struct wait_call *wc = arg;
    struct pending *w = wc->w;
    struct err err = {0};

    process_unwait(w->p, &wc->waiter);
    free(wc);
    unpend(w, err_set(&err, CODE_CANCELED, "the caller went away"), &err);
}

static int
do_wait(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__WaitRequest *m = request;
    Containerd__Task__V2__WaitResponse *answer = reply;
    struct wait_call *wc;
    struct process *p;
    int r = find_process(impl, m->id, m->exec_id, &p, err);

    if (r < 0)
        return r;
    wc = xcalloc(1, sizeof *wc);
    wc->waiter.fn = on_waited;
    if (process_wait(p, &wc->waiter)) {
        free(wc);
        answer->exit_status = p->exit_status;
        answer->exited_at = time_to(rpc_call_arena(call), p->exited_at_ns);
        return 0;
    }
    wc->w = pend(call, p);
    rpc_call_on_cancel(call, on_wait_cancelled, wc);
    return RPC_LATER;
}

/* ---- questions ---- */

static Containerd__V1__Types__Status
status_of(const struct process *p)
{
    const struct process *init = &p->c->init;

    if (p->state == PROCESS_STOPPED || p->state == PROCESS_DELETED)
        return CONTAINERD__V1__TYPES__STATUS__STOPPED;
    if (p->state == PROCESS_CREATED || p->state == PROCESS_CREATED_CHECKPOINT)
        return CONTAINERD__V1__TYPES__STATUS__CREATED;
    if (p->c->pausing)
        return CONTAINERD__V1__TYPES__STATUS__PAUSING;
    if (init->state == PROCESS_PAUSED)
        return CONTAINERD__V1__TYPES__STATUS__PAUSED;
    return CONTAINERD__V1__TYPES__STATUS__RUNNING;
}

static int
do_state(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__StateRequest *m = request;
    Containerd__Task__V2__StateResponse *answer = reply;
    struct arena *a = rpc_call_arena(call);
    struct process *p;
    int r = find_process(impl, m->id, m->exec_id, &p, err);

    if (r < 0)
        return r;
    answer->id = process_is_exec(p) ? p->id : p->c->id;
    answer->bundle = p->c->bundle;
    answer->pid = (uint32_t) p->pid;
    answer->status = status_of(p);
    answer->stdin = p->stdin_path;
    answer->stdout = p->stdout_path;
    answer->stderr = p->stderr_path;
    answer->terminal = p->terminal;
    answer->exit_status = p->state == PROCESS_STOPPED ? p->exit_status : 0;
    answer->exited_at = time_to(a, p->state == PROCESS_STOPPED ? p->exited_at_ns : 0);
    return 0;
}

static const struct process *
exec_of_pid(const struct container *c, uint32_t pid)
{
    for (const struct process *p = c->execs; p; p = p->next)
        if ((uint32_t) p->pid == pid && p->child)
            return p;
    return NULL;
}

static Google__Protobuf__Any *
details_of(struct arena *a, const struct process *p)
{
    Containerd__Runc__V1__ProcessDetails details = CONTAINERD__RUNC__V1__PROCESS_DETAILS__INIT;
    Google__Protobuf__Any *any = arena_alloc(a, sizeof *any);

    details.exec_id = p->id;
    google__protobuf__any__init(any);
    any->type_url = (char *) (uintptr_t) "containerd.runc.v1.ProcessDetails";
    any->value.data =
        arena_alloc(a, containerd__runc__v1__process_details__get_packed_size(&details));
    any->value.len = containerd__runc__v1__process_details__pack(&details, any->value.data);
    return any;
}

static int
do_pids(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__PidsRequest *m = request;
    Containerd__Task__V2__PidsResponse *answer = reply;
    struct arena *a = rpc_call_arena(call);
    Containerd__V1__Types__ProcessInfo *infos;
    auto_free uint32_t *pids = NULL;
    struct container *c;
    size_t n;
    int r = find(impl, m->id, &c, err);

    if (r < 0)
        return r;
    r = cgroup_pids(c->cgroup, &pids, &n, err);
    if (r < 0)
        return r;
    if (n == 0 && c->init.pid > 0) {
        /* containerd forgets a task without processes when it restarts, and its exit with it: a stopped one stays known
         * until it is deleted */
        free(pids);
        pids = xmalloc(sizeof *pids);
        pids[n++] = (uint32_t) c->init.pid;
    }
    answer->processes = arena_try_alloc(a, n * sizeof *answer->processes);
    infos = arena_try_alloc(a, n * sizeof *infos);
    if (!answer->processes || !infos)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for %zu processes", n);
    for (size_t i = 0; i < n; i++) {
        Containerd__V1__Types__ProcessInfo *info = &infos[i];
        const struct process *p = exec_of_pid(c, pids[i]);

        containerd__v1__types__process_info__init(info);
        info->pid = pids[i];
        if (p)
            info->info = details_of(a, p);
        answer->processes[answer->n_processes++] = info;
    }
    return 0;
}

static int
do_connect(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__ConnectRequest *m = request;
    Containerd__Task__V2__ConnectResponse *answer = reply;
    const struct container *c = container_find(impl, str(m->id));

    (void) call;
    (void) err;
    answer->shim_pid = (uint32_t) getpid();
    answer->task_pid = c ? (uint32_t) c->init.pid : 0;
    return 0;
}

static int
do_stats(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__StatsRequest *m = request;
    Containerd__Task__V2__StatsResponse *answer = reply;
    struct arena *a = rpc_call_arena(call);
    struct container *c;
    int r = find(impl, m->id, &c, err);

    if (r < 0)
        return r;
    answer->stats = arena_alloc(a, sizeof *answer->stats);
    google__protobuf__any__init(answer->stats);
    return cgroup_stats(c->cgroup, a, &answer->stats->type_url,
                        (void **) &answer->stats->value.data, &answer->stats->value.len, err);
}

/* ---- changes ---- */

static int
do_pause(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__PauseRequest *m = request;
    struct container *c;
    int r = find(impl, m->id, &c, err);

    (void) reply;
    if (r < 0)
        return r;
    container_pause(c, finish_empty, pend(call, &c->init));
    return RPC_LATER;
}

static int
do_resume(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__ResumeRequest *m = request;
    struct container *c;
    int r = find(impl, m->id, &c, err);

    (void) reply;
    if (r < 0)
        return r;
    container_resume(c, finish_empty, pend(call, &c->init));
    return RPC_LATER;
}

static int
do_update(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__UpdateTaskRequest *m = request;
    struct container *c;
    int r = find(impl, m->id, &c, err);

    (void) reply;
    if (r < 0)
        return r;
    if (!m->resources || m->resources->value.len == 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "no resources to update %s with", c->id);
    container_update(c, m->resources->value.data, m->resources->value.len, finish_empty,
                     pend(call, &c->init));
    return RPC_LATER;
}

static int
checkpoint_names_check(const Containerd__Runc__V1__CheckpointOptions *o, struct err *err)
{
    const char *const paths[] = {o->image_path, o->work_path, o->parent_path};
    int r = names_check(paths, ARRAY_LEN(paths), err);

    if (r == 0 && o->n_empty_namespaces > EMPTY_NAMESPACES_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "more than %d empty namespaces",
                       EMPTY_NAMESPACES_MAX);
    if (r == 0)
        r = names_check((const char *const *) o->empty_namespaces, o->n_empty_namespaces, err);
    return r;
}

static int
do_checkpoint(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Task__V2__CheckpointTaskRequest *m = request;
    Containerd__Runc__V1__CheckpointOptions *o = NULL;
    struct runc_checkpoint how = {.image_path = str(m->path), .leave_running = true};
    struct container *c;
    int r = find(impl, m->id, &c, err);

    (void) reply;
    if (r < 0)
        return r;
    r = names_check(&how.image_path, 1, err);
    if (r < 0)
        return r;
    if (how.image_path[0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT, "the checkpoint path '%.200s' is not absolute",
                       how.image_path);
    if (m->options && m->options->value.len) {
        o = containerd__runc__v1__checkpoint_options__unpack(
            rpc_call_allocator(call), m->options->value.len, m->options->value.data);
        if (!o)
            return err_set(err, CODE_INVALID_ARGUMENT, "the checkpoint options are malformed");
        r = checkpoint_names_check(o, err);
        if (r < 0)
            return r;
        how.leave_running = !o->exit;
        how.open_tcp = o->open_tcp;
        how.external_unix_sockets = o->external_unix_sockets;
        how.terminal = o->terminal;
        how.file_locks = o->file_locks;
        how.empty_namespaces = (const char *const *) o->empty_namespaces;
        how.n_empty_namespaces = o->n_empty_namespaces;
        how.work_path = o->work_path && o->work_path[0] ? o->work_path : NULL;
        how.parent_path = o->parent_path && o->parent_path[0] ? o->parent_path : NULL;
    }
    container_checkpoint(c, &how, finish_empty, pend(call, &c->init));
    return RPC_LATER;
}

static int
do_shutdown(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    struct shim *shim = impl;

    (void) call;
    (void) request;
    (void) reply;
    (void) err;
    if (!shim->containers)
        shim->shutdown(shim);
    else
        shim->leave_when_empty = containers_going(shim);
    return 0;
}

static const struct rpc_method methods[] = {
    {"Checkpoint", RPC_UNARY, do_checkpoint},
    {"CloseIO", RPC_UNARY, do_close_io},
    {"Connect", RPC_UNARY, do_connect},
    {"Create", RPC_UNARY, do_create},
    {"Delete", RPC_UNARY, do_delete},
    {"Exec", RPC_UNARY, do_exec},
    {"Kill", RPC_UNARY, do_kill},
    {"Pause", RPC_UNARY, do_pause},
    {"Pids", RPC_UNARY, do_pids},
    {"ResizePty", RPC_UNARY, do_resize},
    {"Resume", RPC_UNARY, do_resume},
    {"Shutdown", RPC_UNARY, do_shutdown},
    {"Start", RPC_UNARY, do_start},
    {"State", RPC_UNARY, do_state},
    {"Stats", RPC_UNARY, do_stats},
    {"Update", RPC_UNARY, do_update},
    {"Wait", RPC_UNARY, do_wait},
};

void
task_services(struct shim *shim, struct rpc_service ret[static TASK_SERVICES])
{
    ret[0] = (struct rpc_service){.desc = &containerd__task__v2__task__descriptor,
                                  .methods = methods,
                                  .n_methods = ARRAY_LEN(methods),
                                  .impl = shim};
    ret[1] = ret[0];
    ret[1].desc = &containerd__task__v3__task__descriptor;
}
