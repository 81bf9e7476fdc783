/* SPDX-License-Identifier: Apache-2.0 */
/* Both trees are walked side by side, one pair of directories per level. */
#include "tree_diff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/strv.h"
#include "tar_name.h"

#define PATH_BYTES_MAX (256 * 1024) /* depth times NAME_MAX */
#define CAPABILITY_MAX 256
#define COMPARE_BYTES  (64 * 1024)

struct walk {
    bool overlay;
    tree_diff_fn fn;
    void *arg;
    struct buf path; /* of the directory at hand, "a/b/" or "" */
    unsigned depth;
};

/* An entry as both trees have it; st of an absent one is not set. */
struct pair {
    const char *name;
    bool in_lower, in_upper;
    struct stat lower, upper;
};

static int walk_dirs(struct walk *w, int lower_fd, int upper_fd, bool opaque, struct err *err);

static int
read_names(int dir_fd, struct strv *ret, struct err *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (!dir) {
        int saved = errno;

        (void) fd_close(fd);
        return err_sys(err, saved, "open a directory");
    }
    while ((errno = 0, e = readdir(dir))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            strv_add(ret, e->d_name);
    }
    if (errno) {
        int saved = errno;

        (void) closedir(dir);
        return err_sys(err, saved, "read a directory");
    }
    (void) closedir(dir);
    strv_sort(ret);
    return 0;
}

/* ---- equality ---- */

static ssize_t
get_xattr(int dir_fd, const char *name, const char *key, char value[static CAPABILITY_MAX])
{
    char dir[PATH_FD_MAX], path[PATH_FD_MAX + NAME_MAX + 2];
    ssize_t n;

    (void) snprintf(path, sizeof path, "%s/%s", path_of_fd(dir_fd, dir), name);
    n = lgetxattr(path, key, value, CAPABILITY_MAX);
    return n < 0 && (errno == ENODATA || errno == EOPNOTSUPP) ? 0 : n;
}

static int
same_capability(int lower_fd, int upper_fd, const char *name, struct err *err)
{
    char a[CAPABILITY_MAX], b[CAPABILITY_MAX];
    ssize_t n = get_xattr(lower_fd, name, "security.capability", a),
            m = get_xattr(upper_fd, name, "security.capability", b);

    if (n < 0 || m < 0)
        return err_sys(err, errno, "read security.capability");
    return n == m && memcmp(a, b, (size_t) n) == 0;
}

static int
same_link(int lower_fd, int upper_fd, const char *name, struct err *err)
{
    char a[PATH_MAX], b[PATH_MAX];
    ssize_t n = readlinkat(lower_fd, name, a, sizeof a),
            m = readlinkat(upper_fd, name, b, sizeof b);

    if (n < 0 || m < 0)
        return err_sys(err, errno, "read a symlink");
    return n == m && memcmp(a, b, (size_t) n) == 0;
}

static int
same_content(int lower_fd, int upper_fd, const char *name, struct err *err)
{
    auto_close int a = openat(lower_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
                   b = openat(upper_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    auto_free char *p = xmalloc(COMPARE_BYTES), *q = xmalloc(COMPARE_BYTES);
    ssize_t n, m;

    if (a < 0 || b < 0)
        return err_sys(err, errno, "open a file to compare");
    do {
        n = fd_read_full(a, p, COMPARE_BYTES);
        m = fd_read_full(b, q, COMPARE_BYTES);
        if (n < 0 || m < 0)
            return err_sys(err, errno, "read a file to compare");
        if (n != m || memcmp(p, q, (size_t) n) != 0)
            return 0;
    } while (n == COMPARE_BYTES);
    return 1;
}

/* 1, 0, or negative. */
static int
same(int lower_fd, int upper_fd, const struct pair *p, struct err *err)
{
    const struct stat *a = &p->lower, *b = &p->upper;
    int r;

    if (a->st_dev == b->st_dev && a->st_ino == b->st_ino)
        return 1;
    if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
        a->st_rdev != b->st_rdev)
        return 0;
    r = same_capability(lower_fd, upper_fd, p->name, err);
    if (r <= 0 || S_ISDIR(a->st_mode))
        return r;
    if (a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return 0;
    if (a->st_mtim.tv_nsec || b->st_mtim.tv_nsec)
        return a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
    if (S_ISLNK(a->st_mode))
        return same_link(lower_fd, upper_fd, p->name, err);
    return a->st_size == 0 || !S_ISREG(a->st_mode) ? 1
                                                   : same_content(lower_fd, upper_fd, p->name, err);
}

/* ---- what overlay keeps in an upper directory ---- */

static bool
is_whiteout(const struct walk *w, const struct pair *p)
{
    return w->overlay && p->in_upper && S_ISCHR(p->upper.st_mode) && p->upper.st_rdev == 0;
}

static int
refuse_redirects(struct walk *w, int upper_fd, const struct pair *p, struct err *err)
{
    static const char *const keys[] = {"trusted.overlay.redirect", "trusted.overlay.metacopy",
                                       "user.overlay.redirect", "user.overlay.metacopy"};
    char value[CAPABILITY_MAX];

    if (!w->overlay || !p->in_upper || !(S_ISDIR(p->upper.st_mode) || S_ISREG(p->upper.st_mode)))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        /* A metacopy mark may be empty: its presence counts. */
        char dir[PATH_FD_MAX], path[PATH_FD_MAX + NAME_MAX + 2];

        (void) snprintf(path, sizeof path, "%s/%s", path_of_fd(upper_fd, dir), p->name);
        if (lgetxattr(path, keys[i], value, sizeof value) >= 0 || errno == ERANGE)
            return err_set(err, CODE_FAILED_PRECONDITION, "the overlay uses %s", keys[i]);
    }
    return 0;
}

static bool
is_opaque(const struct walk *w, int dir_fd)
{
    char value[2];

    if (!w->overlay)
        return true; /* a whole tree hides everything it does not have */
    return (fgetxattr(dir_fd, "trusted.overlay.opaque", value, sizeof value) == 1 &&
            value[0] == 'y') ||
           (fgetxattr(dir_fd, "user.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y');
}

/* ---- walking ---- */

static int
report(struct walk *w, enum tree_change change, int upper_fd, const struct pair *p, struct err *err)
{
    size_t len = w->path.len;
    int r = buf_append_str(&w->path, p->name, err);

    if (r == 0)
        r = change == TREE_DELETED
                ? w->fn(w->arg, change, w->path.data, -1, p->name, NULL, err)
                : w->fn(w->arg, change, w->path.data, upper_fd, p->name, &p->upper, err);
    w->path.len = len;
    w->path.data[len] = '\0';
    return r;
}

static int
open_sub(int dir_fd, const char *name, struct err *err)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? err_sys(err, errno, "open a directory") : fd;
}

/* Goes into the directory `p` of the upper tree, beside the lower one when that is a directory as well. */
static int
descend(struct walk *w, int lower_fd, int upper_fd, const struct pair *p, struct err *err)
{
    auto_close int lower = -1, upper = open_sub(upper_fd, p->name, err);
    size_t len = w->path.len;
    int r;

    if (upper < 0)
        return upper;
    if (p->in_lower && S_ISDIR(p->lower.st_mode)) {
        lower = open_sub(lower_fd, p->name, err);
        if (lower < 0)
            return lower;
    }
    if (w->depth == TREE_DIFF_DEPTH_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "deeper than %d levels", TREE_DIFF_DEPTH_MAX);
    r = buf_printf(&w->path, err, "%s/", p->name);
    if (r < 0)
        return r;
    w->depth++;
    r = walk_dirs(w, lower, upper, is_opaque(w, upper), err);
    w->depth--;
    w->path.len = len;
    w->path.data[len] = '\0';
    return r;
}

static int
visit_upper(struct walk *w, int lower_fd, int upper_fd, const struct pair *p, struct err *err)
{
    enum tree_change change = TREE_ADDED;
    int r = refuse_redirects(w, upper_fd, p, err);

    if (r == 0 && p->in_lower) {
        r = same(lower_fd, upper_fd, p, err);
        change = r == 0 ? TREE_MODIFIED : TREE_UNCHANGED;
    }
    if (r < 0)
        return r;
    r = 0;
    if (change != TREE_UNCHANGED || (!S_ISDIR(p->upper.st_mode) && p->upper.st_nlink > 1))
        r = report(w, change, upper_fd, p, err);
    if (r == 0 && S_ISDIR(p->upper.st_mode))
        r = descend(w, lower_fd, upper_fd, p, err);
    return r;
}

static int
look(int dir_fd, const char *name, bool *ret_there, struct stat *ret, struct err *err)
{
    *ret_there = dir_fd >= 0 && fstatat(dir_fd, name, ret, AT_SYMLINK_NOFOLLOW) == 0;
    if (dir_fd >= 0 && !*ret_there && errno != ENOENT)
        return err_sys(err, errno, "stat an entry");
    return 0;
}

static int
visit(struct walk *w, int lower_fd, int upper_fd, const char *name, bool opaque, struct err *err)
{
    struct pair p = {.name = name};
    char shown[TAR_NAME_SHOWN_MAX];
    int r = look(lower_fd, name, &p.in_lower, &p.lower, err);

    if (r == 0)
        r = look(upper_fd, name, &p.in_upper, &p.upper, err);
    if (r == 0 && (is_whiteout(w, &p) || (!p.in_upper && opaque))) {
        if (p.in_lower)
            r = report(w, TREE_DELETED, -1, &p, err);
    } else if (r == 0 && p.in_upper) {
        r = visit_upper(w, lower_fd, upper_fd, &p, err);
    }
    return r < 0 && err && !strchr(err->msg, '\'')
               ? err_wrap(err, r, "'%s'", tar_name_show(name, shown))
               : r;
}

/* opaque: what only the lower directory has is gone; else it shows through and is no difference. */
static int
walk_dirs(struct walk *w, int lower_fd, int upper_fd, bool opaque, struct err *err)
{
    AUTO(strv) lower = {0};
    AUTO(strv) upper = {0};
    size_t i = 0, k = 0;
    int r = 0, c;

    if (lower_fd >= 0 && opaque)
        r = read_names(lower_fd, &lower, err);
    if (r == 0)
        r = read_names(upper_fd, &upper, err);
    while (r == 0 && (i < lower.n || k < upper.n)) {
        c = i == lower.n ? 1 : k == upper.n ? -1 : strcmp(lower.items[i], upper.items[k]);
        r = visit(w, lower_fd, upper_fd, c <= 0 ? lower.items[i] : upper.items[k], opaque, err);
        i += c <= 0;
        k += c >= 0;
    }
    return r;
}

int
tree_diff(int lower_fd, int upper_fd, bool upper_is_overlay, tree_diff_fn fn, void *arg,
          struct err *err)
{
    struct walk w = {
        .overlay = upper_is_overlay,
        .fn = fn,
        .arg = arg,
        .path = BUF_INIT(PATH_BYTES_MAX),
    };
    int r = walk_dirs(&w, lower_fd, upper_fd, is_opaque(&w, upper_fd), err);

    buf_done(&w.path);
    return r;
}
