/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a process: taking turns, adoption, exit, waiters. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "bundle.h"
#include "container.h"
#include "events.h"
#include "exit_hook.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "oom.h"
#include "runc.h"
#include "task_record.h"

#define CLEANUP_TIMEOUT_MS (10 * 1000) /* an exit is told after it, whatever the runtime does */

bool
process_is_exec(const struct process *p)
{
    return p != &p->c->init;
}

void
process_init(struct process *p, struct container *c, const char *id, const char *in,
             const char *out, const char *errp, bool terminal)
{
    *p = (struct process){.c = c,
                          .id = xstrdup(id),
                          .refs = 1,
                          .stdin_path = xstrdup(in),
                          .stdout_path = xstrdup(out),
                          .stderr_path = xstrdup(errp),
                          .terminal = terminal};
}

void
process_done(struct process *p)
{
    assert(!p->waiters && !p->turns);
    reaper_ignore(p->child);
    stdio_free(p->io);
    free(p->id);
    free(p->stdin_path);
    free(p->stdout_path);
    free(p->stderr_path);
    free(p->spec_json);
}

void
process_ref(struct process *p)
{
    if (process_is_exec(p))
        p->refs++;
    else
        container_ref(p->c);
}

void
process_unref(struct process *p)
{
    struct container *c = p->c;

    if (!process_is_exec(p)) {
        container_unref(c);
        return;
    }
    if (--p->refs)
        return;
    process_done(p);
    free(p);
    container_unref(c);
}

/* ---- turns ---- */

void
process_take_turn(struct process *p, void (*fn)(void *arg), void *arg)
{
    struct turn **at = &p->turns;

    if (!p->busy) {
        p->busy = true;
        fn(arg);
        return;
    }
    while (*at)
        at = &(*at)->next;
    *at = xmalloc(sizeof **at);
    **at = (struct turn){.fn = fn, .arg = arg};
}

static void
next_turn(void *arg)
{
    struct process *p = arg;
    struct turn *t = p->turns;

    if (t && !p->busy) {
        p->busy = true;
        p->turns = t->next;
        t->fn(t->arg);
        free(t);
    }
    process_unref(p);
}

void
process_end_turn(struct process *p)
{
    p->busy = false;
    if (!p->turns)
        return;
    process_ref(p);
    loop_post(p->c->shim->loop, next_turn, p);
}

/* ---- waiting ---- */

bool
process_wait(struct process *p, struct process_waiter *w)
{
    if (p->state == PROCESS_STOPPED || p->state == PROCESS_DELETED)
        return true;
    w->next = p->waiters;
    p->waiters = w;
    return false;
}

void
process_unwait(struct process *p, struct process_waiter *w)
{
    for (struct process_waiter **at = &p->waiters; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            return;
        }
}

void
process_release_waiters(struct process *p, int r, const struct err *err)
{
    struct process_waiter *w;

    while ((w = p->waiters)) {
        p->waiters = w->next;
        w->fn(w, r, err);
    }
}

/* ---- exit ---- */

static void exit_begin(struct process *p);

static void
exit_tell(struct process *p)
{
    struct container *c = p->c;
    struct event_exit x = {.container = c->id,
                           .id = process_is_exec(p) ? p->id : c->id,
                           .pid = (uint32_t) p->pid,
                           .status = p->exit_status,
                           .exited_at_ns = p->exited_at_ns};
    struct err err = {0};

    if (p->state != PROCESS_DELETED)
        p->state = PROCESS_STOPPED;
    event_exit(c->shim->events, &x);
    process_release_waiters(p, 0, &err);
}

/* The container's exit is in the record; a record that cannot be written must not hide it from the living. */
static void
init_recorded(void *arg, int r, const struct err *err)
{
    struct container *c = arg;

    if (r < 0)
        log_error("cannot record an exit", KV_STR("container", c->id), KV_ERR(err));
    exit_tell(&c->init);
    exit_hook_run(c->bundle, "");
    container_unref(c);
}

static void
init_exit_finish(struct container *c)
{
    c->exit_waits = false;
    oom_check(c->oom);
    container_ref(c);
    task_record_exited(c->shim->record,
                       &(struct task_exit_row){.bundle = c->bundle,
                                               .ns = c->shim->ns,
                                               .id = c->id,
                                               .pid = (uint32_t) c->init.pid,
                                               .status = c->init.exit_status,
                                               .exited_at_ns = c->init.exited_at_ns},
                       init_recorded, c);
}

/* The exit of the container's own process waits for the execs and for the runtime's calls that end them. */
static void
init_exit_turn(struct container *c)
{
    if (c->exit_waits && c->execs_live == 0 && c->cleanups_live == 0)
        init_exit_finish(c);
}

static void
cleanup_done(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct container *c = arg;

    (void) out;
    (void) n;
    if (r < 0)
        log_debug("cleaning up after an exit", KV_STR("container", c->id), KV_ERR(err));
    c->cleanups_live--;
    init_exit_turn(c);
    container_unref(c);
}

static void
cleanup_run(struct container *c, struct strv argv)
{
    auto_free char *log = xasprintf("%s/log.json", c->bundle);
    struct runc_call call = {.loop = c->shim->loop,
                             .reaper = c->shim->reaper,
                             .argv = argv,
                             .failed = "cleanup",
                             .log_path = log,
                             .timeout_ms = CLEANUP_TIMEOUT_MS};

    container_ref(c);
    c->cleanups_live++;
    runc_run(&call, cleanup_done, c);
}

void
container_thaw(struct container *c)
{
    struct runc_target t = container_target(c);

    cleanup_run(c, runc_args_resume(&t));
}

/* The container's own process has ended: the others must go first, its exit is the last. */
static void
init_exit(struct container *c)
{
    struct runc_target t = container_target(c);

    c->init_exited = true;
    if (c->init.state == PROCESS_PAUSED)
        container_thaw(c);
    if (!c->own_pidns)
        cleanup_run(c, runc_args_kill(&t, SIGKILL, true));
    for (struct process *p = c->execs; p; p = p->next)
        if (p->child)
            (void) reaper_kill(p->child, SIGKILL);
    c->exit_waits = true;
    init_exit_turn(c);
}

void
container_exec_gone(struct container *c)
{
    assert(c->execs_live > 0);
    c->execs_live--;
    init_exit_turn(c);
}

static void
exit_begin(struct process *p)
{
    struct container *c = p->c;

    if (!process_is_exec(p)) {
        init_exit(c);
        return;
    }
    exit_tell(p);
    exit_hook_run(c->bundle, p->id);
    container_exec_gone(c);
}

static void
on_end(void *arg, int status, int64_t exited_at_ns)
{
    struct process *p = arg;

    p->child = NULL;
    p->exit_seen = true;
    p->exit_status = (uint32_t) status;
    p->exited_at_ns = exited_at_ns;
    if (!p->starting) {
        process_ref(p);
        exit_begin(p);
        process_unref(p);
    }
}

void
process_tell_held_exit(struct process *p)
{
    p->starting = false;
    if (p->exit_seen)
        exit_begin(p);
}

int
process_adopt(struct process *p, const char *pid_file, struct err *err)
{
    struct container *c = p->c;
    pid_t pid;
    int r = bundle_read_pid(c->bundle, pid_file, &pid, err);

    if (r < 0)
        return err_wrap(err, r, "the runtime left no pid");
    r = reaper_watch(c->shim->reaper, pid, -1, on_end, p, &p->child, err);
    if (r < 0)
        return r;
    p->pid = pid;
    r = stdio_started(p->io, err);
    if (r < 0)
        return err_wrap(err, r, "connect the streams of process %d", (int) pid);
    return 0;
}
