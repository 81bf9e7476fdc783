/* SPDX-License-Identifier: Apache-2.0 */
#include "cidr.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static struct cidr
subnet(const char *text)
{
    struct err err = {0};
    struct cidr c;

    assert_ok(cidr_parse(text, &c, &err), &err);
    return c;
}

static void
parses_and_formats(void **state)
{
    static const char *const good[] = {"10.1.2.0/24", "0.0.0.0/0", "10.1.2.3/32", "fd00:1::/64",
                                       "::/0"};
    static const char *const bad[] = {"10.1.2.0",
                                      "10.1.2.0/33",
                                      "10.1.2/24",
                                      "/24",
                                      "10.1.2.0/-1",
                                      "10.1.2.0/24 ",
                                      "fd00::/129",
                                      "fd00:::/64",
                                      "10.1.2.0/24/24",
                                      "300.1.2.0/24",
                                      ""};
    char buf[CIDR_STR_MAX];
    struct err err = {0};
    struct cidr c;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        c = subnet(good[i]);
        assert_string_equal(cidr_format(&c, buf), good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_code(cidr_parse(bad[i], &c, &err), CODE_INVALID_ARGUMENT, &err);
    assert_code(cidr_parse_address("10.1.2.0/24", &c, &err), CODE_INVALID_ARGUMENT, &err);
    assert_ok(cidr_parse_address("10.1.2.9", &c, &err), &err);
    assert_int_equal(c.prefix, 32);
}

static void
counts_within_a_subnet(void **state)
{
    char buf[CIDR_STR_MAX];
    struct cidr c = subnet("10.1.2.77/22"), at;

    (void) state;
    at = cidr_network(&c);
    assert_string_equal(cidr_format(&at, buf), "10.1.0.0/22");
    at = cidr_nth(&c, 1);
    assert_string_equal(cidr_format_address(&at, buf), "10.1.0.1");
    at = cidr_nth(&c, 257);
    assert_string_equal(cidr_format_address(&at, buf), "10.1.1.1");
    c = subnet("fd00::/64");
    at = cidr_nth(&c, 1);
    assert_string_equal(cidr_format(&at, buf), "fd00::1/64");
}

static void
compares(void **state)
{
    struct cidr a = subnet("10.1.0.0/16"), b = subnet("10.1.255.0/24"), c = subnet("10.2.0.0/24");
    struct cidr six = subnet("::/0");

    (void) state;
    assert_true(cidr_overlaps(&a, &b));
    assert_true(cidr_overlaps(&b, &a));
    assert_false(cidr_overlaps(&a, &c));
    assert_false(cidr_overlaps(&a, &six));
    assert_true(cidr_contains(&a, &b));
    assert_false(cidr_contains(&b, &c));
    assert_true(cidr_equal(&a, &a));
    assert_false(cidr_equal(&a, &b));
}

static void
reads_the_kernels_tables(void **state)
{
    static const char v4[] =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "nonsense\n";
    static const char v6[] =
        "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
        "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
        "zz000000000000000000000000000000 40 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n";
    AUTO(cidr_list) l = {0};
    char buf[CIDR_STR_MAX];

    (void) state;
    cidr_routes_parse(v4, &l);
    assert_int_equal(l.n, 1);
    assert_string_equal(cidr_format(&l.items[0], buf), "192.0.2.0/24");
    cidr_routes6_parse(v6, &l);
    assert_int_equal(l.n, 2);
    assert_string_equal(cidr_format(&l.items[1], buf), "fd00::/64");
}

static void
picks_what_is_free(void **state)
{
    AUTO(cidr_list) used = {0};
    struct cidr c = subnet("10.60.0.0/24"), got;
    char buf[CIDR_STR_MAX];

    (void) state;
    assert_int_equal(cidr_pick(&used, &got), 0);
    assert_string_equal(cidr_format(&got, buf), "10.60.0.0/24");
    cidr_list_add(&used, &c);
    assert_int_equal(cidr_pick(&used, &got), 0);
    assert_string_equal(cidr_format(&got, buf), "10.60.1.0/24");
    c = subnet("10.0.0.0/8");
    cidr_list_add(&used, &c);
    assert_int_equal(cidr_pick(&used, &got), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_formats), cmocka_unit_test(counts_within_a_subnet),
        cmocka_unit_test(compares),           cmocka_unit_test(reads_the_kernels_tables),
        cmocka_unit_test(picks_what_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
