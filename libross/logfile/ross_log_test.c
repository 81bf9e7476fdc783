/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/json/json.h"
#include "libross/logfile/ross_log.h"

static struct ross_log *
open_log(const char *dir, const char *query)
{
    auto_free char *text = xasprintf("ross-log://%s/sub/log?%s", dir, query);
    struct log_uri uri;
    struct ross_log *l = NULL;
    struct err err = {0};

    assert_ok(log_uri_parse(text, &uri, &err), &err);
    assert_ok(ross_log_open(&uri, &l, &err), &err);
    log_uri_done(&uri);
    return l;
}

static char *
content(const char *dir, const char *name)
{
    auto_free char *path = xasprintf("%s/sub/%s", dir, name);
    char *text = NULL;

    (void) fd_read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL, NULL);
    return text;
}

static size_t
put(struct ross_log *l, int which, const char *text)
{
    return ross_log_write(ross_log_stream(l, which), text, strlen(text));
}

/* The times of the lines cut off. */
static void
assert_cri(const char *text, const char *const *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *space = strchr(text, ' '), *nl = strchr(text, '\n');

        assert_non_null(space);
        assert_non_null(nl);
        assert_int_equal((size_t) (nl - space - 1), strlen(want[i]));
        assert_memory_equal(space + 1, want[i], strlen(want[i]));
        text = nl + 1;
    }
    assert_string_equal(text, "");
}

static void
cri_marks_partial_lines(void **state)
{
    static const char *const want[] = {"stdout F one", "stderr P ha",   "stdout F two",
                                       "stderr F lf",  "stdout P rest", "stdout F "};
    char *dir = test_tmpdir();
    struct ross_log *l = open_log(dir, "format=cri");

    (void) state;
    put(l, 0, "one\n");
    put(l, 1, "ha");
    put(l, 0, "two\n");
    put(l, 1, "lf\n");
    put(l, 0, "rest");
    ross_log_stream_end(ross_log_stream(l, 0));
    ross_log_stream_end(ross_log_stream(l, 1));
    ross_log_close(l);
    {
        auto_free char *text = content(dir, "log");

        assert_cri(text, want, ARRAY_LEN(want));
    }
    test_tmpdir_remove(dir);
}

static void
json_survives_any_bytes(void **state)
{
    char *dir = test_tmpdir();
    struct ross_log *l = open_log(dir, "format=json");
    struct err err = {0};

    (void) state;
    put(l, 0, "quote \" slash \\ tab \t bell \a bad \xff\xfe good \xc3\xa9\n");
    ross_log_close(l);
    {
        auto_free char *text = content(dir, "log");
        AUTO_PTR(json) root = NULL;

        assert_ok(json_parse(text, strlen(text) - 1, &root, &err), &err);
        assert_string_equal(json_str(json_find(root, "log")),
                            "quote \" slash \\ tab \t bell \a bad \xef\xbf\xbd\xef\xbf\xbd good "
                            "\xc3\xa9\n");
        assert_string_equal(json_str(json_find(root, "stream")), "stdout");
        assert_non_null(json_str(json_find(root, "time")));
    }
    test_tmpdir_remove(dir);
}

static void
files_rotate_between_records(void **state)
{
    char *dir = test_tmpdir();
    struct ross_log *l = open_log(dir, "format=raw&max-size=10&max-file=3");

    (void) state;
    for (int i = 0; i < 8; i++) {
        char line[8];

        snprintf(line, sizeof line, "line%d\n", i);
        put(l, 0, line);
    }
    ross_log_close(l);
    {
        auto_free char *a = content(dir, "log"), *b = content(dir, "log.1"),
                       *c = content(dir, "log.2"), *d = content(dir, "log.3");

        assert_string_equal(a, "line7\n");
        assert_string_equal(b, "line6\n");
        assert_string_equal(c, "line5\n");
        assert_null(d);
    }
    test_tmpdir_remove(dir);
}

static void
long_lines_are_cut_into_records(void **state)
{
    char *dir = test_tmpdir();
    struct ross_log *l = open_log(dir, "");
    size_t n = 2 * ROSS_LOG_RECORD_MAX + 5;
    auto_free char *line = xmalloc(n + 1);

    (void) state;
    memset(line, 'x', n);
    line[n] = '\n';
    assert_int_equal(ross_log_write(ross_log_stream(l, 0), line, n + 1), n + 1);
    ross_log_close(l);
    {
        auto_free char *text = content(dir, "log");
        int partial = 0, full = 0;

        for (char *p = text; *p; p = strchr(p, '\n') + 1) {
            partial += strstr(p, " P ") && strstr(p, " P ") < strchr(p, '\n');
            full += strstr(p, " F ") && strstr(p, " F ") < strchr(p, '\n');
        }
        assert_int_equal(partial, 2);
        assert_int_equal(full, 1);
    }
    test_tmpdir_remove(dir);
}

/* A disk that is full, for this process: a file that may not grow. */
static void
file_limit(rlim_t bytes)
{
    struct rlimit l;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes < l.rlim_max ? bytes : l.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

#define LINES     200
#define LINE_SIZE 30 /* "line 000 xxx…\n" */

static void
many_lines(char text[static LINES * LINE_SIZE + 1])
{
    for (int i = 0; i < LINES; i++)
        (void) snprintf(text + (size_t) i * LINE_SIZE, LINE_SIZE + 1,
                        "line %03d xxxxxxxxxxxxxxxxxxxx\n", i);
}

/* The lines of the log after time, stream and tag, with those that a full disk dropped left out; how many. */
static int
assert_lines(const char *text, const char *want)
{
    int n = 0;

    for (; *text; n++) {
        const char *nl = strchr(text, '\n'), *line = strstr(text, " F ");

        assert_non_null(nl);
        assert_true(line && line < nl);
        assert_int_equal(nl - line - 3, LINE_SIZE - 1);
        assert_memory_equal(line + 3, want + (size_t) n * LINE_SIZE, LINE_SIZE);
        text = nl + 1;
    }
    return n;
}

static void
a_full_disk_tears_no_record(void **state)
{
    char text[LINES * LINE_SIZE + 1];
    char *dir = test_tmpdir();
    struct ross_log *l = open_log(dir, "full=drop");
    auto_free char *before = NULL, *after = NULL;
    int kept;

    (void) state;
    many_lines(text);
    (void) signal(SIGXFSZ, SIG_IGN);
    file_limit(6000);
    assert_int_equal(put(l, 0, text), LINES * LINE_SIZE);
    before = content(dir, "log");
    kept = assert_lines(before, text);
    assert_true(kept > 10 && kept < LINES);
    assert_int_equal(ross_log_dropped(l), (LINES - kept) * LINE_SIZE);
    file_limit(RLIM_INFINITY);
    assert_int_equal(put(l, 0, text), LINES * LINE_SIZE);
    after = content(dir, "log");
    assert_memory_equal(after, before, strlen(before));
    assert_non_null(strstr(after + strlen(before), "bytes were lost: the disk was full]\n"));
    assert_int_equal(assert_lines(strchr(after + strlen(before), '\n') + 1, text), LINES);
    ross_log_close(l);
    test_tmpdir_remove(dir);
}

static void
a_full_disk_makes_the_container_wait(void **state)
{
    char text[LINES * LINE_SIZE + 1];
    char *dir = test_tmpdir();
    struct ross_log *l = open_log(dir, "full=block");
    auto_free char *log = NULL;
    size_t taken;

    (void) state;
    many_lines(text);
    (void) signal(SIGXFSZ, SIG_IGN);
    file_limit(6000);
    taken = put(l, 0, text);
    assert_true(taken > 0 && taken < LINES * LINE_SIZE);
    assert_int_equal(put(l, 0, text + taken), 0);
    file_limit(RLIM_INFINITY);
    assert_int_equal(put(l, 0, text + taken), LINES * LINE_SIZE - taken);
    assert_int_equal(ross_log_dropped(l), 0);
    log = content(dir, "log");
    assert_int_equal(assert_lines(log, text), LINES);
    ross_log_close(l);
    test_tmpdir_remove(dir);
}

static void
refuses_senseless_options(void **state)
{
    static const char *const bad[] = {"format=xml",    "max-size=-1", "max-file=0",
                                      "max-file=9999", "full=maybe",  "colour=red"};
    char *dir = test_tmpdir();

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_free char *text = xasprintf("ross-log://%s/log?%s", dir, bad[i]);
        struct log_uri uri;
        struct ross_log *l;
        struct err err = {0};

        assert_ok(log_uri_parse(text, &uri, &err), &err);
        assert_code(ross_log_open(&uri, &l, &err), CODE_INVALID_ARGUMENT, &err);
        log_uri_done(&uri);
    }
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cri_marks_partial_lines),
        cmocka_unit_test(json_survives_any_bytes),
        cmocka_unit_test(files_rotate_between_records),
        cmocka_unit_test(long_lines_are_cut_into_records),
        cmocka_unit_test(a_full_disk_tears_no_record),
        cmocka_unit_test(a_full_disk_makes_the_container_wait),
        cmocka_unit_test(refuses_senseless_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
