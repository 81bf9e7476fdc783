/* SPDX-License-Identifier: Apache-2.0 */
/* Performing a mount list on a directory. */
#include "mount_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "mount_one.h"
#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"

#define HELPER_TIMEOUT_MS 30000
#define HELPER_OUTPUT_MAX 256

/* `target` joined with `sub` inside it: what is mounted there now, on top. */
static int
target_open(const char *target, const char *sub, int *ret_fd, struct err *err)
{
    auto_close int root = open(target, O_PATH | O_CLOEXEC);
    int fd;

    if (root < 0 && errno == ENOENT)
        return err_set(err, CODE_FAILED_PRECONDITION, "mount target '%.256s' does not exist",
                       target);
    if (root < 0)
        return err_sys(err, errno, "open mount target '%.256s'", target);
    if (!sub || !*sub) {
        *ret_fd = TAKE_FD(root);
        return 0;
    }
    fd = path_open_in_root(root, sub, O_PATH, 0);
    if (fd < 0 && errno == ENOENT)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "mount target '%.128s' does not exist in '%.256s'", sub, target);
    if (fd < 0)
        return err_sys(err, errno, "open mount target '%.128s' in '%.256s'", sub, target);
    *ret_fd = fd;
    return 0;
}

/* fuse.X and fuse3.X are made by the programs mount.fuse and mount.fuse3: the name in front of the dot. */
static const char *
helper_of(const char *type, const char **ret_fs)
{
    static const struct {
        const char *prefix, *program;
    } helpers[] = {{"fuse.", "mount.fuse"}, {"fuse3.", "mount.fuse3"}};

    for (size_t i = 0; i < ARRAY_LEN(helpers); i++)
        if (strncmp(type, helpers[i].prefix, strlen(helpers[i].prefix)) == 0) {
            *ret_fs = type + strlen(helpers[i].prefix);
            return helpers[i].program;
        }
    return NULL;
}

static int
mount_with_helper(const struct mount *m, const char *program, const char *fs, int target_fd,
                  struct err *err)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    char link[PATH_FD_MAX], target[PATH_MAX];
    AUTO(buf) text = BUF_INIT(HELPER_OUTPUT_MAX);
    AUTO(strv) argv = {0};
    int r, status;
    ssize_t n;

    n = readlink(path_of_fd(target_fd, link), target, sizeof target - 1);
    if (n < 0)
        return err_sys(err, errno, "read the name of a mount target");
    target[n] = '\0';
    strv_add(&argv, program);
    strv_add(&argv, m->source);
    strv_add(&argv, target);
    for (size_t i = 0; i < m->options.n; i++) {
        strv_add(&argv, "-o");
        strv_add(&argv, m->options.items[i]);
    }
    strv_add(&argv, "-t");
    strv_add(&argv, fs);
    spec.argv = (const char *const *) argv.items;
    r = proc_run(&spec, NULL, NULL, &text, HELPER_TIMEOUT_MS, &status, err);
    if (r < 0)
        return r;
    if (status != 0) {
        if (text.len)
            text.data[strcspn(text.data, "\n")] = '\0';
        return err_set(err, CODE_INTERNAL, "%s '%.128s' failed with status %d: %s", program,
                       m->source, status, text.len ? text.data : "");
    }
    return 0;
}

static int
attach(int mount_fd, int target_fd, struct err *err)
{
    if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
        0)
        return err_sys(err, errno, "attach the mount");
    return 0;
}

static int
make_one(const struct mount *m, int target_fd, const struct mount_apply_options *options,
         struct err *err)
{
    const char *fs = NULL, *helper = helper_of(m->type ? m->type : "", &fs);
    AUTO(mount_one) one = {.loop_fd = -1, .userns_fd = -1};
    auto_close int mount_fd = -1;
    int r;

    if (helper)
        return mount_with_helper(m, helper, fs, target_fd, err);
    r = mount_one_prepare(m, &one, err);
    if (r < 0)
        return r;
    r = options && options->classic ? MOUNT_NOT_THIS_WAY : mount_detached(&one, &mount_fd, err);
    if (r == MOUNT_NOT_THIS_WAY)
        return mount_classic(&one, target_fd, err);
    return r < 0 ? r : attach(mount_fd, target_fd, err);
}

/* Roots of the mounts that stand so far. */
struct made {
    int fds[MOUNTS_MAX];
    size_t n;
};

static void
take_back(struct made *made)
{
    char path[PATH_FD_MAX];

    while (made->n)
        /* our own descriptor keeps it busy, hence detached */
        (void) umount2(path_of_fd(made->fds[--made->n], path), MNT_DETACH);
}

static void
made_done(struct made *made)
{
    while (made->n)
        (void) fd_close(made->fds[--made->n]);
}

static int
apply_one(const struct mount *m, const char *target, const struct mount_apply_options *options,
          struct made *made, struct err *err)
{
    auto_close int before = -1;
    int r, fault = FAULT("mount.apply");

    if (fault)
        return err_sys(err, fault, "mount");
    r = target_open(target, m->target, &before, err);
    if (r == 0)
        r = make_one(m, before, options, err);
    if (r < 0 || strv_has(&m->options, "remount"))
        return r;
    return target_open(target, m->target, &made->fds[made->n++], err);
}

int
mount_apply(const struct mount_list *l, const char *target,
            const struct mount_apply_options *options, struct err *err)
{
    struct made made = {.n = 0};
    int r = 0;

    if (l->n > MOUNTS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu mounts in a list, more than %d", l->n,
                       MOUNTS_MAX);
    for (size_t i = 0; r == 0 && i < l->n; i++)
        r = apply_one(&l->items[i], target, options, &made, err);
    if (r < 0) {
        take_back(&made);
        return err_wrap(err, r, "mount on '%.128s'", target);
    }
    made_done(&made);
    return 0;
}
