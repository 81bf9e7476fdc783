/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of a cgroup of the unified hierarchy. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "cgroup_file.h"
#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb-c.h"
#include "libross/base/mem.h"

typedef Io__Containerd__Cgroups__V2__Metrics Metrics;
typedef Io__Containerd__Cgroups__V2__CPUStat CpuStat;
typedef Io__Containerd__Cgroups__V2__MemoryStat MemoryStat;
typedef Io__Containerd__Cgroups__V2__MemoryEvents MemoryEvents;
typedef Io__Containerd__Cgroups__V2__IOEntry IOEntry;
typedef Io__Containerd__Cgroups__V2__IOStat IOStat;
typedef Io__Containerd__Cgroups__V2__PSIStats PSIStats;
typedef Io__Containerd__Cgroups__V2__PSIData PSIData;
typedef Io__Containerd__Cgroups__V2__RdmaEntry RdmaEntry;
typedef Io__Containerd__Cgroups__V2__HugeTlbStat HugeTlbStat;

#define ENTRIES_MAX 4096 /* devices or page sizes */

#define NEW(a, init, var)                                                                          \
    do {                                                                                           \
        (var) = arena_alloc((a), sizeof *(var));                                                   \
        init(var);                                                                                 \
    } while (0)

#define K(type, field)                                                                             \
    {                                                                                              \
#field, offsetof(type, field)                                                              \
    }
static const struct cgroup_key cpu_keys[] = {
    K(CpuStat, usage_usec), K(CpuStat, user_usec),    K(CpuStat, system_usec),
    K(CpuStat, nr_periods), K(CpuStat, nr_throttled), K(CpuStat, throttled_usec),
    K(CpuStat, nr_bursts),  K(CpuStat, burst_usec),
};
static const struct cgroup_key memory_keys[] = {
    K(MemoryStat, anon),
    K(MemoryStat, file),
    K(MemoryStat, kernel_stack),
    K(MemoryStat, slab),
    K(MemoryStat, sock),
    K(MemoryStat, shmem),
    K(MemoryStat, file_mapped),
    K(MemoryStat, file_dirty),
    K(MemoryStat, file_writeback),
    K(MemoryStat, anon_thp),
    K(MemoryStat, inactive_anon),
    K(MemoryStat, active_anon),
    K(MemoryStat, inactive_file),
    K(MemoryStat, active_file),
    K(MemoryStat, unevictable),
    K(MemoryStat, slab_reclaimable),
    K(MemoryStat, slab_unreclaimable),
    K(MemoryStat, pgfault),
    K(MemoryStat, pgmajfault),
    K(MemoryStat, workingset_refault),
    K(MemoryStat, workingset_activate),
    K(MemoryStat, workingset_nodereclaim),
    K(MemoryStat, pgrefill),
    K(MemoryStat, pgscan),
    K(MemoryStat, pgsteal),
    K(MemoryStat, pgactivate),
    K(MemoryStat, pgdeactivate),
    K(MemoryStat, pglazyfree),
    K(MemoryStat, pglazyfreed),
    K(MemoryStat, thp_fault_alloc),
    K(MemoryStat, thp_collapse_alloc),
};
static const struct cgroup_key event_keys[] = {
    K(MemoryEvents, low), K(MemoryEvents, high),     K(MemoryEvents, max),
    K(MemoryEvents, oom), K(MemoryEvents, oom_kill), K(MemoryEvents, oom_group_kill),
};
#undef K

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static PSIData *
psi_line(struct arena *a, char *line)
{
    PSIData *d;
    char *word;

    NEW(a, io__containerd__cgroups__v2__psidata__init, d);
    while ((word = cgroup_word(&line))) {
        const char *eq = strchr(word, '='), *end;

        if (!eq)
            continue;
        if (strncmp(word, "avg10=", 6) == 0)
            d->avg10 = strtod(eq + 1, NULL);
        else if (strncmp(word, "avg60=", 6) == 0)
            d->avg60 = strtod(eq + 1, NULL);
        else if (strncmp(word, "avg300=", 7) == 0)
            d->avg300 = strtod(eq + 1, NULL);
        else if (strncmp(word, "total=", 6) == 0)
            (void) cgroup_u64_parse(eq + 1, &end, &d->total);
    }
    return d;
}

static PSIStats *
psi_read(struct arena *a, const char *dir, const char *name)
{
    char *text = cgroup_file_read(a, dir, name), *line;
    PSIStats *s;

    if (!text)
        return NULL;
    NEW(a, io__containerd__cgroups__v2__psistats__init, s);
    while ((line = cgroup_line(&text))) {
        char *word = cgroup_word(&line);

        if (word && strcmp(word, "some") == 0)
            s->some = psi_line(a, line);
        else if (word && strcmp(word, "full") == 0)
            s->full = psi_line(a, line);
    }
    return s;
}

static void
memory_read(struct arena *a, const char *dir, Metrics *m)
{
    MemoryStat *s;
    MemoryEvents *e;

    NEW(a, io__containerd__cgroups__v2__memory_stat__init, s);
    (void) cgroup_keys_read(cgroup_file_read(a, dir, "memory.stat"), memory_keys,
                            ARRAY_LEN(memory_keys), s);
    s->usage = cgroup_file_u64(a, dir, "memory.current");
    s->usage_limit = cgroup_file_u64(a, dir, "memory.max");
    s->max_usage = cgroup_file_u64(a, dir, "memory.peak");
    s->swap_usage = cgroup_file_u64(a, dir, "memory.swap.current");
    s->swap_limit = cgroup_file_u64(a, dir, "memory.swap.max");
    s->swap_max_usage = cgroup_file_u64(a, dir, "memory.swap.peak");
    s->psi = psi_read(a, dir, "memory.pressure");
    m->memory = s;

    NEW(a, io__containerd__cgroups__v2__memory_events__init, e);
    if (cgroup_keys_read(cgroup_file_read(a, dir, "memory.events"), event_keys,
                         ARRAY_LEN(event_keys), e))
        m->memory_events = e;
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
static bool
io_line(struct arena *a, char *line, IOEntry **ret)
{
    static const struct {
        const char *key;
        size_t offset;
    } keys[] = {
        {"rbytes=", offsetof(IOEntry, rbytes)},
        {"wbytes=", offsetof(IOEntry, wbytes)},
        {"rios=", offsetof(IOEntry, rios)},
        {"wios=", offsetof(IOEntry, wios)},
    };
    const char *end;
    char *word = cgroup_word(&line);
    IOEntry *e;

    NEW(a, io__containerd__cgroups__v2__ioentry__init, e);
    if (!word || !cgroup_u64_parse(word, &end, &e->major) || *end != ':' ||
        !cgroup_u64_parse(end + 1, &end, &e->minor))
        return false;
    while ((word = cgroup_word(&line)))
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            if (strncmp(word, keys[i].key, strlen(keys[i].key)) == 0)
                (void) cgroup_u64_parse(word + strlen(keys[i].key), &end,
                                        (uint64_t *) ((char *) e + keys[i].offset));
    *ret = e;
    return true;
}

static size_t
line_count(const char *text)
{
    size_t n = 1;

    for (; *text && n < ENTRIES_MAX; text++)
        n += *text == '\n';
    return n;
}

static void
io_read(struct arena *a, const char *dir, Metrics *m)
{
    char *text = cgroup_file_read(a, dir, "io.stat"), *line;
    IOStat *s;

    NEW(a, io__containerd__cgroups__v2__iostat__init, s);
    if (text) {
        size_t max = line_count(text);

        s->usage = arena_alloc(a, max * sizeof *s->usage);
        while (s->n_usage < max && (line = cgroup_line(&text)))
            if (io_line(a, line, &s->usage[s->n_usage]))
                s->n_usage++;
    }
    s->psi = psi_read(a, dir, "io.pressure");
    m->io = s;
}

/* "mlx5_0 hca_handle=2 hca_object=2000" */
static size_t
rdma_read(struct arena *a, const char *dir, const char *name, RdmaEntry ***ret)
{
    char *text = cgroup_file_read(a, dir, name), *line;
    size_t n = 0, max;

    if (!text)
        return 0;
    max = line_count(text);
    *ret = arena_alloc(a, max * sizeof **ret);
    while (n < max && (line = cgroup_line(&text))) {
        char *word = cgroup_word(&line);
        RdmaEntry *e;

        if (!word)
            continue;
        NEW(a, io__containerd__cgroups__v2__rdma_entry__init, e);
        e->device = word;
        while ((word = cgroup_word(&line))) {
            const char *eq = strchr(word, '='), *end;
            uint64_t v;

            if (!eq || !cgroup_u64_parse(eq + 1, &end, &v))
                continue;
            if (strncmp(word, "hca_handle", 10) == 0)
                e->hca_handles = v > UINT32_MAX ? UINT32_MAX : (uint32_t) v;
            else if (strncmp(word, "hca_object", 10) == 0)
                e->hca_objects = v > UINT32_MAX ? UINT32_MAX : (uint32_t) v;
        }
        (*ret)[n++] = e;
    }
    return n;
}

static void
hugetlb_read(struct arena *a, const char *dir, Metrics *m)
{
    static const struct cgroup_key max_key[] = {{"max", 0}};
    struct dirent *e;
    size_t cap = 0;
    DIR *d = opendir(dir);

    while (d && (e = readdir(d)) && m->n_hugetlb < ENTRIES_MAX) {
        const char *name = e->d_name, *tail;
        HugeTlbStat *h, **grown;
        size_t len;

        if (strncmp(name, "hugetlb.", 8) != 0)
            continue;
        tail = strrchr(name, '.');
        if (strcmp(tail, ".current") != 0 || strstr(name, ".rsvd."))
            continue;
        len = (size_t) (tail - name) - 8;
        NEW(a, io__containerd__cgroups__v2__huge_tlb_stat__init, h);
        h->pagesize = arena_strndup(a, name + 8, len);
        h->current = cgroup_file_u64(a, dir, name);
        h->max = cgroup_file_u64(a, dir, arena_printf(a, "hugetlb.%s.max", h->pagesize));
        (void) cgroup_keys_read(
            cgroup_file_read(a, dir, arena_printf(a, "hugetlb.%s.events", h->pagesize)), max_key, 1,
            &h->failcnt);
        if (m->n_hugetlb == cap) {
            cap = cap ? 2 * cap : 4;
            grown = arena_alloc(a, cap * sizeof *grown);
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
cgroup_stats_v2(const char *mount, const char *text, struct arena *a, void **ret_value,
                size_t *ret_n, struct err *err)
{
    auto_free char *dir = cgroup_dir_at(mount, true, text, "");
    Metrics m = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
    struct stat st;

    if (!dir || stat(dir, &st) < 0)
        return err_set(err, CODE_NOT_FOUND, "the container's cgroup is gone");
    NEW(a, io__containerd__cgroups__v2__pids_stat__init, m.pids);
    m.pids->current = cgroup_file_u64(a, dir, "pids.current");
    m.pids->limit = cgroup_file_u64(a, dir, "pids.max");
    NEW(a, io__containerd__cgroups__v2__cpustat__init, m.cpu);
    (void) cgroup_keys_read(cgroup_file_read(a, dir, "cpu.stat"), cpu_keys, ARRAY_LEN(cpu_keys),
                            m.cpu);
    m.cpu->psi = psi_read(a, dir, "cpu.pressure");
    memory_read(a, dir, &m);
    io_read(a, dir, &m);
    NEW(a, io__containerd__cgroups__v2__rdma_stat__init, m.rdma);
    m.rdma->n_current = rdma_read(a, dir, "rdma.current", &m.rdma->current);
    m.rdma->n_limit = rdma_read(a, dir, "rdma.max", &m.rdma->limit);
    hugetlb_read(a, dir, &m);
    *ret_value = arena_try_alloc(a, io__containerd__cgroups__v2__metrics__get_packed_size(&m) + 1);
    if (!*ret_value)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for the statistics");
    *ret_n = io__containerd__cgroups__v2__metrics__pack(&m, *ret_value);
    return 0;
}
