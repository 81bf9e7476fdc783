/* SPDX-License-Identifier: Apache-2.0 */
/* What this host's overlay can do and needs. */
#include "overlay_probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "libross/base/fd.h"

#define PROBE_DIR        ".probe"
#define UID_MAP_MAX      16384
#define KERNEL_IDMAPPED  5, 19 /* overlayfs accepts id-mapped layers */
#define KERNEL_USERXATTR 5, 11

static bool
kernel_at_least(int want_major, int want_minor)
{
    struct utsname u;
    int major, minor;

    if (uname(&u) < 0 || sscanf(u.release, "%d.%d", &major, &minor) != 2)
        return false;
    return major > want_major || (major == want_major && minor >= want_minor);
}

bool
overlay_uid_map_is_nested(const char *uid_map)
{
    unsigned long inside, outside, count;
    char rest;

    return sscanf(uid_map, "%lu %lu %lu %c", &inside, &outside, &count, &rest) != 3 ||
           inside != 0 || outside != 0 || count != 4294967295UL;
}

/* An entry's type is read back from a directory made for it: "." and ".." always have one. */
static int
check_d_type(int dir_fd, struct err *err)
{
    struct dirent *e;
    bool typed = false;
    DIR *d;
    int fd;

    if (mkdirat(dir_fd, PROBE_DIR, 0700) < 0 && errno != EEXIST)
        return err_sys(err, errno, "make a probe directory below the snapshots");
    fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        (void) fd_close(fd);
        return err_sys(err, errno, "read the snapshots' directory");
    }
    while ((e = readdir(d)))
        if (strcmp(e->d_name, PROBE_DIR) == 0)
            typed = e->d_type == DT_DIR;
    (void) closedir(d);
    (void) unlinkat(dir_fd, PROBE_DIR, AT_REMOVEDIR);
    if (!typed)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "the filesystem of the snapshots does not keep file types in directories "
                       "(d_type; xfs needs ftype=1), which overlay requires");
    return 0;
}

static bool
in_user_namespace(void)
{
    auto_free char *map = NULL;

    if (fd_read_file_at(AT_FDCWD, "/proc/self/uid_map", UID_MAP_MAX, &map, NULL, NULL) < 0)
        return false;
    return overlay_uid_map_is_nested(map);
}

int
overlay_probe(int dir_fd, struct overlay_host *ret, struct err *err)
{
    struct statfs fs;
    int r;

    r = check_d_type(dir_fd, err);
    if (r < 0)
        return r;
    if (fstatfs(dir_fd, &fs) < 0)
        return err_sys(err, errno, "statfs of the snapshots' directory");
    *ret = (struct overlay_host){
        .index = access("/sys/module/overlay/parameters/index", F_OK) == 0,
        .userxattr =
            in_user_namespace() && kernel_at_least(KERNEL_USERXATTR) && fs.f_type != TMPFS_MAGIC,
        .idmap = kernel_at_least(KERNEL_IDMAPPED),
    };
    return 0;
}
