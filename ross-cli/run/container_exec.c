/* SPDX-License-Identifier: Apache-2.0 */
/* One more process in a running container. */
#include "container_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_warm.h"
#include "command_fault.h"
#include "container_dir.h"
#include "container_reap.h"
#include "container_status.h"
#include "container_stop.h"
#include "event_log.h"
#include "foreground.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/random.h"
#include "libross/oci/spec.h"

#define EXEC_ID_BYTES 16

/* ---- the user ---- */

/* A file of the container as its processes see it; one that is absent, or no plain file, is empty. */
static int
read_inside(int root_fd, const char *path, char **ret, size_t *ret_len, struct err *err)
{
    auto_close int fd = path_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    char shown[PATH_FD_MAX];

    *ret = NULL;
    *ret_len = 0;
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? 0
                   : err_sys(err, errno, "read /%s of the container", path);
    return fd_read_file_at(AT_FDCWD, path_of_fd(fd, shown), PASSWD_SIZE_MAX, ret, ret_len, err);
}

static int
find_user(uint32_t pid, const char *spec, struct passwd_user *ret, struct err *err)
{
    auto_free char *root = xasprintf("/proc/%u/root", pid), *passwd = NULL, *group = NULL;
    auto_close int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct strv none = {0};
    size_t n_passwd = 0, n_group = 0;
    int r;

    if (root_fd < 0)
        return err_sys(err, errno, "open the root of the container");
    r = read_inside(root_fd, "etc/passwd", &passwd, &n_passwd, err);
    if (r == 0)
        r = read_inside(root_fd, "etc/group", &group, &n_group, err);
    return r < 0 ? r : passwd_lookup(spec, passwd, n_passwd, group, n_group, &none, ret, err);
}

static struct json *
user_to_json(const struct passwd_user *u)
{
    struct json *user = json_new_object(), *groups = json_new_array();

    json_set(user, "uid", json_new_int(u->uid));
    json_set(user, "gid", json_new_int(u->gid));
    for (size_t i = 0; i < u->n_groups; i++)
        json_push(groups, json_new_int(u->groups[i]));
    json_set(user, "additionalGids", groups);
    return user;
}

/* Root has what the container's bounding set allows, everybody else has none of it in effect. */
static void
fit_capabilities(struct json *process, bool root)
{
    struct json *caps = json_find(process, "capabilities");
    struct json *bounding = json_find(caps, "bounding");

    json_del(caps, "effective");
    json_del(caps, "permitted");
    json_del(caps, "inheritable");
    json_del(caps, "ambient");
    if (!root || !bounding)
        return;
    json_set(caps, "effective", json_clone(bounding));
    json_set(caps, "permitted", json_clone(bounding));
}

static int
change_user(struct json *process, uint32_t pid, const char *spec, char **ret_home, struct err *err)
{
    AUTO(passwd_user) user = {0};
    int r;

    r = find_user(pid, spec, &user, err);
    if (r < 0)
        return err_wrap(err, r, "--user");
    json_set(process, "user", user_to_json(&user));
    if (json_find(process, "capabilities"))
        fit_capabilities(process, user.uid == 0);
    *ret_home = xstrdup(user.home);
    return 0;
}

/* ---- the process ---- */

static void
env_set(struct strv *env, const char *text)
{
    size_t len = (size_t) (strchrnul(text, '=') - text) + 1;

    for (size_t i = env->n; i-- > 0;)
        if (strncmp(env->items[i], text, len) == 0)
            strv_remove(env, i);
    strv_add(env, text);
}

static void
change_env(struct json *process, const struct container_exec *how, const char *home)
{
    const struct json *old = json_find(process, "env");
    AUTO(strv) env = {0};

    for (size_t i = 0; i < json_len(old); i++)
        if (json_str(json_at(old, i)))
            strv_add(&env, json_str(json_at(old, i)));
    if (how->terminal)
        env_set(&env, "TERM=xterm");
    if (home) {
        auto_free char *text = xasprintf("HOME=%s", home);

        env_set(&env, text);
    }
    for (size_t i = 0; i < how->env->n; i++)
        env_set(&env, how->env->items[i]);
    json_set(process, "env", json_new_strv(&env));
}

/* All capabilities, and no fence that the container's process has around it. */
static int
lift_fences(struct json *process, struct err *err)
{
    const struct oci_config no_image = {0};
    struct spec_options o = {.privileged = true};
    AUTO_PTR(json) all = NULL;
    int r;

    strv_add(&o.args, "true");
    r = spec_build_process(&no_image, &o, &all, err);
    strv_done(&o.args);
    if (r < 0)
        return r;
    json_set(process, "capabilities", json_clone(json_find(all, "capabilities")));
    json_del(process, "apparmorProfile");
    json_set(process, "noNewPrivileges", json_new_bool(false));
    return 0;
}

static int
build_process(const struct container *c, const struct container_exec *how, uint32_t pid, char **ret,
              struct err *err)
{
    AUTO_PTR(json) spec = NULL;
    AUTO_PTR(json) process = NULL;
    auto_free char *home = NULL;
    size_t len;
    int r;

    r = json_parse(c->spec.value, c->spec.n, &spec, err);
    if (r < 0)
        return err_wrap(err, r, "read the spec of container '%s'", container_name(c));
    if (!json_is_object(json_find(spec, "process")))
        return err_set(err, CODE_FAILED_PRECONDITION, "the spec of container '%s' has no process",
                       container_name(c));
    process = json_clone(json_find(spec, "process"));
    json_set(process, "args", json_new_strv(how->args));
    json_set(process, "terminal", json_new_bool(how->terminal));
    json_del(process, "consoleSize");
    if (how->working_dir)
        json_set(process, "cwd", json_new_str(how->working_dir));
    r = how->privileged ? lift_fences(process, err) : 0;
    if (r == 0 && how->user)
        r = change_user(process, pid, how->user, &home, err);
    if (r < 0)
        return r;
    change_env(process, how, home);
    *ret = json_dump(process, &len);
    return 0;
}

/* ---- running it ---- */

static void
tell_begin(const struct session *s, const struct container *c, const char *exec_id)
{
    event_exec(s, c, "exec_create", exec_id, NULL);
    event_exec(s, c, "exec_start", exec_id, NULL);
}

static int
run_detached(const struct session *s, struct rpc_channel *ch, const struct container *c,
             const char *exec_id, const char *process, bool terminal, struct err *err)
{
    const char *id = c->id;
    auto_free char *bundle = bundle_path(s->state, s->ctx.ns, id);
    const struct task_io io = {.terminal = terminal};
    uint32_t pid;
    int r;

    /* nobody waits for it: its shim has it taken away */
    r = container_reap_arrange(s, bundle, id, exec_id, err);
    if (r == 0)
        r = task_client_exec(ch, NULL, id, exec_id, process, &io, err);
    if (r < 0)
        return r;
    r = task_client_start(ch, NULL, id, exec_id, &pid, err);
    if (r < 0)
        (void) task_client_delete(ch, NULL, id, exec_id, NULL, NULL);
    else
        tell_begin(s, c, exec_id);
    return r;
}

/* Whose process it is, for the callbacks. */
struct attached {
    const struct session *s;
    const struct container *c;
    const char *exec_id;
};

static int
on_start(void *arg, struct err *err)
{
    const struct attached *a = arg;

    (void) err;
    tell_begin(a->s, a->c, a->exec_id);
    return 0;
}

static int
on_exit_of(const struct task_exit *end, void *arg, struct err *err)
{
    const struct attached *a = arg;

    (void) err;
    event_exec(a->s, a->c, "exec_die", a->exec_id, &end->status);
    return 0;
}

static int
run_attached(struct rpc_channel *ch, const struct foreground *fg, const char *process,
             uint32_t *ret_status, struct err *err)
{
    const struct task_io paths = container_io_paths(fg->io);
    int r;

    r = task_client_exec(ch, NULL, fg->id, fg->exec_id, process, &paths, err);
    if (r < 0)
        return r;
    r = container_io_connect(fg->io, err);
    if (r == 0)
        r = foreground_run(fg, ret_status, err);
    if (r < 0)
        (void) task_client_delete(ch, NULL, fg->id, fg->exec_id, NULL, NULL);
    return r;
}

int
container_exec(const struct session *s, const struct container *c, const struct container_exec *how,
               int *ret_status, struct err *err)
{
    char exec_id[2 * EXEC_ID_BYTES + 1];
    auto_free char *bundle = bundle_path(s->state, s->ctx.ns, c->id), *dir = NULL;
    auto_free char *address = NULL, *process = NULL;
    AUTO(container_status) st = {0};
    AUTO_PTR(rpc_channel) ch = NULL;
    AUTO_PTR(container_io) io = NULL;
    struct foreground fg;
    uint32_t status = 0;
    int r;

    cgroup_warm();
    r = container_connect(s, c, &ch, &address, err);
    if (r == 0)
        r = container_status_get(s, c->id, &st, err);
    if (r == 0 && st.kind == CONTAINER_PAUSED)
        r = err_set(err, CODE_FAILED_PRECONDITION,
                    "container '%s' is paused; 'ross-cli unpause' lets it go on",
                    container_name(c));
    if (r == 0)
        r = build_process(c, how, st.pid, &process, err);
    if (r < 0)
        return r;
    (void) random_hex(exec_id, EXEC_ID_BYTES);
    if (how->detach)
        r = run_detached(s, ch, c, exec_id, process, how->terminal, err);
    else {
        dir = xasprintf("%s/io-%s", bundle, exec_id);
        r = container_io_new(dir, how->interactive, how->terminal, &io, err);
        if (r < 0)
            return r;
        struct attached attached = {.s = s, .c = c, .exec_id = exec_id};
        fg = (struct foreground){.address = address,
                                 .id = c->id,
                                 .exec_id = exec_id,
                                 .io = io,
                                 .on_start = on_start,
                                 .on_exit = on_exit_of,
                                 .arg = &attached};
        r = run_attached(ch, &fg, process, &status, err);
    }
    *ret_status = r < 0 ? command_fault(err->msg) : (int) status;
    return r;
}
