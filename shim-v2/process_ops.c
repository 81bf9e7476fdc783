/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, signalling, pausing, changing and checkpointing processes: the calls of the runtime behind the Task API. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container.h"
#include "events.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/mem_try.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "libross/oci/spec_read.h"
#include "oom.h"
#include "runc.h"

/* One operation on its way. */
struct op {
    struct process *p;
    process_fn done;
    void *arg;
    char *process_file; /* of an exec */
    char *json;         /* of an update */
    size_t n_json;
    struct strv argv; /* of a command that was spelled beforehand */
    char *work_path;  /* of a checkpoint */
    char *image_path;
    bool remove_work, has_turn;
    bool thaw; /* a signal that a frozen process cannot receive */
};

static struct op *
op_new(struct process *p, process_fn done, void *arg)
{
    struct op *op = xcalloc(1, sizeof *op);

    *op = (struct op){.p = p, .done = done, .arg = arg};
    process_ref(p);
    return op;
}

static void
op_end(struct op *op, int r, const struct err *err)
{
    struct process *p = op->p;

    op->done(op->arg, r, err);
    if (op->has_turn)
        process_end_turn(p);
    if (op->process_file)
        (void) unlink(op->process_file);
    strv_done(&op->argv);
    free(op->process_file);
    free(op->json);
    free(op->work_path);
    free(op->image_path);
    free(op);
    process_unref(p);
}

static void
op_ok(struct op *op)
{
    struct err err = {0};

    op_end(op, 0, &err);
}

static void
op_runc(struct op *op, struct strv argv, const char *failed, const int *stdio, runc_fn fn)
{
    struct container *c = op->p->c;
    auto_free char *log = path_join(c->bundle, "log.json");
    struct runc_call call = {.loop = c->shim->loop,
                             .reaper = c->shim->reaper,
                             .argv = argv,
                             .failed = failed,
                             .log_path = log,
                             .stdio = stdio,
                             .input = op->json,
                             .n_input = op->n_json};

    if (op->work_path)
        call.timeout_ms = RUNC_CRIU_TIMEOUT_MS;
    runc_run(&call, fn, op);
}

/* Is the operation allowed now? Ends it when not. */
static bool
op_allowed(struct op *op, enum process_op what)
{
    struct process *p = op->p;
    enum process_state state = p->state;
    struct err err = {0};
    int r;

    op->has_turn = what != OP_KILL;
    if (p->exit_seen && state != PROCESS_DELETED)
        state = PROCESS_STOPPED; /* though not told yet */
    r = process_state_check(process_is_exec(p), state, what, &err);
    if (r < 0)
        op_end(op, r, &err);
    return r == 0;
}

/* ---- start ---- */

static void
on_started(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct op *op = arg;
    struct process *p = op->p;

    (void) out;
    (void) n;
    if (r == 0) {
        struct err e = {0};

        if (stdio_begin_input(p->io, &e) < 0)
            log_error("a container has no stdin", KV_STR("container", p->c->id), KV_ERR(&e));
        p->state = PROCESS_RUNNING;
        event_start(p->c->shim->events, p->c->id, (uint32_t) p->pid);
    }
    op->done(op->arg, r, err);
    op->done = NULL;
    process_tell_held_exit(p);
    process_end_turn(p);
    free(op);
    process_unref(p);
}

static void
on_restored(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct op *op = arg;
    struct process *p = op->p;
    struct err e = *err;

    if (r == 0)
        r = process_adopt(p, "init.pid", &e);
    strv_done(&op->argv);
    free(op->work_path);
    on_started(op, r, &e, out, n);
}

static void
restore(struct op *op)
{
    struct container *c = op->p->c;
    struct runc_target t = container_target(c);
    struct runc_checkpoint how = {.image_path = c->checkpoint, .parent_path = c->parent_checkpoint};

    op->work_path = path_join(c->bundle, "criu-work");
    how.work_path = op->work_path;
    op_runc(op, runc_args_restore(&t, &how, stdio_console_path(op->p->io)),
            "OCI runtime restore failed", stdio_child_fds(op->p->io), on_restored);
}

static void
init_start(struct op *op)
{
    struct process *p = op->p;
    struct runc_target t = container_target(p->c);

    p->starting = true;
    if (p->state == PROCESS_CREATED_CHECKPOINT) {
        restore(op);
        return;
    }
    op_runc(op, runc_args_start(&t), "OCI runtime start failed", NULL, on_started);
}

/* An exec that could not be started counts as ended, so that who waits for it goes on. */
static void
exec_failed(struct op *op, int r, const struct err *err)
{
    struct process *p = op->p;
    struct container *c = p->c;
    struct err none = {0};

    if (p->child) { /* it runs, but without its streams */
        (void) reaper_kill(p->child, SIGKILL);
        p->state = PROCESS_RUNNING;
        op_end(op, r, err);
        return;
    }
    p->state = PROCESS_STOPPED;
    p->exit_status = 255;
    stdio_free(p->io);
    p->io = NULL;
    process_release_waiters(p, 0, &none);
    container_exec_gone(c);
    op_end(op, r, err);
}

static void
on_exec_started(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct op *op = arg;
    struct process *p = op->p;
    auto_free char *pid_file = xasprintf("%s.pid", p->id);
    struct err e = *err;

    (void) out;
    (void) n;
    if (r == 0)
        r = process_adopt(p, pid_file, &e);
    if (r == 0)
        r = stdio_begin_input(p->io, &e);
    if (r < 0) {
        exec_failed(op, r, &e);
        return;
    }
    p->state = PROCESS_RUNNING;
    event_exec_started(p->c->shim->events, p->c->id, p->id, (uint32_t) p->pid);
    op_ok(op);
}

/* Writes the process for the runtime to a file of its own. */
static int
process_file_write(struct op *op, struct err *err)
{
    struct process *p = op->p;
    const char *dir = getenv("XDG_RUNTIME_DIR");
    auto_close int fd = -1;
    int r;

    op->process_file = path_join(dir && dir[0] == '/' ? dir : "/tmp", "runc-processXXXXXX");
    fd = mkostemp(op->process_file, O_CLOEXEC);
    if (fd < 0) {
        r = err_sys(err, errno, "make %s", op->process_file);
        free(op->process_file);
        op->process_file = NULL;
        return r;
    }
    if (fd_write_all(fd, p->spec_json, strlen(p->spec_json)) < 0)
        return err_sys(err, errno, "write %s", op->process_file);
    return 0;
}

static int
has_stopped(const struct container *c, struct err *err)
{
    return err_set(err, CODE_FAILED_PRECONDITION,
                   "container %s init process is not running: failed precondition", c->id);
}

static void
on_exec_stdio(void *arg, int r, const struct err *err)
{
    struct op *op = arg;
    struct process *p = op->p;
    struct runc_target t = container_target(p->c);
    auto_free char *pid_file = xasprintf("%s.pid", p->id);
    struct err e = *err;

    if (r == 0 && p->c->init_exited)
        r = has_stopped(p->c, &e);
    if (r == 0)
        r = process_file_write(op, &e);
    if (r < 0) {
        exec_failed(op, r, &e);
        return;
    }
    free(p->spec_json);
    p->spec_json = NULL;
    op_runc(op, runc_args_exec(&t, op->process_file, pid_file, stdio_console_path(p->io)),
            "OCI runtime exec failed", stdio_child_fds(p->io), on_exec_started);
}

static void
exec_start(struct op *op)
{
    struct process *p = op->p;
    struct container *c = p->c;
    struct stdio_spec io = {.loop = c->shim->loop,
                            .reaper = c->shim->reaper,
                            .ns = c->shim->ns,
                            .id = p->id,
                            .stdin_path = p->stdin_path,
                            .stdout_path = p->stdout_path,
                            .stderr_path = p->stderr_path,
                            .terminal = p->terminal,
                            .own_null = c->userns,
                            .uid = c->options.io_uid,
                            .gid = c->options.io_gid};
    struct err err = {0};
    int r;

    if (c->init_exited) {
        r = has_stopped(c, &err);
        op_end(op, r, &err);
        return;
    }
    c->execs_live++;
    r = stdio_new(&io, on_exec_stdio, op, &p->io, &err);
    if (r < 0)
        exec_failed(op, r, &err);
}

static void
start_turn(void *arg)
{
    struct op *op = arg;

    if (!op_allowed(op, OP_START))
        return;
    if (process_is_exec(op->p))
        exec_start(op);
    else
        init_start(op);
}

void
process_start(struct process *p, process_fn done, void *arg)
{
    process_take_turn(p, start_turn, op_new(p, done, arg));
}

/* ---- kill ---- */

/* What the runtimes say of a process that has ended. */
static bool
means_gone(const char *msg)
{
    static const char *const words[] = {"process already finished", "not running",
                                        "no such process",          "does not exist",
                                        "process not found",        "is stopped"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasestr(msg, words[i]))
            return true;
    return false;
}

static void
on_killed(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct op *op = arg;
    struct err e = *err;

    (void) out;
    (void) n;
    if (r < 0 && means_gone(err->msg))
        r = err_set(&e, CODE_NOT_FOUND, "process already finished: not found");
    if (r == 0 && op->thaw && !op->p->exit_seen) /* runc has done it, crun does not */
        container_thaw(op->p->c);
    container_kill_ended(op->p->c);
    op_end(op, r, &e);
}

static void
kill_directly(struct op *op, uint32_t signo)
{
    struct err err = {0};
    int r = 0;

    if (reaper_kill(op->p->child, (int) signo) < 0) {
        if (errno == ESRCH)
            r = err_set(&err, CODE_NOT_FOUND, "process already finished: not found");
        else
            r = err_set(&err, CODE_UNKNOWN, "signal %u: %s", signo, strerror(errno));
    }
    op_end(op, r, &err);
}

void
process_kill(struct process *p, uint32_t signo, bool all, process_fn done, void *arg)
{
    struct op *op = op_new(p, done, arg);
    struct container *c = p->c;
    struct runc_target t = container_target(c);
    /* what the first process left is the runtime's to find, though that one has ended */
    bool rest = all && !process_is_exec(p) && p->state == PROCESS_STOPPED;

    if (!rest && !op_allowed(op, OP_KILL))
        return;
    if (!rest && !p->child) { /* a restore that has not started */
        struct err err = {0};

        op_end(op, err_set(&err, CODE_NOT_FOUND, "no process has been started yet"), &err);
        return;
    }
    op->thaw = signo == SIGKILL && p->state == PROCESS_PAUSED;
    /* the runtime knows all of the container's processes */
    if (process_is_exec(p) || (!all && p->state != PROCESS_PAUSED)) {
        kill_directly(op, signo);
        return;
    }
    c->kills_live++;
    op_runc(op, runc_args_kill(&t, signo, all), "OCI runtime kill failed", NULL, on_killed);
}

/* ---- pause, resume, update ---- */

static void
on_paused(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct op *op = arg;
    struct container *c = op->p->c;

    (void) out;
    (void) n;
    c->pausing = false;
    if (r == 0) {
        if (op->p->state == PROCESS_RUNNING)
            op->p->state = PROCESS_PAUSED;
        event_paused(c->shim->events, c->id);
    }
    op_end(op, r, err);
}

static void
pause_turn(void *arg)
{
    struct op *op = arg;
    struct runc_target t = container_target(op->p->c);

    if (!op_allowed(op, OP_PAUSE))
        return;
    op->p->c->pausing = true;
    op_runc(op, runc_args_pause(&t), "OCI runtime pause failed", NULL, on_paused);
}

void
container_pause(struct container *c, process_fn done, void *arg)
{
    process_take_turn(&c->init, pause_turn, op_new(&c->init, done, arg));
}

static void
on_resumed(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct op *op = arg;
    struct container *c = op->p->c;

    (void) out;
    (void) n;
    if (r == 0) {
        if (op->p->state == PROCESS_PAUSED)
            op->p->state = PROCESS_RUNNING;
        event_resumed(c->shim->events, c->id);
    }
    op_end(op, r, err);
}

static void
resume_turn(void *arg)
{
    struct op *op = arg;
    struct runc_target t = container_target(op->p->c);

    if (op_allowed(op, OP_RESUME))
        op_runc(op, runc_args_resume(&t), "OCI runtime resume failed", NULL, on_resumed);
}

void
container_resume(struct container *c, process_fn done, void *arg)
{
    process_take_turn(&c->init, resume_turn, op_new(&c->init, done, arg));
}

static void
on_updated(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    (void) out;
    (void) n;
    op_end(arg, r, err);
}

static void
update_turn(void *arg)
{
    struct op *op = arg;
    struct runc_target t = container_target(op->p->c);

    if (op_allowed(op, OP_UPDATE))
        op_runc(op, runc_args_update(&t), "OCI runtime update failed", NULL, on_updated);
}

void
container_update(struct container *c, const void *json, size_t n, process_fn done, void *arg)
{
    struct op *op = op_new(&c->init, done, arg);

    op->json = mem_try_strndup(json, n);
    if (!op->json) {
        struct err err = {0};

        op_end(op, err_set(&err, CODE_RESOURCE_EXHAUSTED, "no memory for the limits"), &err);
        return;
    }
    op->n_json = strlen(op->json);
    process_take_turn(&c->init, update_turn, op);
}

/* ---- checkpoint ---- */

static void
dump_log_keep(struct op *op)
{
    auto_free char *from = path_join(op->work_path, "dump.log");
    auto_free char *to = path_join(op->p->c->bundle, "criu-dump.log");
    auto_free char *text = NULL;
    size_t n;

    if (fd_read_file_at(AT_FDCWD, from, 1024 * 1024, &text, &n, NULL) == 0)
        (void) fd_write_file_at(AT_FDCWD, to, text, n, 0600, NULL);
}

static void
on_checkpointed(void *arg, int r, const struct err *err, const char *out, size_t n)
{
    struct op *op = arg;
    struct container *c = op->p->c;

    (void) out;
    (void) n;
    if (r < 0)
        dump_log_keep(op);
    else
        event_checkpointed(c->shim->events, c->id, op->image_path);
    if (op->remove_work)
        (void) rmtree_at(AT_FDCWD, op->work_path, NULL);
    op_end(op, r, err);
}

static void
checkpoint_turn(void *arg)
{
    struct op *op = arg;

    if (op_allowed(op, OP_CHECKPOINT))
        op_runc(op, TAKE_STRUCT(op->argv), "OCI runtime checkpoint failed", NULL, on_checkpointed);
}

void
container_checkpoint(struct container *c, const struct runc_checkpoint *how, process_fn done,
                     void *arg)
{
    struct op *op = op_new(&c->init, done, arg);
    struct runc_target t = container_target(c);
    struct runc_checkpoint full = *how;

    op->remove_work = !how->work_path;
    op->work_path = how->work_path ? xstrdup(how->work_path) : path_join(c->bundle, "criu-work");
    op->image_path = xstrdup(how->image_path);
    full.work_path = op->work_path;
    op->argv = runc_args_checkpoint(&t, &full);
    process_take_turn(&c->init, checkpoint_turn, op);
}
