/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's thread walks the tree and hands the names to a pool in batches. Names are paths from the root, opened
 * afresh by whoever works on them: no depth and no number of directories holds descriptors.
 *
 * tree_sync_finish, where the filesystem has one journal for all (fs_journal.h), waits for content file by file, which
 * flushes nothing; everything else is one commit at the end. Otherwise every file and directory has its fsync: for
 * times that a `lazytime` mount keeps in memory that is the only way.
 */
#include "tree_sync.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/pool.h"
#include "libross/base/strv.h"
#include "fs_journal.h"
#include "tar_name.h"

#define WRITE_THREADS 2  /* starting to write costs processor time, */
#define SYNC_THREADS  16 /* waiting for it does not */
#define BATCH         32
#define QUEUE_MAX     64 /* batches */

struct sync {
    int root_fd;
    int (*fn)(int fd);
    struct pool *pool;
    pthread_mutex_t lock;
    /* Guarded by lock: the first failure. */
    int failed;
    struct err error;
};

struct batch {
    struct sync *sync;
    size_t n;
    char *paths[BATCH];
};

static int
open_below(int root_fd, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t) flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };

    return (int) syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

/* Mounted over, or gone: not ours. */
static bool
is_skipped(int sys_errno)
{
    return sys_errno == ENOENT || sys_errno == EXDEV;
}

static int
start_writing(int fd)
{
    /* Directories and odd filesystems refuse; fsync does it all then. */
    (void) sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return 0;
}

static int
wait_written(int fd)
{
    return sync_file_range(
        fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

static void
sync_path(struct sync *s, const char *path)
{
    auto_close int fd = open_below(s->root_fd, path, 0);
    char shown[TAR_NAME_SHOWN_MAX];
    int fault;

    if (fd < 0 && is_skipped(errno))
        return;
    fault = FAULT("sync.fsync");
    if (fd >= 0 && !fault && s->fn(fd) == 0)
        return;
    pthread_mutex_lock(&s->lock);
    if (!s->failed)
        s->failed = err_sys(&s->error, fault ? fault : errno, "write '%s' through to the disk",
                            tar_name_show(path, shown));
    pthread_mutex_unlock(&s->lock);
}

static void
run_batch(void *arg)
{
    struct batch *b = arg;

    for (size_t i = 0; i < b->n; i++) {
        sync_path(b->sync, b->paths[i]);
        free(b->paths[i]);
    }
    free(b);
}

/* Takes path. */
static void
submit(struct sync *s, struct batch **b, char *path)
{
    if (!*b) {
        *b = xcalloc(1, sizeof **b);
        (*b)->sync = s;
    }
    (*b)->paths[(*b)->n++] = path;
    if ((*b)->n == BATCH)
        pool_submit(s->pool, run_batch, TAKE(*b));
}

/* Files go to the pool, directories to `dirs` for later. */
static int
walk_dir(struct sync *s, const char *path, struct strv *dirs, struct batch **b, struct err *err)
{
    int fd = open_below(s->root_fd, path, O_DIRECTORY);
    bool at_root = strcmp(path, ".") == 0;
    struct dirent *e;
    DIR *dir;

    if (fd < 0 && is_skipped(errno))
        return 0;
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int saved = errno;

        (void) fd_close(fd);
        return err_sys(err, saved, "open '%s'", path);
    }
    while ((e = readdir(dir))) {
        char *sub;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            (e->d_type != DT_REG && e->d_type != DT_DIR))
            continue;
        sub = at_root ? xstrdup(e->d_name) : xasprintf("%s/%s", path, e->d_name);
        if (e->d_type == DT_DIR)
            strv_take(dirs, sub);
        else
            submit(s, b, sub);
    }
    (void) closedir(dir);
    return 0;
}

static int
walk(struct sync *s, bool with_dirs, struct err *err)
{
    AUTO(strv) dirs = {0};
    struct batch *b = NULL;
    int r = 0;

    strv_add(&dirs, ".");
    while (r == 0 && dirs.n) {
        char *path = dirs.items[--dirs.n];

        dirs.items[dirs.n] = NULL;
        r = walk_dir(s, path, &dirs, &b, err);
        if (with_dirs)
            submit(s, &b, path);
        else
            free(path);
    }
    if (b)
        pool_submit(s->pool, run_batch, b);
    return r;
}

static int
pass(int root_fd, unsigned threads, int (*fn)(int), bool with_dirs, struct err *err)
{
    struct sync s = {
        .root_fd = root_fd,
        .fn = fn,
        .pool = pool_new(threads, QUEUE_MAX),
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    int r = walk(&s, with_dirs, err);

    pool_free(s.pool); /* waits for all of it */
    pthread_mutex_destroy(&s.lock);
    if (r == 0 && s.failed) {
        r = s.failed;
        if (err)
            *err = s.error;
    }
    return r;
}

int
tree_sync(int root_fd, struct err *err)
{
    int r = pass(root_fd, WRITE_THREADS, start_writing, false, err);

    return r < 0 ? r : pass(root_fd, SYNC_THREADS, fsync, true, err);
}

int
tree_sync_finish(int root_fd, struct err *err)
{
    int r;

    if (!fs_journal_is_ordered(root_fd))
        return pass(root_fd, SYNC_THREADS, fsync, true, err);
    r = pass(root_fd, WRITE_THREADS, wait_written, false, err);
    return r < 0 ? r : fs_journal_commit(root_fd, err);
}
