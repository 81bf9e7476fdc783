/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of a root filesystem that is not mounted yet, looked up through its layers. */
#include "rootfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/strv.h"
#include "libross/mount/mount_temp.h"

enum find_result { FIND_HERE, FIND_BELOW, FIND_NOWHERE, FIND_SYMLINK };

static bool
is_opaque(int fd)
{
    char value[2];

    return fgetxattr(fd, "trusted.overlay.opaque", value, sizeof value) > 0 ||
           fgetxattr(fd, "user.overlay.opaque", value, sizeof value) > 0;
}

/* Where the walk goes after one component of the path in one layer. O_PATH fd in *at. */
static enum find_result
step(int *at, const char *name, bool last, bool *hides_lower)
{
    auto_close int path_fd = openat(*at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    auto_close int dir_fd = -1;
    struct stat st;

    if (path_fd < 0 || fstat(path_fd, &st) < 0)
        return *hides_lower ? FIND_NOWHERE : FIND_BELOW;
    if (S_ISLNK(st.st_mode))
        return FIND_SYMLINK;
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
        return FIND_NOWHERE; /* a whiteout */
    if (last) {
        (void) fd_close(*at);
        *at = TAKE_FD(path_fd);
        return S_ISREG(st.st_mode) ? FIND_HERE : FIND_NOWHERE;
    }
    if (!S_ISDIR(st.st_mode))
        return FIND_NOWHERE;
    dir_fd = openat(*at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir_fd >= 0 && is_opaque(dir_fd))
        *hides_lower = true;
    (void) fd_close(*at);
    *at = TAKE_FD(path_fd);
    return FIND_HERE;
}

static enum find_result
find_in_layer(const char *layer, const struct strv *parts, int *ret_fd)
{
    auto_close int at = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum find_result found = FIND_BELOW;
    bool hides_lower = false;

    if (at < 0)
        return FIND_SYMLINK; /* not ours to understand: mount it */
    for (size_t i = 0; i < parts->n; i++) {
        found = step(&at, parts->items[i], i + 1 == parts->n, &hides_lower);
        if (found != FIND_HERE)
            return found;
    }
    *ret_fd = TAKE_FD(at);
    return found;
}

/* The layers of the one mount, nearest first; empty when it is of a kind that we do not know. */
static struct strv
layers_of(const struct mount_list *mounts)
{
    const char *upper, *lower;
    struct strv layers = {0}, more;

    if (mounts->n != 1)
        return layers;
    if (strcmp(mounts->items[0].type, "bind") == 0) {
        strv_add(&layers, mounts->items[0].source);
        return layers;
    }
    if (strcmp(mounts->items[0].type, "overlay") != 0)
        return layers;
    upper = mount_option_find(&mounts->items[0], "upperdir");
    lower = mount_option_find(&mounts->items[0], "lowerdir");
    if (upper)
        strv_add(&layers, upper);
    if (lower) {
        more = strv_split(lower, ':');
        strv_add_all(&layers, &more);
        strv_done(&more);
    }
    return layers;
}

static int
read_file_fd(int path_fd, char **ret, size_t *ret_len, struct err *err)
{
    char name[PATH_FD_MAX];

    return fd_read_file_at(AT_FDCWD, path_of_fd(path_fd, name), ROOTFS_FILE_SIZE_MAX, ret, ret_len,
                           err);
}

static int
read_mounted(const struct mount_list *mounts, const char *path, char **ret, size_t *ret_len,
             struct err *err)
{
    AUTO_PTR(mount_temp) temp = NULL;
    auto_close int fd = -1;
    int r;

    r = mount_temp_open(mounts, NULL, NULL, &temp, err);
    if (r < 0)
        return r;
    fd = path_open_in_root(mount_temp_fd(temp), path, O_PATH, 0);
    if (fd < 0)
        return err_set(err, CODE_NOT_FOUND, "'/%s' does not exist in the image", path);
    return read_file_fd(fd, ret, ret_len, err);
}

int
rootfs_file_read(const struct mount_list *mounts, const char *path, char **ret, size_t *ret_len,
                 struct err *err)
{
    AUTO(strv) layers = layers_of(mounts), parts = strv_split(path, '/');
    enum find_result found = layers.n ? FIND_BELOW : FIND_SYMLINK;
    auto_close int fd = -1;

    for (size_t i = 0; i < layers.n && found == FIND_BELOW; i++)
        found = find_in_layer(layers.items[i], &parts, &fd);
    if (found == FIND_HERE)
        return read_file_fd(fd, ret, ret_len, err);
    if (found == FIND_SYMLINK)
        return read_mounted(mounts, path, ret, ret_len, err);
    return err_set(err, CODE_NOT_FOUND, "'/%s' does not exist in the image", path);
}
