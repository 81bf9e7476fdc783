/* SPDX-License-Identifier: Apache-2.0 */
/* How much a snapshot's own directory holds (reference 8.5). */
#include "usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "libross/base/clock.h"
#include "libross/base/mem.h"
#include "tree_walk.h"

/* Inodes seen under more than one name: an open-addressed set, 0 = free. A tree has one device. */
struct inode_set {
    ino_t *slots;
    size_t n, room; /* room is a power of two */
};

struct scan {
    struct usage_scan *out;
    struct inode_set links;
};

static size_t
inode_slot(const struct inode_set *s, ino_t ino)
{
    size_t at = (size_t) (ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (s->room - 1);

    while (s->slots[at] && s->slots[at] != ino)
        at = (at + 1) & (s->room - 1);
    return at;
}

static void
inode_set_grow(struct inode_set *s)
{
    struct inode_set bigger = {.room = s->room ? 2 * s->room : 64, .n = s->n};

    bigger.slots = xcalloc(bigger.room, sizeof *bigger.slots);
    for (size_t i = 0; i < s->room; i++)
        if (s->slots[i])
            bigger.slots[inode_slot(&bigger, s->slots[i])] = s->slots[i];
    free(s->slots);
    *s = bigger;
}

/* True when it was not there before. */
static bool
inode_set_add(struct inode_set *s, ino_t ino)
{
    size_t at;

    if (2 * (s->n + 1) > s->room)
        inode_set_grow(s);
    at = inode_slot(s, ino);
    if (s->slots[at])
        return false;
    s->slots[at] = ino;
    s->n++;
    return true;
}

static void
count(struct usage_scan *out, const struct stat *st)
{
    int64_t ctime_ns = st->st_ctim.tv_sec * NS_PER_S + st->st_ctim.tv_nsec;

    out->usage.inodes++;
    out->usage.size_bytes += (int64_t) st->st_blocks * 512;
    if (ctime_ns > out->newest_ctime_ns)
        out->newest_ctime_ns = ctime_ns;
}

static int
count_entry(int dir_fd, const char *name, const struct stat *st, void *arg, struct err *err)
{
    struct scan *s = arg;

    (void) dir_fd;
    (void) name;
    (void) err;
    if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0))
        s->out->whiteouts = true;
    if (!S_ISDIR(st->st_mode) && st->st_nlink > 1 && !inode_set_add(&s->links, st->st_ino))
        return 0;
    count(s->out, st);
    return 0;
}

int
usage_scan(int dir_fd, struct usage_scan *ret, struct err *err)
{
    struct usage_scan out = {0};
    struct scan s = {.out = &out};
    struct stat st;
    int r;

    if (fstat(dir_fd, &st) < 0)
        return err_sys(err, errno, "stat a snapshot's directory");
    count(&out, &st);
    out.uid = st.st_uid;
    out.gid = st.st_gid;
    r = tree_walk(dir_fd, count_entry, &s, err);
    free(s.links.slots);
    if (r < 0)
        return r;
    out.pristine =
        out.usage.inodes == 1 && (st.st_mode & 07777) == 0755 && flistxattr(dir_fd, NULL, 0) <= 0;
    *ret = out;
    return 0;
}
