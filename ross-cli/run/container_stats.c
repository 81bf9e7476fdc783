/* SPDX-License-Identifier: Apache-2.0 */
/* What a running container uses, read from its cgroup's files. */
#include "container_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"

#define CGROUP_ROOT   "/sys/fs/cgroup"
#define FILE_SIZE_MAX ((size_t) 1024 * 1024)
#define NO_LIMIT      ((uint64_t) 1 << 60) /* v1 writes a number near 2^63 for none */

/* ---- text ---- */

bool
container_stats_field(const char *text, const char *key, uint64_t *ret)
{
    size_t len = strlen(key);

    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return sscanf(line + len, "%lu", ret) == 1;
    }
    return false;
}

void
container_stats_io_v2(const char *text, uint64_t *ret_read, uint64_t *ret_written)
{
    uint64_t n;

    *ret_read = *ret_written = 0;
    for (const char *p = text; (p = strstr(p, "rbytes=")); p++)
        *ret_read += sscanf(p + 7, "%lu", &n) == 1 ? n : 0;
    for (const char *p = text; (p = strstr(p, "wbytes=")); p++)
        *ret_written += sscanf(p + 7, "%lu", &n) == 1 ? n : 0;
}

void
container_stats_io_v1(const char *text, uint64_t *ret_read, uint64_t *ret_written)
{
    uint64_t n;

    *ret_read = *ret_written = 0;
    for (const char *p = text; (p = strstr(p, " Read ")); p++)
        *ret_read += sscanf(p + 6, "%lu", &n) == 1 ? n : 0;
    for (const char *p = text; (p = strstr(p, " Write ")); p++)
        *ret_written += sscanf(p + 7, "%lu", &n) == 1 ? n : 0;
}

void
container_stats_net(const char *text, uint64_t *ret_received, uint64_t *ret_sent)
{
    uint64_t in, out;
    char name[32];

    *ret_received = *ret_sent = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, " %31[^:]: %lu %*u %*u %*u %*u %*u %*u %*u %lu", name, &in, &out) != 3 ||
            strcmp(name, "lo") == 0)
            continue;
        *ret_received += in;
        *ret_sent += out;
    }
}

/* Is `controller` one of the comma-separated words of n bytes? */
static bool
has_controller(const char *words, size_t n, const char *controller)
{
    size_t len = strlen(controller);

    for (const char *p = words; p < words + n;) {
        const char *end = memchr(p, ',', (size_t) (words + n - p));

        end = end ? end : words + n;
        if ((size_t) (end - p) == len && strncmp(p, controller, len) == 0)
            return true;
        p = end + 1;
    }
    return n == 0 && len == 0;
}

char *
container_stats_cgroup(const char *text, const char *controller)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        const char *words, *path;

        line += *line == '\n';
        words = strchr(line, ':');
        path = words ? strchr(words + 1, ':') : NULL;
        if (path && has_controller(words + 1, (size_t) (path - words - 1), controller))
            return xstrndup(path + 1, strcspn(path + 1, "\n"));
    }
    return NULL;
}

/* ---- files ---- */

static char *
read_text(const char *path)
{
    char *text = NULL;

    return fd_read_file_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, NULL, NULL) == 0 ? text : NULL;
}

/* A cgroup as seen by one controller: the directory, and which version it is of. */
struct group {
    char *dir; /* NULL = the controller is not there */
    bool v2;
};

static char *
group_file(const struct group *g, const char *name)
{
    auto_free char *path = g->dir ? path_join(g->dir, name) : NULL;

    return path ? read_text(path) : NULL;
}

static uint64_t
group_number(const struct group *g, const char *name)
{
    auto_free char *text = group_file(g, name);
    uint64_t n = 0;

    return text && sscanf(text, "%lu", &n) == 1 ? n : 0;
}

/* The v1 hierarchy when the controller is mounted there, else the v2 one. */
static struct group
group_find(const char *cgroups, const char *controller)
{
    auto_free char *v1 = container_stats_cgroup(cgroups, controller);
    auto_free char *v2 = container_stats_cgroup(cgroups, "");
    struct group g = {0};

    if (v1)
        g.dir = xasprintf(CGROUP_ROOT "/%s%s", controller, v1);
    else if (v2) {
        g.v2 = true;
        g.dir = xasprintf(access(CGROUP_ROOT "/cgroup.controllers", F_OK) == 0 ? CGROUP_ROOT "%s"
                                                                               : CGROUP_ROOT
                              "/unified%s",
                          v2);
    }
    return g;
}

static uint64_t
host_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    return pages > 0 && size > 0 ? (uint64_t) pages * (uint64_t) size : 0;
}

static void
read_memory(const struct group *g, struct container_stats *st)
{
    auto_free char *stat = group_file(g, "memory.stat");
    uint64_t used = group_number(g, g->v2 ? "memory.current" : "memory.usage_in_bytes");
    uint64_t limit = group_number(g, g->v2 ? "memory.max" : "memory.limit_in_bytes");
    uint64_t cache = 0;

    if (stat)
        (void) container_stats_field(stat, g->v2 ? "inactive_file" : "total_inactive_file", &cache);
    st->memory_bytes = used > cache ? used - cache : 0;
    st->memory_limit_bytes = limit && limit < NO_LIMIT ? limit : host_memory();
}

static void
read_cpu(const struct group *g, struct container_stats *st)
{
    auto_free char *stat = g->v2 ? group_file(g, "cpu.stat") : NULL;
    uint64_t us = 0;

    if (!g->v2)
        st->cpu_ns = group_number(g, "cpuacct.usage");
    else if (stat && container_stats_field(stat, "usage_usec", &us))
        st->cpu_ns = us * 1000;
}

static void
read_io(const struct group *g, struct container_stats *st)
{
    auto_free char *text = group_file(g, g->v2 ? "io.stat" : "blkio.throttle.io_service_bytes");

    if (text && g->v2)
        container_stats_io_v2(text, &st->read_bytes, &st->written_bytes);
    else if (text)
        container_stats_io_v1(text, &st->read_bytes, &st->written_bytes);
}

/* All of it; the cgroup's path carries the id, so a pid that is somebody else's by now is not taken for ours. */
static int
read_groups(const char *cgroups, const char *id, struct container_stats *st)
{
    struct group memory = group_find(cgroups, "memory"), cpu = group_find(cgroups, "cpuacct");
    struct group io = group_find(cgroups, "blkio"), pids = group_find(cgroups, "pids");
    bool ours = (memory.dir && strstr(memory.dir, id)) || (pids.dir && strstr(pids.dir, id));

    if (ours) {
        read_memory(&memory, st);
        read_cpu(&cpu, st);
        read_io(&io, st);
        st->pids = group_number(&pids, "pids.current");
    }
    free(memory.dir);
    free(cpu.dir);
    free(io.dir);
    free(pids.dir);
    return ours;
}

int
container_stats_read(const char *bundle, const char *id, struct container_stats *ret,
                     struct err *err)
{
    auto_free char *pid_path = path_join(bundle, "init.pid"), *text = NULL, *cgroups = NULL;
    auto_free char *net = NULL;
    char path[64];
    struct container_stats st = {.at_ns = clock_mono_ns()};
    uint32_t pid;
    int r;

    r = fd_read_file_at(AT_FDCWD, pid_path, sizeof path, &text, NULL, err);
    if (r == -CODE_NOT_FOUND)
        return 0;
    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    if (parse_u32(text, &pid, NULL) < 0)
        return 0;
    (void) snprintf(path, sizeof path, "/proc/%u/cgroup", pid);
    cgroups = read_text(path);
    if (!cgroups || !read_groups(cgroups, id, &st))
        return 0;
    (void) snprintf(path, sizeof path, "/proc/%u/net/dev", pid);
    net = read_text(path);
    if (net)
        container_stats_net(net, &st.received_bytes, &st.sent_bytes);
    *ret = st;
    return 1;
}
