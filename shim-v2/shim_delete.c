/* SPDX-License-Identifier: Apache-2.0 */
/* What is left to do when a shim is gone: end the container, take off its mounts, say how it ended. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "bundle_lock.h"
#include "cgroup.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/mount/mount_apply.h"
#include "runc_args.h"
#include "runc_log.h"
#include "runtime/task/v2/shim.pb-c.h"
#include "shim_socket.h"
#include "shim_start.h"
#include "task_record.h"

#define RUNTIME_LIMIT_MS   4000 /* containerd gives us 5 s for everything */
#define CGROUP_LIMIT_MS    4700 /* after the begin of it all */
#define CREATE_PATIENCE_MS 2000
#define CREATE_LIMIT_MS    3000
#define CGROUP_PAUSE_MS    5
#define KILLED_STATUS      (128 + SIGKILL)

/* The bundle is -bundle, else a neighbour of the directory that we were started in. */
static char *
bundle_find(const struct shim_args *args)
{
    auto_free char *cwd = NULL;
    char *parent;

    if (args->bundle[0])
        return path_clean(args->bundle);
    cwd = getcwd(NULL, 0);
    if (!cwd)
        return NULL;
    parent = dirname(cwd);
    return path_join(parent, args->id);
}

static int
runtime_delete(const struct shim_args *args, const char *bundle, const struct bundle_spec *spec,
               struct err *err)
{
    AUTO(runc_options) options = {0};
    AUTO(buf) out = BUF_INIT(4096);
    struct runc_target t = {.options = &options, .ns = args->ns, .bundle = bundle, .id = args->id};
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    struct strv argv;
    int status = 0, r;

    bundle_read_options(bundle, &options);
    /* nothing is left after an orderly Delete, and asking would be the longest part of the end of every task */
    if (!runc_knows(&t))
        return 0;
    t.systemd = spec->systemd;
    argv = runc_args_delete(&t, true);
    spawn.argv = (const char *const *) argv.items;
    spawn.death_signal = SIGKILL;
    r = proc_run(&spawn, NULL, NULL, &out, RUNTIME_LIMIT_MS, &status, err);
    strv_done(&argv);
    if (r == 0 && status != 0 && !(out.data && strstr(out.data, "does not exist")))
        r = err_set(err, CODE_INTERNAL, "delete %s: exit status %d %s", args->id, status,
                    out.data ? out.data : "");
    return r;
}

/*
 * A runtime that was killed with its shim while it made the container knows nothing of it, but may have a process in
 * the cgroup, which with crun waits for its start for ever. Only a cgroup that is named after the container is
 * surely its own. Version 1 of cgroups does not tell when the last one has left: it is asked again and again.
 */
static void
cgroup_end(const char *path, const char *id, int64_t until_ns)
{
    const char *base = path ? strrchr(path, '/') : NULL;
    bool own = base && strcmp(base + 1, id) == 0;

    while (!cgroup_remove(path) && clock_mono_ns() < until_ns) {
        if (own)
            cgroup_kill(path);
        (void) poll(NULL, 0, CGROUP_PAUSE_MS);
    }
}

/*
 * A shim whose daemon has lost patience may live on and still be making the container. It is let finish, or undo what
 * it did; one that has only this container and takes too long ends here, as its daemon believes that it has.
 */
static void
creation_exclude(const struct shim_args *args, const char *bundle, const struct bundle_spec *spec,
                 int64_t began_ns, int *ret_fd)
{
    struct bundle_lock_wait how = {
        .patience_ns = began_ns + CREATE_PATIENCE_MS * NS_PER_MS,
        .limit_ns = began_ns + CREATE_LIMIT_MS * NS_PER_MS,
        .end_holder = !spec->group || strcmp(spec->group, args->id) == 0,
    };
    struct err err = {0};

    /* a bundle that is gone has nothing that could be made */
    if (bundle_lock_wait(bundle, &how, ret_fd, &err) < 0 && err.sys_errno != ENOENT)
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
}

/* True when the record had it. */
static bool
exit_find(const struct shim_args *args, const char *bundle, struct task_exit_row *ret)
{
    struct bundle_exit deleted;
    pid_t pid = 0;
    int r = task_record_find(shim_state_dir(args), bundle, ret, NULL);

    if (r > 0)
        return true;
    /* Delete was answered, but its client is gone: containerd tells the exit once more, as we say it here */
    if (bundle_read_exit(bundle, &deleted)) {
        *ret = (struct task_exit_row){.pid = (uint32_t) deleted.pid,
                                      .status = deleted.status,
                                      .exited_at_ns = deleted.exited_at_ns};
        return false;
    }
    (void) bundle_read_pid(bundle, "init.pid", &pid, NULL);
    *ret = (struct task_exit_row){
        .pid = (uint32_t) pid, .status = KILLED_STATUS, .exited_at_ns = clock_now_ns()};
    return false;
}

static int
answer(const struct task_exit_row *row, struct err *err)
{
    Containerd__Task__V2__DeleteResponse m = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    uint8_t packed[128];
    size_t n;

    at.seconds = row->exited_at_ns / NS_PER_S;
    at.nanos = (int32_t) (row->exited_at_ns % NS_PER_S);
    m.pid = row->pid;
    m.exit_status = row->status;
    m.exited_at = &at;
    n = containerd__task__v2__delete_response__pack(&m, packed);
    if (fd_write_all(STDOUT_FILENO, packed, n) < 0)
        return err_sys(err, errno, "print the answer");
    return 0;
}

int
shim_delete(const struct shim_args *args)
{
    auto_free char *bundle = bundle_find(args);
    auto_free char *rootfs = bundle ? path_join(bundle, "rootfs") : NULL;
    auto_free char *address = NULL;
    AUTO(bundle_spec) spec = {0};
    auto_close int lock_fd = -1;
    int64_t began_ns = clock_mono_ns();
    struct task_exit_row row;
    struct err err = {0};
    bool recorded;

    if (!bundle ||
        strcmp(strrchr(bundle, '/') ? strrchr(bundle, '/') + 1 : bundle, args->id) != 0) {
        (void) dprintf(STDERR_FILENO, "%s: no bundle of %s is given\n", SHIM_SELF_NAME, args->id);
        return 1;
    }
    /* complaints are only logged: containerd wants the answer, and tries the rest again at its next start */
    (void) bundle_spec_read(bundle, &spec, NULL);
    creation_exclude(args, bundle, &spec, began_ns, &lock_fd);
    recorded = exit_find(args, bundle, &row);
    if (runtime_delete(args, bundle, &spec, &err) < 0)
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
    if (mount_detach_all(rootfs, &err) < 0)
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
    cgroup_end(spec.cgroup, args->id, began_ns + CGROUP_LIMIT_MS * NS_PER_MS);
    /* a runtime that died with its shim may have begun to write when it was looked for */
    if (runtime_delete(args, bundle, &spec, &err) < 0)
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
    address = bundle_read_address(bundle);
    if (address)
        shim_socket_remove_stale(address);
    if (recorded && task_record_forget_now(shim_state_dir(args), bundle, &err) < 0)
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
    if (answer(&row, &err) < 0) {
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
        return 1;
    }
    return 0;
}
