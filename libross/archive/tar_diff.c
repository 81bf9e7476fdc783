/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a tree into tar entries into a compressor. */
#include "tar_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/strv.h"
#include "tar_name.h"
#include "tar_write.h"
#include "tree_diff.h"
#include "whiteout.h"

#define HEADER_BYTES_MAX ((size_t) 4 << 20)
#define PIECE_BYTES      ((size_t) 256 * 1024)
#define CAPABILITY_MAX   256

/* An inode with several names. */
struct inode {
    dev_t dev;
    ino_t ino;
    char *source;      /* the name in the layer that others link to; NULL = none yet */
    struct strv names; /* unchanged ones, seen before the inode turned out to be in the layer */
};

struct diff {
    const struct tar_diff_options *options;
    int upper_fd;
    struct compress *out;
    struct hasher *hash; /* of the tar */
    uint64_t entries;
    struct buf header;
    char *piece;
    struct inode *inodes; /* a table with open addressing; ino 0 is empty */
    size_t n_inodes, inodes_cap;
    char **dirs; /* paths of the directories that are in the layer; open addressing */
    size_t n_dirs, dirs_cap;
    char *moved_name, *moved_link; /* of the entry at hand, below the prefix */
};

/* ---- tables ---- */

static size_t
hash_string(const char *s, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char) s[i]) * UINT64_C(0x100000001b3);
    return (size_t) (h ^ h >> 29);
}

static char **
dir_slot(const struct diff *d, const char *path, size_t n)
{
    size_t i = hash_string(path, n) & (d->dirs_cap - 1);

    while (d->dirs[i] && (strncmp(d->dirs[i], path, n) != 0 || d->dirs[i][n]))
        i = (i + 1) & (d->dirs_cap - 1);
    return &d->dirs[i];
}

/* True when the first n bytes of path were not in the table. */
static bool
add_dir(struct diff *d, const char *path, size_t n)
{
    struct diff bigger = *d;
    char **slot;

    if (2 * d->n_dirs >= d->dirs_cap) {
        bigger.dirs_cap = d->dirs_cap ? 2 * d->dirs_cap : 256;
        bigger.dirs = xcalloc(bigger.dirs_cap, sizeof *bigger.dirs);
        for (size_t i = 0; i < d->dirs_cap; i++) {
            if (d->dirs[i])
                *dir_slot(&bigger, d->dirs[i], strlen(d->dirs[i])) = d->dirs[i];
        }
        free(d->dirs);
        d->dirs = bigger.dirs;
        d->dirs_cap = bigger.dirs_cap;
    }
    slot = dir_slot(d, path, n);
    if (*slot)
        return false;
    *slot = xstrndup(path, n);
    d->n_dirs++;
    return true;
}

static struct inode *
inode_slot(struct inode *table, size_t cap, const struct stat *st)
{
    size_t i = (size_t) ((uint64_t) st->st_ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);

    while (table[i].ino && (table[i].ino != st->st_ino || table[i].dev != st->st_dev))
        i = (i + 1) & (cap - 1);
    return &table[i];
}

static struct inode *
find_inode(struct diff *d, const struct stat *st)
{
    struct inode *slot, *bigger;
    size_t cap;

    if (2 * d->n_inodes >= d->inodes_cap) {
        cap = d->inodes_cap ? 2 * d->inodes_cap : 256;
        bigger = xcalloc(cap, sizeof *bigger);
        for (size_t i = 0; i < d->inodes_cap; i++) {
            struct stat old = {.st_dev = d->inodes[i].dev, .st_ino = d->inodes[i].ino};

            if (old.st_ino)
                *inode_slot(bigger, cap, &old) = d->inodes[i];
        }
        free(d->inodes);
        d->inodes = bigger;
        d->inodes_cap = cap;
    }
    slot = inode_slot(d->inodes, d->inodes_cap, st);
    if (!slot->ino) {
        slot->dev = st->st_dev;
        slot->ino = st->st_ino;
        d->n_inodes++;
    }
    return slot;
}

/* ---- output ---- */

static int
put(struct diff *d, const void *p, size_t n, struct err *err)
{
    hasher_update(d->hash, p, n);
    return compress_write(d->out, p, n, err);
}

/* The entry below the prefix; *moved and its strings are good until the next call. */
static const struct tar_entry *
prefixed(struct diff *d, const struct tar_entry *e, struct tar_entry *moved)
{
    const char *prefix = d->options->prefix;

    *moved = *e;
    free(d->moved_name);
    d->moved_name = *e->name ? xasprintf("%s/%s", prefix, e->name) : xasprintf("%s/", prefix);
    moved->name = d->moved_name;
    if (e->type != TAR_LINK)
        return moved;
    free(d->moved_link);
    d->moved_link = xasprintf("%s/%s", prefix, e->link);
    moved->link = d->moved_link;
    return moved;
}

static int
put_header(struct diff *d, const struct tar_entry *e, struct err *err)
{
    struct tar_entry moved;
    int r;

    buf_clear(&d->header);
    r = tar_write_header(&d->header, d->options->prefix ? prefixed(d, e, &moved) : e, err);
    if (r == 0)
        r = put(d, d->header.data, d->header.len, err);
    d->entries += r == 0;
    return r;
}

static int
put_padding(struct diff *d, uint64_t size, struct err *err)
{
    int r;

    buf_clear(&d->header);
    r = tar_write_padding(&d->header, size, err);
    return r < 0 || !d->header.len ? r : put(d, d->header.data, d->header.len, err);
}

/* Whoever lives in the tree may have put a device there since we looked, and opening one can do things. */
static int
open_file(int dir_fd, const char *name, int *ret_fd, struct err *err)
{
    auto_close int path_fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char via[PATH_FD_MAX];
    struct stat st;

    if (path_fd < 0 || fstat(path_fd, &st) < 0)
        return err_sys(err, errno, "open the file");
    if (!S_ISREG(st.st_mode))
        return err_set(err, CODE_ABORTED, "the file became something else while it was read");
    *ret_fd = open(path_of_fd(path_fd, via), O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(err, errno, "open the file") : 0;
}

static int
put_content(struct diff *d, int dir_fd, const char *name, uint64_t size, struct err *err)
{
    auto_close int fd = -1;
    uint64_t left = size;
    ssize_t n;
    int r;

    r = open_file(dir_fd, name, &fd, err);
    if (r < 0)
        return r;
    while (left) {
        n = fd_read_full(fd, d->piece, left < PIECE_BYTES ? (size_t) left : PIECE_BYTES);
        if (n < 0)
            return err_sys(err, errno, "read the file");
        if (n == 0)
            return err_set(err, CODE_ABORTED, "the file became shorter while it was read");
        r = put(d, d->piece, (size_t) n, err);
        if (r < 0)
            return r;
        left -= (uint64_t) n;
    }
    return put_padding(d, size, err);
}

/* ---- entries ---- */

static int put_parents(struct diff *d, const char *path, struct err *err);

static int64_t
bounded_time(const struct diff *d, int64_t sec)
{
    const struct tar_diff_options *o = d->options;

    return o->has_source_epoch && sec > o->source_epoch_sec ? o->source_epoch_sec : sec;
}

static char
type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return TAR_DIR;
    case S_IFLNK:
        return TAR_SYMLINK;
    case S_IFCHR:
        return TAR_CHAR;
    case S_IFBLK:
        return TAR_BLOCK;
    case S_IFIFO:
        return TAR_FIFO;
    default:
        return TAR_REG;
    }
}

/* What an entry says about an inode, and the memory of it. */
struct described {
    struct tar_entry entry;
    struct tar_xattr capability;
    char value[CAPABILITY_MAX];
    char target[PATH_MAX];
    char *name;
};

int64_t
tar_diff_id(uint32_t id, const struct tar_id_range *map, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (id >= map[i].first_outside && id - map[i].first_outside < map[i].count)
            return (int64_t) map[i].first_inside + (id - map[i].first_outside);
    return n ? TAR_NOBODY : id;
}

static int
describe(const struct diff *d, const char *path, int dir_fd, const char *name,
         const struct stat *st, struct described *ret, struct err *err)
{
    char dir[PATH_FD_MAX], via[PATH_FD_MAX + NAME_MAX + 2];
    bool is_dir = S_ISDIR(st->st_mode);
    ssize_t n;

    ret->name = xasprintf("%s%s", path, is_dir ? "/" : "");
    ret->target[0] = '\0';
    ret->entry = (struct tar_entry){
        .type = type_of(st->st_mode),
        .name = ret->name,
        .link = ret->target,
        .mode = st->st_mode & 07777,
        .uid = tar_diff_id(st->st_uid, d->options->uid_map, d->options->n_uid_map),
        .gid = tar_diff_id(st->st_gid, d->options->gid_map, d->options->n_gid_map),
        .size = S_ISREG(st->st_mode) ? st->st_size : 0,
        .mtime.sec = bounded_time(d, st->st_mtim.tv_sec),
    };
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        ret->entry.dev_major = major(st->st_rdev);
        ret->entry.dev_minor = minor(st->st_rdev);
    }
    if (S_ISLNK(st->st_mode)) {
        n = readlinkat(dir_fd, name, ret->target, sizeof ret->target - 1);
        if (n < 0)
            return err_sys(err, errno, "read the symlink");
        ret->target[n] = '\0';
    }
    (void) snprintf(via, sizeof via, "%s/%s", path_of_fd(dir_fd, dir), name);
    n = lgetxattr(via, "security.capability", ret->value, sizeof ret->value);
    if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
        return err_sys(err, errno, "read security.capability");
    if (d->options->root_owned) {
        ret->entry.mode &= ~(S_ISUID | S_ISGID);
        ret->entry.uid = ret->entry.gid = 0;
        n = 0;
    }
    if (n > 0) {
        ret->capability = (struct tar_xattr){
            .name = "security.capability", .value = ret->value, .size = (size_t) n};
        ret->entry.xattrs = &ret->capability;
        ret->entry.n_xattrs = 1;
    }
    return 0;
}

/* The entry as another name of `source`. */
static void
turn_into_link(struct tar_entry *e, const char *source)
{
    e->type = TAR_LINK;
    e->link = source;
    e->size = 0;
}

static int
put_late_links(struct diff *d, struct inode *inode, struct tar_entry *e, struct err *err)
{
    int r = 0;

    turn_into_link(e, inode->source);
    for (size_t i = 0; i < inode->names.n && r == 0; i++) {
        e->name = inode->names.items[i];
        r = put_parents(d, e->name, err);
        if (r == 0)
            r = put_header(d, e, err);
    }
    strv_done(&inode->names);
    inode->names = (struct strv){0};
    return r;
}

static int
put_inode(struct diff *d, enum tree_change change, const char *path, int dir_fd, const char *name,
          const struct stat *st, struct err *err)
{
    bool has_names = !S_ISDIR(st->st_mode) && st->st_nlink > 1;
    struct inode *inode = has_names ? find_inode(d, st) : NULL;
    struct described *x;
    int r;

    if (inode && !inode->source && change == TREE_UNCHANGED) {
        strv_add(&inode->names, path);
        return 0;
    }
    x = xcalloc(1, sizeof *x);
    r = describe(d, path, dir_fd, name, st, x, err);
    if (r == 0 && inode && inode->source)
        turn_into_link(&x->entry, inode->source);
    else if (inode)
        inode->source = xstrdup(path);
    if (r == 0)
        r = put_parents(d, path, err);
    if (r == 0 && S_ISDIR(st->st_mode))
        (void) add_dir(d, path, strlen(path));
    if (r == 0)
        r = put_header(d, &x->entry, err);
    if (r == 0 && x->entry.type == TAR_REG && st->st_size > 0)
        r = put_content(d, dir_fd, name, (uint64_t) st->st_size, err);
    if (r == 0 && inode && x->entry.type != TAR_LINK)
        r = put_late_links(d, inode, &x->entry, err);
    free(x->name);
    free(x);
    return r;
}

/* The directories that lead to path, each once. */
static int
put_parents(struct diff *d, const char *path, struct err *err)
{
    const char *slash;
    int r;

    for (slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        auto_free char *dir = NULL;
        auto_close int fd = -1;
        struct described *x;
        struct stat st;

        if (!add_dir(d, path, (size_t) (slash - path)))
            continue;
        dir = xstrndup(path, (size_t) (slash - path));
        fd = path_open_in_root(d->upper_fd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd < 0 || fstat(fd, &st) < 0)
            return err_sys(err, errno, "open the parent directory");
        x = xcalloc(1, sizeof *x);
        r = describe(d, dir, fd, ".", &st, x, err);
        if (r == 0)
            r = put_header(d, &x->entry, err);
        free(x->name);
        free(x);
        if (r < 0)
            return r;
    }
    return 0;
}

static int
put_whiteout(struct diff *d, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    auto_free char *name = xasprintf("%.*s" WHITEOUT_PREFIX "%s", (int) (base - path), path, base);
    const struct tar_entry e = {
        .type = TAR_REG,
        .name = name,
        .link = "",
        .mtime.sec = d->options->has_source_epoch ? d->options->source_epoch_sec : 0,
    };
    int r = put_parents(d, path, err);

    return r < 0 ? r : put_header(d, &e, err);
}

static int
on_change(void *arg, enum tree_change change, const char *path, int dir_fd, const char *name,
          const struct stat *st, struct err *err)
{
    struct diff *d = arg;
    char shown[TAR_NAME_SHOWN_MAX];
    int r;

    if (d->options->cancelled && atomic_load(d->options->cancelled))
        return err_set(err, CODE_CANCELED, "canceled");
    if (change == TREE_DELETED)
        r = put_whiteout(d, path, err);
    else if (S_ISSOCK(st->st_mode))
        r = 0;
    else
        r = put_inode(d, change, path, dir_fd, name, st, err);
    return r < 0 ? err_wrap(err, r, "'%s'", tar_name_show(path, shown)) : 0;
}

/* ---- the whole ---- */

static void
diff_done(struct diff *d)
{
    compress_free(d->out);
    hasher_free(d->hash);
    buf_done(&d->header);
    free(d->piece);
    for (size_t i = 0; i < d->inodes_cap; i++) {
        free(d->inodes[i].source);
        strv_done(&d->inodes[i].names);
    }
    free(d->inodes);
    for (size_t i = 0; i < d->dirs_cap; i++)
        free(d->dirs[i]);
    free(d->dirs);
    free(d->moved_name);
    free(d->moved_link);
}

/* The root as an entry, for trees with a prefix. */
static int
put_root(struct diff *d, struct err *err)
{
    struct described *x = xcalloc(1, sizeof *x);
    struct stat st;
    int r;

    r = fstat(d->upper_fd, &st) < 0 ? err_sys(err, errno, "stat the root")
                                    : describe(d, "", d->upper_fd, ".", &st, x, err);
    if (r == 0) {
        x->entry.name = "";
        r = put_header(d, &x->entry, err);
    }
    free(x->name);
    free(x);
    return r;
}

int
tar_diff(int lower_fd, int upper_fd, const struct tar_diff_options *options, compress_sink_fn sink,
         void *sink_arg, struct tar_diff_result *ret, struct err *err)
{
    static const struct tar_diff_options defaults = {.compression = COMPRESSION_NONE};
    AUTO(diff)
    d = {
        .options = options ? options : &defaults,
        .upper_fd = upper_fd,
        .hash = hasher_new(DIGEST_SHA256),
        .header = BUF_INIT(HEADER_BYTES_MAX),
        .piece = xmalloc(PIECE_BYTES),
    };
    struct tar_diff_result result = {0};
    int r;

    d.out = compress_new(d.options->compression, sink, sink_arg);
    r = d.options->prefix ? put_root(&d, err) : 0;
    if (r == 0)
        r = tree_diff(lower_fd, upper_fd, d.options->upper_is_overlay, on_change, &d, err);
    buf_clear(&d.header);
    if (r == 0)
        r = tar_write_end(&d.header, err);
    if (r == 0)
        r = put(&d, d.header.data, d.header.len, err);
    if (r == 0)
        r = compress_finish(d.out, &result.digest, &result.size_bytes, err);
    if (r < 0)
        return r;
    hasher_peek(d.hash, &result.diff_id);
    result.entries = d.entries;
    *ret = result;
    return 0;
}
