/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes the files of a bundle. */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/oci/spec_read.h"

#define EXIT_FILE "exit"

void
bundle_spec_done(struct bundle_spec *s)
{
    free(s->group);
    free(s->rootfs);
    free(s->cgroup);
    *s = (struct bundle_spec){0};
}

static const char *
group_of(const struct labels *annotations)
{
    static const char *const keys[] = {"io.containerd.runc.v2.group",
                                       "io.kubernetes.cri.sandbox-id"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *v = labels_find(annotations, keys[i]);

        if (v && v[0])
            return v;
    }
    return NULL;
}

static bool
is_systemd_path(const char *path)
{
    const char *colon = path ? strchr(path, ':') : NULL;

    return colon && strchr(colon + 1, ':') && !strchr(path, '/');
}

static int
length_check(const char *bundle, const char *what, const char *value, struct err *err)
{
    if (value && strlen(value) >= PATH_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%s/config.json: the %s is longer than %d bytes",
                       bundle, what, PATH_MAX);
    return 0;
}

int
bundle_spec_parse(const char *bundle, const void *text, size_t n, struct bundle_spec *ret,
                  struct err *err)
{
    AUTO(spec_read) spec = {0};
    const char *group, *rootfs, *cgroup;
    int r = spec_read(text, n, &spec, err);

    if (r < 0)
        return err_wrap(err, r, "%s/config.json", bundle);
    group = group_of(&spec.annotations);
    rootfs = spec.root_path && spec.root_path[0] ? spec.root_path : "rootfs";
    cgroup = spec.cgroups_path;
    r = length_check(bundle, "pod's id", group, err);
    if (r == 0)
        r = length_check(bundle, "root", rootfs, err);
    if (r == 0)
        r = length_check(bundle, "cgroups path", cgroup, err);
    if (r < 0)
        return r;
    *ret = (struct bundle_spec){
        .group = group ? xstrdup(group) : NULL,
        .own_pidns = spec.own_pid_namespace,
        .userns = spec.n_uid_maps || spec.user_namespace,
        .systemd = is_systemd_path(cgroup),
        .cgroup = cgroup && cgroup[0] == '/' ? xstrdup(cgroup) : NULL,
        .rootfs = rootfs[0] == '/' ? xstrdup(rootfs) : path_join(bundle, rootfs),
    };
    return 0;
}

int
bundle_spec_read(const char *bundle, struct bundle_spec *ret, struct err *err)
{
    auto_free char *path = path_join(bundle, "config.json");
    auto_free char *text = NULL;
    size_t n;
    int r = fd_read_file_at(AT_FDCWD, path, BUNDLE_SPEC_MAX, &text, &n, err);

    if (r == -CODE_NOT_FOUND)
        return err_set(err, CODE_FAILED_PRECONDITION, "%s does not exist", path);
    if (r < 0)
        return r;
    return bundle_spec_parse(bundle, text, n, ret, err);
}

static int
file_write(const char *bundle, const char *name, const void *p, size_t n, mode_t mode,
           struct err *err)
{
    auto_free char *path = path_join(bundle, name);

    return fd_write_file_at(AT_FDCWD, path, p, n, mode, err);
}

int
bundle_write_options(const char *bundle, const struct runc_options *o, struct err *err)
{
    const char *binary = o->binary_name ? o->binary_name : "";
    size_t n;
    auto_free char *text = runc_options_format(o, &n);
    int r = file_write(bundle, "options.json", text, n, 0600, err);

    return r < 0 ? r : file_write(bundle, "runtime", binary, strlen(binary), 0600, err);
}

void
bundle_read_options(const char *bundle, struct runc_options *ret)
{
    auto_free char *path = path_join(bundle, "options.json");
    auto_free char *runtime_path = path_join(bundle, "runtime");
    auto_free char *text = NULL, *runtime = NULL;
    size_t n;

    *ret = (struct runc_options){0};
    if (fd_read_file_at(AT_FDCWD, path, RUNC_OPTIONS_JSON_MAX, &text, &n, NULL) == 0)
        (void) runc_options_parse(text, n, ret, NULL);
    if (fd_read_file_at(AT_FDCWD, runtime_path, PATH_MAX, &runtime, &n, NULL) == 0 && n > 0) {
        free(ret->binary_name);
        ret->binary_name = TAKE(runtime);
    }
}

int
bundle_write_address(const char *bundle, const char *address, struct err *err)
{
    return file_write(bundle, "address", address, strlen(address), 0600, err);
}

char *
bundle_read_address(const char *bundle)
{
    auto_free char *path = path_join(bundle, "address");
    char *text = NULL;

    (void) fd_read_file_at(AT_FDCWD, path, PATH_MAX, &text, NULL, NULL);
    return text;
}

void
bundle_write_exit(const char *bundle, const struct bundle_exit *x)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%d %" PRIu32 " %" PRId64 "\n", (int) x->pid, x->status,
                     x->exited_at_ns);

    (void) file_write(bundle, EXIT_FILE, text, (size_t) n, 0600, NULL);
}

bool
bundle_read_exit(const char *bundle, struct bundle_exit *ret)
{
    auto_free char *path = path_join(bundle, EXIT_FILE);
    auto_free char *text = NULL;
    int pid;

    if (fd_read_file_at(AT_FDCWD, path, 64, &text, NULL, NULL) < 0 ||
        sscanf(text, "%d %" SCNu32 " %" SCNd64, &pid, &ret->status, &ret->exited_at_ns) != 3)
        return false;
    ret->pid = pid;
    return pid > 0 && ret->exited_at_ns > 0;
}

void
bundle_forget_exit(const char *bundle)
{
    auto_free char *path = path_join(bundle, EXIT_FILE);

    (void) unlink(path);
}

int
bundle_read_pid(const char *bundle, const char *name, pid_t *ret, struct err *err)
{
    auto_free char *path = path_join(bundle, name);
    auto_free char *text = NULL;
    uint32_t pid;
    size_t n;
    int r = fd_read_file_at(AT_FDCWD, path, 64, &text, &n, err);

    if (r < 0)
        return r;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        text[--n] = '\0';
    r = parse_u32(text, &pid, err);
    if (r == 0 && (pid == 0 || pid > INT32_MAX))
        r = err_set(err, CODE_INTERNAL, "a process cannot have number %u", pid);
    if (r < 0)
        return err_wrap(err, r, "%s", path);
    *ret = (pid_t) pid;
    return 0;
}
