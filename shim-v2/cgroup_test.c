/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_file.h"
#include "github.com/containerd/cgroups/cgroup1/stats/metrics.pb-c.h"
#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb-c.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"

static void
paths_come_from_the_text(void **state)
{
    static const char *const v1 = "12:pids:/default/x\n4:cpu,cpuacct:/default/y\n"
                                  "1:name=systemd:/default/z\n0::/default/u\n";
    static const struct {
        const char *text;
        bool unified;
        const char *controller, *want;
    } rows[] = {
        {"0::/a/b\n", true, "", "/m/a/b"},
        {"0::/", true, "", "/m"},
        {"0::/../../etc\n", true, "", NULL},
        {"0::relative\n", true, "", NULL},
        {"garbage\n:::\n", true, "", NULL},
        {"", true, "", NULL},
        {NULL, true, "", NULL},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got =
            cgroup_dir_at("/m", rows[i].unified, rows[i].text, rows[i].controller);

        assert_string_equal(got ? got : "-", rows[i].want ? rows[i].want : "-");
    }
    {
        auto_free char *pids = cgroup_dir_at("/m", false, v1, "pids");
        auto_free char *cpu = cgroup_dir_at("/m", false, v1, "cpu");
        auto_free char *acct = cgroup_dir_at("/m", false, v1, "cpuacct");
        auto_free char *memory = cgroup_dir_at("/m", false, v1, "memory");
        auto_free char *unified = cgroup_dir_at("/m", false, v1, "");

        assert_string_equal(pids, "/m/pids/default/x");
        assert_string_equal(cpu, "/m/cpu/default/y");
        assert_string_equal(acct, "/m/cpuacct/default/y");
        assert_null(memory);
        assert_string_equal(unified, "/m/unified/default/u");
    }
}

/* A recorded tree: path, content. */
struct recorded {
    const char *path, *text;
};

static char *
tree_make(const struct recorded *files, size_t n)
{
    char *dir = test_tmpdir();

    for (size_t i = 0; i < n; i++) {
        auto_free char *path = path_join(dir, files[i].path);
        auto_free char *parent = xstrdup(path);
        struct err err = {0};

        *strrchr(parent, '/') = '\0';
        assert_ok(path_mkdirs_at(AT_FDCWD, parent, 0755, &err), &err);
        assert_ok(
            fd_write_file_at(AT_FDCWD, path, files[i].text, strlen(files[i].text), 0644, &err),
            &err);
    }
    return dir;
}

static void
v2_metrics_come_from_their_files(void **state)
{
    static const struct recorded files[] = {
        {"c/pids.current", "3\n"},
        {"c/pids.max", "max\n"},
        {"c/cpu.stat", "usage_usec 100\nuser_usec 60\nsystem_usec 40\nnr_periods 5\n"
                       "nr_throttled 2\nthrottled_usec 9\nnr_bursts 1\nburst_usec 4\n"},
        {"c/cpu.pressure", "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\n"
                           "full avg10=0.00 avg60=0.00 avg300=0.00 total=3\n"},
        {"c/memory.stat",
         "anon 4096\nfile 8192\nunknown_key 1\npgfault 12\nthp_collapse_alloc 2\n"},
        {"c/memory.current", "12288\n"},
        {"c/memory.max", "max\n"},
        {"c/memory.swap.max", "0\n"},
        {"c/memory.peak", "20480\n"},
        {"c/memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n"},
        {"c/io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\nbroken line\n"
                      "259:7 rbytes=18446744073709551615 wbytes=0 rios=0 wios=0\n"},
        {"c/rdma.current", "mlx5_0 hca_handle=2 hca_object=2000\n"},
        {"c/rdma.max", "mlx5_0 hca_handle=max hca_object=max\n"},
        {"c/hugetlb.2MB.current", "2097152\n"},
        {"c/hugetlb.2MB.max", "max\n"},
        {"c/hugetlb.2MB.events", "max 6\n"},
        {"c/hugetlb.2MB.rsvd.current", "1\n"},
    };
    char *dir = tree_make(files, ARRAY_LEN(files));
    Io__Containerd__Cgroups__V2__Metrics *m;
    struct arena a = {0};
    struct err err = {0};
    void *value;
    size_t n;

    (void) state;
    assert_ok(cgroup_stats_v2(dir, "0::/c\n", &a, &value, &n, &err), &err);
    m = io__containerd__cgroups__v2__metrics__unpack(NULL, n, value);
    assert_non_null(m);
    assert_int_equal(m->pids->current, 3);
    assert_true(m->pids->limit == UINT64_MAX);
    assert_int_equal(m->cpu->usage_usec, 100);
    assert_int_equal(m->cpu->burst_usec, 4);
    assert_true(m->cpu->psi->some->avg10 > 1.49 && m->cpu->psi->some->avg10 < 1.51);
    assert_int_equal(m->cpu->psi->full->total, 3);
    assert_int_equal(m->memory->anon, 4096);
    assert_int_equal(m->memory->thp_collapse_alloc, 2);
    assert_int_equal(m->memory->usage, 12288);
    assert_true(m->memory->usage_limit == UINT64_MAX);
    assert_int_equal(m->memory->max_usage, 20480);
    assert_int_equal(m->memory->swap_limit, 0);
    assert_int_equal(m->memory_events->oom_kill, 4);
    assert_int_equal(m->memory_events->oom_group_kill, 5);
    assert_int_equal(m->io->n_usage, 2);
    assert_int_equal(m->io->usage[0]->wios, 4);
    assert_int_equal(m->io->usage[1]->major, 259);
    assert_true(m->io->usage[1]->rbytes == UINT64_MAX);
    assert_int_equal(m->rdma->n_current, 1);
    assert_string_equal(m->rdma->current[0]->device, "mlx5_0");
    assert_int_equal(m->rdma->current[0]->hca_objects, 2000);
    assert_int_equal(m->rdma->limit[0]->hca_handles, UINT32_MAX);
    assert_int_equal(m->n_hugetlb, 1);
    assert_string_equal(m->hugetlb[0]->pagesize, "2MB");
    assert_int_equal(m->hugetlb[0]->failcnt, 6);
    io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
    arena_done(&a);
    test_tmpdir_remove(dir);
}

static void
v1_metrics_come_from_their_files(void **state)
{
    static const struct recorded files[] = {
        {"pids/c/pids.current", "2\n"},
        {"pids/c/pids.max", "max\n"},
        {"cpuacct/c/cpuacct.usage", "9000\n"},
        {"cpuacct/c/cpuacct.usage_percpu", "4000 5000 \n"},
        {"cpuacct/c/cpuacct.stat", "user 10\nsystem 20\n"},
        {"cpu/c/cpu.stat", "nr_periods 1\nnr_throttled 2\nthrottled_time 3\n"},
        {"memory/c/memory.stat", "cache 1\nrss 2\npgpgin 3\nhierarchical_memsw_limit 4\n"
                                 "total_unevictable 5\n"},
        {"memory/c/memory.usage_in_bytes", "100\n"},
        {"memory/c/memory.limit_in_bytes", "9223372036854771712\n"},
        {"memory/c/memory.memsw.failcnt", "8\n"},
        {"memory/c/memory.kmem.tcp.max_usage_in_bytes", "6\n"},
        {"memory/c/memory.oom_control", "oom_kill_disable 0\nunder_oom 1\noom_kill 7\n"},
        {"blkio/c/blkio.throttle.io_service_bytes_recursive",
         "8:0 Read 10\n8:0 Write 20\n8:16 Total 30\nTotal 60\n"},
        {"hugetlb/c/hugetlb.2MB.usage_in_bytes", "2\n"},
        {"hugetlb/c/hugetlb.2MB.max_usage_in_bytes", "4\n"},
    };
    static const char *const text = "5:pids:/c\n4:cpuacct:/c\n3:cpu:/c\n2:memory:/c\n1:blkio:/c\n"
                                    "6:hugetlb:/c\n";
    char *dir = tree_make(files, ARRAY_LEN(files));
    Io__Containerd__Cgroups__V1__Metrics *m;
    struct arena a = {0};
    struct err err = {0};
    void *value;
    size_t n;

    (void) state;
    assert_ok(cgroup_stats_v1(dir, text, &a, &value, &n, &err), &err);
    m = io__containerd__cgroups__v1__metrics__unpack(NULL, n, value);
    assert_non_null(m);
    assert_int_equal(m->pids->current, 2);
    assert_int_equal(m->pids->limit, 0);
    assert_int_equal(m->cpu->usage->total, 9000);
    assert_int_equal(m->cpu->usage->n_per_cpu, 2);
    assert_int_equal(m->cpu->usage->per_cpu[1], 5000);
    assert_int_equal(m->cpu->usage->kernel, 2 * m->cpu->usage->user);
    assert_int_equal(m->cpu->throttling->throttled_time, 3);
    assert_int_equal(m->memory->rss, 2);
    assert_int_equal(m->memory->pg_pg_in, 3);
    assert_int_equal(m->memory->hierarchical_swap_limit, 4);
    assert_int_equal(m->memory->total_unevictable, 5);
    assert_int_equal(m->memory->usage->usage, 100);
    assert_true(m->memory->usage->limit == UINT64_C(9223372036854771712));
    assert_int_equal(m->memory->swap->failcnt, 8);
    assert_int_equal(m->memory->kernel_tcp->max, 6);
    assert_int_equal(m->memory_oom_control->under_oom, 1);
    assert_int_equal(m->memory_oom_control->oom_kill, 7);
    assert_int_equal(m->blkio->n_io_service_bytes_recursive, 3);
    assert_string_equal(m->blkio->io_service_bytes_recursive[1]->op, "Write");
    assert_int_equal(m->blkio->io_service_bytes_recursive[1]->value, 20);
    assert_int_equal(m->n_hugetlb, 1);
    assert_int_equal(m->hugetlb[0]->max, 4);
    io__containerd__cgroups__v1__metrics__free_unpacked(m, NULL);
    arena_done(&a);
    test_tmpdir_remove(dir);
}

static void
vanished_cgroup_is_not_found(void **state)
{
    struct arena a = {0};
    struct err err = {0};
    char *type;
    uint32_t *pids = NULL;
    void *value;
    size_t n;

    (void) state;
    assert_code(cgroup_stats(NULL, &a, &type, &value, &n, &err), CODE_NOT_FOUND, &err);
    assert_code(cgroup_stats_v2("/nonexistent", "0::/c", &a, &value, &n, &err), CODE_NOT_FOUND,
                &err);
    assert_code(cgroup_stats_v1("/nonexistent", "1:pids:/c", &a, &value, &n, &err), CODE_NOT_FOUND,
                &err);
    assert_code(cgroup_pids(NULL, &pids, &n, &err), CODE_UNKNOWN, &err);
    assert_ok(cgroup_pids("1:pids:/ross-none\n0::/ross-none\n", &pids, &n, &err), &err);
    assert_int_equal(n, 0);
    arena_done(&a);
}

static void
own_processes_are_found(void **state)
{
    auto_free char *text = NULL;
    auto_free uint32_t *pids = NULL;
    struct err err = {0};
    bool found = false;
    size_t n;

    (void) state;
    assert_ok(fd_read_file_at(AT_FDCWD, "/proc/self/cgroup", 1 << 16, &text, NULL, &err), &err);
    assert_ok(cgroup_pids(text, &pids, &n, &err), &err);
    for (size_t i = 0; i < n; i++)
        found = found || pids[i] == (uint32_t) getpid();
    if (n == 0)
        skip(); /* a host without mounted cgroups */
    assert_true(found);
}

static void
numbers_are_strict(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t want;
    } rows[] = {
        {"0", true, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"max", true, UINT64_MAX},
        {"12 rest", true, 12},
        {"-1", false, 0},
        {"", false, 0},
        {"x", false, 0},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *end;
        uint64_t v = 0;

        assert_int_equal(cgroup_u64_parse(rows[i].text, &end, &v), rows[i].ok);
        assert_true(v == rows[i].want);
    }
}

static void
members_are_killed_and_the_group_goes(void **state)
{
    auto_free char *path = xasprintf("/ross-cgroup-test-%d", (int) getpid());
    struct err err = {0};
    int status;
    pid_t pid;

    (void) state;
    pid = fork();
    if (pid == 0)
        for (;;)
            (void) pause();
    if (cgroup_join(path, pid, &err) < 0) {
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        (void) cgroup_remove(path);
        print_message("no cgroup can be made here: %s\n", err.msg);
        skip();
    }
    assert_false(cgroup_remove(path));
    cgroup_kill("/");
    cgroup_kill("/../x");
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    cgroup_kill(path);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    for (int i = 0; !cgroup_remove(path); i++) {
        assert_true(i < 10000);
        (void) poll(NULL, 0, 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_come_from_the_text),
        cmocka_unit_test(v2_metrics_come_from_their_files),
        cmocka_unit_test(v1_metrics_come_from_their_files),
        cmocka_unit_test(vanished_cgroup_is_not_found),
        cmocka_unit_test(own_processes_are_found),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(members_are_killed_and_the_group_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
