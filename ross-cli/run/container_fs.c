/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a container, running or not. */
#include "container_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "container_dir.h"
#include "container_lock.h"
#include "container_reap.h"
#include "container_status.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/mount/mount_upper.h"
#include "user_map.h"

void
container_fs_done(struct container_fs *fs)
{
    /* zeroed is not open: 0 is nobody's descriptor here */
    if (fs->fd > 0 && !fs->temp)
        (void) fd_close(fs->fd);
    mount_temp_free(fs->temp);
    mount_list_done(&fs->mounts);
    if (fs->lock_fd > 0)
        (void) fd_close(fs->lock_fd);
    *fs = (struct container_fs){0};
}

static bool
is_live(const struct container_status *st)
{
    return st->kind == CONTAINER_RUNNING || st->kind == CONTAINER_PAUSED;
}

static int
load_mounts(struct session *s, const struct container *c, struct mount_list *ret, struct err *err)
{
    struct snapshots *snapshots;
    int r;

    r = session_snapshots(s, &snapshots, err);
    if (r == 0)
        r = snapshots_mounts(snapshots, &s->ctx, c->snapshot_key, ret, err);
    if (r == -CODE_NOT_FOUND)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "the root filesystem of container '%s' is gone", container_name(c));
    return r;
}

/* While it runs: by the pid that its shim names before and after, so it was not another's meanwhile. */
static int
open_live(struct session *s, const struct container *c, enum container_fs_view view, uint32_t pid,
          int *ret_fd, struct err *err)
{
    auto_free char *bundle = bundle_path(s->state, s->ctx.ns, c->id);
    auto_free char *path =
        view == CONTAINER_FS_INSIDE ? xasprintf("/proc/%u/root", pid) : path_join(bundle, "rootfs");
    AUTO(container_status) st = {0};
    int fd, r;

    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open the files of container '%s'", container_name(c));
    r = container_status_get(s, c->id, &st, err);
    if (r == 0 && (!is_live(&st) || st.pid != pid))
        r = err_set(err, CODE_UNAVAILABLE, "container '%s' has just ended; try again",
                    container_name(c));
    if (r < 0) {
        (void) fd_close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

static int
open_mounted(struct session *s, const struct container *c, struct container_fs *fs, struct err *err)
{
    int r;

    r = container_lock(s, c->id, &fs->lock_fd, err);
    if (r == 0)
        r = load_mounts(s, c, &fs->mounts, err);
    if (r == 0)
        r = mount_temp_open(&fs->mounts, NULL, NULL, &fs->temp, err);
    if (r < 0)
        return r;
    fs->fd = mount_temp_fd(fs->temp);
    return 0;
}

static int
find_ids(const struct session *s, const char *id, struct container_ids *ret, struct err *err)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, id);
    struct user_map m;
    int r = user_map_read(dir, &m, err);

    if (r < 0 || !m.any)
        return r;
    ret->uid = (struct tar_id_range){.first_outside = m.uid, .count = m.size};
    ret->gid = (struct tar_id_range){.first_outside = m.gid, .count = m.size};
    ret->n = 1;
    return 0;
}

int
container_fs_open(struct session *s, const struct container *c, enum container_fs_view view,
                  struct container_fs *ret, struct err *err)
{
    AUTO(container_status) st = {0};
    AUTO(container_fs) fs = {0};
    int r;

    r = container_status_get(s, c->id, &st, err);
    if (r == 0)
        r = find_ids(s, c->id, &fs.ids, err);
    if (r < 0)
        return r;
    fs.live = is_live(&st);
    if (!fs.live) {
        /* a task that has ended still holds its mounts */
        r = container_reap(s, c, err);
        if (r == 0)
            r = open_mounted(s, c, &fs, err);
    } else {
        r = open_live(s, c, view, st.pid, &fs.fd, err);
        if (r == 0 && view == CONTAINER_FS_ROOT)
            r = load_mounts(s, c, &fs.mounts, err);
    }
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(fs);
    return 0;
}

/* ---- its layers ---- */

static bool
is_mapping(const char *option)
{
    return strncmp(option, "uidmap=", 7) == 0 || strncmp(option, "gidmap=", 7) == 0;
}

struct mount_list
container_fs_plain(const struct mount_list *mounts)
{
    struct mount_list plain = mount_list_clone(mounts);

    for (size_t i = 0; i < plain.n; i++)
        for (size_t j = plain.items[i].options.n; j-- > 0;)
            if (is_mapping(plain.items[i].options.items[j]))
                strv_remove(&plain.items[i].options, j);
    return plain;
}

static const struct mount *
overlay_of(const struct mount_list *mounts)
{
    return mounts->n == 1 && strcmp(mounts->items[0].type, "overlay") == 0 ? &mounts->items[0]
                                                                           : NULL;
}

int
container_fs_upper(const struct mount_list *mounts, int *ret_fd, struct err *err)
{
    const struct mount *m = overlay_of(mounts);

    if (!m)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "the root filesystem is no overlay with a layer of its own");
    return mount_upper_open(m, ret_fd, err);
}

int
container_fs_lower(const struct mount_list *mounts, struct mount_list *ret, struct err *err)
{
    const struct mount *m = overlay_of(mounts);
    const char *lower = m ? mount_option_find(m, "lowerdir") : NULL;
    AUTO(mount_list) list = {0};
    struct mount *made;

    if (!lower)
        return err_set(err, CODE_FAILED_PRECONDITION, "the root filesystem is no overlay");
    if (!strchr(lower, ':')) {
        made = mount_list_add(&list, "bind", lower);
        strv_add(&made->options, "rbind");
    } else {
        made = mount_list_add(&list, "overlay", "overlay");
        for (size_t i = 0; i < m->options.n; i++)
            if (strncmp(m->options.items[i], "upperdir=", 9) != 0 &&
                strncmp(m->options.items[i], "workdir=", 8) != 0 &&
                !is_mapping(m->options.items[i]))
                strv_add(&made->options, m->options.items[i]);
    }
    strv_add(&made->options, "ro");
    *ret = TAKE_STRUCT(list);
    return 0;
}
