/* SPDX-License-Identifier: Apache-2.0 */
/* The start helper: finds or starts the serving process of a container or pod. */
#include "shim_start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bundle.h"
#include "cgroup.h"
#include "google/protobuf/any.pb-c.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/json/json.h"
#include "runtime/bootstrap/v1/bootstrap.pb-c.h"
#include "shim_socket.h"

#define STATE_DEFAULT "/run/ross"

#define OOM_ADJ_MAX       1000
#define BOOTSTRAP_VERSION 3

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE                     62
#define PR_SCHED_CORE_CREATE              1
#define PR_SCHED_CORE_SCOPE_PROCESS_GROUP 2
#endif

/* What came on stdin. */
struct bootstrap {
    bool asked; /* BootstrapParams came: the answer is protobuf too */
    bool debug;
    char *socket_dir; /* NULL = none given */
    struct runc_options options;
};

static void
bootstrap_done(struct bootstrap *b)
{
    free(b->socket_dir);
    runc_options_done(&b->options);
}

const char *
shim_state_dir(const struct shim_args *args)
{
    const char *env = getenv("ROSS_STATE");

    if (args->state[0])
        return args->state;
    return env && env[0] ? env : STATE_DEFAULT;
}

static bool
is_runtime_options(const char *type_url)
{
    const char *slash = strrchr(type_url, '/');

    if (slash)
        type_url = slash + 1;
    return strcmp(type_url, "containerd.runc.v1.Options") == 0 ||
           strcmp(type_url, "runtimeoptions.v1.Options") == 0;
}

static void
env_set(const char *name, const char *value)
{
    if (value && value[0])
        (void) setenv(name, value, 1);
}

/* An Any can be read as BootstrapParams and the reverse: only params that name this very task are believed. */
static int
params_read(const struct shim_args *args, const struct buf *in, struct bootstrap *b,
            struct err *err)
{
    Containerd__Runtime__Bootstrap__V1__BootstrapParams *m =
        containerd__runtime__bootstrap__v1__bootstrap_params__unpack(NULL, in->len,
                                                                     (const uint8_t *) in->data);
    int r = 0;

    if (!m || !m->instance_id || strcmp(m->instance_id, args->id) != 0 || !m->namespace_ ||
        strcmp(m->namespace_, args->ns) != 0) {
        if (m)
            containerd__runtime__bootstrap__v1__bootstrap_params__free_unpacked(m, NULL);
        return 0;
    }
    b->asked = true;
    b->debug = (int) m->log_level < CONTAINERD__RUNTIME__BOOTSTRAP__V1__LOG_LEVEL__LOG_LEVEL_INFO;
    if (m->socket_dir && m->socket_dir[0])
        b->socket_dir = xstrdup(m->socket_dir);
    env_set("TTRPC_ADDRESS", m->containerd_ttrpc_address);
    env_set("GRPC_ADDRESS", m->containerd_grpc_address);
    for (size_t i = 0; i < m->n_extensions && r == 0; i++) {
        const Google__Protobuf__Any *any = m->extensions[i]->value;

        if (!any || !any->type_url || !is_runtime_options(any->type_url))
            continue;
        runc_options_done(&b->options);
        r = runc_options_from_any(any->type_url, any->value.data, any->value.len, &b->options, err);
    }
    containerd__runtime__bootstrap__v1__bootstrap_params__free_unpacked(m, NULL);
    return r;
}

static int
bootstrap_read(const struct shim_args *args, struct bootstrap *b, struct err *err)
{
    AUTO(buf) in = BUF_INIT(SHIM_STDIN_MAX);
    int r = fd_read_to_buf(STDIN_FILENO, &in, err);

    if (r < 0)
        return err_wrap(err, r, "read stdin");
    if (in.len == 0)
        return 0;
    r = params_read(args, &in, b, err);
    if (r < 0 || b->asked)
        return r;
    return runc_options_from_bytes(in.data, in.len, &b->options, err);
}

/* The server is as likely to be killed for memory as containerd is, and a little more. */
static void
oom_adjust(pid_t pid)
{
    auto_free char *text = NULL;
    char path[64];
    long score;

    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int) getppid());
    if (fd_read_file_at(AT_FDCWD, path, 64, &text, NULL, NULL) < 0)
        return;
    score = strtol(text, NULL, 10) + 1;
    if (score > OOM_ADJ_MAX)
        score = OOM_ADJ_MAX;
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int) pid);
    {
        auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
            (void) dprintf(fd, "%ld", score);
    }
}

/* Its true name, for who looks at the process list. */
static char *
self_path(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    if (n > 0)
        path[n] = '\0';
    return xstrdup(n > 0 && access(path, X_OK) == 0 ? path : "/proc/self/exe");
}

static int
server_spawn(const struct shim_args *args, const struct bootstrap *b, int listen_fd,
             struct err *err)
{
    auto_free char *self = self_path();
    const char *argv[16] = {self,          "-namespace", args->ns,
                            "-id",         args->id,     "-address",
                            args->address, "-state",     shim_state_dir(args)};
    struct proc_spawn spec = PROC_SPAWN_INIT;
    int n = 9, r;
    pid_t pid;

    if (args->debug || b->debug)
        argv[n++] = "-debug";
    argv[n] = NULL;
    if (getenv("SCHED_CORE"))
        (void) prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_PROCESS_GROUP, 0);
    spec.argv = argv;
    spec.pass_fds = &listen_fd;
    spec.n_pass_fds = 1;
    spec.new_pgrp = true;
    r = proc_spawn(&spec, &pid, NULL, err);
    if (r < 0)
        return r;
    if (b->options.shim_cgroup) {
        r = cgroup_join(b->options.shim_cgroup, pid, err);
        if (r < 0) {
            (void) kill(pid, SIGKILL);
            return r;
        }
    }
    oom_adjust(pid);
    return 0;
}

static char *
answer_packed(const char *address, size_t *ret_n)
{
    Containerd__Runtime__Bootstrap__V1__BootstrapResult m =
        CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_RESULT__INIT;
    char *packed;

    m.version = BOOTSTRAP_VERSION;
    m.address = (char *) (uintptr_t) address;
    m.protocol = (char *) (uintptr_t) "ttrpc";
    packed = xmalloc(containerd__runtime__bootstrap__v1__bootstrap_result__get_packed_size(&m));
    *ret_n = containerd__runtime__bootstrap__v1__bootstrap_result__pack(&m, (uint8_t *) packed);
    return packed;
}

static char *
answer_json(const char *address, int version, size_t *ret_n)
{
    AUTO_PTR(json) root = json_new_object();

    json_set(root, "version", json_new_int(version));
    json_set(root, "address", json_new_str(address));
    json_set(root, "protocol", json_new_str("ttrpc"));
    return json_dump(root, ret_n);
}

/* The Task API that JSON shall name; 0: a plain address, which every containerd takes for version 2. */
static int
json_version(struct err *err)
{
    const char *form = getenv("ROSS_SHIM_BOOTSTRAP");

    if (!form || !form[0] || strcmp(form, "plain") == 0)
        return 0;
    if (strcmp(form, "json2") == 0 || strcmp(form, "json3") == 0)
        return form[4] - '0';
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "ROSS_SHIM_BOOTSTRAP is '%.100s', not plain, json2 or json3", form);
}

static int
answer(const struct bootstrap *b, const char *address, int version, struct err *err)
{
    size_t n = strlen(address);
    auto_free char *made = b->asked  ? answer_packed(address, &n)
                           : version ? answer_json(address, version, &n)
                                     : NULL;

    if (fd_write_all(STDOUT_FILENO, made ? made : address, n) < 0)
        return err_sys(err, errno, "print the address");
    return 0;
}

/* Containerd's own place for sockets when containerd drives us, below the state directory otherwise. */
static int
address_make(const struct shim_args *args, const struct bootstrap *b, const char *group, char **ret,
             struct err *err)
{
    const char *state = shim_state_dir(args);
    auto_free char *own_dir = path_join(state, "s");
    const char *owner = args->address[0] ? args->address : state;
    const char *dir = b->socket_dir ? b->socket_dir : args->address[0] ? SHIM_SOCKET_DIR : own_dir;

    return shim_socket_address(dir, owner, args->ns, group, ret, err);
}

static int
start(const struct shim_args *args, struct bootstrap *b, struct err *err)
{
    AUTO(bundle_spec) spec = {0};
    auto_free char *address = NULL, *cwd = NULL;
    auto_close int listen_fd = -1;
    int version = json_version(err), r;

    if (version < 0)
        return version;
    r = bootstrap_read(args, b, err);
    if (r < 0)
        return r;
    cwd = getcwd(NULL, 0);
    if (!cwd)
        return err_sys(err, errno, "find the bundle directory");
    r = bundle_spec_read(cwd, &spec, err);
    if (r == 0)
        r = address_make(args, b, spec.group ? spec.group : args->id, &address, err);
    if (r != 0)
        return r;
    r = shim_socket_listen(address, &listen_fd, err);
    if (r == 0) {
        r = server_spawn(args, b, listen_fd, err);
        if (r < 0)
            shim_socket_remove(listen_fd);
    }
    if (r < 0)
        return r;
    if (b->socket_dir)
        (void) !symlink(b->socket_dir, "s");
    bundle_forget_exit(cwd);
    r = bundle_write_address(cwd, address, err);
    return r < 0 ? r : answer(b, address, version, err);
}

int
shim_start(const struct shim_args *args)
{
    __attribute__((cleanup(bootstrap_done))) struct bootstrap b = {0};
    struct err err = {0};

    if (start(args, &b, &err) < 0) {
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
        return 1;
    }
    return 0;
}
