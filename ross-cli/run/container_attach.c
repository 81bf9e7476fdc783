/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our terminal on a container that runs already.
 *
 * A thread follows the log, which the shim writes byte by byte as the container does, or what the ross-cli hands on
 * that has the container in the foreground; the caller's thread copies what is typed into the fifo behind the
 * container's stdin, and ends when that thread says so or the keys are typed. The thread may then still be blocked: it
 * ends with the process. Where that ross-cli was killed or has detached, its fifos are read here instead.
 */
#include "container_attach.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "container_labels.h"
#include "container_logs.h"
#include "container_reap.h"
#include "container_relay.h"
#include "container_status.h"
#include "container_stop.h"
#include "event_log.h"
#include "libross/base/fd.h"

static struct attached {
    const struct session *s;
    const struct container *c;
    struct rpc_channel *ch;
    int done_fd;
    void *(*follow)(void *arg); /* the thread: writes until its end, or waits for it */
    int relay_fd;
    uint32_t status; /* unless it follows the log */
    sem_t following; /* nothing may be typed before: its answer would be taken for old */
    bool sig_proxy, left;
    int r;
    struct err err;
} attached;

static void
tell_done(struct attached *a)
{
    uint64_t one = 1;

    (void) !write(a->done_fd, &one, sizeof one);
}

static void
on_log_end(void *arg)
{
    struct attached *a = arg;

    (void) sem_post(&a->following);
}

/* ---- what it writes ---- */

static void *
follow_log(void *arg)
{
    const struct container_logs how = {.follow = true, .tail = 0, .on_end = on_log_end, .arg = arg};
    struct attached *a = arg;

    a->r = container_logs(a->s, a->c, &how, &a->err);
    (void) sem_post(&a->following);
    tell_done(a);
    return NULL;
}

/* From the ross-cli that has it in the foreground. */
static void *
follow_relay(void *arg)
{
    auto_free char *buf = xmalloc(CONTAINER_RELAY_PIECE_MAX);
    enum container_relay_kind kind = RELAY_HELLO;
    struct attached *a = arg;
    size_t n;

    while (kind != RELAY_END && container_relay_next(a->relay_fd, &kind, buf, &n) == 1) {
        if (kind == RELAY_HELLO)
            (void) sem_post(&a->following);
        else if (kind == RELAY_END)
            memcpy(&a->status, buf, sizeof a->status);
        else if (fd_write_all(kind == RELAY_STDOUT ? STDOUT_FILENO : STDERR_FILENO, buf, n) < 0)
            break;
    }
    if (kind != RELAY_END)
        a->r = err_set(&a->err, CODE_UNAVAILABLE,
                       "the ross-cli that looks after container '%s' was lost, or did not wait for "
                       "us; attach again",
                       container_name(a->c));
    (void) sem_post(&a->following);
    tell_done(a);
    return NULL;
}

/* What its ross-cli left unread when it was killed, or when somebody typed the keys, comes through our own loop. */
static void *
follow_task(void *arg)
{
    struct attached *a = arg;
    struct task_exit end;

    (void) sem_post(&a->following);
    a->r = task_client_wait(a->ch, NULL, a->c->id, NULL, &end, &a->err);
    if (a->r == 0)
        a->status = end.status;
    tell_done(a);
    return NULL;
}

static void
on_signal(int signo, void *arg)
{
    struct attached *a = arg;

    if (a->sig_proxy)
        (void) task_client_kill(a->ch, NULL, a->c->id, NULL, (uint32_t) signo, false, NULL);
    else {
        a->left = true;
        tell_done(a);
    }
}

static void
on_resize(uint32_t width, uint32_t height, void *arg)
{
    const struct attached *a = arg;

    (void) task_client_resize(a->ch, NULL, a->c->id, NULL, width, height, NULL);
}

/* Others may type as well: the container's stdin stays open. */
static void
on_nothing(void *arg)
{
    (void) arg;
}

static int
copy(struct attached *a, struct container_io *io, int *ret_status, struct err *err)
{
    const struct container_io_events events = {.on_signal = on_signal,
                                               .on_stdin_end = on_nothing,
                                               .on_output_gone = on_nothing,
                                               .on_resize = on_resize,
                                               .arg = a};
    pthread_t thread;
    int r;

    (void) sem_init(&a->following, 0, 0);
    r = pthread_create(&thread, NULL, a->follow, a);
    if (r != 0)
        return err_sys(err, r, "start a thread");
    while (sem_wait(&a->following) < 0)
        ;
    r = container_io_copy(io, a->done_fd, &events, err);
    if (r < 0 || container_io_detached(io) || a->left) {
        (void) pthread_detach(thread);
        session_keep();
        return r;
    }
    (void) pthread_join(thread, NULL);
    if (a->r < 0) {
        *err = a->err;
        return a->r;
    }
    r = a->follow == follow_log ? container_wait(a->s, a->c->id, &a->status, err) : 0;
    *ret_status = r < 0 ? 0 : (int) a->status;
    return r;
}

/* Where its output comes from. */
static int
choose(struct attached *a, const struct task_state *task, struct container_io *io, struct err *err)
{
    const char *log = labels_find(&a->c->labels, LABEL_LOG_URI), *slash;
    auto_free char *dir = NULL;
    int r;

    a->follow = follow_log;
    if (task->stdout_path && strncmp(task->stdout_path, "ross-log:", 9) == 0)
        return 0;
    slash = task->stdout_path ? strrchr(task->stdout_path, '/') : NULL;
    if (!slash)
        return err_set(
            err, CODE_FAILED_PRECONDITION,
            "container '%s' was not started by ross-cli, which knows nothing of its output",
            container_name(a->c));
    dir = xstrndup(task->stdout_path, (size_t) (slash - task->stdout_path));
    a->follow = follow_relay;
    r = container_relay_connect(dir, &a->relay_fd, err);
    if (r != -CODE_UNAVAILABLE)
        return r;
    if (err)
        *err = (struct err){0};
    a->follow = follow_task;
    r = container_io_take_over(io, dir, err);
    if (r == 0 && log && !labels_find(&a->c->labels, LABEL_AUTO_REMOVE))
        r = container_io_keep(io, log, err);
    return r;
}

int
container_attach(const struct session *s, const struct container *c,
                 const struct container_attach *how, int *ret_status, struct err *err)
{
    AUTO_PTR(container_io) io = NULL;
    AUTO(task_state) task = {0};
    int r;

    attached = (struct attached){
        .s = s, .c = c, .sig_proxy = how->sig_proxy, .done_fd = -1, .relay_fd = -1};
    r = container_connect(s, c, &attached.ch, NULL, err);
    if (r == 0)
        r = task_client_state(attached.ch, NULL, c->id, NULL, &task, err);
    if (r < 0)
        return r;
    if (task.status == TASK_PAUSED)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "container '%s' is paused; 'ross-cli unpause' lets it go on",
                       container_name(c));
    attached.done_fd = eventfd(0, EFD_CLOEXEC);
    if (attached.done_fd < 0)
        return err_sys(err, errno, "eventfd");
    r = container_io_attach(
        how->no_stdin || !task.stdin_path || !*task.stdin_path ? NULL : task.stdin_path,
        task.terminal, how->keys, &io, err);
    if (r == 0)
        r = choose(&attached, &task, io, err);
    if (r == 0)
        r = container_io_connect(io, err);
    if (r < 0)
        return r;
    event_container(s, c, "attach", NULL, 0);
    r = copy(&attached, io, ret_status, err);
    if (r == 0 && container_io_detached(io))
        fputs("\r\ndetached\r\n", stderr);
    return r;
}
