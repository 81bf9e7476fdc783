/* SPDX-License-Identifier: Apache-2.0 */
#include "cd_text.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
counts_and_finds_lines(void **state)
{
    auto_free char *second = cd_text_line("one\ntwo\n\nfour", 2);
    auto_free char *last = cd_text_line("one\ntwo\n\nfour", 4);

    (void) state;
    assert_string_equal(second, "two");
    assert_string_equal(last, "four");
    assert_null(cd_text_line("one\n", 2));
    assert_int_equal(cd_text_lines(""), 0);
    assert_int_equal(cd_text_lines("a\nb"), 2);
    assert_int_equal(cd_text_lines("a\n\n"), 2);
}

/* Two edits, one of which replaces `n_replaced` lines, are taken back to the byte. */
static void
round_trip(const char *text, size_t at, size_t n_replaced)
{
    char line[] = "ours = 1", *words[] = {line, NULL};
    struct cd_edit edits[] = {{.at = at, .n_replaced = n_replaced, .lines = {words, 1}},
                              {.at = CD_TEXT_END, .lines = {words, 1}}};
    auto_free char *after = cd_text_apply(text, edits, 2), *back = NULL;
    struct err err = {0};
    size_t parts = 0;

    assert_non_null(strstr(after, "\nours = 1\n"));
    assert_ok(cd_text_strip(after, &back, &parts, &err), &err);
    assert_int_equal(parts, 2);
    if (text)
        assert_string_equal(back, text);
    else
        assert_null(back);
}

static void
strip_gives_the_text_back_to_the_byte(void **state)
{
    static const char *const texts[] = {
        "",     "a\n",        "a",      "a\nb\nc\n", "a\nb\nc",
        "\n\n", "a\r\nb\r\n", "a\r\nb", "\na\n\n\n", "#was: x\ny = 2\n"};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t at = 1; at < 6; at++)
            for (size_t n = 0; n < 4; n++)
                round_trip(texts[i], at, n);
    round_trip(NULL, 1, 0);
}

static void
what_others_add_stays(void **state)
{
    char line[] = "ours = 1", *words[] = {line, NULL};
    struct cd_edit edit = {.at = CD_TEXT_END, .lines = {words, 1}};
    auto_free char *after = cd_text_apply("a = 1", &edit, 1), *made = cd_text_apply(NULL, &edit, 1);
    auto_free char *more = xasprintf("# first\n%s[theirs]\nb = 2\n", after), *back = NULL;
    auto_free char *made_more = xasprintf("%sc = 3\n", made), *made_back = NULL;
    struct err err = {0};
    size_t parts = 0;

    (void) state;
    assert_ok(cd_text_strip(more, &back, &parts, &err), &err);
    assert_string_equal(back, "# first\na = 1\n[theirs]\nb = 2\n");
    assert_ok(cd_text_strip(made_more, &made_back, &parts, &err), &err);
    assert_string_equal(made_back, "c = 3\n");
}

static void
text_without_marks_is_itself(void **state)
{
    auto_free char *back = NULL;
    struct err err = {0};
    size_t parts = 7;

    (void) state;
    assert_ok(cd_text_strip("#was: a\nb = 1", &back, &parts, &err), &err);
    assert_string_equal(back, "#was: a\nb = 1");
    assert_int_equal(parts, 0);
}

static void
a_mark_without_its_partner_is_refused(void **state)
{
    static const char *const texts[] = {
        "# >>> ross-cli containerd enable\na = 1\n",
        "a = 1\n# <<< ross-cli containerd enable\n",
        "# >>> ross-cli containerd enable\n# >>> ross-cli containerd enable\n# <<< ross-cli "
        "containerd enable\n",
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = {0};
        char *back = NULL;
        size_t parts;

        assert_code(cd_text_strip(texts[i], &back, &parts, &err), CODE_FAILED_PRECONDITION, &err);
        assert_null(back);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_finds_lines),
        cmocka_unit_test(strip_gives_the_text_back_to_the_byte),
        cmocka_unit_test(what_others_add_stays),
        cmocka_unit_test(text_without_marks_is_itself),
        cmocka_unit_test(a_mark_without_its_partner_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
