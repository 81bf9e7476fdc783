/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/layer_table.h"

#include <string.h>

#include "libross/base/test.h"

#define LAYERS 4

/*
 * One letter a layer. fetch: w waiting, r running, s running and streaming, d done.
 * unpack: w waiting, a applying, A applied, C committed.
 */
static void
fill(struct layer_table *t, struct layer *items, const char *fetch, const char *unpack)
{
    static const struct oci_desc none;

    *t = (struct layer_table){.items = items, .n = strlen(fetch), .rebase = true};
    for (size_t i = 0; i < t->n; i++) {
        items[i] = (struct layer){.desc = &none, .same_as = i};
        items[i].fetch = fetch[i] == 'w'   ? FETCH_WAITING
                         : fetch[i] == 'd' ? FETCH_DONE
                                           : FETCH_RUNNING;
        items[i].streaming = fetch[i] == 's';
        items[i].unpack = unpack[i] == 'w'   ? UNPACK_WAITING
                          : unpack[i] == 'a' ? UNPACK_APPLYING
                          : unpack[i] == 'A' ? UNPACK_APPLIED
                                             : UNPACK_COMMITTED;
    }
}

static void
picks_what_to_unpack(void **state)
{
    static const struct {
        const char *fetch, *unpack;
        bool rebase, no_follow;
        size_t want;
    } rows[] = {
        {"wwww", "wwww", true, false, LAYER_NONE},  /* nothing has come */
        {"rrrr", "wwww", true, false, LAYER_NONE},  /* asked for, no byte yet */
        {"rsrr", "wwww", true, false, 1},           /* follows what comes */
        {"rsrr", "wwww", true, true, LAYER_NONE},   /* cannot follow */
        {"ssrd", "wwww", true, false, 3},           /* a whole one is better than a growing one */
        {"ddrd", "wwww", true, false, 0},           /* the lowest first */
        {"dddd", "aaww", true, false, 2},           /* others are taken */
        {"ddss", "aAww", true, false, 2},           /* then the growing ones */
        {"dddd", "aAaC", true, false, LAYER_NONE},  /* all are taken */
        {"dddd", "wwww", false, false, 0},          /* without rebase: the base */
        {"dddd", "Awww", false, false, LAYER_NONE}, /* … whose commit the next one waits for */
        {"dddd", "Cwww", false, false, 1},          /* … and has now */
        {"dsww", "Cwww", false, false, LAYER_NONE}, /* … and is not followed */
        {"wddd", "wwww", false, false, LAYER_NONE}, /* the base is missing */
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct layer items[LAYERS];
        struct layer_table t;
        fill(&t, items, rows[i].fetch, rows[i].unpack);
        t.rebase = rows[i].rebase;
        t.no_follow = rows[i].no_follow;
        if (layer_table_to_unpack(&t) != rows[i].want)
            fail_msg("row %zu: %zu", i, layer_table_to_unpack(&t));
    }
}

static void
fetches_from_the_base_up(void **state)
{
    static const struct {
        const char *fetch;
        size_t want;
    } rows[] = {{"wwww", 0}, {"rwww", 1}, {"dwrw", 1}, {"drsw", 3}, {"drsd", LAYER_NONE}};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct layer items[LAYERS];
        struct layer_table t;
        fill(&t, items, rows[i].fetch, "wwww");
        assert_int_equal(layer_table_to_fetch(&t), rows[i].want);
    }
}

static void
commits_what_is_whole(void **state)
{
    struct layer items[LAYERS];
    struct layer_table t;

    (void) state;
    fill(&t, items, "dsds", "aAAA");
    assert_false(layer_table_may_commit(&t, 0)); /* still being applied */
    assert_false(layer_table_may_commit(&t, 1)); /* applied from a blob that is not verified yet */
    assert_true(layer_table_may_commit(&t, 2));
    assert_true(layer_table_past(&t, UNPACK_APPLYING));
    assert_false(layer_table_past(&t, UNPACK_APPLIED));
    fill(&t, items, "dd", "CC");
    assert_true(layer_table_past(&t, UNPACK_COMMITTED));
}

static void
fetches_one_of_twins(void **state)
{
    struct oci_desc a = {.size_bytes = 1}, b = {.size_bytes = 1};
    struct layer items[LAYERS];
    struct layer_table t;

    (void) state;
    digest_compute(DIGEST_SHA256, "a", 1, &a.digest);
    digest_compute(DIGEST_SHA256, "b", 1, &b.digest);
    fill(&t, items, "wwww", "wwww");
    items[0].desc = items[1].desc = items[3].desc = &a;
    items[2].desc = &b;
    layer_table_settle_twins(&t);
    assert_int_equal(items[0].same_as, 0);
    assert_int_equal(items[1].same_as, 0);
    assert_int_equal(items[2].same_as, 2);
    assert_int_equal(items[3].same_as, 0);
    items[0].fetch = items[2].fetch = FETCH_RUNNING;
    assert_int_equal(layer_table_to_fetch(&t), LAYER_NONE);
    /* the first one has its snapshot already: its blob need not be here */
    fill(&t, items, "dwww", "Cwww");
    items[0].desc = items[1].desc = items[3].desc = &a;
    items[2].desc = &b;
    layer_table_settle_twins(&t);
    assert_int_equal(items[1].same_as, 1);
    assert_int_equal(items[3].same_as, 1);
    assert_int_equal(layer_table_to_fetch(&t), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_what_to_unpack),
        cmocka_unit_test(fetches_from_the_base_up),
        cmocka_unit_test(commits_what_is_whole),
        cmocka_unit_test(fetches_one_of_twins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
