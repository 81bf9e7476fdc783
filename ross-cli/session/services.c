/* SPDX-License-Identifier: Apache-2.0 */
/* Starting ross-contentd and ross-snapshotter when nobody answers on their sockets. */
#include "services.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/service/daemon.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/base/strv.h"

#define LISTEN_BACKLOG 128
#define IDLE_EXIT      "--idle-exit=60s"
#define LAST_WORDS_MAX 2048
#define PID_TEXT_MAX   32
#define LEAVE_MS       10000

static int
address_to_sockaddr(const char *address, struct sockaddr_un *ret, struct err *err)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(address) >= sizeof ret->sun_path)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "socket path '%s' is longer than %zu bytes, use a shorter --state", address,
                       sizeof ret->sun_path - 1);
    strncpy(ret->sun_path, address, sizeof ret->sun_path - 1);
    return 0;
}

/* True when a connect succeeds. */
static bool
somebody_listens(const struct sockaddr_un *addr)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *) addr, sizeof *addr) == 0;
}

static int
lock_start(const struct service_spec *spec, int *ret_fd, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s.start", spec->state, spec->program);
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_sys(err, errno, "open '%s'", path);
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, errno, "lock '%s'", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int
bind_socket(const struct sockaddr_un *addr, int *ret_fd, struct err *err)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t mask;
    int r;

    if (fd < 0)
        return err_sys(err, errno, "socket");
    (void) unlink(addr->sun_path);
    mask = umask(0177);
    r = bind(fd, (const struct sockaddr *) addr, sizeof *addr);
    (void) umask(mask);
    if (r < 0)
        return err_sys(err, errno, "bind '%s'", addr->sun_path);
    if (listen(fd, LISTEN_BACKLOG) < 0)
        return err_sys(err, errno, "listen on '%s'", addr->sun_path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int
start(const struct service_spec *spec, int listen_fd, struct err *err)
{
    auto_free char *program = proc_find_companion(spec->program);
    auto_free char *log_path = xasprintf("%s/%s.log", spec->state, spec->program);
    auto_close int log_fd = -1;
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(strv) env = {0};
    pid_t pid;
    int r;

    if (!program)
        return err_set(err, CODE_NOT_FOUND,
                       "%s is not installed (looked beside ross-cli and on PATH)", spec->program);
    log_fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return err_sys(err, errno, "open '%s'", log_path);

    const char *argv[] = {program,         "--root",    spec->root,    "--state",
                          spec->state,     "--address", spec->address, "--log-level",
                          spec->log_level, IDLE_EXIT,   NULL};

    for (char **e = environ; *e; e++)
        if (strncmp(*e, "LISTEN_", 7) != 0 && strncmp(*e, "NOTIFY_SOCKET=", 14) != 0)
            strv_add(&env, *e);
    strv_add(&env, "LISTEN_FDS=1");
    spawn.argv = argv;
    spawn.envp = (const char *const *) env.items;
    spawn.stdio[2] = log_fd;
    spawn.pass_fds = &listen_fd;
    spawn.n_pass_fds = 1;
    spawn.new_session = true;
    r = proc_spawn(&spawn, &pid, NULL, err);
    if (r < 0)
        return err_wrap(err, r, "start %s", spec->program);
    return 1;
}

int
service_ensure(const struct service_spec *spec, struct err *err)
{
    auto_close int lock_fd = -1, listen_fd = -1;
    struct sockaddr_un addr;
    int r;

    r = address_to_sockaddr(spec->address, &addr, err);
    if (r < 0)
        return r;
    if (somebody_listens(&addr))
        return 0;
    r = path_mkdirs_at(AT_FDCWD, spec->state, 0711, err);
    if (r < 0)
        return r;
    r = lock_start(spec, &lock_fd, err);
    if (r < 0)
        return r;
    /* another ross-cli may have done it while we waited for the lock */
    if (somebody_listens(&addr))
        return 0;
    r = bind_socket(&addr, &listen_fd, err);
    if (r < 0)
        return r;
    r = start(spec, listen_fd, err);
    if (r < 0)
        (void) unlink(addr.sun_path);
    return r;
}

/* The pid in the service's lock file, 0 when nobody has the lock. */
static pid_t
pid_of(const struct service_spec *spec)
{
    auto_free char *path = xasprintf("%s/%s.lock", spec->root, spec->program);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[PID_TEXT_MAX] = {0};
    uint32_t pid = 0;

    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK ||
        fd_pread_full(fd, text, sizeof text - 1, 0) <= 0)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    return parse_u32(text, &pid, NULL) == 0 ? (pid_t) pid : 0;
}

int
service_ask_to_leave(const struct service_spec *spec, int *ret_fd, struct err *err)
{
    siginfo_t info = {.si_signo = SIGTERM, .si_code = SI_QUEUE};
    auto_close int lock_fd = -1, pid_fd = -1;
    struct pollfd p = {.events = POLLIN};
    pid_t pid;
    int r = lock_start(spec, &lock_fd, err);

    if (r < 0)
        return r;
    pid = pid_of(spec);
    pid_fd = pid ? pidfd_open(pid, 0) : -1;
    /* the same one still holds the lock, so the descriptor is of it */
    if (pid_fd >= 0 && pid_of(spec) == pid) {
        info.si_pid = getpid();
        info.si_uid = getuid();
        info.si_value.sival_int = DAEMON_LEAVE_WHEN_IDLE;
        if (pidfd_send_signal(pid_fd, SIGTERM, &info, 0) < 0 && errno != ESRCH)
            return err_sys(err, errno, "ask %s to leave", spec->program);
        p.fd = pid_fd;
        if (poll(&p, 1, LEAVE_MS) <= 0)
            return 0;
    }
    *ret_fd = TAKE_FD(lock_fd);
    return 1;
}

char *
service_last_words(const char *program, const char *state)
{
    auto_free char *path = xasprintf("%s/%s.log", state, program);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[LAST_WORDS_MAX + 1];
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0)
        return xstrdup("");
    n = fd_pread_full(fd, text, LAST_WORDS_MAX,
                      st.st_size > LAST_WORDS_MAX ? st.st_size - LAST_WORDS_MAX : 0);
    if (n <= 0)
        return xstrdup("");
    while (n && text[n - 1] == '\n')
        n--;
    text[n] = '\0';
    return xstrdup(strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text);
}
