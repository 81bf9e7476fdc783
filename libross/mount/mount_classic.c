/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts made with mount(2): for kernels, filesystems and options that the descriptor calls do not fit.
 *
 * Its options are one string of at most a page. Overlay stacks that need more are mounted by a child whose working
 * directory is the one that the layers share, so that their names get short; the child shares our memory and
 * suspends us (vfork), which makes that safe in any thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "idmap.h"
#include "mount_one.h"
#include "mount_temp.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/rawcall.h"

#define STACK_SIZE      4096
#define PREFIX_LOWERDIR "lowerdir="
/* attributes that a bind keeps from its source; in a user namespace the kernel insists */
#define KEPT_FLAGS                                                                                 \
    (MS_NODEV | MS_NOEXEC | MS_NOSUID | MS_NOATIME | MS_RELATIME | MS_NODIRATIME | MS_RDONLY)
#define ATTR_FLAGS (KEPT_FLAGS | MS_STRICTATIME)

struct call {
    const char *dir, *source, *target, *type, *data;
    unsigned long flags;
    long result;
};

IN_CHILD static int
call_main(void *arg)
{
    struct call *c = arg;

    c->result = raw_call(SYS_chdir, (long) c->dir, 0, 0, 0, 0);
    if (c->result == 0)
        c->result = raw_call(SYS_mount, (long) c->source, (long) c->target, (long) c->type,
                             (long) c->flags, (long) c->data);
    raw_exit(0);
}

/* mount(2) in another working directory. 0, or -1 with errno. */
static int
mount_in(struct call *c)
{
    __attribute__((aligned(16))) unsigned char stack[STACK_SIZE];
    sigset_t all, old;
    int saved;
    pid_t pid;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = clone(call_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK, c);
    saved = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (pid < 0) {
        errno = saved;
        return -1;
    }
    while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
        ;
    if (c->result == 0)
        return 0;
    errno = (int) -c->result;
    return -1;
}

static int
fail(struct err *err, int sys_errno, const struct mount_one *one)
{
    if (sys_errno == ENODEV)
        return err_set(err, CODE_INVALID_ARGUMENT, "the kernel has no filesystem '%.64s'",
                       one->type);
    if (sys_errno == ENOENT)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "mount %s '%.256s': it, or a directory in its options, does not exist",
                       one->type, one->source);
    return err_sys(err, sys_errno, "mount %s '%.256s'", one->type, one->source);
}

static int
fs_mount(const struct mount_one *one, const struct strv *data, int target_fd, struct err *err)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    auto_free char *text = strv_join(data, ","), *dir = NULL, *shorter = NULL;
    char target[PATH_FD_MAX];
    struct call c = {
        .source = one->source,
        .target = path_of_fd(target_fd, target),
        .type = one->type,
        .flags = one->opts.flags,
    };
    int r;

    if (strlen(text) < page - 512)
        r = mount(one->source, target, one->type, one->opts.flags, text);
    else {
        if (strcmp(one->type, "overlay") == 0 && mount_opts_shorten_overlay(data, &dir, &shorter))
            c.data = shorter;
        if (!c.data || strlen(c.data) >= page)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "mount %s: options of %zu bytes do not fit the kernel's page", one->type,
                           strlen(c.data ? c.data : text));
        c.dir = dir;
        r = mount_in(&c);
    }
    return r < 0 ? fail(err, errno, one) : 0;
}

/*
 * Layers with mapped ids need a name for mount(2): each is attached below a temporary directory, which goes as soon as
 * the overlay has made its own private copies.
 */
struct mapped {
    char dir[sizeof MOUNT_TEMP_TEMPLATE];
    size_t n;
};

static void
mapped_done(struct mapped *m)
{
    char path[sizeof m->dir + 24];

    if (!m->dir[0])
        return;
    for (size_t i = 0; i < m->n; i++) {
        (void) snprintf(path, sizeof path, "%s/%zu", m->dir, i);
        (void) umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
        (void) rmdir(path);
    }
    (void) rmdir(m->dir);
}

static int
map_layer(struct mapped *m, const char *from, int userns_fd, struct strv *names, struct err *err)
{
    auto_free char *path = xasprintf("%s/%zu", m->dir, m->n);
    auto_close int fd = -1;
    int r;

    if (mkdir(path, 0700) < 0)
        return err_sys(err, errno, "make directory '%s'", path);
    m->n++;
    fd = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "layer '%.256s'", from);
    r = idmap_set(fd, userns_fd, err);
    if (r < 0)
        return r;
    if (move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return err_sys(err, errno, "layer '%.256s'", from);
    strv_take(names, TAKE(path));
    return 0;
}

static int
overlay_mapped(const struct mount_one *one, int target_fd, struct err *err)
{
    __attribute__((cleanup(mapped_done))) struct mapped m = {{0}, 0};
    AUTO(strv) data = {0};
    const char *word;
    int r = 0;

    memcpy(m.dir, MOUNT_TEMP_TEMPLATE, sizeof m.dir);
    if (!mkdtemp(m.dir)) {
        m.dir[0] = '\0';
        return err_sys(err, errno, "make a temporary directory");
    }
    for (size_t i = 0; i < one->opts.data.n; i++) {
        AUTO(strv) dirs = {0};
        AUTO(strv) names = {0};

        word = one->opts.data.items[i];
        if (strncmp(word, PREFIX_LOWERDIR, strlen(PREFIX_LOWERDIR)) != 0) {
            strv_add(&data, word);
            continue;
        }
        dirs = strv_split(word + strlen(PREFIX_LOWERDIR), ':');
        for (size_t k = 0; k < dirs.n; k++) {
            r = map_layer(&m, dirs.items[k], one->userns_fd, &names, err);
            if (r < 0)
                return r;
        }
        auto_free char *joined = strv_join(&names, ":");

        strv_printf(&data, PREFIX_LOWERDIR "%s", joined);
    }
    return fs_mount(one, &data, target_fd, err);
}

/* As mount_setattr would: what is asked, and what is there stays. */
static int
bind_attributes(const struct mount_one *one, const char *path, struct err *err)
{
    unsigned long flags = one->opts.flags & ATTR_FLAGS;
    struct statvfs st;

    if (!flags)
        return 0;
    if (statvfs(path, &st) < 0)
        return err_sys(err, errno, "statvfs");
    /* ST_ and MS_ bits are the same but for relatime, which is the kernel's default anyway */
    if (flags & (MS_NOATIME | MS_RELATIME | MS_STRICTATIME))
        flags |= st.f_flag & KEPT_FLAGS & ~(unsigned long) (MS_NOATIME | MS_RELATIME);
    else
        flags |= st.f_flag & KEPT_FLAGS & ~(unsigned long) MS_RELATIME;
    if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
        return fail(err, errno, one);
    return 0;
}

/* Makes the bind's attributes and propagation: these are calls of their own, on the root of the new mount. */
static int
finish(const struct mount_one *one, int target_fd, struct err *err)
{
    auto_close int root = -1;
    char path[PATH_FD_MAX], name[4096];
    ssize_t n;
    int r = 0;

    if (!(one->bind && (one->opts.flags & ATTR_FLAGS)) && !one->opts.propagation)
        return 0;
    /* target_fd is beneath the new mount; its name leads on top of it */
    n = readlink(path_of_fd(target_fd, path), name, sizeof name - 1);
    if (n < 0)
        return err_sys(err, errno, "read the name of a mount");
    name[n] = '\0';
    root = open(name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (root < 0)
        return err_sys(err, errno, "open '%s'", name);
    path_of_fd(root, path);
    if (one->bind)
        r = bind_attributes(one, path, err);
    if (r == 0 && one->opts.propagation && mount(NULL, path, NULL, one->opts.propagation, NULL) < 0)
        r = err_sys(err, errno, "set the propagation of a mount");
    if (r < 0)
        (void) umount2(path, MNT_DETACH);
    return r;
}

static int
bind_mount(const struct mount_one *one, int target_fd, struct err *err)
{
    unsigned long flags = MS_BIND | (one->opts.flags & MS_REC);
    auto_close int fd = -1;
    char target[PATH_FD_MAX];
    int r;

    if (one->userns_fd < 0) {
        if (mount(one->source, path_of_fd(target_fd, target), NULL, flags, NULL) < 0)
            return fail(err, errno, one);
        return 0;
    }
    /* mapped ids exist with descriptors only */
    fd = open_tree(AT_FDCWD, one->source,
                   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (flags & MS_REC ? AT_RECURSIVE : 0));
    if (fd < 0)
        return fail(err, errno, one);
    r = idmap_set(fd, one->userns_fd, err);
    if (r < 0)
        return r;
    if (move_mount(fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return fail(err, errno, one);
    return 0;
}

int
mount_classic(const struct mount_one *one, int target_fd, struct err *err)
{
    char target[PATH_FD_MAX];
    int r;

    if (one->opts.flags & MS_REMOUNT) {
        auto_free char *data = strv_join(&one->opts.data, ",");

        if (mount(one->source, path_of_fd(target_fd, target), one->type, one->opts.flags, data) < 0)
            return fail(err, errno, one);
        return 0;
    }
    if (one->bind)
        r = bind_mount(one, target_fd, err);
    else if (one->userns_fd < 0)
        r = fs_mount(one, &one->opts.data, target_fd, err);
    else if (strcmp(one->type, "overlay") == 0)
        r = overlay_mapped(one, target_fd, err);
    else
        r = err_set(err, CODE_UNIMPLEMENTED, "this kernel cannot map the ids of a %.64s mount",
                    one->type);
    return r < 0 ? r : finish(one, target_fd, err);
}
