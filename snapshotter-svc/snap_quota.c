/* SPDX-License-Identifier: Apache-2.0 */
/* A limit for what one snapshot may hold: a project quota of the filesystem. */
#include "snap_quota.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libross/base/fd.h"

#define QUOTA_BLOCK_BYTES 1024 /* QIF_DQBLKSIZE */
#define PATH_ID_MAX       32

static int
quota_call(int fd, unsigned cmd, uint32_t id, void *arg)
{
    return (int) syscall(SYS_quotactl_fd, fd, QCMD(cmd, PRJQUOTA), id, arg);
}

bool
snap_quota_works(int fd)
{
    struct if_dqinfo info;

    return quota_call(fd, Q_GETINFO, 0, &info) == 0;
}

static int
set_limit(int fd, uint64_t id, int64_t max_bytes)
{
    struct if_dqblk limit = {
        .dqb_bhardlimit = (uint64_t) (max_bytes + QUOTA_BLOCK_BYTES - 1) / QUOTA_BLOCK_BYTES,
        .dqb_valid = QIF_BLIMITS,
    };

    return quota_call(fd, Q_SETQUOTA, (uint32_t) id, &limit);
}

/* New entries inherit the project from their directory. */
static int
join_project(int dirs_fd, uint64_t id, const char *below)
{
    char path[PATH_ID_MAX];
    struct fsxattr x;
    auto_close int fd = -1;

    (void) snprintf(path, sizeof path, "%" PRIu64 "/%s", id, below);
    fd = openat(dirs_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1; /* views have no work directory */
    if (ioctl(fd, FS_IOC_FSGETXATTR, &x) < 0)
        return -1;
    x.fsx_projid = (uint32_t) id;
    x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    return ioctl(fd, FS_IOC_FSSETXATTR, &x);
}

int
snap_quota_set(int dirs_fd, uint64_t id, int64_t max_bytes, struct err *err)
{
    if (id > UINT32_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "snapshot %" PRIu64 ": there are no project ids left", id);
    if (set_limit(dirs_fd, id, max_bytes) < 0 || join_project(dirs_fd, id, "fs") < 0 ||
        join_project(dirs_fd, id, "work") < 0)
        return err_sys(err, errno, "limit the size of snapshot %" PRIu64, id);
    return 0;
}

void
snap_quota_clear(int dirs_fd, uint64_t id)
{
    if (id <= UINT32_MAX)
        (void) set_limit(dirs_fd, id, 0);
}
