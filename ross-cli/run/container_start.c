/* SPDX-License-Identifier: Apache-2.0 */
/* From a container's record and bundle to a running task, in the foreground or left alone. */
#include "container_start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "api/client/runc_options.h"
#include "command_fault.h"
#include "container_bundle.h"
#include "container_dir.h"
#include "container_labels.h"
#include "container_lock.h"
#include "container_net.h"
#include "container_oom.h"
#include "container_reap.h"
#include "container_remove.h"
#include "container_status.h"
#include "event_log.h"
#include "foreground.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/json/json.h"

/* A shim, and in it the created task. */
static int
create_task(const struct session *s, const struct container_start *how, const struct task_io *io,
            char **ret_address, struct rpc_channel **ret_ch, struct err *err)
{
    const struct container *c = how->record;
    const struct shim_launch launch = {
        .ns = s->ctx.ns,
        .id = c->id,
        .bundle = how->bundle,
        .state = s->state,
    };
    const struct task_create create = {
        .id = c->id,
        .bundle = how->bundle,
        .rootfs = how->mounts,
        .io = *io,
        .options = &c->runtime_options,
    };
    AUTO_PTR(rpc_channel) ch = NULL;
    auto_free char *address = NULL;
    uint32_t pid;
    int r;

    r = shim_launch_start(&launch, &address, err);
    if (r == 0)
        r = task_client_open(address, &ch, err);
    timing_phase(how->timing, "shim");
    if (how->net) {
        r = r < 0 ? r : container_net_wait(how->net, err);
        timing_phase(how->timing, "network");
    }
    if (r == 0)
        r = task_client_create(ch, NULL, &create, &pid, err);
    if (r == 0)
        r = container_net_keep(how->net, err);
    timing_phase(how->timing, "create");
    if (r < 0)
        return r;
    *ret_address = TAKE(address);
    *ret_ch = TAKE(ch);
    return 0;
}

/* ---- foreground ---- */

struct started {
    struct session *s;
    const struct container_start *how;
    struct container_state note;
    bool started;
};

static int
write_note(const struct started *st, struct err *err)
{
    if (st->how->forget)
        return 0;
    return container_state_write(st->s->root, st->s->ctx.ns, st->how->record->id, &st->note, err);
}

static int
on_start(void *arg, struct err *err)
{
    struct started *st = arg;

    st->started = true;
    timing_phase(st->how->timing, "start");
    st->note = (struct container_state){.started = true, .started_ns = clock_now_ns()};
    event_container_start(st->s, st->how->record);
    if (st->how->lock_fd)
        *st->how->lock_fd = fd_close(*st->how->lock_fd);
    return write_note(st, err);
}

static int
on_exit_of(const struct task_exit *end, void *arg, struct err *err)
{
    struct started *st = arg;

    timing_phase(st->how->timing, "container");
    st->note.finished = true;
    st->note.finished_ns = end->exited_at_ns ? end->exited_at_ns : clock_now_ns();
    st->note.exit_code = end->status;
    st->note.oom_killed = !st->how->forget && container_oom_killed(st->how->record->id);
    event_container_die(st->s, st->how->record, end->status);
    return write_note(st, err);
}

int
container_start_foreground(struct session *s, const struct container_start *how,
                           uint32_t *ret_status, bool *ret_started, struct err *err)
{
    auto_free char *io_dir = path_join(how->bundle, "io"), *address = NULL;
    const char *log = labels_find(&how->record->labels, LABEL_LOG_URI);
    struct started st = {.s = s, .how = how};
    struct foreground fg = {
        .id = how->record->id,
        .on_start = on_start,
        .on_exit = on_exit_of,
        .arg = &st,
    };
    AUTO_PTR(container_io) io = NULL;
    AUTO_PTR(rpc_channel) ch = NULL;
    auto_close int hold_fd = -1;
    struct task_io paths;
    int r;

    *ret_started = false;
    r = container_io_new(io_dir, how->interactive, how->terminal, &io, err);
    if (r == 0)
        r = container_io_share(io, err);
    /* what is removed at its end keeps no log */
    if (r == 0 && !how->forget && log)
        r = container_io_keep(io, log, err);
    /* if we are killed, the shim has somebody else look after the end */
    if (r == 0)
        r = container_reap_arrange(s, how->bundle, how->record->id, NULL, err);
    if (r == 0)
        r = container_reap_hold(how->bundle, &hold_fd, err);
    if (r < 0)
        return r;
    if (how->interactive && how->terminal)
        container_io_set_keys(io, how->keys);
    paths = container_io_paths(io);
    r = create_task(s, how, &paths, &address, &ch, err);
    if (r == 0)
        r = container_io_connect(io, err);
    if (r < 0)
        return r;
    fg.address = address;
    fg.io = io;
    r = foreground_run(&fg, ret_status, err);
    *ret_started = st.started;
    timing_phase(how->timing, "delete");
    if (r == FOREGROUND_LEFT)
        fputs("\r\ndetached\r\n", stderr);
    return r;
}

/* ---- detached ---- */

/* With -i its stdin stays open though nobody writes yet. */
static int
stdin_fifo(const char *bundle, char **ret, struct err *err)
{
    auto_free char *dir = path_join(bundle, "io"), *path = path_join(dir, "stdin");
    int r;

    r = path_mkdirs_at(AT_FDCWD, dir, 0700, err);
    if (r < 0)
        return r;
    if (mkfifo(path, 0600) < 0)
        return err_sys(err, errno, "make fifo '%s'", path);
    *ret = TAKE(path);
    return 0;
}

static int
create_and_start(struct session *s, const struct container_start *how, struct err *err)
{
    const struct container *c = how->record;
    const char *log = labels_find(&c->labels, LABEL_LOG_URI);
    auto_free char *in_path = NULL, *address = NULL;
    AUTO_PTR(rpc_channel) ch = NULL;
    struct task_io io;
    uint32_t pid;
    int r;

    r = how->interactive ? stdin_fifo(how->bundle, &in_path, err) : 0;
    if (r == 0)
        r = container_reap_arrange(s, how->bundle, c->id, NULL, err);
    if (r < 0)
        return r;
    io = (struct task_io){
        .stdin_path = in_path,
        .stdout_path = log,
        .stderr_path = how->terminal ? NULL : log,
        .terminal = how->terminal,
    };
    r = create_task(s, how, &io, &address, &ch, err);
    if (r == 0)
        r = task_client_start(ch, NULL, c->id, NULL, &pid, err);
    timing_phase(how->timing, "start");
    return r;
}

int
container_start_detached(struct session *s, const struct container_start *how, struct err *err)
{
    const struct container *c = how->record;
    struct container_state note = {.started = true, .started_ns = clock_now_ns()};
    struct container_state old;
    int r;

    r = container_state_read(s->root, s->ctx.ns, c->id, &old, err);
    if (r == 0 && how->by_policy) {
        note.restarts = old.restarts + 1;
        note.row = old.row + 1;
    }
    /* before the start: an old note of an end would hide the new task after a crash */
    if (r == 0)
        r = container_state_write(s->root, s->ctx.ns, c->id, &note, err);
    if (r < 0)
        return r;
    r = create_and_start(s, how, err);
    if (r < 0) {
        (void) container_net_wait(how->net, NULL);
        (void) container_end_task_locked(s, c->id, NULL);
        (void) container_state_write(s->root, s->ctx.ns, c->id, &old, NULL);
        return r;
    }
    event_container_start(s, c);
    return 0;
}

/* ---- again ---- */

static bool
wants_terminal(const struct container *c)
{
    AUTO_PTR(json) spec = NULL;

    return c->spec.value && json_parse(c->spec.value, c->spec.n, &spec, NULL) == 0 &&
           json_is_true(json_find(json_find(spec, "process"), "terminal"));
}

/* 1 when it runs already. What is left of an earlier task is taken away. */
static int
make_ready(struct session *s, const struct container *c, char **ret_bundle,
           struct mount_list *ret_mounts, struct err *err)
{
    AUTO(container_status) st = {0};
    struct snapshots *snapshots;
    int r;

    r = container_status_get(s, c->id, &st, err);
    if (r < 0)
        return r;
    if (st.kind == CONTAINER_PAUSED)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "container '%s' is paused; 'ross-cli unpause' lets it go on",
                       container_name(c));
    if (st.kind == CONTAINER_RUNNING)
        return 1;
    r = container_end_task_locked(s, c->id, err);
    if (r == 0)
        r = session_snapshots(s, &snapshots, err);
    if (r == 0)
        r = snapshots_mounts(snapshots, &s->ctx, c->snapshot_key, ret_mounts, err);
    if (r == 0)
        r = container_bundle_make(s, c, ret_bundle, err);
    return r;
}

static int
start_attached(struct session *s, struct container_start *how, int *ret_status, struct err *err)
{
    auto_close int client_fd = -1;
    uint32_t status = 0;
    bool started;
    int r, end;

    r = container_lock_client(s, how->record->id, &client_fd, err);
    if (r < 0)
        return r;
    r = container_start_foreground(s, how, &status, &started, err);
    *ret_status = r < 0 ? 0 : (int) status;
    if (r == FOREGROUND_LEFT)
        return 0;
    if (r < 0 && started)
        return r;
    (void) container_net_wait(how->net, NULL);
    if (how->lock_fd)
        *how->lock_fd = fd_close(*how->lock_fd);
    if (how->forget)
        end = container_remove(s, how->record, true, r < 0 ? NULL : err);
    else
        end = container_end_task(s, how->record->id, r < 0 ? NULL : err);
    return r < 0 ? r : end;
}

/* 1 when the note says something else than it did. */
static int
note_changed(const struct session *s, const char *id, const struct container_state *before,
             struct err *err)
{
    struct container_state now;
    int r = container_state_read(s->root, s->ctx.ns, id, &now, err);

    if (r < 0)
        return r;
    return now.finished != before->finished || now.finished_ns != before->finished_ns ||
           now.stopped != before->stopped || now.restart_at_ns != before->restart_at_ns;
}

/* decided_on: the note for which its policy starts it, or NULL when somebody does. */
static int
start_again(struct session *s, const struct container *c, const struct container_start_options *opt,
            const struct container_state *decided_on, int *ret_status, struct err *err)
{
    auto_close int client_fd = -1, lock_fd = -1;
    AUTO_PTR(container_net) net = NULL;
    AUTO(mount_list) mounts = {0};
    auto_free char *bundle = NULL;
    struct timing timing;
    struct container_start how = {
        .record = c,
        .mounts = &mounts,
        .terminal = wants_terminal(c),
        .by_policy = decided_on != NULL,
        .timing = &timing,
        .lock_fd = &lock_fd,
    };
    AUTO(container_status) st = {0};
    int r;

    timing_begin(&timing);
    r = container_status_get(s, c->id, &st, err);
    if (r == 0 && st.kind != CONTAINER_RUNNING && st.kind != CONTAINER_PAUSED)
        r = container_lock_client(s, c->id, &client_fd, err);
    client_fd = fd_close(client_fd); /* whoever had it is done; the bundle is made anew */
    if (r == 0)
        r = container_lock(s, c->id, &lock_fd, err);
    if (r == 0 && decided_on && (r = note_changed(s, c->id, decided_on, err)))
        return r;
    if (r == 0)
        r = make_ready(s, c, &bundle, &mounts, err);
    if (r == 1)
        return opt->attach ? err_set(err, CODE_FAILED_PRECONDITION, "container '%s' runs already",
                                     container_name(c))
                           : 0;
    if (r == 0)
        r = container_net_begin_again(s, c, &net, err);
    if (r < 0)
        return r;
    how.net = net;
    how.bundle = bundle;
    if (opt->attach) {
        how.interactive = opt->interactive;
        how.keys = opt->keys;
        how.forget = labels_find(&c->labels, LABEL_AUTO_REMOVE) != NULL;
        r = start_attached(s, &how, ret_status, err);
    } else {
        how.interactive = labels_find(&c->labels, LABEL_INTERACTIVE) != NULL;
        r = container_start_detached(s, &how, err);
    }
    if (r < 0 && !*ret_status)
        *ret_status = command_fault(err->msg);
    return r;
}

int
container_start_again(struct session *s, const struct container *c,
                      const struct container_start_options *opt, int *ret_status, struct err *err)
{
    return start_again(s, c, opt, NULL, ret_status, err);
}

int
container_start_by_policy(struct session *s, const struct container *c,
                          const struct container_state *decided_on, int *ret_status,
                          struct err *err)
{
    const struct container_start_options detached = {0};

    return start_again(s, c, &detached, decided_on, ret_status, err);
}
