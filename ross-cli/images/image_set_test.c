/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/image_set.h"

#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/test.h"
#include "ross-cli/images/disk_usage.h"
#include "ross-cli/images/image_prune.h"

static size_t
add(struct image_set *s, const char *name, const char *target)
{
    struct image image = {.name = xstrdup(name)};

    digest_compute(DIGEST_SHA256, target, strlen(target), &image.target.digest);
    image.target.media_type = xstrdup("x");
    return image_set_add(s, &image);
}

/*
 * a:1 and a:2 are one target of {base 100, a 10}, b:1 has {base 100, b 5, snapshot 50}, a nameless one {c 1}.
 * A container was made of a:1.
 */
static struct image_set
four_images(void)
{
    struct image_set s = {0};
    size_t base = image_set_object(&s, "sha256:base", false, 100);

    image_set_give(&s, add(&s, "docker.io/library/a:1", "a"), base);
    image_set_give(&s, 0, image_set_object(&s, "sha256:a", false, 10));
    image_set_give(&s, add(&s, "docker.io/library/a:2", "a"), base);
    image_set_give(&s, add(&s, "docker.io/library/b:1", "b"), base);
    image_set_give(&s, 2, base);
    image_set_give(&s, 2, image_set_object(&s, "sha256:b", false, 5));
    image_set_give(&s, 2, image_set_object(&s, "sha256:b", true, 50));
    image_set_give(&s, add(&s, "<none>@sha256:c", "c"), image_set_object(&s, "sha256:c", false, 1));
    s.items[0].containers = s.items[1].containers = 1;
    for (size_t i = 0; i < s.n; i++)
        s.items[i].created_ns = (int64_t) (i + 1) * NS_PER_S;
    return s;
}

static void
knows_what_is_shared(void **state)
{
    AUTO(image_set) s = four_images();
    static const struct image_size want[] = {
        {110, 100, 10}, {110, 100, 10}, {155, 100, 55}, {1, 0, 1}};

    (void) state;
    assert_int_equal(s.n_objects, 5);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct image_size size = image_set_size(&s, i);
        assert_int_equal(size.total_bytes, want[i].total_bytes);
        assert_int_equal(size.shared_bytes, want[i].shared_bytes);
        assert_int_equal(size.unique_bytes, want[i].unique_bytes);
    }
    assert_non_null(image_set_find(&s, "sha256:b", true));
    assert_null(image_set_find(&s, "sha256:a", true));
}

static void
frees_only_what_nothing_else_has(void **state)
{
    AUTO(image_set) s = four_images();
    static const struct {
        bool gone[4];
        int64_t freed;
    } rows[] = {
        {{false, false, false, false}, 0}, {{true, false, false, false}, 0},
        {{true, true, false, false}, 10},  {{false, false, true, false}, 55},
        {{true, true, true, false}, 165},  {{true, true, true, true}, 166},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(image_set_freed(&s, rows[i].gone), rows[i].freed);
}

static void
prunes_what_is_not_needed(void **state)
{
    AUTO(image_set) s = four_images();
    static const struct {
        bool all;
        int64_t until_s;
        const char *goes; /* one letter an image */
    } rows[] = {
        {false, 0, "---x"}, {true, 0, "--xx"}, {true, 4, "--x-"},
        {false, 4, "----"}, {true, 3, "----"},
    };

    (void) state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++)
        for (size_t i = 0; i < s.n; i++) {
            const struct image_prune opt = {.all = rows[k].all,
                                            .filter.until_ns = rows[k].until_s * NS_PER_S};
            const char *stays = NULL, *goes = image_prune_reason(&s, i, &opt, &stays);
            assert_int_equal(goes != NULL, rows[k].goes[i] == 'x');
            assert_int_equal(stays != NULL, rows[k].goes[i] != 'x');
        }
}

static void
keeps_the_nameless_twin_of_a_name(void **state)
{
    AUTO(image_set) s = four_images();
    const struct image_prune opt = {0};

    (void) state;
    assert_null(image_prune_reason(&s, add(&s, "sha256:0123", "b"), &opt, NULL));
}

static void
tells_names_from_none(void **state)
{
    (void) state;
    assert_true(image_name_is_none("sha256:0123"));
    assert_true(image_name_is_none("<none>@sha256:1"));
    assert_true(image_name_is_none("lower/UPPER"));
    assert_false(image_name_is_none("docker.io/library/a:1"));
}

static void
rows_add_up_to_du(void **state)
{
    AUTO(disk_usage) u = {.images = four_images(), .root_bytes = 1000};
    struct disk_row rows[DISK_ROWS];
    int64_t sum = 0;

    (void) state;
    u.containers = xcalloc(2, sizeof *u.containers);
    u.n_containers = 2;
    u.containers[0] = (struct disk_container){.alive = true, .size_bytes = 20};
    u.containers[1] = (struct disk_container){.size_bytes = 30};
    u.leftovers = xcalloc(1, sizeof *u.leftovers);
    u.n_leftovers = 1;
    u.leftovers[0].size_bytes = 7;
    disk_usage_rows(&u, rows);
    for (size_t i = 0; i < DISK_TOTAL; i++)
        sum += rows[i].size_bytes;
    assert_int_equal(sum, 1000);
    assert_int_equal(rows[DISK_TOTAL].size_bytes, 1000);
    assert_int_equal(rows[DISK_IMAGES].total, 3);
    assert_int_equal(rows[DISK_IMAGES].active, 1);
    assert_int_equal(rows[DISK_IMAGES].size_bytes, 166);
    assert_int_equal(rows[DISK_IMAGES].reclaimable_bytes, 56);
    assert_int_equal(rows[DISK_CONTAINERS].reclaimable_bytes, 30);
    assert_int_equal(rows[DISK_TOTAL].reclaimable_bytes, 56 + 30 + 7);
    u.root_bytes = -1;
    disk_usage_rows(&u, rows);
    assert_int_equal(rows[DISK_TOTAL].size_bytes, 166 + 50 + 7);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_is_shared),
        cmocka_unit_test(frees_only_what_nothing_else_has),
        cmocka_unit_test(prunes_what_is_not_needed),
        cmocka_unit_test(keeps_the_nameless_twin_of_a_name),
        cmocka_unit_test(tells_names_from_none),
        cmocka_unit_test(rows_add_up_to_du),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
