/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a container away: its task, mounts, bundle, snapshot, notes, record, name; from any state that a crash
 * left.
 */
#include "container_remove.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "container_dir.h"
#include "container_lock.h"
#include "container_net.h"
#include "container_labels.h"
#include "container_status.h"
#include "container_volumes.h"
#include "event_log.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "libross/mount/mount_apply.h"

#define KILL_TIMEOUT_NS (10 * NS_PER_S)

/* Through the shim. Unavailable when it is gone meanwhile. */
static int
end_by_shim(const char *address, const char *id, struct err *err)
{
    const struct call_ctx ctx = {.deadline_ns = clock_mono_ns() + KILL_TIMEOUT_NS};
    AUTO_PTR(rpc_channel) ch = NULL;
    struct task_exit end;
    int r;

    r = task_client_open(address, &ch, err);
    if (r < 0)
        return r;
    r = task_client_kill(ch, &ctx, id, NULL, SIGKILL, true, err);
    if (r == 0)
        r = task_client_wait(ch, &ctx, id, NULL, &end, err);
    if (r == 0 || r == -CODE_NOT_FOUND || r == -CODE_FAILED_PRECONDITION)
        r = task_client_delete(ch, &ctx, id, NULL, NULL, err);
    if (r == -CODE_NOT_FOUND)
        r = 0;
    (void) task_client_shutdown(ch, &ctx, id, NULL);
    return r;
}

/* Without a shim that answers. */
static int
end_by_delete(const struct session *s, const char *id, const char *bundle, struct err *err)
{
    const struct shim_launch launch = {
        .ns = s->ctx.ns,
        .id = id,
        .bundle = bundle,
        .state = s->state,
    };
    struct task_exit end;

    return shim_launch_delete(&launch, &end, err);
}

int
container_end_task_locked(const struct session *s, const char *id, struct err *err)
{
    auto_free char *bundle = bundle_path(s->state, s->ctx.ns, id);
    auto_free char *address = NULL;
    int r;

    if (access(bundle, F_OK) < 0)
        return container_net_end(s, id, err);
    r = shim_launch_address(bundle, &address, err);
    if (r == 0) {
        r = end_by_shim(address, id, err);
        if (r < 0)
            r = end_by_delete(s, id, bundle, err);
    } else if (r == -CODE_NOT_FOUND)
        r = 0; /* no shim was ever started */
    if (r == 0)
        r = container_net_end(s, id, err);
    if (r == 0)
        r = mount_unmount_all(bundle, err);
    if (r == 0)
        r = rmtree_at(AT_FDCWD, bundle, err);
    return r < 0 ? err_wrap(err, r, "end container %.12s", id) : 0;
}

int
container_end_task(const struct session *s, const char *id, struct err *err)
{
    auto_close int lock_fd = -1;
    int r;

    r = container_lock(s, id, &lock_fd, err);
    return r < 0 ? r : container_end_task_locked(s, id, err);
}

static int
remove_snapshot(struct session *s, const struct container *c, struct err *err)
{
    struct snapshots *snapshots;
    int r;

    if (!c->snapshot_key || !*c->snapshot_key)
        return 0;
    r = session_snapshots(s, &snapshots, err);
    if (r == 0)
        r = snapshots_remove(snapshots, &s->ctx, c->snapshot_key, err);
    return r == -CODE_NOT_FOUND ? 0 : r;
}

int
container_remove(struct session *s, const struct container *c, bool force, struct err *err)
{
    auto_close int lock_fd = -1;
    AUTO(container_status) st = {0};
    AUTO(strv) volumes = {0};
    struct rpc_channel *ch;
    int r;

    if (labels_find(&c->labels, LABEL_AUTO_REMOVE))
        volumes = container_volumes_anonymous(s, c->id);
    r = container_lock(s, c->id, &lock_fd, err);
    if (r == 0)
        r = container_status_get(s, c->id, &st, err);
    if (r < 0)
        return r;
    if (!force && (st.kind == CONTAINER_RUNNING || st.kind == CONTAINER_PAUSED))
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "container '%s' is %s; stop it first, or remove it by force with -f",
                       *container_name(c) ? container_name(c) : c->id, container_status_name(&st));
    r = container_end_task_locked(s, c->id, err);
    if (r == 0)
        r = remove_snapshot(s, c, err);
    if (r == 0)
        r = container_dir_remove(s->root, s->ctx.ns, c->id, err);
    if (r == 0)
        r = container_volumes_remove(s, &volumes, err);
    if (r == 0)
        r = session_contentd(s, &ch, err);
    if (r == 0) {
        r = containers_client_delete(ch, &s->ctx, c->id, err);
        if (r == -CODE_NOT_FOUND)
            r = 0;
    }
    if (r == 0)
        event_container(s, c, "destroy", NULL, 0);
    if (r == 0 && *container_name(c))
        container_name_release(s->root, s->ctx.ns, container_name(c), c->id);
    return r;
}
