/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/disk_walk.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <sys/stat.h>

#define BLOCK_BYTES 512 /* of st_blocks, whatever the file system */
#define SLOTS_FIRST 1024

struct inode {
    dev_t dev;
    ino_t ino; /* 0 = free */
};

struct disk_walk {
    struct inode *slots; /* open addressing; never more than half full */
    size_t cap, n;
};

struct disk_walk *
disk_walk_new(void)
{
    struct disk_walk *w = xcalloc(1, sizeof *w);

    w->cap = SLOTS_FIRST;
    w->slots = xcalloc(w->cap, sizeof *w->slots);
    return w;
}

void
disk_walk_free(struct disk_walk *w)
{
    if (!w)
        return;
    free(w->slots);
    free(w);
}

static struct inode *
slot(struct inode *slots, size_t cap, dev_t dev, ino_t ino)
{
    size_t i = (size_t) (((uint64_t) ino * 0x9e3779b97f4a7c15u) ^ (uint64_t) dev) & (cap - 1);

    while (slots[i].ino && (slots[i].ino != ino || slots[i].dev != dev))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static void
grow(struct disk_walk *w)
{
    size_t cap = w->cap * 2;
    struct inode *slots = xcalloc(cap, sizeof *slots);

    for (size_t i = 0; i < w->cap; i++)
        if (w->slots[i].ino)
            *slot(slots, cap, w->slots[i].dev, w->slots[i].ino) = w->slots[i];
    free(w->slots);
    w->slots = slots;
    w->cap = cap;
}

/* True the first time. */
static bool
is_new(struct disk_walk *w, const struct stat *st)
{
    struct inode *in;

    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return true;
    in = slot(w->slots, w->cap, st->st_dev, st->st_ino);
    if (in->ino)
        return false;
    *in = (struct inode){.dev = st->st_dev, .ino = st->st_ino};
    if (++w->n * 2 > w->cap)
        grow(w);
    return true;
}

int
disk_walk_tree(struct disk_walk *w, const char *path, int64_t *ret_bytes, struct err *err)
{
    auto_free char *root = xstrdup(path);
    char *const roots[] = {root, NULL};
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    int64_t bytes = 0;
    FTSENT *e;
    int failed;

    if (!fts)
        return err_sys(err, errno, "walk '%s'", path);
    for (errno = 0; (e = fts_read(fts)); errno = 0)
        if (e->fts_info != FTS_DP && e->fts_info != FTS_NS && e->fts_info != FTS_DNR &&
            e->fts_info != FTS_ERR && is_new(w, e->fts_statp))
            bytes += (int64_t) e->fts_statp->st_blocks * BLOCK_BYTES;
    failed = errno;
    (void) fts_close(fts);
    if (failed)
        return err_sys(err, failed, "walk '%s'", path);
    *ret_bytes = bytes;
    return 0;
}
