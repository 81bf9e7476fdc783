/* SPDX-License-Identifier: Apache-2.0 */
/* The device is in a tmpfs that is mounted nowhere: bundles are below /run, where devices mean nothing. */
#include "own_null.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "libross/base/fd.h"

#define NULL_MAJOR 1
#define NULL_MINOR 3

int
own_null_open(struct err *err)
{
    auto_close int fs_fd = fsopen("tmpfs", FSOPEN_CLOEXEC), mount_fd = -1;
    int fd;

    if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return err_sys(err, errno, "make a filesystem for a null device");
    mount_fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, 0);
    if (mount_fd < 0 ||
        mknodat(mount_fd, "null", S_IFCHR | 0666, makedev(NULL_MAJOR, NULL_MINOR)) < 0)
        return err_sys(err, errno, "make a null device");
    fd = openat(mount_fd, "null", O_RDWR | O_CLOEXEC);
    return fd < 0 ? err_sys(err, errno, "open a null device") : fd;
}
