/* SPDX-License-Identifier: Apache-2.0 */
/* Applies the entries of a layer one after the other (reference 10.3, 10.4). */
#include "tar_apply.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "libross/base/arena.h"
#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/random.h"
#include "libross/base/rmtree.h"
#include "tar_feed.h"
#include "tar_inode.h"
#include "tar_name.h"
#include "tar_read.h"
#include "tar_root.h"
#include "tree_sync.h"
#include "whiteout.h"
#include "writeback.h"

#define DEV_MAJOR_MAX 0xfff /* what the kernel's dev_t holds */
#define DEV_MINOR_MAX 0xfffff

/* Times of a directory, set when nothing below it changes any more. */
struct dir_times {
    const char *path; /* in the arena */
    struct timespec times[2];
};

/* What this layer has written, for opaque markers that come later: (directory, name) as 128 bits. */
struct written {
    struct fingerprint {
        uint64_t a, b;
    } * slots; /* open addressing; a = 0 is empty */
    size_t n, cap;
    uint64_t seed[2];
};

struct apply {
    const struct tar_apply_options *options;
    const struct tar_limits *limits;
    struct tar_read *read;
    struct tar_root *root;
    struct tar_root_options root_options;
    uid_t our_uid;
    gid_t our_gid;
    uint64_t content_bytes;

    struct tar_name name, link;
    struct tar_dir parent; /* of the entry at hand */
    mode_t first_mode;     /* that its inode is made with */
    int held_fd;           /* its descriptor, when it is not the cache's */

    struct arena arena;
    struct dir_times *dirs;
    size_t n_dirs, dirs_cap;

    struct writeback *writeback; /* NULL when the result need not be durable */

    bool keeps_written; /* plain mode on a root that was not empty */
    struct written written;
};

/* ---- what this layer has written ---- */

static struct fingerprint
fingerprint(const struct written *w, ino_t dir, const char *name)
{
    struct fingerprint f = {.a = w->seed[0] ^ dir, .b = w->seed[1] + dir};

    for (const unsigned char *p = (const unsigned char *) name; *p; p++) {
        f.a = (f.a ^ *p) * UINT64_C(0x9e3779b97f4a7c15);
        f.a ^= f.a >> 29;
        f.b = (f.b + *p) * UINT64_C(0xd6e8feb86659fd93);
        f.b ^= f.b >> 32;
    }
    f.a |= 1;
    return f;
}

static struct fingerprint *
written_slot(const struct written *w, struct fingerprint f)
{
    size_t i = (size_t) f.b & (w->cap - 1);

    while (w->slots[i].a && (w->slots[i].a != f.a || w->slots[i].b != f.b))
        i = (i + 1) & (w->cap - 1);
    return &w->slots[i];
}

static void
written_grow(struct written *w)
{
    struct written bigger = *w;

    bigger.cap = w->cap ? 2 * w->cap : 256;
    bigger.slots = xcalloc(bigger.cap, sizeof *bigger.slots);
    for (size_t i = 0; i < w->cap; i++) {
        if (w->slots[i].a)
            *written_slot(&bigger, w->slots[i]) = w->slots[i];
    }
    free(w->slots);
    *w = bigger;
}

/* tar_root_options.on_step: directories on the way to an entry count as written, their other contents do not. */
static void
note_written(void *arg, ino_t dir, const char *name)
{
    struct apply *a = arg;
    struct written *w = &a->written;
    struct fingerprint f, *slot;

    if (!a->keeps_written)
        return;
    if (2 * w->n >= w->cap)
        written_grow(w);
    f = fingerprint(w, dir, name);
    slot = written_slot(w, f);
    w->n += slot->a == 0;
    *slot = f;
}

static bool
was_written(const struct apply *a, ino_t dir, const char *name)
{
    return a->written.cap && written_slot(&a->written, fingerprint(&a->written, dir, name))->a;
}

/* ---- ids ---- */

static int
map_id(int64_t id, const struct tar_id_range *map, size_t n, const char *what, uint32_t *ret,
       struct err *err)
{
    /* Old archives have -2 for nobody; -1 is nobody's id for the kernel and leaves the owner. */
    if (id < INT32_MIN || id > UINT32_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "the %s %lld is out of range", what,
                       (long long) id);
    if (!n) {
        *ret = (uint32_t) id;
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t into = (uint32_t) id - map[i].first_inside;

        if ((uint32_t) id >= map[i].first_inside && into < map[i].count) {
            *ret = map[i].first_outside + into;
            return 0;
        }
    }
    return err_set(err, CODE_INVALID_ARGUMENT, "the %s %lld is not in the id mapping", what,
                   (long long) id);
}

static int
map_owner(const struct apply *a, const struct tar_entry *e, uid_t *ret_uid, gid_t *ret_gid,
          struct err *err)
{
    const struct tar_apply_options *o = a->options;
    int r = map_id(e->uid, o->uid_map, o->n_uid_map, "uid", ret_uid, err);

    return r < 0 ? r : map_id(e->gid, o->gid_map, o->n_gid_map, "gid", ret_gid, err);
}

/* A new inode in `parent` has our ids, unless the directory gives its group away (setgid, bsdgroups). */
static bool
owner_fits(const struct apply *a, const struct tar_attrs *at)
{
    return at->uid == a->our_uid && at->gid == a->our_gid && a->parent.gid == a->our_gid;
}

static int
attrs_of(const struct apply *a, const struct tar_entry *e, struct tar_attrs *ret, struct err *err)
{
    *ret = (struct tar_attrs){
        .mode = (mode_t) (e->mode & 07777),
        .xattrs = e->xattrs,
        .n_xattrs = e->n_xattrs,
        .keep_overlay_xattrs = !a->options->userxattr,
    };
    tar_inode_times(e, ret->times);
    return map_owner(a, e, &ret->uid, &ret->gid, err);
}

/* ---- making room ---- */

enum there { THERE_NOTHING, THERE_DIR, THERE_OTHER };

static int
look(const struct apply *a, const char *name, enum there *ret, struct err *err)
{
    struct stat st;

    if (fstatat(a->parent.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *ret = S_ISDIR(st.st_mode) ? THERE_DIR : THERE_OTHER;
    else if (errno == ENOENT)
        *ret = THERE_NOTHING;
    else
        return tar_inode_error(err, errno, "look up the name");
    return 0;
}

/*
 * Removes whatever has the name. Cached directories may lie below it, so lookups start afresh; the parent of the entry
 * at hand stays the same directory, even when its path led through what is gone.
 */
static int
clear(struct apply *a, const char *name, struct err *err)
{
    int r, fault = FAULT("apply.remove");

    if (fault)
        return err_sys(err, fault, "remove what was there");
    r = rmtree_at(a->parent.fd, name, err);
    if (r < 0)
        return err_wrap(err, r, "remove what was there");
    if (a->held_fd < 0) {
        a->held_fd = fcntl(a->parent.fd, F_DUPFD_CLOEXEC, 0);
        if (a->held_fd < 0)
            return err_sys(err, errno, "keep the parent directory");
        a->parent.fd = a->held_fd;
    }
    tar_root_forget(a->root);
    return 0;
}

/* ---- what an entry makes; each tries first and looks only when the name is taken ---- */

typedef int (*make_fn)(struct apply *a, const struct tar_entry *e, const char *name);

/* Runs fn, which makes the inode or fails with errno; whatever has the name gives way. */
static int
make(struct apply *a, const struct tar_entry *e, const char *name, make_fn fn, const char *what,
     const char *point, struct err *err)
{
    int got, r, fault = FAULT(point);

    (void) point;
    if (fault)
        return tar_inode_error(err, fault, what);
    got = fn(a, e, name);
    if (got < 0 && errno == EEXIST) {
        r = clear(a, name, err);
        if (r < 0)
            return r;
        got = fn(a, e, name);
    }
    return got < 0 ? tar_inode_error(err, errno, what) : got;
}

static int
make_file(struct apply *a, const struct tar_entry *e, const char *name)
{
    (void) e;
    return openat(a->parent.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  a->first_mode);
}

static int
write_piece(int fd, const char *p, size_t n, int64_t offset, struct err *err)
{
    int fault = FAULT("apply.write");

    if (fault || fd_pwrite_all(fd, p, n, offset) < 0)
        return tar_inode_error(err, fault ? fault : errno, "write the content");
    return 0;
}

static int
write_content(struct apply *a, const struct tar_entry *e, int fd, struct err *err)
{
    int64_t offset, end = 0;
    const void *p;
    ssize_t n;
    int r;

    while ((n = tar_read_data(a->read, &p, &offset, err)) > 0) {
        r = write_piece(fd, p, (size_t) n, offset, err);
        if (r < 0)
            return r;
        end = offset + n;
    }
    if (n < 0)
        return (int) n;
    if (end < e->size && ftruncate(fd, e->size) < 0)
        return tar_inode_error(err, errno, "set the size");
    return 0;
}

static int
apply_file(struct apply *a, const struct tar_entry *e, struct err *err)
{
    auto_close int fd = -1;
    struct tar_attrs at;
    int r;

    if ((uint64_t) e->size > a->limits->content_bytes_max - a->content_bytes)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "the files are larger than the limit of %llu bytes",
                       (unsigned long long) a->limits->content_bytes_max);
    a->content_bytes += (uint64_t) e->size;
    r = attrs_of(a, e, &at, err);
    if (r < 0)
        return r;
    a->first_mode = tar_inode_first_mode(&at, owner_fits(a, &at), 0600);
    fd = make(a, e, a->name.base, make_file, "create the file", "apply.create", err);
    if (fd < 0)
        return fd;
    r = write_content(a, e, fd, err);
    if (r == 0)
        r = tar_inode_set(fd, &at, owner_fits(a, &at), true, err);
    /* Its way to the disk starts while the next ones are unpacked; the end only waits. */
    if (r == 0 && a->writeback && e->size > 0)
        writeback_add(a->writeback, TAKE_FD(fd));
    return r;
}

static int
make_symlink(struct apply *a, const struct tar_entry *e, const char *name)
{
    return symlinkat(e->link, a->parent.fd, name);
}

static int
make_node(struct apply *a, const struct tar_entry *e, const char *name)
{
    mode_t type = e->type == TAR_CHAR ? S_IFCHR : e->type == TAR_BLOCK ? S_IFBLK : S_IFIFO;
    dev_t dev = type == S_IFIFO ? 0 : makedev((unsigned) e->dev_major, (unsigned) e->dev_minor);

    return mknodat(a->parent.fd, name, type | 0600, dev);
}

static int
apply_special(struct apply *a, const struct tar_entry *e, struct err *err)
{
    bool is_link = e->type == TAR_SYMLINK;
    struct tar_attrs at;
    int r;

    if ((e->type == TAR_CHAR || e->type == TAR_BLOCK) &&
        (e->dev_major < 0 || e->dev_major > DEV_MAJOR_MAX || e->dev_minor < 0 ||
         e->dev_minor > DEV_MINOR_MAX))
        return err_set(err, CODE_INVALID_ARGUMENT, "the device number %lld:%lld is out of range",
                       (long long) e->dev_major, (long long) e->dev_minor);
    if (is_link && !*e->link)
        return err_set(err, CODE_INVALID_ARGUMENT, "a symlink to nothing");
    r = attrs_of(a, e, &at, err);
    if (r < 0)
        return r;
    if (is_link)
        r = make(a, e, a->name.base, make_symlink, "make the symlink", "apply.symlink", err);
    else
        r = make(a, e, a->name.base, make_node, "make the special file", "apply.mknod", err);
    if (r < 0)
        return r;
    /* Any type that is not a symlink will do: special files are all treated alike. */
    return tar_inode_set_at(a->parent.fd, a->name.base, is_link ? S_IFLNK : S_IFIFO, &at,
                            owner_fits(a, &at), err);
}

static int
try_link(struct apply *a, const struct tar_dir *from)
{
    return linkat(from->fd, a->link.base, a->parent.fd, a->name.base, 0);
}

/* The name becomes another one of the file that the link names. */
static int
make_link(struct apply *a, struct err *err)
{
    char shown[TAR_NAME_SHOWN_MAX];
    int got, r, fault = FAULT("apply.link");
    struct tar_dir from;

    if (fault)
        return tar_inode_error(err, fault, "make the hard link");
    r = tar_root_dir(a->root, a->link.parent, false, &from, err);
    if (r == 0) {
        got = try_link(a, &from);
        if (got < 0 && errno == EEXIST) {
            r = clear(a, a->name.base, err);
            if (r == 0)
                r = tar_root_dir(a->root, a->link.parent, false, &from, err);
            if (r == 0)
                got = try_link(a, &from);
        }
        if (r == 0 && got == 0)
            return 0;
        if (r == 0 && errno != ENOENT)
            return errno == EPERM
                       ? err_set(err, CODE_INVALID_ARGUMENT, "a hard link to a directory")
                       : tar_inode_error(err, errno, "make the hard link");
    }
    if (r < 0 && r != -CODE_NOT_FOUND)
        return r;
    return err_set(err, CODE_INVALID_ARGUMENT, "the hard link names '%s', which is not there",
                   tar_name_show(a->link.base, shown));
}

static bool
has_attrs(const struct stat *st, const struct tar_attrs *at)
{
    return st->st_uid == at->uid && st->st_gid == at->gid && (st->st_mode & 07777) == at->mode &&
           st->st_mtim.tv_sec == at->times[1].tv_sec &&
           st->st_mtim.tv_nsec == at->times[1].tv_nsec &&
           st->st_atim.tv_sec == at->times[0].tv_sec &&
           st->st_atim.tv_nsec == at->times[0].tv_nsec && !at->n_xattrs;
}

static int
apply_link(struct apply *a, const struct tar_entry *e, struct err *err)
{
    struct tar_attrs at;
    struct stat st;
    int r = tar_name_split(e->link, a->limits, &a->link, err);

    if (r < 0)
        return err_wrap(err, r, "hard link target");
    if (!*a->link.base)
        return err_set(err, CODE_INVALID_ARGUMENT, "a hard link to the root");
    r = attrs_of(a, e, &at, err);
    if (r == 0)
        r = make_link(a, err);
    if (r < 0)
        return r;
    if (fstatat(a->parent.fd, a->name.base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, errno, "stat the hard link");
    if (a->options->overlay && S_ISCHR(st.st_mode) && st.st_rdev == 0) {
        (void) unlinkat(a->parent.fd, a->name.base, 0);
        return err_set(err, CODE_INVALID_ARGUMENT, "a hard link to a whiteout");
    }
    /* The entry describes the shared inode once more, most often in the same words. */
    if (has_attrs(&st, &at))
        return 0;
    return tar_inode_set_at(a->parent.fd, a->name.base, st.st_mode & S_IFMT, &at, false, err);
}

/* ---- directories ---- */

static void
add_times(struct apply *a, const char *path, const struct timespec times[static 2])
{
    if (a->n_dirs == a->dirs_cap) {
        a->dirs_cap = a->dirs_cap ? 2 * a->dirs_cap : 64;
        a->dirs = xreallocarray(a->dirs, a->dirs_cap, sizeof *a->dirs);
    }
    a->dirs[a->n_dirs++] = (struct dir_times){
        .path = arena_strdup(&a->arena, path),
        .times = {times[0], times[1]},
    };
}

static void
on_times(void *arg, const char *path, const struct timespec times[static 2])
{
    add_times(arg, path, times);
}

/* Makes the directory unless it is one. *ret_opaque: it took the place of something else of this layer. */
static int
make_dir(struct apply *a, bool *ret_opaque, struct err *err)
{
    int fault = FAULT("apply.mkdir");
    enum there there = THERE_NOTHING;
    int r;

    *ret_opaque = false;
    if (fault)
        return tar_inode_error(err, fault, "make the directory");
    if (mkdirat(a->parent.fd, a->name.base, a->first_mode) == 0)
        return 0;
    if (errno != EEXIST)
        return tar_inode_error(err, errno, "make the directory");
    r = look(a, a->name.base, &there, err);
    if (r < 0 || there == THERE_DIR)
        return r;
    r = clear(a, a->name.base, err);
    if (r < 0)
        return r;
    if (mkdirat(a->parent.fd, a->name.base, a->first_mode) < 0)
        return tar_inode_error(err, errno, "make the directory");
    /* The whiteout or file that is gone now hid what lower layers have there; without it they would show again. */
    *ret_opaque = a->options->overlay;
    return 0;
}

static int
apply_dir(struct apply *a, const struct tar_entry *e, struct err *err)
{
    auto_close int fd = -1;
    auto_free char *path = NULL;
    struct tar_attrs at;
    bool opaque = false;
    int r = attrs_of(a, e, &at, err);

    if (r < 0)
        return r;
    a->first_mode = tar_inode_first_mode(&at, owner_fits(a, &at), 0700);
    r = make_dir(a, &opaque, err);
    if (r < 0)
        return r;
    fd = openat(a->parent.fd, a->name.base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open the directory");
    if (opaque)
        r = tar_root_set_opaque(a->root, fd, err);
    if (r == 0)
        r = tar_inode_set(fd, &at, false, false, err);
    if (r < 0)
        return r;
    path =
        *a->name.parent ? xasprintf("%s/%s", a->name.parent, a->name.base) : xstrdup(a->name.base);
    add_times(a, path, at.times);
    tar_root_remember(a->root, path, TAKE_FD(fd));
    return 0;
}

/* Set when all is written, because every new name below a directory moves its times. */
static int
set_dir_times(struct apply *a, struct err *err)
{
    char shown[TAR_NAME_SHOWN_MAX];
    struct tar_dir dir;
    int r, fault;

    for (size_t i = 0; i < a->n_dirs; i++) {
        const struct dir_times *d = &a->dirs[i];

        r = tar_root_dir(a->root, d->path, false, &dir, err);
        /* Removed or replaced by a later entry. */
        if (r == -CODE_NOT_FOUND || r == -CODE_INVALID_ARGUMENT)
            continue;
        if (r == 0) {
            fault = FAULT("apply.dir_times");
            if (fault || utimensat(dir.fd, "", d->times, AT_EMPTY_PATH) < 0)
                r = err_sys(err, fault ? fault : errno, "set the times");
        }
        if (r < 0)
            return err_wrap(err, r, "directory '%s'", tar_name_show(d->path, shown));
    }
    return 0;
}

/* ---- whiteouts ---- */

static int
make_whiteout(struct apply *a, const struct tar_entry *e, const char *name)
{
    (void) e;
    return mknodat(a->parent.fd, name, S_IFCHR, makedev(0, 0));
}

static int
apply_whiteout(struct apply *a, const struct tar_entry *e, const char *target, struct err *err)
{
    struct tar_attrs at;
    int r;

    if (!a->options->overlay)
        return clear(a, target, err);
    r = attrs_of(a, e, &at, err);
    if (r == 0)
        r = make(a, e, target, make_whiteout, "make the whiteout", "apply.whiteout", err);
    if (r < 0 || owner_fits(a, &at))
        return r;
    if (fchownat(a->parent.fd, target, at.uid, at.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return tar_inode_error(err, errno, "set the owner");
    return 0;
}

static int clear_lower(struct apply *a, int fd, struct err *err);

/* One name in a directory that became opaque: gone, unless this layer has written it or something below it. */
static int
clear_lower_name(struct apply *a, int fd, ino_t ino, const char *name, struct err *err)
{
    auto_close int sub = -1;

    if (!was_written(a, ino, name))
        return rmtree_at(fd, name, err);
    sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return sub < 0 ? 0 : clear_lower(a, sub, err);
}

/* Depth is bounded by that of the names that this layer has written. */
static int
clear_lower(struct apply *a, int fd, struct err *err)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    struct dirent *e;
    struct stat st;
    DIR *dir;

    if (again < 0 || fstat(again, &st) < 0) {
        (void) fd_close(again);
        return err_sys(err, errno, "open the opaque directory");
    }
    dir = fdopendir(again);
    if (!dir) {
        (void) fd_close(again);
        return err_sys(err, errno, "open the opaque directory");
    }
    while (r == 0 && (errno = 0, e = readdir(dir))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = clear_lower_name(a, fd, st.st_ino, e->d_name, err);
    }
    if (r == 0 && errno)
        r = err_sys(err, errno, "read the opaque directory");
    (void) closedir(dir);
    return r;
}

static int
apply_opaque(struct apply *a, struct err *err)
{
    auto_close int fd = -1;
    int r;

    if (a->options->overlay)
        return tar_root_set_opaque(a->root, a->parent.fd, err);
    if (!a->keeps_written)
        return 0; /* the root was empty: everything here is this layer's */
    fd = fcntl(a->parent.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, errno, "keep the opaque directory");
    r = clear_lower(a, fd, err);
    tar_root_forget(a->root);
    return r;
}

/* ---- entries ---- */

static int
apply_inode(struct apply *a, const struct tar_entry *e, struct err *err)
{
    switch (e->type) {
    case TAR_REG:
        return apply_file(a, e, err);
    case TAR_LINK:
        return apply_link(a, e, err);
    case TAR_SYMLINK:
    case TAR_CHAR:
    case TAR_BLOCK:
    case TAR_FIFO:
        return apply_special(a, e, err);
    case TAR_DIR:
        return apply_dir(a, e, err);
    default:
        return err_set(err, CODE_INVALID_ARGUMENT, "the entry type %d is not supported",
                       (unsigned char) e->type);
    }
}

static int
apply_named(struct apply *a, const struct tar_entry *e, struct err *err)
{
    const char *target;
    int r;

    r = tar_root_dir(a->root, a->name.parent, true, &a->parent, err);
    if (r < 0)
        return r;
    switch (a->options->plain_names ? WHITEOUT_NONE : whiteout_parse(a->name.base, &target)) {
    case WHITEOUT_NAME:
        return apply_whiteout(a, e, target, err);
    case WHITEOUT_OPAQUE:
        return apply_opaque(a, err);
    case WHITEOUT_INVALID:
        return err_set(err, CODE_INVALID_ARGUMENT, "a whiteout that names no file");
    case WHITEOUT_NONE:
        break;
    }
    r = apply_inode(a, e, err);
    if (r == 0)
        note_written(a, a->parent.ino, a->name.base);
    return r;
}

static int
apply_entry(struct apply *a, const struct tar_entry *e, struct err *err)
{
    char shown[TAR_NAME_SHOWN_MAX];
    int r;

    r = tar_name_split(e->name, a->limits, &a->name, err);
    if (r == 0 && a->options->in_userns && (e->type == TAR_CHAR || e->type == TAR_BLOCK))
        return 0;
    if (r == 0 && *a->name.base) /* the root itself is not the layer's to describe */
        r = apply_named(a, e, err);
    a->held_fd = fd_close(a->held_fd);
    return r < 0 ? err_wrap(err, r, "entry '%s'", tar_name_show(e->name, shown)) : 0;
}

static int
apply_all(struct apply *a, struct err *err)
{
    const struct tar_entry *e;
    int r;

    while ((r = tar_read_next(a->read, &e, err)) > 0) {
        r = apply_entry(a, e, err);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return err_wrap(err, r, "entry %llu", (unsigned long long) tar_read_entries(a->read) + 1);
    r = tar_read_drain(a->read, err);
    return r < 0 ? r : set_dir_times(a, err);
}

/* ---- the whole ---- */

/* 1 when the directory has an entry. */
static int
is_populated(int root_fd, struct err *err)
{
    int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), populated = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (!dir) {
        int saved = errno;

        (void) fd_close(fd);
        return err_sys(err, saved, "open the root");
    }
    while (!populated && (e = readdir(dir)))
        populated = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    (void) closedir(dir);
    return populated;
}

static int
apply_init(struct apply *a, int root_fd, struct tar_feed *feed, struct err *err)
{
    const struct tar_apply_options *o = a->options;
    int r;

    if (!o->overlay) {
        r = is_populated(root_fd, err);
        if (r < 0)
            return r;
        a->keeps_written = r;
        for (size_t i = 0; i < ARRAY_LEN(a->written.seed); i++)
            a->written.seed[i] = (uint64_t) random_u32() << 32 | random_u32();
    }
    a->root_options = (struct tar_root_options){
        .overlay = o->overlay,
        .userxattr = o->userxattr,
        .lower_fds = o->lower_fds,
        .n_lower_fds = o->overlay ? o->n_lower_fds : 0,
        .new_uid = (uid_t) -1,
        .new_gid = (gid_t) -1,
        .on_step = a->keeps_written ? note_written : NULL,
        .on_times = on_times,
        .arg = a,
    };
    /* Directories that nobody describes belong to the mapping's root, where it has one. */
    if (o->n_uid_map)
        (void) map_id(0, o->uid_map, o->n_uid_map, "uid", &a->root_options.new_uid, NULL);
    if (o->n_gid_map)
        (void) map_id(0, o->gid_map, o->n_gid_map, "gid", &a->root_options.new_gid, NULL);
    if (o->durable)
        a->writeback = writeback_new();
    a->read = tar_read_new(tar_feed_next, feed, a->limits);
    return tar_root_new(root_fd, &a->root_options, &a->root, err);
}

static void
apply_done(struct apply *a)
{
    writeback_free(a->writeback);
    tar_read_free(a->read);
    tar_root_free(a->root);
    tar_name_done(&a->name);
    tar_name_done(&a->link);
    arena_done(&a->arena);
    free(a->dirs);
    free(a->written.slots);
    a->held_fd = fd_close(a->held_fd);
}

static int
write_through(struct apply *a, int root_fd, struct err *err)
{
    if (!a->writeback)
        return tree_sync(root_fd, err);
    writeback_free(TAKE(a->writeback));
    return tree_sync_finish(root_fd, err);
}

int
tar_apply(int root_fd, struct decompress *in, const struct tar_apply_options *options,
          struct tar_apply_result *ret, struct err *err)
{
    static const struct tar_apply_options defaults = {0};
    AUTO(apply)
    a = {
        .options = options ? options : &defaults,
        .our_uid = geteuid(),
        .our_gid = getegid(),
        .held_fd = -1,
    };
    struct tar_apply_result result = {0};
    AUTO_PTR(tar_feed) feed = NULL;
    int r;

    a.limits = a.options->limits ? a.options->limits : &tar_limits_default;
    r = tar_feed_new(in, a.options->cancelled, &feed, err);
    if (r == 0)
        r = apply_init(&a, root_fd, feed, err);
    if (r == 0)
        r = apply_all(&a, err);
    if (r == 0 && a.options->durable)
        r = write_through(&a, root_fd, err);
    if (r < 0)
        return r;
    tar_feed_result(feed, &result.diff_id, &result.size_bytes);
    result.entries = tar_read_entries(a.read);
    result.compression = decompress_kind(in);
    *ret = result;
    return 0;
}
