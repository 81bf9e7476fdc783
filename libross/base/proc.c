/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting child processes.
 *
 * The child shares our memory until it execs (CLONE_VM | CLONE_VFORK), so starting costs the same whatever our size,
 * and a failed exec is told through a variable. Sharing memory has rules: all signals are blocked around it, so
 * that none of our handlers runs in the child, and the child's code makes raw system calls only and touches nothing but
 * its own variables; not even errno, hence no libc wrappers.
 */
#include "proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "clock.h"
#include "fd.h"
#include "mem.h"
#include "rawcall.h"

#define CHILD_STACK_SIZE (16 * 1024)
#define PATH_DEFAULT     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define FDS_MAX          (3 + PROC_PASS_FDS_MAX)
#define KERNEL_NSIG      64

struct child {
    const struct proc_spawn *spec;
    const char *program;
    char *const *envp;
    pid_t parent;
    int fds[FDS_MAX]; /* becomes 0, 1, 2, …; -1 = /dev/null */
    unsigned n_fds;
    const char *failed; /* what went wrong, NULL = nothing */
    int sys_errno;
};

/* What rt_sigaction takes; all zero is SIG_DFL. */
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask;
};

IN_CHILD __attribute__((noreturn)) static void
child_fail(struct child *c, const char *what, long result)
{
    c->failed = what;
    c->sys_errno = (int) -result;
    raw_exit(127);
}

/* Puts every fd at its number. First out of the way of each other, then into place. */
IN_CHILD static void
child_fds(struct child *c)
{
    long r;

    for (unsigned i = 0; i < c->n_fds; i++) {
        if (c->fds[i] < 0) {
            r = raw_call(SYS_openat, AT_FDCWD, (long) "/dev/null", O_RDWR | O_CLOEXEC, 0, 0);
            if (r < 0)
                child_fail(c, "open /dev/null", r);
            c->fds[i] = (int) r;
        }
        if (c->fds[i] != (int) i && c->fds[i] < (int) c->n_fds) {
            r = raw_call(SYS_fcntl, c->fds[i], F_DUPFD_CLOEXEC, c->n_fds, 0, 0);
            if (r < 0)
                child_fail(c, "duplicate a descriptor", r);
            c->fds[i] = (int) r;
        }
    }
    for (unsigned i = 0; i < c->n_fds; i++) {
        if (c->fds[i] == (int) i)
            r = raw_call(SYS_fcntl, i, F_SETFD, 0, 0, 0);
        else
            r = raw_call(SYS_dup3, c->fds[i], i, 0, 0, 0);
        if (r < 0)
            child_fail(c, "pass a descriptor", r);
    }
    r = raw_call(SYS_close_range, c->n_fds, UINT32_MAX, 0, 0, 0);
    if (r < 0)
        child_fail(c, "close the other descriptors", r);
}

IN_CHILD static void
child_signals(void)
{
    struct kernel_sigaction dfl = {0};
    unsigned long none = 0;

    /* exec resets handlers only, not SIG_IGN; and the mask is opened before exec, when no handler may be left */
    for (int s = 1; s <= KERNEL_NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            (void) raw_call(SYS_rt_sigaction, s, (long) &dfl, 0, sizeof dfl.mask, 0);
    (void) raw_call(SYS_rt_sigprocmask, SIG_SETMASK, (long) &none, 0, sizeof none, 0);
}

IN_CHILD static int
child_main(void *arg)
{
    struct child *c = arg;
    const struct proc_spawn *spec = c->spec;
    long r;

    if (spec->new_session && (r = raw_call(SYS_setsid, 0, 0, 0, 0, 0)) < 0)
        child_fail(c, "setsid", r);
    if (spec->new_pgrp && !spec->new_session && (r = raw_call(SYS_setpgid, 0, 0, 0, 0, 0)) < 0)
        child_fail(c, "setpgid", r);
    if (spec->cwd_fd >= 0 && (r = raw_call(SYS_fchdir, spec->cwd_fd, 0, 0, 0, 0)) < 0)
        child_fail(c, "change directory", r);
    child_fds(c);
    if (spec->death_signal) {
        r = raw_call(SYS_prctl, PR_SET_PDEATHSIG, spec->death_signal, 0, 0, 0);
        if (r < 0)
            child_fail(c, "set the death signal", r);
        /* the parent may be gone already; a parent outside our pid namespace reads as 0 */
        r = raw_call(SYS_getppid, 0, 0, 0, 0, 0);
        if (r != 0 && r != c->parent)
            child_fail(c, "start", -ESRCH);
    }
    child_signals();
    r = raw_call(SYS_execve, (long) c->program, (long) spec->argv, (long) c->envp, 0, 0);
    child_fail(c, "execute", r);
}

static pid_t
start(struct child *c, int *ret_pidfd)
{
    __attribute__((aligned(16))) unsigned char stack[CHILD_STACK_SIZE];
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (ret_pidfd ? CLONE_PIDFD : 0);
    sigset_t all, old;
    pid_t pid;
    int saved;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = clone(child_main, stack + sizeof stack, flags, c, ret_pidfd);
    saved = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = saved;
    return pid;
}

int
proc_spawn(const struct proc_spawn *spec, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
    auto_free char *found = NULL;
    auto_close int pidfd = -1;
    struct child c = {.spec = spec, .n_fds = 3 + spec->n_pass_fds, .parent = getpid()};
    pid_t pid;

    assert(spec->argv && spec->argv[0] && spec->n_pass_fds <= PROC_PASS_FDS_MAX);
    assert(ret_pidfd || !spec->want_pidfd);
    if (strchr(spec->argv[0], '/'))
        c.program = spec->argv[0];
    else
        c.program = found = proc_find_program(spec->argv[0]);
    if (!c.program)
        return err_set(err, CODE_NOT_FOUND, "program '%.128s' is not on the PATH", spec->argv[0]);
    c.envp = spec->envp ? (char *const *) spec->envp : environ;
    for (int i = 0; i < 3; i++)
        c.fds[i] = spec->stdio[i] == -2 ? i : spec->stdio[i];
    for (unsigned i = 0; i < spec->n_pass_fds; i++) {
        assert(spec->pass_fds[i] >= 0);
        c.fds[3 + i] = spec->pass_fds[i];
    }
    pid = start(&c, ret_pidfd ? &pidfd : NULL);
    if (pid < 0)
        return err_sys(err, errno, "start '%s'", c.program);
    if (c.failed) {
        (void) proc_wait(pid, NULL, NULL);
        if (c.sys_errno == ENOENT)
            return err_set(err, CODE_NOT_FOUND, "program '%.128s' does not exist", c.program);
        return err_sys(err, c.sys_errno, "start '%s': %s", c.program, c.failed);
    }
    *ret_pid = pid;
    if (ret_pidfd)
        *ret_pidfd = TAKE_FD(pidfd);
    return 0;
}

int
proc_wait(pid_t pid, int *ret_status, struct err *err)
{
    int status;
    pid_t r;

    do
        r = waitpid(pid, &status, 0);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return err_sys(err, errno, "wait for process %d", (int) pid);
    if (ret_status)
        *ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return 0;
}

/* proc_run: our ends of the child's pipes, and what flows through them */
struct run {
    int in, out, errout, pidfd;
    const struct buf *input;
    size_t input_done;
    struct buf *out_buf, *err_buf;
    int64_t deadline_ns; /* 0 = none */
    bool exited, late;
};

/* Writes what fits. The pipe is closed when all is written or nobody reads it. */
static void
feed(struct run *run)
{
    ssize_t n;

    while (run->input_done < run->input->len) {
        n = write(run->in, run->input->data + run->input_done, run->input->len - run->input_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            break;
        run->input_done += (size_t) n;
    }
    run->in = fd_close(run->in);
}

/* Reads what is there. What does not fit is dropped. */
static void
collect(int *fd, struct buf *to)
{
    char chunk[4096];
    size_t room;
    ssize_t n;

    for (;;) {
        n = read(*fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            break;
        room = to->max_bytes - to->len;
        (void) buf_append(to, chunk, (size_t) n < room ? (size_t) n : room, NULL);
    }
    *fd = fd_close(*fd);
}

static int
run_timeout_ms(const struct run *run)
{
    int64_t left;

    if (!run->deadline_ns)
        return -1;
    left = run->deadline_ns - clock_mono_ns();
    if (left <= 0)
        return 0;
    left = (left - 1) / NS_PER_MS + 1;
    return left < INT32_MAX ? (int) left : INT32_MAX;
}

/*
 * Until the child has ended; then only what its pipes still hold is read, because a grandchild that lives on may keep
 * them open for ever.
 */
static int
run_pump(struct run *run, struct err *err)
{
    struct pollfd fds[4];
    int n;

    while (!run->exited) {
        fds[0] = (struct pollfd){.fd = run->pidfd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = run->in, .events = POLLOUT};
        fds[2] = (struct pollfd){.fd = run->out, .events = POLLIN};
        fds[3] = (struct pollfd){.fd = run->errout, .events = POLLIN};
        n = poll(fds, 4, run_timeout_ms(run));
        if (n < 0 && errno != EINTR)
            return err_sys(err, errno, "poll");
        if (n == 0) {
            run->late = true;
            return 0;
        }
        if (n < 0)
            continue;
        if (fds[0].revents)
            run->exited = true;
        if (fds[1].revents)
            feed(run);
        if (run->out >= 0 && (fds[2].revents || run->exited))
            collect(&run->out, run->out_buf);
        if (run->errout >= 0 && (fds[3].revents || run->exited))
            collect(&run->errout, run->err_buf);
    }
    return 0;
}

/* A pipe whose end `ours` (0 = we read, 1 = we write) does not block. */
static int
make_pipe(int ours, int *ret_ours, int *ret_theirs, struct err *err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(err, errno, "pipe");
    *ret_ours = fds[ours];
    *ret_theirs = fds[!ours];
    if (fd_set_nonblock(fds[ours]) < 0)
        return err_sys(err, errno, "pipe");
    return 0;
}

static int
run_start(struct run *run, const struct proc_spawn *spec, pid_t *ret_pid, struct err *err)
{
    struct proc_spawn s = *spec;
    auto_close int in = -1, out = -1, errout = -1;
    int r = 0;

    if (run->input)
        r = make_pipe(1, &run->in, &in, err);
    if (r == 0 && run->out_buf)
        r = make_pipe(0, &run->out, &out, err);
    if (r == 0 && run->err_buf)
        r = make_pipe(0, &run->errout, &errout, err);
    if (r < 0)
        return r;
    if (in >= 0)
        s.stdio[0] = in;
    if (out >= 0)
        s.stdio[1] = out;
    if (errout >= 0)
        s.stdio[2] = errout;
    return proc_spawn(&s, ret_pid, &run->pidfd, err);
}

static void
run_kill(const struct proc_spawn *spec, pid_t pid)
{
    if (spec->new_session || spec->new_pgrp)
        (void) kill(-pid, SIGKILL);
    (void) kill(pid, SIGKILL);
}

/* SIGPIPE of our writes is taken off again, unless one was pending before. */
static void
sigpipe_drop(const sigset_t *pending_before, const sigset_t *old_mask)
{
    const struct timespec now = {0};
    sigset_t only;

    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    if (!sigismember(pending_before, SIGPIPE))
        while (sigtimedwait(&only, NULL, &now) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, old_mask, NULL);
}

int
proc_run(const struct proc_spawn *spec, const struct buf *input, struct buf *out,
         struct buf *errout, int64_t timeout_ms, int *ret_status, struct err *err)
{
    struct run run = {
        .in = -1,
        .out = -1,
        .errout = -1,
        .pidfd = -1,
        .input = input,
        .out_buf = out,
        .err_buf = errout,
        .deadline_ns = timeout_ms > 0 ? clock_mono_ns() + timeout_ms * NS_PER_MS : 0,
    };
    sigset_t sigpipe, old, pending;
    int r, status = 0;
    pid_t pid = -1;

    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &sigpipe, &old);
    r = run_start(&run, spec, &pid, err);
    if (r == 0) {
        r = run_pump(&run, err);
        if (r < 0 || run.late)
            run_kill(spec, pid);
        if (proc_wait(pid, &status, r < 0 ? NULL : err) < 0 && r == 0)
            r = -CODE_INTERNAL;
    }
    sigpipe_drop(&pending, &old);
    (void) fd_close(run.in);
    (void) fd_close(run.out);
    (void) fd_close(run.errout);
    (void) fd_close(run.pidfd);
    if (r < 0)
        return r;
    if (run.late)
        return err_set(err, CODE_DEADLINE_EXCEEDED, "'%.128s' did not end within %lld ms",
                       spec->argv[0], (long long) timeout_ms);
    if (ret_status)
        *ret_status = status;
    return 0;
}

static bool
is_executable(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

char *
proc_find_program(const char *name)
{
    const char *dirs = getenv("PATH");
    size_t n;

    if (strchr(name, '/'))
        return is_executable(name) ? xstrdup(name) : NULL;
    if (!*name)
        return NULL;
    if (!dirs)
        dirs = PATH_DEFAULT;
    for (; *dirs; dirs += n + (dirs[n] == ':')) {
        n = strcspn(dirs, ":");
        if (*dirs == '/') { /* never from the current directory */
            auto_free char *path = xasprintf("%.*s/%s", (int) n, dirs, name);

            if (is_executable(path))
                return TAKE(path);
        }
    }
    return NULL;
}

char *
proc_find_companion(const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n > 0) {
        self[n] = '\0'; /* absolute; a replaced program has " (deleted)" at the end of its name */
        auto_free char *beside =
            xasprintf("%.*s/%s", (int) (strrchr(self, '/') - self), self, name);

        if (is_executable(beside))
            return TAKE(beside);
    }
    return proc_find_program(name);
}
