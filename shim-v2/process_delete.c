/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting a process: its output is delivered first, then the runtime forgets the container, the mounts go, and the
 * table forgets the process.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "cgroup.h"
#include "container.h"
#include "events.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/mount/mount_apply.h"
#include "oom.h"
#include "runc.h"
#include "task_record.h"

struct deletion {
    struct process *p;
    process_fn done;
    void *arg;
    struct loop_timer *limit;
    struct process_waiter waiter;
    struct err err;
    int r;
};

static void
deletion_end(struct deletion *d, int r, const struct err *err)
{
    struct process *p = d->p;

    if (!process_is_exec(p))
        p->c->deletions--;
    d->done(d->arg, r, err);
    process_end_turn(p);
    free(d);
    process_unref(p);
}

static void
waiters_dismiss(struct process *p)
{
    struct err err = {0};
    int r = err_set(&err, CODE_NOT_FOUND, "process %s was deleted before it ran", p->id);

    process_release_waiters(p, r, &err);
}

/* ---- execs ---- */

static void
exec_unregister(struct process *p)
{
    struct container *c = p->c;

    for (struct process **at = &c->execs; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    p->next = NULL;
    p->registered = false;
    p->state = PROCESS_DELETED;
    c->n_execs--;
    waiters_dismiss(p);
    process_unref(p);
}

static void
exec_delete_finish(struct deletion *d)
{
    struct process *p = d->p;
    auto_free char *pid_file = xasprintf("%s/%s.pid", p->c->bundle, p->id);

    (void) unlink(pid_file);
    stdio_free(p->io);
    p->io = NULL;
    exec_unregister(p);
    deletion_end(d, 0, &d->err);
}

/* ---- the container ---- */

static void
container_forget(struct container *c)
{
    container_unlink(c);
    while (c->execs)
        exec_unregister(c->execs);
    oom_watch_free(c->oom);
    c->oom = NULL;
}

static void
init_delete_finish(struct deletion *d)
{
    struct process *p = d->p;
    struct container *c = p->c;
    struct event_exit x = {.container = c->id,
                           .id = "",
                           .pid = (uint32_t) p->pid,
                           .status = p->exit_status,
                           .exited_at_ns = p->exited_at_ns ? p->exited_at_ns : clock_now_ns()};

    stdio_free(p->io);
    p->io = NULL;
    container_forget(c);
    p->state = PROCESS_DELETED;
    waiters_dismiss(p);
    if (p->exited_at_ns)
        bundle_write_exit(c->bundle, &(struct bundle_exit){.pid = p->pid,
                                                           .status = p->exit_status,
                                                           .exited_at_ns = p->exited_at_ns});
    event_delete(c->shim->events, &x);
    task_record_forget(c->shim->record, c->bundle);
    container_ref(c);
    deletion_end(d, d->r, &d->err);
    container_unref(c); /* ours */
    container_unref(c); /* the table's */
}

static void
on_killed_exit(struct process_waiter *w, int r, const struct err *err)
{
    (void) r;
    (void) err;
    init_delete_finish(CONTAINER_OF(w, struct deletion, waiter));
}

static void
after_runtime(struct deletion *d)
{
    struct process *p = d->p;
    struct container *c = p->c;
    struct err err = {0};
    int r;

    if (c->mounted) {
        r = mount_detach_all(c->rootfs, &err);
        if (r < 0 && d->r == 0) {
            deletion_end(d, r, &err);
            return;
        }
        c->mounted = false;
    }
    (void) cgroup_remove(c->cgroup_path);
    if (p->child) { /* it never ran, and has been killed */
        (void) reaper_kill(p->child, SIGKILL);
        d->waiter.fn = on_killed_exit;
        if (!process_wait(p, &d->waiter))
            return;
    }
    init_delete_finish(d);
}

static void
on_runtime_deleted(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct deletion *d = arg;

    (void) out;
    (void) n;
    if (r < 0 && !strstr(err->msg, "does not exist")) {
        struct runc_target t = container_target(d->p->c);

        /* what is already gone is said in other words by every runtime */
        if (runc_knows(&t)) {
            deletion_end(d, r, err);
            return;
        }
    }
    after_runtime(d);
}

static void
init_delete(struct deletion *d)
{
    struct container *c = d->p->c;
    auto_free char *log = path_join(c->bundle, "log.json");
    struct runc_target t = container_target(c);
    struct runc_call call;

    /* a runtime that sends a signal to all has frozen the container, or is about to */
    if (c->kills_live) {
        c->after_kills = d;
        return;
    }
    if (d->p->state == PROCESS_CREATED_CHECKPOINT) {
        after_runtime(d);
        return;
    }
    call = (struct runc_call){.loop = c->shim->loop,
                              .reaper = c->shim->reaper,
                              .argv = runc_args_delete(&t, d->p->state == PROCESS_CREATED),
                              .failed = "failed to delete task",
                              .log_path = log};
    runc_run(&call, on_runtime_deleted, d);
}

void
container_kill_ended(struct container *c)
{
    struct deletion *d = c->after_kills;

    assert(c->kills_live > 0);
    if (--c->kills_live || !d)
        return;
    c->after_kills = NULL;
    init_delete(d);
}

/* ---- both ---- */

static void
drained(struct deletion *d)
{
    loop_timer_free(d->limit);
    d->limit = NULL;
    if (process_is_exec(d->p))
        exec_delete_finish(d);
    else
        init_delete(d);
}

static void
on_drained(void *arg)
{
    drained(arg);
}

static void
on_drain_limit(void *arg)
{
    struct deletion *d = arg;

    d->limit = NULL;
    stdio_on_drained(d->p->io, NULL, NULL);
    log_warn("a process has left its output open, not waiting any longer",
             KV_STR("container", d->p->c->id), KV_STR("exec", d->p->id));
    drained(d);
}

static void
delete_turn(void *arg)
{
    struct deletion *d = arg;
    struct process *p = d->p;
    int r = process_state_check(process_is_exec(p), p->state, OP_DELETE, &d->err);

    if (r < 0) {
        deletion_end(d, r, &d->err);
        return;
    }
    if (p->state != PROCESS_STOPPED || !p->io || stdio_drained(p->io)) {
        drained(d);
        return;
    }
    stdio_on_drained(p->io, on_drained, d);
    d->limit = loop_timer_add(p->c->shim->loop, clock_mono_ns() + DRAIN_TIMEOUT_MS * NS_PER_MS,
                              on_drain_limit, d);
}

void
process_delete(struct process *p, process_fn done, void *arg)
{
    struct deletion *d = xcalloc(1, sizeof *d);

    *d = (struct deletion){.p = p, .done = done, .arg = arg};
    process_ref(p);
    if (!process_is_exec(p))
        p->c->deletions++;
    container_give_up(p->c);
    process_take_turn(p, delete_turn, d);
}
