/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/digest.h"

#include <string.h>

#include "libross/base/test.h"
#include "libross/oci/oci_desc.h"

#define SHA256_EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256_ABC   "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA384_ABC                                                                                 \
    "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358b"   \
    "aeca134c825a7"
#define SHA512_ABC                                                                                 \
    "sha512:"                                                                                      \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c"       \
    "23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void
computes_known_digests(void **state)
{
    static const struct {
        enum digest_alg alg;
        const char *input, *want;
    } rows[] = {
        {DIGEST_SHA256, "", SHA256_EMPTY},
        {DIGEST_SHA256, "abc", SHA256_ABC},
        {DIGEST_SHA384, "abc", SHA384_ABC},
        {DIGEST_SHA512, "abc", SHA512_ABC},
    };
    char shown[DIGEST_STR_MAX];
    struct digest d, parsed;
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        digest_compute(rows[i].alg, rows[i].input, strlen(rows[i].input), &d);
        assert_string_equal(digest_format(&d, shown), rows[i].want);
        assert_ok(digest_parse(rows[i].want, &parsed, &err), &err);
        assert_true(digest_equal(&d, &parsed));
        assert_int_equal(digest_cmp(&d, &parsed), 0);
        assert_true(digest_is_set(&parsed));
    }
    assert_string_equal(digest_format(&(struct digest){0}, shown), "");
    assert_false(digest_is_set(&(struct digest){0}));
}

static void
refuses_malformed_digests(void **state)
{
    static const char *const rows[] = {
        "",
        "sha256",
        "sha256:",
        ":e3b0",
        "sha256:e3b0",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        SHA256_EMPTY "0",
        "sha256:../../../../../../../../../../../../../../../../../../../../etc/pwd",
        "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha25:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    };
    struct digest d = {0};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_code(digest_parse(rows[i], &d, &err), CODE_INVALID_ARGUMENT, &err);
    assert_false(digest_is_set(&d));
}

static void
algorithms_have_names(void **state)
{
    (void) state;
    assert_int_equal(digest_alg_find("sha512"), DIGEST_SHA512);
    assert_int_equal(digest_alg_find("sha1"), DIGEST_NONE);
    assert_int_equal(digest_alg_find(""), DIGEST_NONE);
    assert_string_equal(digest_alg_name(DIGEST_SHA384), "sha384");
    assert_int_equal(digest_size(DIGEST_SHA384), 48);
}

static void
peek_does_not_end_the_hash(void **state)
{
    AUTO_PTR(hasher) h = hasher_new(DIGEST_SHA256);
    char shown[DIGEST_STR_MAX];
    struct digest d;

    (void) state;
    hasher_peek(h, &d);
    assert_string_equal(digest_format(&d, shown), SHA256_EMPTY);
    hasher_update(h, "a", 1);
    hasher_peek(h, &d);
    hasher_update(h, "bc", 2);
    hasher_peek(h, &d);
    assert_string_equal(digest_format(&d, shown), SHA256_ABC);
    assert_int_equal(hasher_bytes(h), 3);
    hasher_reset(h);
    hasher_peek(h, &d);
    assert_string_equal(digest_format(&d, shown), SHA256_EMPTY);
    assert_int_equal(hasher_bytes(h), 0);
}

/* Every algorithm, cut at every position of three blocks: the loaded hash continues as the saved one. */
static void
saved_state_continues(void **state)
{
    unsigned char input[400], saved[HASHER_STATE_MAX];
    struct digest whole, got;
    struct err err = {0};
    size_t n;

    (void) state;
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (unsigned char) (i * 7);
    for (enum digest_alg alg = DIGEST_SHA256; alg <= DIGEST_SHA512; alg++) {
        digest_compute(alg, input, sizeof input, &whole);
        for (size_t cut = 0; cut <= sizeof input; cut++) {
            AUTO_PTR(hasher) a = hasher_new(alg);
            AUTO_PTR(hasher) b = NULL;

            hasher_update(a, input, cut);
            n = hasher_save(a, saved);
            assert_ok(hasher_load(saved, n, &b, &err), &err);
            assert_int_equal(hasher_alg(b), alg);
            assert_int_equal(hasher_bytes(b), cut);
            hasher_update(b, input + cut, sizeof input - cut);
            hasher_peek(b, &got);
            assert_true(digest_equal(&got, &whole));
        }
    }
}

static void
damaged_states_are_data_loss(void **state)
{
    AUTO_PTR(hasher) h = hasher_new(DIGEST_SHA512);
    unsigned char saved[HASHER_STATE_MAX];
    struct hasher *got = NULL;
    struct err err = {0};
    size_t n;

    (void) state;
    hasher_update(h, "some pending bytes", 18);
    n = hasher_save(h, saved);
    for (size_t i = 0; i < n; i++)
        assert_code(hasher_load(saved, i, &got, &err), CODE_DATA_LOSS, &err);
    for (size_t i = 0; i < n; i++) {
        saved[i] ^= 1;
        assert_code(hasher_load(saved, n, &got, &err), CODE_DATA_LOSS, &err);
        saved[i] ^= 1;
    }
    assert_null(got);
}

static void
descriptors_are_cloned_deeply(void **state)
{
    struct oci_desc d = {
        .media_type = xstrdup("application/x"),
        .size_bytes = 5,
        .platform = {.os = xstrdup("linux"),
                     .architecture = xstrdup("arm"),
                     .variant = xstrdup("v7")},
    };
    struct oci_desc copy;

    (void) state;
    labels_set_raw(&d.annotations, "a", "");
    copy = oci_desc_clone(&d);
    oci_desc_done(&d);
    assert_null(d.media_type);
    assert_string_equal(copy.media_type, "application/x");
    assert_string_equal(copy.platform.variant, "v7");
    assert_null(copy.platform.os_version);
    assert_string_equal(labels_find(&copy.annotations, "a"), "");
    assert_int_equal(copy.size_bytes, 5);
    oci_desc_done(&copy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_known_digests),
        cmocka_unit_test(refuses_malformed_digests),
        cmocka_unit_test(algorithms_have_names),
        cmocka_unit_test(peek_does_not_end_the_hash),
        cmocka_unit_test(saved_state_continues),
        cmocka_unit_test(damaged_states_are_data_loss),
        cmocka_unit_test(descriptors_are_cloned_deeply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
