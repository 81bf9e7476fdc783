/* SPDX-License-Identifier: Apache-2.0 */
/* What a container has changed in its root filesystem, from the overlay's upper directory. */
#include "container_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "container_fs.h"
#include "libross/archive/tree_diff.h"
#include "libross/base/fd.h"
#include "libross/json/json.h"

struct walk {
    container_diff_fn fn;
    void *arg;
    struct strv targets; /* of the container's mounts, without the leading slash */
    char *last;          /* the path told last: its directories are told as well */
};

/* How many bytes of `path` are directories that `last` leads through, or is. */
static size_t
told_before(const char *last, const char *path)
{
    size_t n = 0, i = 0;

    for (; last && last[i] && last[i] == path[i]; i++)
        if (path[i] == '/')
            n = i;
    if (last && !last[i] && path[i] == '/')
        n = i;
    return n;
}

static int
tell(struct walk *w, char kind, const char *path, struct err *err)
{
    auto_free char *whole = xasprintf("/%s", path);
    const char *slash = path + told_before(w->last, path);
    int r = 0;

    for (slash = strchr(slash + (*slash == '/'), '/'); r == 0 && slash;
         slash = strchr(slash + 1, '/')) {
        auto_free char *dir = xasprintf("/%.*s", (int) (slash - path), path);

        r = w->fn('C', dir, w->arg, err);
    }
    free(w->last);
    w->last = xstrdup(path);
    return r < 0 ? r : w->fn(kind, whole, w->arg, err);
}

/* A mount's place: the directory or empty file that the runtime made, and what it made on the way there. */
static bool
is_mount_place(const struct walk *w, const char *path, const struct stat *st)
{
    size_t n = strlen(path);

    if (!S_ISDIR(st->st_mode) && (!S_ISREG(st->st_mode) || st->st_size))
        return false;
    for (size_t i = 0; i < w->targets.n; i++) {
        const char *target = w->targets.items[i];

        if (strncmp(target, path, n) == 0 && (!target[n] || target[n] == '/'))
            return true;
    }
    return false;
}

static int
on_change(void *arg, enum tree_change change, const char *path, int dir_fd, const char *name,
          const struct stat *st, struct err *err)
{
    struct walk *w = arg;

    (void) dir_fd;
    (void) name;
    if (change == TREE_UNCHANGED || (st && is_mount_place(w, path, st)))
        return 0;
    return tell(w, change == TREE_ADDED ? 'A' : change == TREE_DELETED ? 'D' : 'C', path, err);
}

static void
collect_targets(const struct container *c, struct strv *targets)
{
    AUTO_PTR(json) spec = NULL;
    const struct json *mounts;
    const char *target;

    if (!c->spec.value || json_parse(c->spec.value, c->spec.n, &spec, NULL) < 0)
        return;
    mounts = json_find(spec, "mounts");
    for (size_t i = 0; i < json_len(mounts); i++) {
        target = json_str(json_find(json_at(mounts, i), "destination"));
        if (target && *target == '/')
            strv_add(targets, target + 1);
    }
}

int
container_diff(struct session *s, const struct container *c, container_diff_fn fn, void *arg,
               struct err *err)
{
    struct walk w = {.fn = fn, .arg = arg};
    AUTO(container_fs) fs = {0};
    AUTO(mount_list) lower = {0};
    AUTO_PTR(mount_temp) temp = NULL;
    auto_close int upper_fd = -1, lower_fd = -1;
    int r;

    r = container_fs_open(s, c, CONTAINER_FS_ROOT, &fs, err);
    if (r == 0)
        r = container_fs_upper(&fs.mounts, &upper_fd, err);
    if (r == 0)
        r = container_fs_lower(&fs.mounts, &lower, err);
    if (r == 0)
        r = mount_temp_open(&lower, NULL, NULL, &temp, err);
    if (r != 0)
        return r;
    lower_fd = openat(mount_temp_fd(temp), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lower_fd < 0)
        return err_sys(err, errno, "open the layers of the container");
    collect_targets(c, &w.targets);
    r = tree_diff(lower_fd, upper_fd, true, on_change, &w, err);
    strv_done(&w.targets);
    free(w.last);
    return r;
}
