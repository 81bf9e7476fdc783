/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a container that nobody waits for: noted, its shim and mounts let go, with --rm everything removed. */
#include "container_reap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "container_dir.h"
#include "container_labels.h"
#include "container_lock.h"
#include "container_remove.h"
#include "container_restart.h"
#include "container_start.h"
#include "container_status.h"
#include "event_log.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/base/strv.h"

#define STATE_TIMEOUT_NS (5 * NS_PER_S)
#define HOOK_FILE        "on-exit" /* exit_hook.h of the shim */
#define HOOK_SIZE_MAX    (16 * 1024)

/* Does no client look after it: nobody holds the lock on its hook. */
static bool
is_alone(const struct session *s, const char *id)
{
    auto_free char *bundle = bundle_path(s->state, s->ctx.ns, id);
    auto_free char *path = path_join(bundle, HOOK_FILE);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;
}

int
container_reap_hold(const char *bundle, int *ret_fd, struct err *err)
{
    auto_free char *path = path_join(bundle, HOOK_FILE);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return err_sys(err, errno, "lock '%s'", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Under the container's lock: how it ended, and when it starts again. */
static int
note_end(struct session *s, const struct container *c, const struct container_status *st,
         struct container_state *note, struct err *err)
{
    const struct restart_policy policy = container_restart_policy(c);

    note->started = note->finished = true;
    note->finished_ns = st->finished_ns ? st->finished_ns : clock_now_ns();
    note->exit_code = st->exit_code;
    note->oom_killed = st->oom_killed;
    note->restart_at_ns = 0;
    if (note->finished_ns - note->started_ns >= RESTART_CALM_NS)
        note->row = 0;
    if (restart_after_exit(&policy, note))
        note->restart_at_ns = clock_now_ns() + restart_delay_ns(note->row);
    event_container_die(s, c, note->exit_code);
    return container_state_write(s->root, s->ctx.ns, c->id, note, err);
}

int
container_reap(struct session *s, const struct container *c, struct err *err)
{
    auto_close int lock_fd = -1;
    AUTO(container_status) st = {0};
    struct container_state note = {0};
    int r;

    r = container_lock(s, c->id, &lock_fd, err);
    if (r == 0 && lock_fd < 0)
        return 0; /* removed meanwhile */
    if (r == 0)
        r = container_status_get(s, c->id, &st, err);
    if (r < 0)
        return r;
    if (st.kind != CONTAINER_EXITED || !st.has_task || !is_alone(s, c->id))
        return 0;
    if (labels_find(&c->labels, LABEL_AUTO_REMOVE)) {
        event_container_die(s, c, st.exit_code);
        lock_fd = fd_close(lock_fd);
        return container_remove(s, c, true, err);
    }
    r = container_state_read(s->root, s->ctx.ns, c->id, &note, err);
    if (r == 0)
        r = note_end(s, c, &st, &note, err);
    return r < 0 ? r : container_end_task_locked(s, c->id, err);
}

int
container_reap_arrange(const struct session *s, const char *bundle, const char *id,
                       const char *exec_id, struct err *err)
{
    auto_free char *self = proc_find_companion("ross-cli");
    auto_free char *path =
        xasprintf("%s/%s%s%s", bundle, HOOK_FILE, exec_id ? "." : "", exec_id ? exec_id : "");
    AUTO(buf) text = BUF_INIT(HOOK_SIZE_MAX);
    AUTO(strv) argv = {0};
    int r = 0;

    if (!self)
        return err_set(err, CODE_NOT_FOUND, "ross-cli, which the shim runs, is not to be found");
    const char *const words[] = {
        self,      "--root",        s->root,        "--state",     s->state,     "--namespace",
        s->ctx.ns, "--snapshotter", s->snapshotter, "--log-level", s->log_level,
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_add(&argv, words[i]);
    if (s->foreign) {
        strv_printf(&argv, "--address=%s", s->contentd_address);
        strv_printf(&argv, "--snapshotter-address=%s", s->snapshotter_address);
    }
    strv_add(&argv, "container");
    strv_add(&argv, "reap");
    strv_add(&argv, id);
    if (exec_id)
        strv_add(&argv, exec_id);
    for (size_t i = 0; r == 0 && i < argv.n; i++)
        r = buf_append(&text, argv.items[i], strlen(argv.items[i]) + 1, err);
    if (r == 0)
        r = fd_write_file_at(AT_FDCWD, path, text.data, text.len, 0600, err);
    return r < 0 ? err_wrap(err, r, "arrange for the container's end") : 0;
}

int
container_reap_exec(struct session *s, const char *id, const char *exec_id, struct err *err)
{
    auto_free char *bundle = bundle_path(s->state, s->ctx.ns, id), *address = NULL;
    auto_free char *hook = xasprintf("%s/%s.%s", bundle, HOOK_FILE, exec_id);
    const struct call_ctx ctx = {.deadline_ns = clock_mono_ns() + STATE_TIMEOUT_NS};
    AUTO_PTR(rpc_channel) ch = NULL;
    AUTO(container) c = {0};
    struct task_exit end;
    int r;

    r = shim_launch_address(bundle, &address, err);
    if (r == 0)
        r = task_client_open(address, &ch, err);
    if (r == 0)
        r = task_client_delete(ch, &ctx, id, exec_id, &end, err);
    if (r == 0 && container_find(s, id, &c, NULL) == 0)
        event_exec(s, &c, "exec_die", exec_id, &end.status);
    (void) unlink(hook);
    /* the container may have ended in between, and its shim with it */
    return r == -CODE_NOT_FOUND || r == -CODE_UNAVAILABLE ? 0 : r;
}

/* ---- starting again ---- */

/* Nothing can tell us that somebody changed his mind: the note is read again afterwards. */
static void
wait_until(int64_t at_ns)
{
    int64_t left = at_ns - clock_now_ns();
    struct timespec ts;

    if (left <= 0)
        return;
    ts = (struct timespec){.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
    while (ppoll(NULL, 0, &ts, NULL) < 0 && errno == EINTR)
        ;
}

static int
restart_when_due(struct session *s, const char *id, struct err *err)
{
    struct container_state note, now;
    AUTO(container) c = {0};
    int r, status = 0;

    r = container_state_read(s->root, s->ctx.ns, id, &note, err);
    if (r < 0 || !note.restart_at_ns)
        return r;
    wait_until(note.restart_at_ns);
    r = container_state_read(s->root, s->ctx.ns, id, &now, err);
    if (r < 0 || now.restart_at_ns != note.restart_at_ns)
        return r;
    r = container_find(s, id, &c, err);
    if (r == 0)
        r = container_start_by_policy(s, &c, &now, &status, err);
    return r < 0 ? r : 0;
}

int
container_reap_and_restart(struct session *s, const char *id, struct err *err)
{
    AUTO(container) c = {0};
    int r;

    r = container_find(s, id, &c, err);
    if (r == 0)
        r = container_reap(s, &c, err);
    if (r == 0)
        r = restart_when_due(s, id, err);
    return r == -CODE_NOT_FOUND ? 0 : r;
}

/* ---- after a restart of the machine ---- */

static int
collect_id(const struct container *c, void *arg)
{
    strv_add(arg, c->id);
    return 0;
}

/* Its shim is gone, or the whole machine was: the note says from now on that it ended. */
static int
note_lost(struct session *s, const struct container *c, struct err *err)
{
    auto_close int lock_fd = -1;
    AUTO(container_status) st = {0};
    struct container_state note = {0};
    int r;

    r = container_lock(s, c->id, &lock_fd, err);
    if (r < 0 || lock_fd < 0)
        return r;
    r = container_status_get(s, c->id, &st, err);
    if (r == 0)
        r = container_state_read(s->root, s->ctx.ns, c->id, &note, err);
    if (r < 0 || !note.started || note.finished || st.has_task)
        return r;
    st.exit_code = CONTAINER_EXIT_UNKNOWN;
    r = note_end(s, c, &st, &note, err);
    return r < 0 ? r : container_end_task_locked(s, c->id, err);
}

static int
restore_one(struct session *s, const char *id, void (*on_start)(const struct container *c),
            struct err *err)
{
    struct restart_policy policy;
    struct container_state note = {0};
    AUTO(container_status) st = {0};
    AUTO(container) c = {0};
    int r, status = 0;

    r = container_find(s, id, &c, err);
    if (r == 0)
        r = container_reap(s, &c, err);
    if (r == 0)
        r = note_lost(s, &c, err);
    if (r == 0)
        r = container_status_get(s, id, &st, err);
    if (r == 0)
        r = container_state_read(s->root, s->ctx.ns, id, &note, err);
    if (r < 0 || !note.finished || st.has_task)
        return r;
    if (labels_find(&c.labels, LABEL_AUTO_REMOVE))
        return container_remove(s, &c, true, err);
    policy = container_restart_policy(&c);
    if (!restart_after_boot(&policy, &note) && !note.restart_at_ns)
        return 0;
    r = container_start_by_policy(s, &c, &note, &status, err);
    if (r == 0)
        on_start(&c);
    return r < 0 ? r : 0;
}

int
container_restore_all(struct session *s, void (*on_start)(const struct container *c),
                      struct err *err)
{
    AUTO(strv) all = {0}, ids = {0};
    struct rpc_channel *ch;
    int r, failed = 0;

    r = session_contentd(s, &ch, err);
    if (r == 0)
        r = containers_client_list(ch, &s->ctx, &all, collect_id, &ids, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ids.n; i++) {
        struct err one = {0};

        r = restore_one(s, ids.items[i], on_start, &one);
        if (r >= 0 || r == -CODE_NOT_FOUND)
            continue;
        log_warn("a container could not be restored", KV_STR("container", ids.items[i]),
                 KV_ERR(&one));
        *err = one;
        failed = r;
    }
    return failed;
}

int
container_wait(const struct session *s, const char *id, uint32_t *ret_status, struct err *err)
{
    AUTO(container_status) st = {0};
    AUTO_PTR(rpc_channel) ch = NULL;
    struct task_exit end;
    int r;

    r = container_status_get(s, id, &st, err);
    if (r < 0)
        return r;
    if (st.kind != CONTAINER_RUNNING && st.kind != CONTAINER_PAUSED) {
        *ret_status = st.exit_code;
        return 0;
    }
    r = task_client_open(st.address, &ch, NULL);
    if (r == 0)
        r = task_client_wait(ch, NULL, id, NULL, &end, NULL);
    if (r == 0) {
        *ret_status = end.status;
        return 0;
    }
    /* the task went away while we asked: there is a note by now, or nobody knows */
    container_status_done(&st);
    r = container_status_get(s, id, &st, err);
    if (r == 0 && st.kind != CONTAINER_EXITED)
        return err_set(err, CODE_UNAVAILABLE, "the shim of container %.12s was lost", id);
    *ret_status = st.exit_code;
    return r;
}
