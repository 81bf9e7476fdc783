/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one runtime command. */
#include "runc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "cgroup_warm.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/proc.h"
#include "runc_log.h"

#define PRINTED_SHOWN_MAX 300 /* bytes of a command's own output in an error */

/* A command in flight. */
struct runc_job {
    struct loop *loop;
    struct reaper *reaper;
    struct reaper_child *child;
    struct loop_timer *deadline;
    int64_t until_ns;
    const char *failed;
    char *log_path;
    int64_t log_offset;
    int out_fd; /* memfd, -1 when the output is the container's */
    runc_fn fn;
    void *arg;
    struct err err;
    int r;
    bool late;
};

static void
job_free(struct runc_job *j)
{
    loop_timer_free(j->deadline);
    (void) fd_close(j->out_fd);
    free(j->log_path);
    free(j);
}

static char *
output_read(int fd, size_t *ret_n)
{
    off_t n = fd >= 0 ? lseek(fd, 0, SEEK_CUR) : 0;
    char *out;

    if (n < 0 || n > RUNC_OUTPUT_MAX)
        n = RUNC_OUTPUT_MAX;
    out = xmalloc((size_t) n + 1);
    n = n ? fd_pread_full(fd, out, (size_t) n, 0) : 0;
    *ret_n = n > 0 ? (size_t) n : 0;
    out[*ret_n] = '\0';
    return out;
}

static void
job_failed(struct runc_job *j, int status, const char *out, size_t n)
{
    auto_free char *logged = runc_log_error_since(j->log_path, j->log_offset);

    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == ' '))
        n--;
    if (j->late)
        j->r = err_set(&j->err, CODE_DEADLINE_EXCEEDED,
                       "%s: the runtime took too long and was killed", j->failed);
    else if (logged)
        j->r = err_set(&j->err, CODE_UNKNOWN, "%s: %s", j->failed, logged);
    else if (n > 0)
        j->r = err_set(&j->err, CODE_UNKNOWN, "%s: %.*s", j->failed,
                       n > PRINTED_SHOWN_MAX ? PRINTED_SHOWN_MAX : (int) n, out);
    else
        j->r = err_set(&j->err, CODE_UNKNOWN, "%s: exit status %d", j->failed, status);
}

static void
on_end(void *arg, int status, int64_t at_ns)
{
    struct runc_job *j = arg;
    size_t n;
    auto_free char *out = output_read(j->out_fd, &n);

    (void) at_ns;
    if (status != 0)
        job_failed(j, status, out, n);
    j->fn(j->arg, j->r, &j->err, out, n);
    reaper_release(j->reaper);
    job_free(j);
}

static void
on_spawn_failed(void *arg)
{
    struct runc_job *j = arg;

    j->fn(j->arg, j->r, &j->err, "", 0);
    reaper_release(j->reaper);
    job_free(j);
}

static void
on_deadline(void *arg)
{
    struct runc_job *j = arg;

    j->deadline = NULL;
    j->late = true;
    log_warn("runtime took too long, killing it", KV_STR("failed", j->failed));
    (void) reaper_kill(j->child, SIGKILL);
}

/* A file in memory that cannot grow beyond what is kept of it. */
static int
output_open(struct err *err)
{
    int fd = memfd_create("runtime-output", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, RUNC_OUTPUT_MAX) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) < 0) {
        (void) err_sys(err, errno, "make room for the runtime's output");
        (void) fd_close(fd);
        return -1;
    }
    return fd;
}

static int
input_open(const void *p, size_t n, struct err *err)
{
    int fd = memfd_create("runtime-input", MFD_CLOEXEC);

    if (fd < 0 || fd_write_all(fd, p, n) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        (void) err_sys(err, errno, "hand input to the runtime");
        (void) fd_close(fd);
        return -1;
    }
    return fd;
}

static int
job_spawn(struct runc_job *j, const struct runc_call *call, struct err *err)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    auto_close int in_fd = -1;
    int pidfd = -1, r;
    pid_t pid;

    spec.argv = (const char *const *) call->argv.items;
    spec.death_signal = SIGKILL;
    spec.want_pidfd = true;
    if (call->stdio) {
        memcpy(spec.stdio, call->stdio, sizeof spec.stdio);
    } else {
        j->out_fd = output_open(err);
        if (j->out_fd < 0)
            return -err->code;
        spec.stdio[1] = spec.stdio[2] = j->out_fd;
    }
    if (call->input) {
        in_fd = input_open(call->input, call->n_input, err);
        if (in_fd < 0)
            return -err->code;
        spec.stdio[0] = in_fd;
    }
    if (call->stdio)
        cgroup_warm(); /* create and exec put a process into the container's group */
    r = proc_spawn(&spec, &pid, &pidfd, err);
    if (r < 0)
        return r;
    return reaper_watch(j->reaper, pid, pidfd, on_end, j, &j->child, err);
}

static void
deadline_set(struct runc_job *j, int64_t timeout_ms)
{
    j->until_ns = clock_mono_ns() + timeout_ms * NS_PER_MS;
    j->deadline = loop_timer_add(j->loop, j->until_ns, on_deadline, j);
}

void
runc_hurry(struct runc_job *j, int64_t timeout_ms)
{
    /* none: it could not be run, or has been killed already */
    if (!j->deadline || j->until_ns <= clock_mono_ns() + timeout_ms * NS_PER_MS)
        return;
    loop_timer_free(j->deadline);
    deadline_set(j, timeout_ms);
}

struct runc_job *
runc_run(struct runc_call *call, runc_fn fn, void *arg)
{
    struct runc_job *j = xcalloc(1, sizeof *j);
    struct err err = {0};
    int r;

    *j = (struct runc_job){.loop = call->loop,
                           .reaper = call->reaper,
                           .failed = call->failed,
                           .log_path = xstrdup(call->log_path),
                           .log_offset = runc_log_size(call->log_path),
                           .out_fd = -1,
                           .fn = fn,
                           .arg = arg};
    reaper_hold(j->reaper);
    r = job_spawn(j, call, &err);
    if (r < 0) {
        int code = err.code == CODE_NOT_FOUND ? CODE_UNKNOWN : err.code;

        j->r = err_set(&j->err, code, "%s: cannot run %s: %s", call->failed, call->argv.items[0],
                       err.msg);
        loop_post(j->loop, on_spawn_failed, j);
    } else {
        deadline_set(j, call->timeout_ms ? call->timeout_ms : RUNC_TIMEOUT_MS);
    }
    strv_done(&call->argv);
    return j;
}
