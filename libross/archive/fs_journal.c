/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why one commit is enough. jbd2 has one running transaction; every change of metadata belongs to it or to an earlier
 * one, and transactions reach the disk in their order. A change made now is in the newest; fsync of what it changed
 * returns when that transaction is there. Blocks and sizes that writing back content has to record (delayed allocation,
 * unwritten extents) are recorded before that writing counts as ended. The commit record goes out behind a flush of the
 * device, when the journal is on the same one.
 */
#include "fs_journal.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "libross/base/fault.h"
#include "libross/base/mem.h"

#define DEVICE_NAME_MAX 128
#define JOURNAL_INODE                                                                              \
    8 /* where ext3 and ext4 keep a journal of their own; jbd2 calls it DEVICE-8 */

/* The kernel's name of the device that fd's filesystem is on; "" when it has none. */
static void
device_name(const struct stat *st, char ret[static DEVICE_NAME_MAX])
{
    auto_free char *link = xasprintf("/sys/dev/block/%u:%u", major(st->st_dev), minor(st->st_dev));
    char target[512];
    ssize_t n = readlink(link, target, sizeof target - 1);
    const char *slash;

    ret[0] = '\0';
    if (n <= 0)
        return;
    target[n] = '\0';
    slash = strrchr(target, '/');
    if (slash && strlen(slash + 1) < DEVICE_NAME_MAX)
        memcpy(ret, slash + 1, strlen(slash + 1) + 1);
}

bool
fs_journal_is_ordered(int fd)
{
    char name[DEVICE_NAME_MAX];
    auto_free char *path = NULL;
    struct statfs fs;
    struct stat st;

    if (fstatfs(fd, &fs) < 0 || fs.f_type != EXT4_SUPER_MAGIC || fstat(fd, &st) < 0)
        return false;
    device_name(&st, name);
    if (!name[0])
        return false;
    path = xasprintf("/proc/fs/jbd2/%s-%d", name, JOURNAL_INODE);
    return access(path, F_OK) == 0;
}

int
fs_journal_commit(int dir_fd, struct err *err)
{
    int fault = FAULT("sync.commit");
    struct stat st;

    if (fault || fstat(dir_fd, &st) < 0)
        return err_sys(err, fault ? fault : errno, "commit the filesystem's journal");
    /* The same mode again: a change that belongs to the newest transaction, so that fsync waits for that one. */
    if (fchmod(dir_fd, st.st_mode & 07777) < 0 || fsync(dir_fd) < 0)
        return err_sys(err, errno, "commit the filesystem's journal");
    return 0;
}
