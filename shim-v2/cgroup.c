/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the cgroups of a container. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup_file.h"
#include "libross/base/fd.h"
#include "libross/base/mem_try.h"
#include "libross/base/path.h"

#define PROCS_FILE_MAX (32 * 1024 * 1024)
#define DEPTH_MAX      32

bool
cgroup_is_unified(void)
{
    struct statfs fs;

    return statfs(CGROUP_MOUNT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Is `name` one of the comma-separated controllers? The unified line has none. */
static bool
controllers_have(const char *list, size_t n, const char *name)
{
    size_t len = strlen(name);

    if (len == 0)
        return n == 0;
    while (n >= len) {
        const char *comma = memchr(list, ',', n);
        size_t word = comma ? (size_t) (comma - list) : n;

        if (word == len && memcmp(list, name, len) == 0)
            return true;
        if (!comma)
            break;
        n -= word + 1;
        list = comma + 1;
    }
    return false;
}

static bool
path_is_sane(const char *path)
{
    auto_free char *clean = path_clean(path);

    return path[0] == '/' && strcmp(clean, path) == 0;
}

char *
cgroup_dir_at(const char *mount, bool unified, const char *text, const char *controller)
{
    while (text && *text) {
        const char *nl = strchrnul(text, '\n');
        const char *first = memchr(text, ':', (size_t) (nl - text));
        const char *second = first ? memchr(first + 1, ':', (size_t) (nl - first - 1)) : NULL;

        if (second && controllers_have(first + 1, (size_t) (second - first - 1), controller)) {
            auto_free char *path = xstrndup(second + 1, (size_t) (nl - second - 1));
            const char *dir = controller[0] ? controller : "unified";

            if (!path_is_sane(path))
                return NULL;
            if (strcmp(path, "/") == 0)
                path[0] = '\0';
            return unified ? xasprintf("%s%s", mount, path)
                           : xasprintf("%s/%s%s", mount, dir, path);
        }
        text = *nl ? nl + 1 : nl;
    }
    return NULL;
}

char *
cgroup_dir(const char *text, const char *controller)
{
    bool unified = cgroup_is_unified();

    return cgroup_dir_at(CGROUP_MOUNT, unified, text, unified ? "" : controller);
}

/* ---- processes ---- */

struct pids {
    uint32_t *items;
    size_t n, cap;
};

static int
pids_grow(struct pids *p, struct err *err)
{
    size_t cap = p->cap ? 2 * p->cap : 64;
    uint32_t *items = mem_try_realloc(p->items, cap * sizeof *items);

    if (!items)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for %zu processes", cap);
    p->items = items;
    p->cap = cap;
    return 0;
}

static int
pids_parse(struct pids *p, const char *text, struct err *err)
{
    while (*text) {
        char *end;
        unsigned long pid = strtoul(text, &end, 10);

        if (end == text)
            return 0;
        if (p->n == p->cap && pids_grow(p, err) < 0)
            return -CODE_RESOURCE_EXHAUSTED;
        if (pid > 0 && pid <= INT32_MAX && p->n < CGROUP_PIDS_MAX)
            p->items[p->n++] = (uint32_t) pid;
        text = *end == '\n' ? end + 1 : end;
    }
    return 0;
}

/* Takes dir_fd. A group that goes meanwhile has no processes; fails for want of memory only, with what was found. */
static int
pids_below(int dir_fd, unsigned depth, struct pids *p, struct err *err)
{
    auto_free char *text = NULL;
    struct dirent *e;
    DIR *d;
    int r = fd_read_file_at(dir_fd, "cgroup.procs", PROCS_FILE_MAX, &text, NULL, err);

    if (r == 0)
        r = pids_parse(p, text, err);
    if (r != -CODE_RESOURCE_EXHAUSTED)
        r = 0;
    d = depth < DEPTH_MAX ? fdopendir(dir_fd) : NULL;
    if (!d) {
        (void) fd_close(dir_fd);
        return r;
    }
    while (r == 0 && (e = readdir(d))) {
        int fd;

        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        fd = openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0)
            r = pids_below(fd, depth + 1, p, err);
    }
    (void) closedir(d);
    return r;
}

int
cgroup_pids(const char *text, uint32_t **ret, size_t *ret_n, struct err *err)
{
    static const char *const controllers[] = {"pids", "memory", "devices", "systemd", ""};
    auto_free char *dir = NULL;
    struct pids p = {0};
    int fd, r = 0;

    if (!text)
        return err_set(err, CODE_UNKNOWN, "the container has no cgroup");
    for (size_t i = 0; i < ARRAY_LEN(controllers) && !dir; i++)
        dir = cgroup_dir(text, controllers[i]);
    fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0)
        r = pids_below(fd, 0, &p, err);
    if (r < 0) {
        free(p.items);
        return r;
    }
    *ret = p.items;
    *ret_n = p.n;
    return 0;
}

/* ---- joining ---- */

static int
join_one(const char *hierarchy, const char *path, int pid, struct err *err)
{
    auto_free char *dir = path_join(hierarchy, path);
    auto_free char *procs = path_join(dir, "cgroup.procs");
    auto_close int fd = -1;
    int r = path_mkdirs_at(AT_FDCWD, dir, 0755, err);

    if (r < 0)
        return r;
    fd = open(procs, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || dprintf(fd, "%d", pid) < 0)
        return err_sys(err, errno, "move the shim to cgroup %s", dir);
    return 0;
}

static bool
is_hierarchy(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC;
}

int
cgroup_join(const char *path, int pid, struct err *err)
{
    struct dirent *e;
    int r = 0;
    DIR *d;

    if (path[0] != '/' || !path_is_sane(path))
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.200s' is no cgroup path", path);
    if (cgroup_is_unified())
        return join_one(CGROUP_MOUNT, path, pid, err);
    d = opendir(CGROUP_MOUNT);
    if (!d)
        return err_sys(err, errno, "open %s", CGROUP_MOUNT);
    while (r == 0 && (e = readdir(d))) {
        auto_free char *hierarchy = path_join(CGROUP_MOUNT, e->d_name);
        struct stat st;

        if (e->d_name[0] == '.' || lstat(hierarchy, &st) < 0 || !S_ISDIR(st.st_mode) ||
            !is_hierarchy(hierarchy) || strcmp(e->d_name, "cpuset") == 0)
            continue; /* cpuset refuses members until it has been configured */
        r = join_one(hierarchy, path, pid, err);
    }
    (void) closedir(d);
    return r;
}

/* -1: still in use. */
static int
remove_one(const char *hierarchy, const char *path)
{
    auto_free char *dir = path_join(hierarchy, path);

    return rmdir(dir) < 0 && errno == EBUSY ? -1 : 0;
}

static int
kill_one(const char *hierarchy, const char *path)
{
    auto_free char *dir = path_join(hierarchy, path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct pids p = {0};

    if (fd >= 0)
        (void) pids_below(fd, 0, &p, NULL);
    for (size_t i = 0; i < p.n; i++)
        (void) kill((pid_t) p.items[i], SIGKILL);
    free(p.items);
    return 0;
}

/* fn for PATH in every hierarchy; 0 when all of them say so. */
static int
each_hierarchy(const char *path, int (*fn)(const char *hierarchy, const char *path))
{
    struct dirent *e;
    int r = 0;
    DIR *d;

    if (!path || strcmp(path, "/") == 0 || !path_is_sane(path))
        return 0;
    if (cgroup_is_unified())
        return fn(CGROUP_MOUNT, path);
    d = opendir(CGROUP_MOUNT);
    while (d && (e = readdir(d))) {
        auto_free char *hierarchy = path_join(CGROUP_MOUNT, e->d_name);

        if (e->d_name[0] != '.' && fn(hierarchy, path) < 0)
            r = -1;
    }
    if (d)
        (void) closedir(d);
    return r;
}

bool
cgroup_remove(const char *path)
{
    return each_hierarchy(path, remove_one) == 0;
}

void
cgroup_kill(const char *path)
{
    (void) each_hierarchy(path, kill_one);
}

int
cgroup_stats(const char *text, struct arena *a, char **ret_type, void **ret_value, size_t *ret_n,
             struct err *err)
{
    bool unified = cgroup_is_unified();
    int r;

    if (!text)
        return err_set(err, CODE_NOT_FOUND, "cgroup does not exist: not found");
    *ret_type = arena_strdup(a, unified ? "io.containerd.cgroups.v2.Metrics"
                                        : "io.containerd.cgroups.v1.Metrics");
    cgroup_files_begin();
    r = unified ? cgroup_stats_v2(CGROUP_MOUNT, text, a, ret_value, ret_n, err)
                : cgroup_stats_v1(CGROUP_MOUNT, text, a, ret_value, ret_n, err);
    return r < 0 ? r : cgroup_files_end(err);
}
