/* SPDX-License-Identifier: Apache-2.0 */
#include "container_stats.h"

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
reads_fields(void **state)
{
    uint64_t n = 7;

    (void) state;
    assert_true(container_stats_field("a 1\nab 2\nb 3\n", "ab", &n));
    assert_int_equal(n, 2);
    assert_true(container_stats_field("a 1\n", "a", &n));
    assert_int_equal(n, 1);
    assert_false(container_stats_field("ab 2\n", "a", &n));
    assert_false(container_stats_field("", "a", &n));
    assert_false(container_stats_field("a x\n", "a", &n));
}

static void
sums_devices(void **state)
{
    uint64_t in, out;

    (void) state;
    container_stats_io_v2("8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2\n", &in, &out);
    assert_int_equal(in, 11);
    assert_int_equal(out, 22);
    container_stats_io_v1("8:0 Read 5\n8:0 Write 6\n8:16 Read 1\nTotal 12\n", &in, &out);
    assert_int_equal(in, 6);
    assert_int_equal(out, 6);
    container_stats_io_v1("Total 0\n", &in, &out);
    assert_int_equal(in + out, 0);
}

static void
sums_interfaces_but_lo(void **state)
{
    static const char text[] =
        "Inter-|   Receive                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"
        "    lo: 900 1 0 0 0 0 0 0 900 1 0 0 0 0 0 0\n"
        "  eth0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n"
        "  eth1:1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n";
    uint64_t in, out;

    (void) state;
    container_stats_net(text, &in, &out);
    assert_int_equal(in, 101);
    assert_int_equal(out, 202);
}

static void
finds_the_cgroup_of_a_controller(void **state)
{
    static const char text[] = "12:pids:/ross/x\n5:cpu,cpuacct:/ross/y\n1:name=systemd:/s\n0::/u\n";
    static const struct {
        const char *controller, *path;
    } rows[] = {
        {"pids", "/ross/x"}, {"cpuacct", "/ross/y"}, {"cpu", "/ross/y"},
        {"", "/u"},          {"memory", NULL},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *path = container_stats_cgroup(text, rows[i].controller);

        if (rows[i].path)
            assert_string_equal(path, rows[i].path);
        else
            assert_null(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_fields),
        cmocka_unit_test(sums_devices),
        cmocka_unit_test(sums_interfaces_but_lo),
        cmocka_unit_test(finds_the_cgroup_of_a_controller),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
