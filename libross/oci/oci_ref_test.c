/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/oci_ref.h"

#include <string.h>

#include "libross/base/test.h"

#define HEX    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST "sha256:" HEX
#define A16    "aaaaaaaaaaaaaaaa"
#define A128   A16 A16 A16 A16 A16 A16 A16 A16

static void
normalises_like_docker(void **state)
{
    static const struct {
        const char *text, *full, *familiar;
    } rows[] = {
        {"alpine", "docker.io/library/alpine:latest", "alpine:latest"},
        {"alpine:3.19", "docker.io/library/alpine:3.19", "alpine:3.19"},
        {"library/alpine", "docker.io/library/alpine:latest", "alpine:latest"},
        {"docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"},
        {"docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"},
        {"index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"},
        {"index.docker.io/a/b:c", "docker.io/a/b:c", "a/b:c"},
        {"user/app", "docker.io/user/app:latest", "user/app:latest"},
        {"a/b/c", "docker.io/a/b/c:latest", "a/b/c:latest"},
        {"library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
        {"localhost/app", "localhost/app:latest", "localhost/app:latest"},
        {"localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"},
        {"127.0.0.1:5000/lab/bb:1", "127.0.0.1:5000/lab/bb:1", "127.0.0.1:5000/lab/bb:1"},
        {"[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"},
        {"[fe80::1]/app", "[fe80::1]/app:latest", "[fe80::1]/app:latest"},
        {"host:1/app", "host:1/app:latest", "host:1/app:latest"},
        {"Host/app", "Host/app:latest", "Host/app:latest"},
        {"registry.example/app", "registry.example/app:latest", "registry.example/app:latest"},
        {"my-reg.example.:5/x", NULL, NULL},
        {"alpine@" DIGEST, "docker.io/library/alpine@" DIGEST, "alpine@" DIGEST},
        {"alpine:3@" DIGEST, "docker.io/library/alpine:3@" DIGEST, "alpine:3@" DIGEST},
        {"h:1/a/b:T_.-x@" DIGEST, "h:1/a/b:T_.-x@" DIGEST, "h:1/a/b:T_.-x@" DIGEST},
        {"a_b.c__d---e", "docker.io/library/a_b.c__d---e:latest", "a_b.c__d---e:latest"},
        {"test:5000", "docker.io/library/test:5000", "test:5000"},
        {"docker.io/foo.com/x", "docker.io/foo.com/x:latest", "docker.io/foo.com/x:latest"},
        {"docker.io/localhost/x", "docker.io/localhost/x:latest", "docker.io/localhost/x:latest"},
        {"docker.io/library/" HEX, "docker.io/library/" HEX ":latest", "library/" HEX ":latest"},
        {"a:" A128, "docker.io/library/a:" A128, "a:" A128},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(oci_ref) ref = {0};
        AUTO(oci_ref) again = {0};
        AUTO(oci_ref) copy = {0};
        auto_free char *full = NULL, *familiar = NULL, *back = NULL;

        if (!rows[i].full) {
            assert_code(oci_ref_parse(rows[i].text, &ref, &err), CODE_INVALID_ARGUMENT, &err);
            continue;
        }
        assert_ok(oci_ref_parse(rows[i].text, &ref, &err), &err);
        copy = oci_ref_clone(&ref);
        full = oci_ref_format(&copy);
        familiar = oci_ref_familiar(&ref);
        assert_string_equal(full, rows[i].full);
        if (strcmp(familiar, rows[i].familiar) != 0)
            fail_msg("%s: %s", rows[i].text, familiar);
        assert_ok(oci_ref_parse(familiar, &again, &err), &err);
        back = oci_ref_format(&again);
        assert_string_equal(back, full);
    }
}

static void
refuses_with_a_reason(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "empty"},
        {HEX, "image id"},
        {"Alpine", "lower case"},
        {"docker.io/Alpine", "lower case"},
        {"user/App:1", "lower case"},
        {"a//b", "made of"},
        {"a/", "made of"},
        {"/a", "made of"},
        {"-a", "made of"},
        {"a-", "made of"},
        {"a..b", "made of"},
        {"a___b", "made of"},
        {"a._b", "made of"},
        {"a b", "made of"},
        {"a\n", "made of"},
        {"../etc/passwd", "registry"},
        {"a/../b", "made of"},
        {"h:x/a", "registry"},
        {"h:/a", "registry"},
        {"-h.x/a", "registry"},
        {"h-.x/a", "registry"},
        {"h..x/a", "registry"},
        {"[::1/a", "registry"},
        {"[::g]/a", "registry"},
        {"http://h.x/a", "registry"},
        {"localhost:5000/", "no repository name"},
        {"a:", "a tag"},
        {"a:-b", "a tag"},
        {"a:.b", "a tag"},
        {"a:b c", "a tag"},
        {"a:b:c", "a tag"},
        {"a:" A128 "a", "a tag"},
        {"a@", "digest"},
        {"a@sha256:12", "digest"},
        {"a@" DIGEST "@" DIGEST, "digest"},
        {"@" DIGEST, "no repository name"},
        {":tag", "no repository name"},
        {"x.y/" A128 A128, "255"},
    };
    char big[OCI_REF_MAX + 2];
    struct oci_ref ref = {0};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_code(oci_ref_parse(rows[i].text, &ref, &err), CODE_INVALID_ARGUMENT, &err);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("%s: %s", rows[i].text, err.msg);
    }
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_code(oci_ref_parse(big, &ref, &err), CODE_INVALID_ARGUMENT, &err);
    assert_null(ref.path);
    /* short enough as written, but not with the tag that it gets */
    big[1] = '.';
    big[OCI_REF_MAX - 20] = '/';
    big[OCI_REF_MAX] = '\0';
    assert_code(oci_ref_parse(big, &ref, &err), CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "with its registry and tag"));
    big[OCI_REF_MAX - strlen(":latest")] = '\0';
    assert_ok(oci_ref_parse(big, &ref, &err), &err);
    oci_ref_done(&ref);
}

static void
names_stay_without_a_tag(void **state)
{
    AUTO(oci_ref) ref = {0};
    auto_free char *name = NULL, *repository = NULL;
    struct err err = {0};

    (void) state;
    assert_ok(oci_ref_parse_name("alpine", &ref, &err), &err);
    assert_null(ref.tag);
    name = oci_ref_familiar_name(&ref);
    repository = oci_ref_repository(&ref);
    assert_string_equal(name, "alpine");
    assert_string_equal(repository, "docker.io/library/alpine");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises_like_docker),
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(names_stay_without_a_tag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
