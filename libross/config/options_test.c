/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/config/options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/strv.h"
#include "libross/base/test.h"
#include "libross/config/places.h"

struct opts {
    bool tty, interactive;
    const char *name;
    struct strv env;
    int64_t retries, memory, timeout;
    uint32_t pids;
};

static int
parse_pids(const char *value, void *into, struct err *err)
{
    return parse_u32(value, into, err);
}

static const struct option_row rows[] = {
    {"tty", 't', OPTION_FLAG, offsetof(struct opts, tty), NULL, "Give it a terminal", NULL, false},
    {"interactive", 'i', OPTION_FLAG, offsetof(struct opts, interactive), NULL, "Keep stdin open",
     NULL, false},
    {"name", 'n', OPTION_STR, offsetof(struct opts, name), "NAME", "Its name", NULL, false},
    {"env", 'e', OPTION_STRV, offsetof(struct opts, env), "K=V", "Environment", NULL, false},
    {"retries", 0, OPTION_I64, offsetof(struct opts, retries), "N", "How often", NULL, false},
    {"memory-limit", 'm', OPTION_SIZE, offsetof(struct opts, memory), "SIZE", "Memory", NULL,
     false},
    {"timeout", 0, OPTION_DURATION, offsetof(struct opts, timeout), "TIME", "Patience", NULL,
     false},
    {"pids", 0, OPTION_CALL, offsetof(struct opts, pids), "N", "Processes", parse_pids, false},
    {"secret", 0, OPTION_FLAG, offsetof(struct opts, tty), NULL, "Not shown", NULL, true},
};

#define ARGS_MAX 12

static int
parse(struct opts *o, bool stop, const char **argv, int *words, struct err *err)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return options_parse(rows, ARRAY_LEN(rows), o, argc, (char **) argv, stop, words, err);
}

static void
parses_all_forms(void **state)
{
    static const char *const lines[][ARGS_MAX] = {
        {"x", "-it", "--name", "a", "-e", "A=1", "--env=B=2", "img", NULL},
        {"x", "--tty", "--interactive", "-na", "-eA=1", "-e", "B=2", "img", NULL},
        {"x", "-ti", "-n=a", "-e=A=1", "-eB=2", "img", NULL},
        {"x", "--tty=true", "-itn", "a", "--env", "A=1", "-ieB=2", "--", "img", NULL},
        {"x", "-it=false", "-t", "--name=b", "--name=a", "-e=A=1", "-eB=2", "img", NULL},
    };
    const char *argv[ARGS_MAX];
    struct err err = {0};
    int words;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct opts o = {0};

        memcpy(argv, lines[i], sizeof argv);
        assert_ok(parse(&o, true, argv, &words, &err), &err);
        assert_true(o.tty);
        assert_true(o.interactive);
        assert_string_equal(o.name, "a");
        assert_int_equal(o.env.n, 2);
        assert_string_equal(o.env.items[0], "A=1");
        assert_string_equal(o.env.items[1], "B=2");
        assert_string_equal(argv[words], "img");
        options_done(rows, ARRAY_LEN(rows), &o);
    }
}

static void
stops_at_the_first_word(void **state)
{
    const char *argv[] = {"x", "-t", "img", "-i", "--name", "z", NULL};
    const char *dashes[] = {"x", "--", "-t", NULL};
    const char *nothing[] = {"x", NULL};
    struct opts o = {0}, p = {0};
    struct err err = {0};
    int words;

    (void) state;
    assert_ok(parse(&o, true, argv, &words, &err), &err);
    assert_int_equal(words, 2);
    assert_false(o.interactive);
    assert_ok(parse(&p, true, dashes, &words, &err), &err);
    assert_string_equal(dashes[words], "-t");
    assert_false(p.tty);
    assert_ok(parse(&p, true, nothing, &words, &err), &err);
    assert_int_equal(words, 1);
}

static void
words_and_options_mix(void **state)
{
    const char *argv[] = {"x", "a", "-i", "-", "--name", "z", "b", "--", "-t", NULL};
    static const char *const want[] = {"x", "-i", "--name", "z", "--", "a", "-", "b", "-t"};
    struct opts o = {0};
    struct err err = {0};
    int words;

    (void) state;
    assert_ok(parse(&o, false, argv, &words, &err), &err);
    assert_int_equal(words, 5);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(argv[i], want[i]);
    assert_true(o.interactive);
    assert_false(o.tty);
}

static void
converts_values(void **state)
{
    const char *argv[] = {"x",      "--retries", "-3", "-m", "2k", "--timeout=1m30s",
                          "--pids", "7",         NULL};
    struct opts o = {0};
    struct err err = {0};
    int words;

    (void) state;
    assert_ok(parse(&o, true, argv, &words, &err), &err);
    assert_int_equal(words, 8);
    assert_int_equal(o.retries, -3);
    assert_int_equal(o.memory, 2048);
    assert_int_equal(o.timeout, INT64_C(90000000000));
    assert_int_equal(o.pids, 7);
}

static void
mistakes_are_named_with_a_hint(void **state)
{
    static const struct {
        const char *argv[4];
        const char *says;
    } lines[] = {
        {{"x", "--nmae", "a"}, "unknown option '--nmae'; did you mean '--name'?"},
        {{"x", "--memory-limt=3"},
         "unknown option '--memory-limt'; did you mean '--memory-limit'?"},
        {{"x", "--zzz"}, "unknown option '--zzz'"},
        {{"x", "--secre"}, "unknown option '--secre'"},
        {{"x", "-q"}, "unknown option '-q' in '-q'"},
        {{"x", "-iq"}, "unknown option '-q' in '-iq'"},
        {{"x", "-retries=1"}, "unknown option '-r'; did you mean '--retries'?"},
        {{"x", "--name"}, "option '--name' needs a value (NAME)"},
        {{"x", "-in"}, "option '--name' needs a value (NAME)"},
        {{"x", "--tty=maybe"}, "option '--tty': "},
        {{"x", "--retries", "many"}, "option '--retries': "},
        {{"x", "--pids=-1"}, "option '--pids': "},
    };
    const char *argv[4];
    struct err err;
    int words;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct opts o = {0};

        memcpy(argv, lines[i].argv, sizeof argv);
        err = (struct err){0};
        assert_code(parse(&o, true, argv, &words, &err), CODE_INVALID_ARGUMENT, &err);
        if (strncmp(err.msg, lines[i].says, strlen(lines[i].says)) != 0)
            fail_msg("row %zu: %s", i, err.msg);
    }
}

static void
help_is_aligned(void **state)
{
    auto_free char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    (void) state;
    assert_non_null(to);
    options_help(to, rows, ARRAY_LEN(rows));
    (void) fclose(to);
    assert_non_null(strstr(text, "  -t, --tty                Give it a terminal\n"));
    assert_non_null(strstr(text, "      --retries N          How often\n"));
    assert_non_null(strstr(text, "  -m, --memory-limit SIZE  Memory\n"));
    assert_null(strstr(text, "secret"));
}

static int
read_text(const char *text, struct opts *o, struct err *err)
{
    char *dir = test_tmpdir();
    auto_free char *path = path_join(dir, "s.toml");
    int r;

    assert_ok(fd_write_file_at(AT_FDCWD, path, text, strlen(text), 0600, err), err);
    r = options_read_file(path, rows, ARRAY_LEN(rows), o, err);
    test_tmpdir_remove(dir);
    return r;
}

static void
reads_a_settings_file(void **state)
{
    struct opts o = {0};
    struct err err = {0};

    (void) state;
    assert_ok(read_text("# comment\ntty = true\nname = 'n'\nenv = ['A=1', "
                        "'B=2']\nretries = 4\n"
                        "memory_limit = '1m'\ntimeout = 30\npids = 9\n",
                        &o, &err),
              &err);
    assert_true(o.tty);
    assert_string_equal(o.name, "n");
    assert_int_equal(o.env.n, 2);
    assert_int_equal(o.retries, 4);
    assert_int_equal(o.memory, 1 << 20);
    assert_int_equal(o.timeout, INT64_C(30000000000));
    assert_int_equal(o.pids, 9);
    options_done(rows, ARRAY_LEN(rows), &o);
}

static void
mistakes_in_a_settings_file_are_named(void **state)
{
    static const struct {
        const char *text, *says;
    } lines[] = {
        {"\nnmae = 'x'", "line 2: unknown setting 'nmae'; did you mean 'name'?"},
        {"zzz = 1", "line 1: unknown setting 'zzz'"},
        {"tty = 1", "line 1: 'tty': an integer where true or false is needed"},
        {"name = 1", "line 1: 'name': an integer where a string is needed"},
        {"env = [1]", "line 1: 'env': an item is an integer, not a string"},
        {"env = 1", "line 1: 'env': an integer where an array of strings is needed"},
        {"retries = 'x'", "line 1: 'retries': a string where an integer is needed"},
        {"memory-limit = 1.5", "line 1: 'memory-limit': a number where a string or an integer is"},
        {"memory-limit = 'x'", "line 1: 'memory-limit': 'x'"},
        {"name = x", "line 1: 'x' is no value"},
    };
    struct err err;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct opts o = {0};

        err = (struct err){0};
        assert_code(read_text(lines[i].text, &o, &err), CODE_INVALID_ARGUMENT, &err);
        if (!strstr(err.msg, lines[i].says))
            fail_msg("row %zu: %s", i, err.msg);
        options_done(rows, ARRAY_LEN(rows), &o);
    }
    {
        struct opts o = {0};

        assert_code(options_read_file("/nonexistent/x.toml", rows, ARRAY_LEN(rows), &o, &err),
                    CODE_NOT_FOUND, &err);
    }
}

static void
places_prefer_the_flag_then_the_environment(void **state)
{
    auto_free char *a = NULL, *b = NULL, *c = NULL;

    (void) state;
    (void) unsetenv("ROSS_ROOT");
    (void) unsetenv("ROSS_STATE");
    assert_string_equal(places_root(NULL), "/var/lib/ross");
    assert_string_equal(places_state(NULL), "/run/ross");
    (void) setenv("ROSS_ROOT", "/env/root", 1);
    (void) setenv("ROSS_STATE", "", 1);
    assert_string_equal(places_root(NULL), "/env/root");
    assert_string_equal(places_root("/flag"), "/flag");
    assert_string_equal(places_state(NULL), "/run/ross");
    a = places_contentd_address(NULL, "/run/ross/");
    b = places_snapshotter_address(NULL, "/s");
    c = places_contentd_address("/x.sock", "/s");
    assert_string_equal(a, "/run/ross/contentd.sock");
    assert_string_equal(b, "/s/snapshotter.sock");
    assert_string_equal(c, "/x.sock");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_all_forms),
        cmocka_unit_test(stops_at_the_first_word),
        cmocka_unit_test(words_and_options_mix),
        cmocka_unit_test(converts_values),
        cmocka_unit_test(mistakes_are_named_with_a_hint),
        cmocka_unit_test(help_is_aligned),
        cmocka_unit_test(reads_a_settings_file),
        cmocka_unit_test(mistakes_in_a_settings_file_are_named),
        cmocka_unit_test(places_prefer_the_flag_then_the_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
