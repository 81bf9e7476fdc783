/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts made with file descriptors: fsopen, fsconfig, fsmount for filesystems, open_tree for binds. The mount
 * exists before it is anywhere in the tree, with all its attributes, and goes with its descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "idmap.h"
#include "mount_one.h"
#include "libross/base/fd.h"

#define CONFIG_VALUE_MAX 255 /* of FSCONFIG_SET_STRING */
#define PREFIX_LOWERDIR  "lowerdir="

static bool
call_is_missing(int sys_errno)
{
    /* EPERM: what seccomp filters of container managers say to calls that they do not know */
    return sys_errno == ENOSYS || sys_errno == EPERM;
}

static int
fail_source(struct err *err, int sys_errno, const char *source)
{
    if (sys_errno == ENOENT)
        return err_set(err, CODE_FAILED_PRECONDITION, "mount source '%.256s' does not exist",
                       source);
    return err_sys(err, sys_errno, "mount source '%.256s'", source);
}

static int
set_propagation(int fd, unsigned long propagation, struct err *err)
{
    struct mount_attr attr = {.propagation = propagation & ~(unsigned long) MS_REC};
    unsigned flags = AT_EMPTY_PATH | (propagation & MS_REC ? AT_RECURSIVE : 0);

    if (propagation && mount_setattr(fd, "", flags, &attr, sizeof attr) < 0)
        return err_sys(err, errno, "set the propagation of a mount");
    return 0;
}

static int
bind_open(const struct mount_one *one, int *ret_fd, struct err *err)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
    struct mount_attr attr = {0};
    auto_close int fd = -1;
    uint64_t clear;
    int r;

    if (one->opts.flags & MS_REC)
        flags |= AT_RECURSIVE;
    fd = open_tree(AT_FDCWD, one->source, flags);
    if (fd < 0 && call_is_missing(errno))
        return MOUNT_NOT_THIS_WAY;
    if (fd < 0)
        return fail_source(err, errno, one->source);
    attr.attr_set = mount_opts_attrs(one->opts.flags, &clear);
    attr.attr_clr = clear;
    if ((attr.attr_set || attr.attr_clr) &&
        mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return errno == ENOSYS ? MOUNT_NOT_THIS_WAY
                               : err_sys(err, errno, "set the attributes of a mount");
    if (one->userns_fd >= 0) {
        r = idmap_set(fd, one->userns_fd, err);
        if (r < 0)
            return r;
    }
    r = set_propagation(fd, one->opts.propagation, err);
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* The kernel's own last complaint about this filesystem context, without its "e " and newline; "" when it has none. */
static void
read_complaint(int fs_fd, char *text, size_t size)
{
    char line[256];
    ssize_t n;

    text[0] = '\0';
    while ((n = read(fs_fd, line, sizeof line - 1)) > 0) {
        line[n] = '\0';
        line[strcspn(line, "\n")] = '\0';
        if (n > 2 && line[0] == 'e')
            (void) snprintf(text, size, "%s", line + 2);
    }
}

static int
fail_fs(struct err *err, int sys_errno, int fs_fd, const struct mount_one *one)
{
    char complaint[256];

    read_complaint(fs_fd, complaint, sizeof complaint);
    if (*complaint)
        return err_sys(err, sys_errno, "mount %s: %s", one->type, complaint);
    if (sys_errno == ENOENT)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "mount %s: a directory that it is made of does not exist", one->type);
    return err_sys(err, sys_errno, "mount %s '%.128s'", one->type, one->source);
}

/* Descriptors of id-mapped layers must stay open until the filesystem is made. */
struct layers {
    int *fds;
    size_t n;
};

static void
layers_done(struct layers *l)
{
    for (size_t i = 0; i < l->n; i++)
        (void) fd_close(l->fds[i]);
    free(l->fds);
}

static int
add_layer_fd(int fs_fd, const char *dir, const struct mount_one *one, struct layers *layers,
             struct err *err)
{
    bool mapped = one->userns_fd >= 0;
    int fd, r;

    if (mapped)
        fd = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    else
        fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOSYS ? MOUNT_NOT_THIS_WAY : fail_source(err, errno, dir);
    layers->fds = xreallocarray(layers->fds, layers->n + 1, sizeof *layers->fds);
    layers->fds[layers->n++] = fd;
    if (mapped) {
        r = idmap_set(fd, one->userns_fd, err);
        if (r < 0)
            return r;
    }
    /* kernels before 6.13 take layers by name only */
    return fsconfig(fs_fd, FSCONFIG_SET_FD, "lowerdir+", NULL, fd) < 0 ? MOUNT_NOT_THIS_WAY : 0;
}

static int
add_layer(int fs_fd, const char *dir, const struct mount_one *one, struct layers *layers,
          struct err *err)
{
    if (one->userns_fd >= 0 || strlen(dir) > CONFIG_VALUE_MAX)
        return add_layer_fd(fs_fd, dir, one, layers, err);
    if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "lowerdir+", dir, 0) == 0)
        return 0;
    if (errno == ENOENT)
        return fail_source(err, errno, dir);
    /* "lowerdir+" came with 6.5; what else is wrong, mount(2) will say */
    return MOUNT_NOT_THIS_WAY;
}

/* lowerdir=A:B:C, layer by layer: the only way past one page of options. */
static int
add_layers(int fs_fd, const char *lowerdir, const struct mount_one *one, struct layers *layers,
           struct err *err)
{
    AUTO(strv) dirs = {0};
    int r = 0;

    /* escaped names and data-only layers ("::") keep their old form */
    if (strchr(lowerdir, '\\') || strstr(lowerdir, "::"))
        return MOUNT_NOT_THIS_WAY;
    dirs = strv_split(lowerdir, ':');
    for (size_t i = 0; r == 0 && i < dirs.n; i++)
        r = add_layer(fs_fd, dirs.items[i], one, layers, err);
    return r;
}

static int
add_word(int fs_fd, const char *word, const struct mount_one *one, struct err *err)
{
    const char *eq = strchr(word, '=');
    char key[64];
    int r;

    if (eq && ((size_t) (eq - word) >= sizeof key || strlen(eq + 1) > CONFIG_VALUE_MAX))
        return MOUNT_NOT_THIS_WAY;
    if (eq) {
        memcpy(key, word, (size_t) (eq - word));
        key[eq - word] = '\0';
        r = fsconfig(fs_fd, FSCONFIG_SET_STRING, key, eq + 1, 0);
    } else
        r = fsconfig(fs_fd, FSCONFIG_SET_FLAG, word, NULL, 0);
    return r < 0 ? fail_fs(err, errno, fs_fd, one) : 0;
}

static int
add_flags(int fs_fd, const struct mount_one *one, struct err *err)
{
    static const struct {
        unsigned long flag;
        const char *word;
    } of_superblock[] = {{MS_RDONLY, "ro"},
                         {MS_SYNCHRONOUS, "sync"},
                         {MS_DIRSYNC, "dirsync"},
                         {MS_MANDLOCK, "mand"}};

    for (size_t i = 0; i < ARRAY_LEN(of_superblock); i++)
        if ((one->opts.flags & of_superblock[i].flag) &&
            fsconfig(fs_fd, FSCONFIG_SET_FLAG, of_superblock[i].word, NULL, 0) < 0)
            return fail_fs(err, errno, fs_fd, one);
    return 0;
}

static int
configure(int fs_fd, const struct mount_one *one, struct layers *layers, struct err *err)
{
    bool overlay = strcmp(one->type, "overlay") == 0;
    const char *word;
    int r;

    if (strlen(one->source) > CONFIG_VALUE_MAX)
        return MOUNT_NOT_THIS_WAY;
    if (*one->source && fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", one->source, 0) < 0)
        return fail_fs(err, errno, fs_fd, one);
    r = add_flags(fs_fd, one, err);
    for (size_t i = 0; r == 0 && i < one->opts.data.n; i++) {
        word = one->opts.data.items[i];
        if (overlay && strncmp(word, PREFIX_LOWERDIR, strlen(PREFIX_LOWERDIR)) == 0)
            r = add_layers(fs_fd, word + strlen(PREFIX_LOWERDIR), one, layers, err);
        else if (strchr(word,
                        ',')) /* several words in one: mount(2) splits them by its own rules */
            r = MOUNT_NOT_THIS_WAY;
        else
            r = add_word(fs_fd, word, one, err);
    }
    return r;
}

static int
fs_create(int fs_fd, const struct mount_one *one, struct err *err)
{
    char complaint[256];
    int saved;

    if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        return 0;
    saved = errno;
    /* before 6.5 overlay swallows "lowerdir+" as text and stumbles only now, without a word */
    if (saved == EINVAL && strcmp(one->type, "overlay") == 0) {
        read_complaint(fs_fd, complaint, sizeof complaint);
        if (!*complaint)
            return MOUNT_NOT_THIS_WAY;
        return err_sys(err, saved, "mount %s: %s", one->type, complaint);
    }
    return fail_fs(err, saved, fs_fd, one);
}

static int
fs_open(const struct mount_one *one, int *ret_fd, struct err *err)
{
    __attribute__((cleanup(layers_done))) struct layers layers = {0};
    auto_close int fs_fd = -1, fd = -1;
    uint64_t clear;
    int r;

    fs_fd = fsopen(one->type, FSOPEN_CLOEXEC);
    if (fs_fd < 0 && call_is_missing(errno))
        return MOUNT_NOT_THIS_WAY;
    if (fs_fd < 0 && errno == ENODEV)
        return err_set(err, CODE_INVALID_ARGUMENT, "the kernel has no filesystem '%.64s'",
                       one->type);
    if (fs_fd < 0)
        return err_sys(err, errno, "fsopen '%.64s'", one->type);
    r = configure(fs_fd, one, &layers, err);
    if (r == 0)
        r = fs_create(fs_fd, one, err);
    if (r != 0)
        return r;
    fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned) mount_opts_attrs(one->opts.flags, &clear));
    if (fd < 0)
        return fail_fs(err, errno, fs_fd, one);
    /* of an overlay the layers are mapped, not the whole */
    if (one->userns_fd >= 0 && strcmp(one->type, "overlay") != 0) {
        r = idmap_set(fd, one->userns_fd, err);
        if (r < 0)
            return r;
    }
    r = set_propagation(fd, one->opts.propagation, err);
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int
mount_detached(const struct mount_one *one, int *ret_fd, struct err *err)
{
    if (one->opts.flags & MS_REMOUNT)
        return MOUNT_NOT_THIS_WAY;
    return one->bind ? bind_open(one, ret_fd, err) : fs_open(one, ret_fd, err);
}
