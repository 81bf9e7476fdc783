/* SPDX-License-Identifier: Apache-2.0 */
/* Signals for a container, and its orderly end. */
#include "container_stop.h"

#include <signal.h>

#include "container_dir.h"
#include "container_labels.h"
#include "container_lock.h"
#include "container_reap.h"
#include "container_restart.h"
#include "container_status.h"
#include "event_log.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/signal_name.h"

#define KILL_TIMEOUT_NS (10 * NS_PER_S)

int
container_connect(const struct session *s, const struct container *c, struct rpc_channel **ret,
                  char **ret_address, struct err *err)
{
    AUTO(container_status) st = {0};
    int r;

    r = container_status_get(s, c->id, &st, err);
    if (r < 0)
        return r;
    if (st.kind != CONTAINER_RUNNING && st.kind != CONTAINER_PAUSED)
        return err_set(err, CODE_FAILED_PRECONDITION, "container '%s' does not run: it is %s",
                       container_name(c), container_status_name(&st));
    r = task_client_open(st.address, ret, err);
    if (r == 0 && ret_address)
        *ret_address = TAKE(st.address);
    return r;
}

static int
stop_signal(const struct container *c)
{
    const char *text = labels_find(&c->labels, LABEL_STOP_SIGNAL);
    int signo;

    return text && signal_name_parse(text, &signo, NULL) == 0 ? signo : SIGTERM;
}

/* Somebody wants it to end: no policy starts it again, and a start that is due is called off. */
static int
note_stopped(const struct session *s, const struct container *c, struct err *err)
{
    const struct restart_policy policy = container_restart_policy(c);
    auto_close int lock_fd = -1;
    struct container_state note;
    int r;

    if (policy.kind == RESTART_NO)
        return 0;
    r = container_lock(s, c->id, &lock_fd, err);
    if (r < 0 || lock_fd < 0)
        return r;
    r = container_state_read(s->root, s->ctx.ns, c->id, &note, err);
    if (r < 0 || !note.started || (note.stopped && !note.restart_at_ns))
        return r;
    note.stopped = true;
    note.restart_at_ns = 0;
    return container_state_write(s->root, s->ctx.ns, c->id, &note, err);
}

int
container_kill(const struct session *s, const struct container *c, int signo, struct err *err)
{
    AUTO_PTR(rpc_channel) ch = NULL;
    int r;

    r = container_connect(s, c, &ch, NULL, err);
    if (r == 0 && (signo == SIGKILL || signo == stop_signal(c)))
        r = note_stopped(s, c, err);
    if (r == 0)
        r = task_client_kill(ch, NULL, c->id, NULL, (uint32_t) signo, false, err);
    if (r == 0)
        event_container(s, c, "kill", "signal", (uint32_t) signo);
    return r;
}

static int64_t
stop_timeout_s(const struct container *c)
{
    const char *text = labels_find(&c->labels, LABEL_STOP_TIMEOUT);
    uint32_t seconds;

    return text && parse_u32(text, &seconds, NULL) == 0 ? seconds : STOP_TIMEOUT_DEFAULT_S;
}

static bool
is_gone(int r)
{
    return r == -CODE_NOT_FOUND || r == -CODE_FAILED_PRECONDITION;
}

/* 0 when it has ended; DeadlineExceeded. */
static int
signal_and_wait(const char *address, const char *id, int signo, bool all, int64_t timeout_ns,
                struct err *err)
{
    const struct call_ctx ctx = {.deadline_ns = clock_mono_ns() + timeout_ns};
    AUTO_PTR(rpc_channel) ch = NULL;
    struct task_exit end;
    int r;

    r = task_client_open(address, &ch, err);
    if (r == 0)
        r = task_client_kill(ch, NULL, id, NULL, (uint32_t) signo, all, err);
    if (r == 0)
        r = task_client_wait(ch, &ctx, id, NULL, &end, err);
    return is_gone(r) ? 0 : r;
}

int
container_stop(struct session *s, const struct container *c, int signo, int64_t timeout_s,
               struct err *err)
{
    AUTO(container_status) st = {0};
    AUTO_PTR(rpc_channel) ch = NULL;
    int r;

    if (timeout_s < 0)
        timeout_s = stop_timeout_s(c);
    r = note_stopped(s, c, err);
    if (r == 0)
        r = container_status_get(s, c->id, &st, err);
    if (r < 0)
        return r;
    if (st.kind == CONTAINER_PAUSED) { /* a frozen one hears nothing */
        r = task_client_open(st.address, &ch, err);
        if (r == 0)
            r = task_client_resume(ch, NULL, c->id, err);
        if (r < 0)
            return r;
    }
    if (st.kind == CONTAINER_PAUSED || st.kind == CONTAINER_RUNNING) {
        r = timeout_s ? signal_and_wait(st.address, c->id, signo ? signo : stop_signal(c), false,
                                        timeout_s * NS_PER_S, err)
                      : -CODE_DEADLINE_EXCEEDED;
        if (r == -CODE_DEADLINE_EXCEEDED)
            r = signal_and_wait(st.address, c->id, SIGKILL, true, KILL_TIMEOUT_NS, err);
        if (r < 0)
            return err_wrap(err, r, "stop container '%s'", container_name(c));
    }
    r = container_reap(s, c, err);
    if (r == 0 && (st.kind == CONTAINER_PAUSED || st.kind == CONTAINER_RUNNING))
        event_container(s, c, "stop", NULL, 0);
    return r;
}
