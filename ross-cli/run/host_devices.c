/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of this machine, for --privileged. */
#include "host_devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "libross/base/fd.h"

#define DEPTH_MAX   8
#define DEVICES_MAX 4096

static bool
is_left_out(const char *name, unsigned depth)
{
    static const char *const own[] = {"pts",     "shm",  "mqueue", "fd",
                                      "console", "ptmx", ".udev",  ".lxc"};

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    for (size_t i = 0; depth == 0 && i < ARRAY_LEN(own); i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return false;
}

static void
add_device(const char *path, const struct stat *st, struct arena *arena, struct spec_options *o)
{
    o->devices = xreallocarray(o->devices, o->n_devices + 1, sizeof *o->devices);
    o->devices[o->n_devices++] = (struct spec_device){
        .path = arena_strdup(arena, path),
        .type = S_ISCHR(st->st_mode) ? 'c' : 'b',
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
    };
}

static int
walk(int dir_fd, const char *path, unsigned depth, struct arena *arena, struct spec_options *o,
     struct err *err)
{
    DIR *dir = fdopendir(dir_fd); /* takes it */
    const struct dirent *e;
    int r = 0;

    if (!dir) {
        (void) fd_close(dir_fd);
        return err_sys(err, errno, "read '%s'", path);
    }
    while (r == 0 && o->n_devices < DEVICES_MAX && (e = readdir(dir))) {
        auto_free char *below = xasprintf("%s/%s", path, e->d_name);
        struct stat st;
        int fd;

        /* what goes away while we look is no error */
        if (is_left_out(e->d_name, depth) ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
            add_device(below, &st, arena, o);
        if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
            continue;
        fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            r = walk(fd, below, depth + 1, arena, o, err);
    }
    (void) closedir(dir);
    return r;
}

int
host_devices_add(const char *dir, struct arena *arena, struct spec_options *o, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, errno, "open '%s'", dir);
    return walk(fd, dir, 0, arena, o, err);
}
