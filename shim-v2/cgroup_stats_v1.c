/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of a container in the hierarchies of cgroup v1. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_file.h"
#include "github.com/containerd/cgroups/cgroup1/stats/metrics.pb-c.h"
#include "libross/base/mem.h"

typedef Io__Containerd__Cgroups__V1__Metrics Metrics;
typedef Io__Containerd__Cgroups__V1__MemoryStat MemoryStat;
typedef Io__Containerd__Cgroups__V1__MemoryEntry MemoryEntry;
typedef Io__Containerd__Cgroups__V1__MemoryOomControl OomControl;
typedef Io__Containerd__Cgroups__V1__Throttle Throttle;
typedef Io__Containerd__Cgroups__V1__BlkIOEntry BlkIOEntry;
typedef Io__Containerd__Cgroups__V1__HugetlbStat HugetlbStat;
typedef Io__Containerd__Cgroups__V1__BlkIOStat BlkIOStat;

#define ENTRIES_MAX     4096 /* devices, processors or page sizes */
#define NS_PER_TICK(hz) (UINT64_C(1000000000) / (hz))

#define NEW(a, init, var)                                                                          \
    do {                                                                                           \
        (var) = arena_alloc((a), sizeof *(var));                                                   \
        init(var);                                                                                 \
    } while (0)

#define K(key, field)                                                                              \
    {                                                                                              \
        key, offsetof(MemoryStat, field)                                                           \
    }
static const struct cgroup_key memory_keys[] = {
    K("cache", cache),
    K("rss", rss),
    K("rss_huge", rss_huge),
    K("mapped_file", mapped_file),
    K("dirty", dirty),
    K("writeback", writeback),
    K("pgpgin", pg_pg_in),
    K("pgpgout", pg_pg_out),
    K("pgfault", pg_fault),
    K("pgmajfault", pg_maj_fault),
    K("inactive_anon", inactive_anon),
    K("active_anon", active_anon),
    K("inactive_file", inactive_file),
    K("active_file", active_file),
    K("unevictable", unevictable),
    K("hierarchical_memory_limit", hierarchical_memory_limit),
    K("hierarchical_memsw_limit", hierarchical_swap_limit),
    K("total_cache", total_cache),
    K("total_rss", total_rss),
    K("total_rss_huge", total_rss_huge),
    K("total_mapped_file", total_mapped_file),
    K("total_dirty", total_dirty),
    K("total_writeback", total_writeback),
    K("total_pgpgin", total_pg_pg_in),
    K("total_pgpgout", total_pg_pg_out),
    K("total_pgfault", total_pg_fault),
    K("total_pgmajfault", total_pg_maj_fault),
    K("total_inactive_anon", total_inactive_anon),
    K("total_active_anon", total_active_anon),
    K("total_inactive_file", total_inactive_file),
    K("total_active_file", total_active_file),
    K("total_unevictable", total_unevictable),
};
#undef K
static const struct cgroup_key oom_keys[] = {
    {"oom_kill_disable", offsetof(OomControl, oom_kill_disable)},
    {"under_oom", offsetof(OomControl, under_oom)},
    {"oom_kill", offsetof(OomControl, oom_kill)},
};
static const struct cgroup_key throttle_keys[] = {
    {"nr_periods", offsetof(Throttle, periods)},
    {"nr_throttled", offsetof(Throttle, throttled_periods)},
    {"throttled_time", offsetof(Throttle, throttled_time)},
};

struct source {
    const char *mount, *text;
    struct arena *a;
};

/* The directory of a controller, in the arena; NULL when there is none. */
static const char *
dir_of(const struct source *s, const char *controller)
{
    auto_free char *dir = cgroup_dir_at(s->mount, false, s->text, controller);
    struct stat st;

    return dir && stat(dir, &st) == 0 ? arena_strdup(s->a, dir) : NULL;
}

static void
pids_read(const struct source *s, Metrics *m)
{
    const char *dir = dir_of(s, "pids");

    if (!dir)
        return;
    NEW(s->a, io__containerd__cgroups__v1__pids_stat__init, m->pids);
    m->pids->current = cgroup_file_u64(s->a, dir, "pids.current");
    m->pids->limit = cgroup_file_u64(s->a, dir, "pids.max");
    if (m->pids->limit == UINT64_MAX)
        m->pids->limit = 0; /* how version 1 says "no limit" */
}

static size_t
numbers_read(struct arena *a, const char *text, uint64_t **ret)
{
    size_t n = 0, cap = 0;
    uint64_t *list = NULL, v;

    while (text && n < ENTRIES_MAX) {
        text += strspn(text, " \n");
        if (!cgroup_u64_parse(text, &text, &v))
            break;
        if (n == cap) {
            uint64_t *grown;

            cap = cap ? 2 * cap : 16;
            grown = arena_alloc(a, cap * sizeof *grown);
            if (n)
                memcpy(grown, list, n * sizeof *grown);
            list = grown;
        }
        list[n++] = v;
    }
    *ret = list;
    return n;
}

/* cpuacct.stat counts in ticks of the clock. */
static void
cpu_ticks_read(struct arena *a, const char *dir, uint64_t *ret_user, uint64_t *ret_kernel)
{
    struct {
        uint64_t user, system;
    } ticks = {0};
    static const struct cgroup_key keys[] = {{"user", 0}, {"system", sizeof(uint64_t)}};
    long hz = sysconf(_SC_CLK_TCK);

    (void) cgroup_keys_read(cgroup_file_read(a, dir, "cpuacct.stat"), keys, 2, &ticks);
    if (hz <= 0)
        return;
    *ret_user = ticks.user * NS_PER_TICK((uint64_t) hz);
    *ret_kernel = ticks.system * NS_PER_TICK((uint64_t) hz);
}

static void
cpu_read(const struct source *s, Metrics *m)
{
    const char *acct = dir_of(s, "cpuacct"), *cpu = dir_of(s, "cpu");

    if (!acct && !cpu)
        return;
    NEW(s->a, io__containerd__cgroups__v1__cpustat__init, m->cpu);
    NEW(s->a, io__containerd__cgroups__v1__cpuusage__init, m->cpu->usage);
    NEW(s->a, io__containerd__cgroups__v1__throttle__init, m->cpu->throttling);
    if (acct) {
        m->cpu->usage->total = cgroup_file_u64(s->a, acct, "cpuacct.usage");
        m->cpu->usage->n_per_cpu = numbers_read(
            s->a, cgroup_file_read(s->a, acct, "cpuacct.usage_percpu"), &m->cpu->usage->per_cpu);
        cpu_ticks_read(s->a, acct, &m->cpu->usage->user, &m->cpu->usage->kernel);
    }
    if (cpu)
        (void) cgroup_keys_read(cgroup_file_read(s->a, cpu, "cpu.stat"), throttle_keys,
                                ARRAY_LEN(throttle_keys), m->cpu->throttling);
}

static MemoryEntry *
memory_entry(struct arena *a, const char *dir, const char *prefix)
{
    MemoryEntry *e;

    NEW(a, io__containerd__cgroups__v1__memory_entry__init, e);
    e->usage = cgroup_file_u64(a, dir, arena_printf(a, "memory.%susage_in_bytes", prefix));
    e->max = cgroup_file_u64(a, dir, arena_printf(a, "memory.%smax_usage_in_bytes", prefix));
    e->failcnt = cgroup_file_u64(a, dir, arena_printf(a, "memory.%sfailcnt", prefix));
    e->limit = cgroup_file_u64(a, dir, arena_printf(a, "memory.%slimit_in_bytes", prefix));
    return e;
}

static void
memory_read(const struct source *s, Metrics *m)
{
    const char *dir = dir_of(s, "memory");

    if (!dir)
        return;
    NEW(s->a, io__containerd__cgroups__v1__memory_stat__init, m->memory);
    (void) cgroup_keys_read(cgroup_file_read(s->a, dir, "memory.stat"), memory_keys,
                            ARRAY_LEN(memory_keys), m->memory);
    m->memory->usage = memory_entry(s->a, dir, "");
    m->memory->swap = memory_entry(s->a, dir, "memsw.");
    m->memory->kernel = memory_entry(s->a, dir, "kmem.");
    m->memory->kernel_tcp = memory_entry(s->a, dir, "kmem.tcp.");
    NEW(s->a, io__containerd__cgroups__v1__memory_oom_control__init, m->memory_oom_control);
    (void) cgroup_keys_read(cgroup_file_read(s->a, dir, "memory.oom_control"), oom_keys,
                            ARRAY_LEN(oom_keys), m->memory_oom_control);
}

/* "8:0 Read 4096"; the closing "Total 4096" is nobody's. */
static bool
blkio_line(struct arena *a, char *line, BlkIOEntry **ret)
{
    char *device = cgroup_word(&line), *op = cgroup_word(&line), *value = cgroup_word(&line);
    const char *end;
    BlkIOEntry *e;

    if (!device || !op)
        return false;
    NEW(a, io__containerd__cgroups__v1__blk_ioentry__init, e);
    if (!value) { /* files without operations: "8:0 12" */
        value = op;
        op = (char *) (uintptr_t) "";
    }
    if (!cgroup_u64_parse(device, &end, &e->major) || *end != ':' ||
        !cgroup_u64_parse(end + 1, &end, &e->minor) || !cgroup_u64_parse(value, &end, &e->value))
        return false;
    e->op = op;
    e->device = (char *) (uintptr_t) "";
    *ret = e;
    return true;
}

static size_t
blkio_file(struct arena *a, const char *dir, const char *name, BlkIOEntry ***ret)
{
    char *text = cgroup_file_read(a, dir, name), *line;
    size_t n = 0, max = 1;

    if (!text)
        return 0;
    for (const char *p = text; *p && max < ENTRIES_MAX; p++)
        max += *p == '\n';
    *ret = arena_alloc(a, max * sizeof **ret);
    while (n < max && (line = cgroup_line(&text)))
        if (blkio_line(a, line, &(*ret)[n]))
            n++;
    return n;
}

static void
blkio_read(const struct source *s, Metrics *m)
{
    const char *dir = dir_of(s, "blkio");
    BlkIOStat *b;

    if (!dir)
        return;
    NEW(s->a, io__containerd__cgroups__v1__blk_iostat__init, b);
#define FILE_OF(field, bfq, cfq)                                                                   \
    b->n_##field = blkio_file(s->a, dir, bfq, &b->field);                                          \
    if (b->n_##field == 0)                                                                         \
    b->n_##field = blkio_file(s->a, dir, cfq, &b->field)
    FILE_OF(io_service_bytes_recursive, "blkio.bfq.io_service_bytes_recursive",
            "blkio.throttle.io_service_bytes_recursive");
    FILE_OF(io_serviced_recursive, "blkio.bfq.io_serviced_recursive",
            "blkio.throttle.io_serviced_recursive");
    FILE_OF(io_queued_recursive, "blkio.bfq.io_queued_recursive", "blkio.io_queued_recursive");
    FILE_OF(io_service_time_recursive, "blkio.bfq.io_service_time_recursive",
            "blkio.io_service_time_recursive");
    FILE_OF(io_wait_time_recursive, "blkio.bfq.io_wait_time_recursive",
            "blkio.io_wait_time_recursive");
    FILE_OF(io_merged_recursive, "blkio.bfq.io_merged_recursive", "blkio.io_merged_recursive");
    FILE_OF(io_time_recursive, "blkio.bfq.time_recursive", "blkio.time_recursive");
    FILE_OF(sectors_recursive, "blkio.bfq.sectors_recursive", "blkio.sectors_recursive");
#undef FILE_OF
    m->blkio = b;
}

static void
hugetlb_read(const struct source *s, Metrics *m)
{
    const char *dir = dir_of(s, "hugetlb");
    DIR *d = dir ? opendir(dir) : NULL;
    struct dirent *e;
    size_t cap = 0;

    while (d && (e = readdir(d)) && m->n_hugetlb < ENTRIES_MAX) {
        const char *name = e->d_name, *tail = strrchr(name, '.');
        HugetlbStat *h, **grown;

        if (strncmp(name, "hugetlb.", 8) != 0 || strcmp(tail, ".usage_in_bytes") != 0 ||
            strstr(name, ".rsvd."))
            continue;
        NEW(s->a, io__containerd__cgroups__v1__hugetlb_stat__init, h);
        h->pagesize = arena_strndup(s->a, name + 8, (size_t) (tail - name) - 8);
        h->usage = cgroup_file_u64(s->a, dir, name);
        h->max = cgroup_file_u64(s->a, dir,
                                 arena_printf(s->a, "hugetlb.%s.max_usage_in_bytes", h->pagesize));
        h->failcnt =
            cgroup_file_u64(s->a, dir, arena_printf(s->a, "hugetlb.%s.failcnt", h->pagesize));
        if (m->n_hugetlb == cap) {
            cap = cap ? 2 * cap : 4;
            grown = arena_alloc(s->a, cap * sizeof *grown);
            if (m->n_hugetlb)
                memcpy(grown, m->hugetlb, m->n_hugetlb * sizeof *grown);
            m->hugetlb = grown;
        }
        m->hugetlb[m->n_hugetlb++] = h;
    }
    if (d)
        (void) closedir(d);
}

int
cgroup_stats_v1(const char *mount, const char *text, struct arena *a, void **ret_value,
                size_t *ret_n, struct err *err)
{
    struct source s = {.mount = mount, .text = text, .a = a};
    Metrics m = IO__CONTAINERD__CGROUPS__V1__METRICS__INIT;

    pids_read(&s, &m);
    cpu_read(&s, &m);
    memory_read(&s, &m);
    blkio_read(&s, &m);
    hugetlb_read(&s, &m);
    if (!m.pids && !m.cpu && !m.memory && !m.blkio)
        return err_set(err, CODE_NOT_FOUND, "the container's cgroups are gone");
    *ret_value = arena_try_alloc(a, io__containerd__cgroups__v1__metrics__get_packed_size(&m) + 1);
    if (!*ret_value)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for the statistics");
    *ret_n = io__containerd__cgroups__v1__metrics__pack(&m, *ret_value);
    return 0;
}
