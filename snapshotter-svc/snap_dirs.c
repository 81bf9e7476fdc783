/* SPDX-License-Identifier: Apache-2.0 */
/* The directories of snapshots: ROOT/snapshots/ID/{fs,work} (reference 8.6). */
#include "snap_dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"

struct snap_dirs {
    char *path;
    int fd, root_fd;
    mode_t umask; /* of the process when this was opened */
};

#define ID_PATH_MAX 32 /* "ID/work" */
#define SPARE_DIR   "spare"
#define MODE_DIR    0700
#define MODE_FS     0755
#define MODE_WORK   0711

static char *
id_path(char out[static ID_PATH_MAX], uint64_t id, const char *below)
{
    (void) snprintf(out, ID_PATH_MAX, "%" PRIu64 "%s", id, below);
    return out;
}

/* A step that can be made to fail from outside: sets errno. */
static int
fault(const char *point)
{
    int e = FAULT(point);

    (void) point;
    if (!e)
        return 0;
    errno = e;
    return -1;
}

int
snap_dirs_open(const char *root, struct snap_dirs **ret, struct err *err)
{
    AUTO_SNAP_DIRS d = xcalloc(1, sizeof *d);
    auto_free char *given = path_join(root, "snapshots");
    int r;

    d->fd = d->root_fd = -1;
    d->umask = umask(0);
    (void) umask(d->umask);
    r = path_open_dir(given, 0700, &d->fd, err);
    if (r == 0)
        r = path_open_dir(root, 0700, &d->root_fd, err);
    if (r < 0)
        return r;
    d->path = realpath(given, NULL);
    if (!d->path)
        return err_sys(err, errno, "resolve %s", given);
    if (strpbrk(d->path, ",:\\"))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "%s cannot be used for snapshots: ',', ':' and '\\' separate mount options",
                       d->path);
    *ret = TAKE(d);
    return 0;
}

void
snap_dirs_close(struct snap_dirs *d)
{
    if (!d)
        return;
    (void) fd_close(d->fd);
    (void) fd_close(d->root_fd);
    free(d->path);
    free(d);
}

const char *
snap_dirs_path(const struct snap_dirs *d)
{
    return d->path;
}

int
snap_dirs_fd(const struct snap_dirs *d)
{
    return d->fd;
}

/* Independent of the umask. */
static int
make_dir(struct snap_dirs *d, int at, const char *name, mode_t mode)
{
    if (mkdirat(at, name, mode) < 0)
        return -1;
    return mode & d->umask ? fchmodat(at, name, mode, 0) : 0;
}

static int
make_all(struct snap_dirs *d, int at, uint64_t id, bool with_work, uid_t uid, gid_t gid)
{
    char path[ID_PATH_MAX];

    if (fault("snap.dirs.id") < 0 || mkdirat(at, id_path(path, id, ""), MODE_DIR) < 0)
        return -1;
    if (fault("snap.dirs.fs") < 0 || make_dir(d, at, id_path(path, id, "/fs"), MODE_FS) < 0)
        return -1;
    if ((uid || gid) &&
        (fault("snap.dirs.chown") < 0 || fchownat(at, path, uid, gid, AT_SYMLINK_NOFOLLOW) < 0))
        return -1;
    if (with_work &&
        (fault("snap.dirs.work") < 0 || make_dir(d, at, id_path(path, id, "/work"), MODE_WORK) < 0))
        return -1;
    return 0;
}

int
snap_dirs_create(struct snap_dirs *d, uint64_t id, bool with_work, uid_t uid, gid_t gid,
                 struct err *err)
{
    int e;

    if (make_all(d, d->fd, id, with_work, uid, gid) == 0)
        return 0;
    e = errno;
    if (e != EEXIST)
        (void) snap_dirs_remove(d, id, NULL);
    return err_sys(err, e, "make the directories of snapshot %" PRIu64, id);
}

int
snap_dirs_spare_make(struct snap_dirs *d, uint64_t number, struct err *err)
{
    auto_close int at = -1;

    if (mkdirat(d->root_fd, SPARE_DIR, MODE_DIR) < 0 && errno != EEXIST)
        return err_sys(err, errno, "make " SPARE_DIR);
    at = openat(d->root_fd, SPARE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0 || make_all(d, at, number, true, 0, 0) < 0)
        return err_sys(err, errno, "make a directory below " SPARE_DIR);
    return 0;
}

int
snap_dirs_spare_use(struct snap_dirs *d, uint64_t number, uint64_t id)
{
    char from[sizeof SPARE_DIR + ID_PATH_MAX], to[ID_PATH_MAX];

    (void) snprintf(from, sizeof from, SPARE_DIR "/%" PRIu64, number);
    return renameat2(d->root_fd, from, d->fd, id_path(to, id, ""), RENAME_NOREPLACE);
}

int
snap_dirs_spares_remove(struct snap_dirs *d, struct err *err)
{
    return rmtree_at(d->root_fd, SPARE_DIR, err);
}

int
snap_dirs_make_work(struct snap_dirs *d, uint64_t id, struct err *err)
{
    char path[ID_PATH_MAX];

    if (make_dir(d, d->fd, id_path(path, id, "/work"), MODE_WORK) < 0)
        return err_sys(err, errno, "make %s/%s", d->path, path);
    return 0;
}

int
snap_dirs_remove(struct snap_dirs *d, uint64_t id, struct err *err)
{
    char path[ID_PATH_MAX];
    int e = FAULT("snap.dirs.remove");

    if (e)
        return err_sys(err, e, "remove the directories of snapshot %" PRIu64, id);
    return rmtree_at(d->fd, id_path(path, id, ""), err);
}

int
snap_dirs_open_fs(struct snap_dirs *d, uint64_t id, int *ret_fd, struct err *err)
{
    char path[ID_PATH_MAX];
    int fd =
        openat(d->fd, id_path(path, id, "/fs"), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return err_set(err, CODE_DATA_LOSS, "directory %s/%s is missing", d->path, path);
    if (fd < 0)
        return err_sys(err, errno, "open %s/%s", d->path, path);
    *ret_fd = fd;
    return 0;
}

static bool
is_dir(int fd, const char *path)
{
    struct stat st;

    return fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

bool
snap_dirs_has(struct snap_dirs *d, uint64_t id, bool with_work)
{
    char path[ID_PATH_MAX];

    return is_dir(d->fd, id_path(path, id, "/fs")) &&
           (!with_work || is_dir(d->fd, id_path(path, id, "/work")));
}

int
snap_dirs_owner(struct snap_dirs *d, uint64_t id, uid_t *ret_uid, gid_t *ret_gid, struct err *err)
{
    char path[ID_PATH_MAX];
    struct stat st;

    if (fstatat(d->fd, id_path(path, id, "/fs"), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, errno, "stat %s/%s", d->path, path);
    *ret_uid = st.st_uid;
    *ret_gid = st.st_gid;
    return 0;
}

int
snap_dirs_sync_names(struct snap_dirs *d, uint64_t id, struct err *err)
{
    char path[ID_PATH_MAX];
    auto_close int fd = openat(d->fd, id_path(path, id, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fault("snap.dirs.sync") < 0 || fsync(fd) < 0 || fsync(d->fd) < 0)
        return err_sys(err, errno, "sync the directory of snapshot %" PRIu64, id);
    return 0;
}

static uint64_t
id_of_name(const char *name)
{
    uint64_t id;

    if (name[0] == '0' || parse_u64(name, &id, NULL) < 0)
        return 0;
    return id;
}

int
snap_dirs_each(struct snap_dirs *d, snap_dirs_fn fn, void *arg, struct err *err)
{
    int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (!dir) {
        r = err_sys(err, errno, "read %s", d->path);
        (void) fd_close(fd);
        return r;
    }
    for (errno = 0; r == 0 && (e = readdir(dir)); errno = 0)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = fn(id_of_name(e->d_name), e->d_name, arg, err);
    if (r == 0 && errno)
        r = err_sys(err, errno, "read %s", d->path);
    (void) closedir(dir);
    return r;
}
