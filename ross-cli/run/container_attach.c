/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our terminal on a container that runs detached.
 *
 * A thread follows the log, which the shim writes byte by byte as the container does; the caller's thread copies what
 * is typed into the fifo behind the container's stdin, and ends when that thread says so or the keys are typed. The
 * thread may then still be blocked: it ends with the process.
 */
#include "container_attach.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "container_logs.h"
#include "container_reap.h"
#include "container_status.h"
#include "container_stop.h"
#include "event_log.h"
#include "libross/base/fd.h"

static struct attached {
    const struct session *s;
    const struct container *c;
    struct rpc_channel *ch;
    int done_fd;
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
    uint32_t status;
    int r;

    (void) sem_init(&a->following, 0, 0);
    r = pthread_create(&thread, NULL, follow_log, a);
    if (r != 0)
        return err_sys(err, r, "start a thread");
    while (sem_wait(&a->following) < 0)
        ;
    r = container_io_copy(io, a->done_fd, &events, err);
    if (r < 0 || container_io_detached(io) || a->left) {
        (void) pthread_detach(thread);
        return r;
    }
    (void) pthread_join(thread, NULL);
    if (a->r < 0) {
        *err = a->err;
        return a->r;
    }
    r = container_wait(a->s, a->c->id, &status, err);
    *ret_status = r < 0 ? 0 : (int) status;
    return r;
}

int
container_attach(const struct session *s, const struct container *c,
                 const struct container_attach *how, int *ret_status, struct err *err)
{
    AUTO_PTR(container_io) io = NULL;
    AUTO(task_state) task = {0};
    int r;

    attached = (struct attached){.s = s, .c = c, .sig_proxy = how->sig_proxy, .done_fd = -1};
    r = container_connect(s, c, &attached.ch, NULL, err);
    if (r == 0)
        r = task_client_state(attached.ch, NULL, c->id, NULL, &task, err);
    if (r < 0)
        return r;
    if (task.status == TASK_PAUSED)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "container '%s' is paused; 'ross-cli unpause' lets it go on",
                       container_name(c));
    if (!task.stdout_path || strncmp(task.stdout_path, "ross-log:", 9) != 0)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "container '%s' runs in the foreground of another ross-cli",
                       container_name(c));
    attached.done_fd = eventfd(0, EFD_CLOEXEC);
    if (attached.done_fd < 0)
        return err_sys(err, errno, "eventfd");
    r = container_io_attach(
        how->no_stdin || !task.stdin_path || !*task.stdin_path ? NULL : task.stdin_path,
        task.terminal, how->keys, &io, err);
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
