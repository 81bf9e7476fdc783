/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/platform.h"

#include <string.h>

#include "libross/base/test.h"

static void
parses_and_normalises(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"linux/amd64", "linux/amd64"},    {"Linux/x86_64", "linux/amd64"},
        {"linux/amd64/v1", "linux/amd64"}, {"linux/amd64/v3", "linux/amd64/v3"},
        {"linux/aarch64", "linux/arm64"},  {"linux/arm64/v8", "linux/arm64"},
        {"linux/arm64/8", "linux/arm64"},  {"linux/arm", "linux/arm/v7"},
        {"linux/arm/6", "linux/arm/v6"},   {"linux/armhf", "linux/arm/v7"},
        {"linux/armel", "linux/arm/v6"},   {"linux/i386", "linux/386"},
        {"macos/arm64", "darwin/arm64"},   {"riscv64", "linux/riscv64"},
        {"x86_64", "linux/amd64"},         {"windows/amd64", "windows/amd64"},
    };
    static const char *const bad[] = {
        "", "/", "linux/", "/amd64", "a/b/c/d", "linux/am d64", "nosuch", "linux/\xc3\xbc"};
    struct oci_platform none = {0};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(oci_platform) p = {0};
        auto_free char *text = NULL;

        assert_ok(platform_parse(rows[i].text, &p, &err), &err);
        text = platform_format(&p);
        assert_string_equal(text, rows[i].want);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_code(platform_parse(bad[i], &none, &err), CODE_INVALID_ARGUMENT, &err);
}

static void
the_host_has_a_platform(void **state)
{
    static const struct {
        const char *machine, *cpu, *want;
    } rows[] = {
        {"x86_64", NULL, "linux/amd64"},   {"aarch64", NULL, "linux/arm64"},
        {"armv7l", "7\n", "linux/arm/v7"}, {"armv6l", NULL, "linux/arm/v6"},
        {"armv7l", "8", "linux/arm/v8"},   {"i686", NULL, "linux/386"},
        {"s390x", NULL, "linux/s390x"},    {"ppc64le", NULL, "linux/ppc64le"},
    };
    AUTO(oci_platform) host = {0};
    AUTO(oci_platform) alone = {0};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(oci_platform) p = {0};
        auto_free char *text = NULL;

        platform_from_machine(rows[i].machine, rows[i].cpu, &p);
        text = platform_format(&p);
        assert_string_equal(text, rows[i].want);
    }
    platform_host(&host);
    assert_ok(platform_parse("linux", &alone, &err), &err);
    assert_true(platform_equal(&host, &alone));
}

static void
ranks_like_containerd(void **state)
{
    static const struct {
        const char *want, *have;
        int rank;
    } rows[] = {
        {"linux/amd64", "linux/amd64", 0},        {"linux/amd64", "linux/amd64/v1", 0},
        {"linux/amd64", "linux/amd64/v2", -1},    {"linux/amd64", "linux/386", 1},
        {"linux/amd64/v3", "linux/amd64/v3", 0},  {"linux/amd64/v3", "linux/amd64/v2", 1},
        {"linux/amd64/v3", "linux/amd64", 2},     {"linux/amd64/v3", "linux/386", 3},
        {"linux/amd64/v2", "linux/amd64/v3", -1}, {"linux/386", "linux/amd64", -1},
        {"linux/amd64", "windows/amd64", -1},     {"linux/amd64", "unknown/unknown", -1},
        {"linux/amd64", "linux/arm64", -1},       {"linux/arm64", "linux/arm64/v8", 0},
        {"linux/arm64", "linux/arm/v8", 1},       {"linux/arm64", "linux/arm/v7", 2},
        {"linux/arm64", "linux/arm/v5", 4},       {"linux/arm64", "linux/arm64/v9", -1},
        {"linux/arm64/v9", "linux/arm64", 1},     {"linux/arm/v7", "linux/arm", 0},
        {"linux/arm/v7", "linux/arm/v6", 1},      {"linux/arm/v7", "linux/arm/v5", 2},
        {"linux/arm/v6", "linux/arm/v7", -1},     {"linux/arm/v7", "linux/arm64", -1},
        {"linux/riscv64", "linux/riscv64", 0},
    };
    AUTO(oci_platform) host = {0};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(oci_platform) want = {0};
        AUTO(oci_platform) have = {0};

        assert_ok(platform_parse(rows[i].want, &want, &err), &err);
        assert_ok(platform_parse(rows[i].have, &have, &err), &err);
        if (platform_rank(&want, &have) != rows[i].rank)
            fail_msg("%s on %s: %d", rows[i].have, rows[i].want, platform_rank(&want, &have));
        assert_int_equal(platform_equal(&want, &have), rows[i].rank == 0);
    }
    platform_host(&host);
    assert_int_equal(platform_rank(&host, &(struct oci_platform){0}), PLATFORM_RANK_UNSTATED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_normalises),
        cmocka_unit_test(the_host_has_a_platform),
        cmocka_unit_test(ranks_like_containerd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
