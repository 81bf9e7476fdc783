/* SPDX-License-Identifier: Apache-2.0 */
/* The serving process: sets the loop up, and leaves in good order. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/ttrpc/ttrpc_server.h"
#include "container.h"
#include "events.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "shim_args.h"
#include "shim_socket.h"
#include "shim_start.h"
#include "task_record.h"
#include "task_service.h"

#define LISTEN_FD      3
#define LEAVE_LIMIT_MS 5000
#define EMPTY_LIMIT_MS (60 * 1000) /* without a container: whoever wanted one has died */
#define FLUSH_PAUSE_MS 1
#define TRIM_BYTES     (64 * 1024)
#define MMAP_BYTES     (64 * 1024)

struct server {
    struct shim shim;
    struct ttrpc_server *ttrpc;
    struct loop_timer *flush;
    struct loop_timer *empty;
    int listen_fd;
    int64_t leave_by_ns;
};

/* ---- leaving ---- */

static void
on_flush(void *arg)
{
    struct server *s = arg;

    s->flush = NULL;
    if ((ttrpc_server_flushed(s->ttrpc) && containers_drained(&s->shim)) ||
        clock_mono_ns() >= s->leave_by_ns) {
        loop_quit(s->shim.loop, 0);
        return;
    }
    s->flush =
        loop_timer_add(s->shim.loop, clock_mono_ns() + FLUSH_PAUSE_MS * NS_PER_MS, on_flush, s);
}

static void
on_events_drained(void *arg)
{
    on_flush(arg);
}

/* The socket goes first, so that nobody finds a shim that is about to be gone. */
static void
leave(struct shim *shim)
{
    struct server *s = CONTAINER_OF(shim, struct server, shim);

    if (shim->leaving)
        return;
    shim->leaving = true;
    s->leave_by_ns = clock_mono_ns() + LEAVE_LIMIT_MS * NS_PER_MS;
    shim_socket_remove(s->listen_fd);
    events_drain(shim->events, LEAVE_LIMIT_MS, on_events_drained, s);
}

static void
on_empty_limit(void *arg)
{
    struct server *s = arg;

    s->empty = NULL;
    if (!s->shim.containers)
        leave(&s->shim);
}

/*
 * A daemon that is killed between the start of the shim and Create, or between Delete and Shutdown, may never come
 * back to either; containerd 1.6 then keeps the shim for ever.
 */
static void
emptied(struct shim *shim)
{
    struct server *s = CONTAINER_OF(shim, struct server, shim);

    int64_t limit_ms = shim->leave_when_empty ? 0 : EMPTY_LIMIT_MS;

    loop_timer_free(s->empty);
    s->empty =
        loop_timer_add(shim->loop, clock_mono_ns() + limit_ms * NS_PER_MS, on_empty_limit, s);
}

static void
on_term(int signo, void *arg)
{
    (void) signo;
    leave(arg);
}

static void
on_usr1(int signo, void *arg)
{
    struct shim *shim = arg;
    struct mallinfo2 m = mallinfo2();

    (void) signo;
    log_info("state", KV_INT("heap", (int64_t) m.arena), KV_INT("used", (int64_t) m.uordblks));
    for (const struct container *c = shim->containers; c; c = c->next)
        log_info("container", KV_STR("id", c->id), KV_INT("pid", c->init.pid),
                 KV_STR("state", process_state_name(c->init.state)), KV_INT("execs", c->n_execs),
                 KV_INT("running", c->execs_live));
}

/* ---- setting up ---- */

/*
 * The bundle's log, when there is one: containerd's fifo, or a file. A fifo that nobody empties must not stop us,
 * so what does not fit is lost.
 */
static void
log_open(const struct shim_args *args)
{
    int fd = open("log", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);

    log_init(SHIM_SELF_NAME);
    log_set_fd(fd);
    log_set_level(args->debug ? LOG_DEBUG : LOG_INFO);
}

static int
listen_open(const struct shim_args *args, int *ret_fd, struct err *err)
{
    auto_free char *address = NULL;
    struct stat st;
    int r;

    if (!args->socket[0]) {
        if (fstat(LISTEN_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
            return err_set(
                err, CODE_FAILED_PRECONDITION,
                "no socket on descriptor %d: this is for the start action, or use -socket",
                LISTEN_FD);
        *ret_fd = LISTEN_FD;
        return fd_set_cloexec(LISTEN_FD, 1) < 0 ? err_sys(err, errno, "set up the socket") : 0;
    }
    address = xasprintf("unix://%s", args->socket);
    r = shim_socket_listen(address, ret_fd, err);
    if (r > 0)
        return err_set(err, CODE_ALREADY_EXISTS, "a shim listens on %s already", args->socket);
    return r;
}

static int
server_open(struct server *s, const struct shim_args *args, struct err *err)
{
    struct rpc_service services[TASK_SERVICES];
    struct shim *shim = &s->shim;
    int r = loop_new(&shim->loop, err);

    if (r == 0)
        r = reaper_new(shim->loop, &shim->reaper, err);
    if (r == 0)
        r = loop_signal_add(shim->loop, SIGTERM, on_term, shim, err);
    if (r == 0)
        r = loop_signal_add(shim->loop, SIGINT, on_term, shim, err);
    if (r == 0)
        r = loop_signal_add(shim->loop, SIGUSR1, on_usr1, shim, err);
    if (r < 0)
        return r;
    shim->ns = args->ns;
    shim->id = args->id;
    shim->shutdown = leave;
    shim->emptied = emptied;
    emptied(shim);
    shim->events = events_new(shim->loop, getenv("TTRPC_ADDRESS"), args->ns);
    shim->record = task_record_new(shim->loop, shim_state_dir(args));
    r = listen_open(args, &s->listen_fd, err);
    if (r < 0)
        return r;
    task_services(shim, services);
    return ttrpc_server_new(shim->loop, s->listen_fd, services, TASK_SERVICES, &s->ttrpc, err);
}

static void
server_close(struct server *s)
{
    ttrpc_server_free(s->ttrpc);
    events_free(s->shim.events);
    task_record_free(s->shim.record);
    reaper_free(s->shim.reaper);
    loop_free(s->shim.loop);
}

int
shim_serve(const struct shim_args *args)
{
    struct server s = {.listen_fd = -1};
    struct err err = {0};
    int code = 1;

    /* a burst of work must not leave its memory behind */
    (void) mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    (void) mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
    (void) mallopt(M_TOP_PAD, 0);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) unsetenv("NOTIFY_SOCKET");
    log_open(args);
    if (server_open(&s, args, &err) < 0)
        log_error("cannot serve", KV_ERR(&err));
    else
        code = loop_run(s.shim.loop);
    if (!s.shim.containers)
        server_close(&s);
    return code;
}
