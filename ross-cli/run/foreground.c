/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of a container in the foreground.
 *
 * Two threads. The waiter blocks in Wait and Delete (Delete returns when the shim has handed over all output,
 * which needs somebody to read it); the caller's thread copies streams and forwards signals until the waiter's
 * eventfd says that it is done. The channel is shared; everything else in `struct run` belongs to the waiter until
 * it is joined.
 */
#include "foreground.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "ross-cli/session/session.h"

#define STATUS_SIGPIPE (128 + SIGPIPE)

struct run {
    pthread_mutex_t
        end;   /* held by the waiter from the end of Wait on; by the caller while it leaves */
    bool left; /* the caller has gone, and `fg` with it */
    const struct foreground *fg;
    struct rpc_channel *ch;
    int done_fd;
    bool output_gone;
    int r; /* the waiter's result */
    struct task_exit exit;
    struct err err;
};

static void *
wait_and_delete(void *arg)
{
    struct run *run = arg;
    const struct foreground *fg = run->fg;
    uint64_t one = 1;

    run->r = task_client_wait(run->ch, NULL, fg->id, fg->exec_id, &run->exit, &run->err);
    (void) pthread_mutex_lock(&run->end);
    if (run->left) {
        (void) pthread_mutex_unlock(&run->end);
        return NULL;
    }
    if (run->r == 0 && fg->on_exit)
        run->r = fg->on_exit(&run->exit, fg->arg, &run->err);
    if (run->r == 0)
        run->r = task_client_delete(run->ch, NULL, fg->id, fg->exec_id, NULL, &run->err);
    (void) !write(run->done_fd, &one, sizeof one);
    (void) pthread_mutex_unlock(&run->end);
    return NULL;
}

static void
forward(const struct run *run, int signo)
{
    struct err err = {0};
    int r;

    r = task_client_kill(run->ch, NULL, run->fg->id, run->fg->exec_id, (uint32_t) signo, false,
                         &err);
    if (r < 0 && r != -CODE_NOT_FOUND)
        log_warn("could not forward a signal", KV_INT("signal", signo), KV_ERR(&err));
}

static void
on_signal(int signo, void *arg)
{
    forward(arg, signo);
}

static void
on_stdin_end(void *arg)
{
    const struct run *run = arg;

    (void) task_client_close_stdin(run->ch, NULL, run->fg->id, run->fg->exec_id, NULL);
}

/* False when the end came first. */
static bool
leave(struct run *run)
{
    if (pthread_mutex_trylock(&run->end) != 0)
        return false;
    run->left = true;
    (void) pthread_mutex_unlock(&run->end);
    return true;
}

/* A pid 1 is immune to SIGPIPE, so what a shell's pipeline does by SIGPIPE takes SIGKILL here. */
static void
on_output_gone(void *arg)
{
    struct run *run = arg;

    run->output_gone = true;
    forward(run, SIGKILL);
}

static void
on_resize(uint32_t width, uint32_t height, void *arg)
{
    const struct run *run = arg;

    (void) task_client_resize(run->ch, NULL, run->fg->id, run->fg->exec_id, width, height, NULL);
}

static int
start_and_copy(struct run *run, struct err *err)
{
    const struct container_io_events events = {
        .on_signal = on_signal,
        .on_stdin_end = on_stdin_end,
        .on_output_gone = on_output_gone,
        .on_resize = on_resize,
        .arg = run,
    };
    const struct foreground *fg = run->fg;
    pthread_t waiter;
    uint32_t pid;
    int r;

    r = task_client_start(run->ch, NULL, fg->id, fg->exec_id, &pid, err);
    if (r == 0 && fg->on_start)
        r = fg->on_start(fg->arg, err);
    if (r < 0)
        return r;
    r = pthread_create(&waiter, NULL, wait_and_delete, run);
    if (r != 0)
        return err_sys(err, r, "start a thread");
    r = container_io_copy(fg->io, run->done_fd, &events, err);
    if (r == 0 && container_io_detached(fg->io)) {
        if (leave(run)) {
            (void) pthread_detach(waiter);
            session_keep();
            return FOREGROUND_LEFT;
        }
        container_io_set_keys(fg->io, "");
        r = container_io_copy(fg->io, run->done_fd, &events, err);
    }
    (void) pthread_join(waiter, NULL);
    if (r == 0 && run->r < 0) {
        *err = run->err;
        r = run->r;
    }
    return r;
}

int
foreground_run(const struct foreground *fg, uint32_t *ret_status, struct err *err)
{
    struct run *run = xcalloc(1, sizeof *run);
    int r;

    run->fg = fg;
    (void) pthread_mutex_init(&run->end, NULL);
    r = task_client_open(fg->address, &run->ch, err);
    if (r < 0) {
        free(run);
        return r;
    }
    run->done_fd = eventfd(0, EFD_CLOEXEC);
    r = run->done_fd < 0 ? err_sys(err, errno, "eventfd") : start_and_copy(run, err);
    if (r == FOREGROUND_LEFT)
        return r; /* the waiter has the rest, until the process ends */
    if (r == 0) {
        *ret_status = run->output_gone ? STATUS_SIGPIPE : run->exit.status;
        container_io_tell_end(fg->io, *ret_status);
    }
    (void) fd_close(run->done_fd);
    rpc_channel_free(run->ch);
    free(run);
    return r;
}
