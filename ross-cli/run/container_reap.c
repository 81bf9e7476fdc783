/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a detached container: noted, its shim and mounts let go, and with --rm everything removed. */
#include "container_reap.h"

#include <string.h>

#include "container_dir.h"
#include "container_labels.h"
#include "container_lock.h"
#include "container_remove.h"
#include "container_status.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/proc.h"
#include "libross/base/strv.h"

#define STATE_TIMEOUT_NS (5 * NS_PER_S)
#define LOG_SCHEME       "ross-log:"

/* Does its output go to a log: then no client looks after it. */
static bool
is_detached(const char *address, const char *id)
{
    const struct call_ctx ctx = {.deadline_ns = clock_mono_ns() + STATE_TIMEOUT_NS};
    AUTO_PTR(rpc_channel) ch = NULL;
    AUTO(task_state) task = {0};

    return task_client_open(address, &ch, NULL) == 0 &&
           task_client_state(ch, &ctx, id, NULL, &task, NULL) == 0 && task.stdout_path &&
           strncmp(task.stdout_path, LOG_SCHEME, strlen(LOG_SCHEME)) == 0;
}

int
container_reap(struct session *s, const struct container *c, struct err *err)
{
    auto_close int lock_fd = -1;
    AUTO(container_status) st = {0};
    struct container_state note;
    int r;

    r = container_lock(s, c->id, &lock_fd, err);
    if (r == 0 && lock_fd < 0)
        return 0; /* removed meanwhile */
    if (r == 0)
        r = container_status_get(s, c->id, &st, err);
    if (r < 0)
        return r;
    if (st.kind != CONTAINER_EXITED || !st.has_task || !is_detached(st.address, c->id))
        return 0;
    if (labels_find(&c->labels, LABEL_AUTO_REMOVE)) {
        lock_fd = fd_close(lock_fd);
        return container_remove(s, c, true, err);
    }
    note = (struct container_state){
        .started = true,
        .started_ns = st.started_ns,
        .finished = true,
        .finished_ns = st.finished_ns ? st.finished_ns : clock_now_ns(),
        .exit_code = st.exit_code,
    };
    r = container_state_write(s->root, s->ctx.ns, c->id, &note, err);
    return r < 0 ? r : container_end_task_locked(s, c->id, err);
}

int
container_reap_spawn(const struct session *s, const char *id, struct err *err)
{
    auto_free char *self = proc_find_companion("ross-cli");
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(strv) argv = {0};
    pid_t pid;
    int r;

    if (!self)
        return err_set(err, CODE_NOT_FOUND, "ross-cli, which --rm needs, is not to be found");
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
    spawn.argv = (const char *const *) argv.items;
    spawn.new_session = true;
    r = proc_spawn(&spawn, &pid, NULL, err);
    return r < 0 ? err_wrap(err, r, "leave a process behind for --rm") : 0;
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
