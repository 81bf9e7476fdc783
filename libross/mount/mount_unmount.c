/* SPDX-License-Identifier: Apache-2.0 */
/* Taking off everything that is mounted at a path and below it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "mount_apply.h"
#include "mountinfo.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"

#define BUSY_TRIES_MAX 50
#define BUSY_WAIT_MS   50

/* The path as mountinfo shows it: what leads to the last component resolved, that one not followed. NULL: not there. */
static char *
shown_path(const char *path)
{
    auto_free char *clean = path_clean(path);
    char link[PATH_FD_MAX], dir[PATH_MAX];
    auto_close int fd = -1;
    char *slash = strrchr(clean, '/');
    ssize_t n;

    if (strcmp(clean, "/") == 0)
        return TAKE(clean);
    if (slash)
        *slash = '\0';
    fd = open(!slash ? "." : *clean ? clean : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    n = fd < 0 ? -1 : readlink(path_of_fd(fd, link), dir, sizeof dir - 1);
    if (n < 0)
        return NULL;
    dir[n] = '\0';
    return path_join(dir, slash ? slash + 1 : clean);
}

/* What one round over the list came to. */
struct round {
    bool progress;
    const char *busy; /* one that is in use */
};

static int
take_off(const char *path, int flags, struct round *round, struct err *err)
{
    if (umount2(path, flags | UMOUNT_NOFOLLOW) == 0)
        round->progress = true;
    else if (errno == EBUSY)
        round->busy = path;
    else if (errno != EINVAL && errno != ENOENT) /* not, or no longer, reached by this name */
        return err_sys(err, errno, "unmount '%.256s'", path);
    return 0;
}

static int
give_up(const struct round *round, const char *path, size_t left, struct err *err)
{
    int r;

    if (!round->busy)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "unmount '%.256s': %zu mounts are listed there and none can be reached",
                       path, left);
    r = err_set(err, CODE_FAILED_PRECONDITION, "unmount '%.256s': it is in use", round->busy);
    if (err)
        err->sys_errno = EBUSY;
    return r;
}

/*
 * Round after round over a fresh list: a mount that another one hid, or whose children were hidden, shows up only when
 * that one is off.
 */
static int
unmount_tree(const char *path, int flags, struct err *err)
{
    auto_free char *shown = shown_path(path);
    unsigned tries = 0;
    int r;

    if (!shown)
        return 0;
    for (;;) {
        AUTO(strv) found = {0};
        struct round round = {0};

        r = mountinfo_below(shown, &found, err);
        if (r < 0)
            return r;
        if (!found.n)
            return 0;
        for (size_t i = 0; r == 0 && i < found.n; i++)
            r = take_off(found.items[i], flags, &round, err);
        if (r < 0)
            return r;
        if (round.progress)
            continue;
        if (!round.busy || tries++ == BUSY_TRIES_MAX)
            return give_up(&round, shown, found.n, err);
        /* the kernel tells nobody when a mount stops being busy */
        (void) poll(NULL, 0, BUSY_WAIT_MS);
    }
}

int
mount_unmount_all(const char *path, struct err *err)
{
    return unmount_tree(path, 0, err);
}

int
mount_detach_all(const char *path, struct err *err)
{
    return unmount_tree(path, MNT_DETACH, err);
}
