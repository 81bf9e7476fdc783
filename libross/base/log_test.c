/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of log.c: what reaches the descriptor. */
#include "libross/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/test.h"

#define LOG_TEXT_MAX (1 << 20)

/* Everything logged since the last call. */
static char *
logged(int fd)
{
    AUTO(buf) b = BUF_INIT(LOG_TEXT_MAX);
    struct err err = {0};

    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_ok(fd_read_to_buf(fd, &b, &err), &err);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return buf_take(&b);
}

/* The line behind its time, which is checked. */
static const char *
behind_time(const char *line)
{
    char when[64] = "";
    struct err err = {0};
    int64_t t;

    assert_int_equal(sscanf(line, "time=%63s ", when), 1);
    assert_ok(clock_parse(when, &t, &err), &err);
    return strchr(line, ' ') + 1;
}

static int
setup(void **state)
{
    int fd = memfd_create("log", MFD_CLOEXEC);

    log_init("prog");
    log_set_level(LOG_INFO);
    log_set_fd(fd);
    *state = (void *) (intptr_t) fd;
    return fd < 0;
}

static int
teardown(void **state)
{
    log_set_fd(STDERR_FILENO);
    return close((int) (intptr_t) *state);
}

#define FD ((int) (intptr_t) *state)

static void
facts_are_keys_with_values(void **state)
{
    struct err err = {0};
    auto_free char *text = NULL;

    (void) err_set(&err, CODE_NOT_FOUND, "no such thing");
    errno = ENOTTY;
    log_info("did it", KV_STR("name", "a b"), KV_INT("n", -5), KV_MS("took", 1234567890),
             KV_ERR(&err));
    assert_int_equal(errno, ENOTTY);
    text = logged(FD);
    assert_string_equal(behind_time(text),
                        "level=info prog=prog msg=\"did it\" name=\"a b\" n=-5 took=1234.567ms "
                        "error=\"no such thing\" code=NotFound\n");
}

/* stderr becomes a file that JOURNAL_STREAM names; in a child, because the log keeps what it saw. */
static void
the_journal_gets_priorities_and_no_time(void **state)
{
    auto_free char *text = NULL;
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct stat st;
        char stream[64];

        if (dup2(FD, STDERR_FILENO) < 0 || fstat(FD, &st) < 0)
            _exit(1);
        (void) snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long) st.st_dev,
                        (unsigned long long) st.st_ino);
        (void) setenv("JOURNAL_STREAM", stream, 1);
        log_init("prog");
        log_set_fd(STDERR_FILENO);
        log_info("one", KV_INT("n", 1));
        log_error("two");
        (void) setenv("JOURNAL_STREAM", "1:1", 1);
        log_init("prog");
        log_warn("three");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    text = logged(FD);
    assert_ptr_equal(
        strstr(text, "<6>level=info msg=\"one\" n=1\n<3>level=error msg=\"two\"\ntime="), text);
    assert_non_null(strstr(text, " level=warn prog=prog msg=\"three\"\n"));
}

static void
a_message_alone_is_a_line(void **state)
{
    auto_free char *text = NULL;

    log_warn("careful");
    text = logged(FD);
    assert_string_equal(behind_time(text), "level=warn prog=prog msg=\"careful\"\n");
}

static void
outside_strings_cannot_forge_lines(void **state)
{
    auto_free char *text = NULL;

    log_error("got", KV_STR("s", "a\"b\\c\nlevel=info\r\x1b[0m\x7f"), KV_STR("none", NULL));
    text = logged(FD);
    assert_string_equal(behind_time(text),
                        "level=error prog=prog msg=\"got\" "
                        "s=\"a\\\"b\\\\c\\nlevel=info\\x0d\\x1b[0m\\x7f\" none=\"\"\n");
}

static void
levels_below_the_set_one_are_silent(void **state)
{
    auto_free char *first = NULL, *second = NULL;

    log_debug("hidden");
    first = logged(FD);
    assert_string_equal(first, "");
    log_set_level(LOG_ERROR);
    assert_int_equal(log_get_level(), LOG_ERROR);
    log_warn("hidden");
    log_error("shown");
    second = logged(FD);
    assert_non_null(strstr(second, "shown"));
    assert_null(strstr(second, "hidden"));
}

static void
level_names_are_read(void **state)
{
    static const struct {
        const char *name;
        enum log_level level;
    } rows[] = {{"trace", LOG_TRACE}, {"debug", LOG_DEBUG},  {"info", LOG_INFO},
                {"warn", LOG_WARN},   {"warning", LOG_WARN}, {"error", LOG_ERROR}};
    static const char *const bad[] = {"", "INFO", "inf", "infos", "2"};
    struct err err = {0};
    enum log_level got;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_ok(log_level_parse(rows[i].name, &got, &err), &err);
        assert_int_equal(got, rows[i].level);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_code(log_level_parse(bad[i], &got, &err), CODE_INVALID_ARGUMENT, &err);
}

static void
areas_are_opened_by_name(void **state)
{
    static const struct {
        const char *env, *area;
        bool on;
    } rows[] = {
        {NULL, "snap", false},           {"", "snap", false},         {"snap", "snap", true},
        {"registry,snap", "snap", true}, {"snapshot", "snap", false}, {"sna", "snap", false},
        {"all", "snap", true},           {"ttrpc,all", "x", true},    {",,snap,", "snap", true},
    };
    auto_free char *text = NULL;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].env)
            (void) setenv("ROSS_TRACE", rows[i].env, 1);
        else
            (void) unsetenv("ROSS_TRACE");
        log_init("prog");
        if (log_area_on(rows[i].area) != rows[i].on)
            fail_msg("ROSS_TRACE=%s area %s", rows[i].env, rows[i].area);
    }
    (void) setenv("ROSS_TRACE", "snap", 1);
    log_init("prog");
    log_trace("snap", "seen", KV_INT("n", 1));
    log_trace("other", "unseen");
    (void) unsetenv("ROSS_TRACE");
    log_init("prog");
    text = logged(FD);
    assert_string_equal(behind_time(text), "level=trace prog=prog msg=\"seen\" n=1\n");
}

static void
long_lines_are_cut_and_still_lines(void **state)
{
    char *long_text = xmalloc(10001);
    auto_free char *text = NULL;

    memset(long_text, '\n', 10000);
    long_text[10000] = '\0';
    log_info("x", KV_STR("s", long_text));
    log_info("next");
    text = logged(FD);
    assert_true(strchr(text, '\n') - text <= 4096);
    assert_non_null(strstr(strchr(text, '\n'), "next"));
    free(long_text);
}

static void
no_descriptor_means_no_log(void **state)
{
    auto_free char *text = NULL;

    log_set_fd(-1);
    log_error("nobody hears");
    log_set_fd(FD);
    text = logged(FD);
    assert_string_equal(text, "");
}

static void *
log_a_lot(void *arg)
{
    (void) arg;
    for (int i = 0; i < 500; i++)
        log_info("from a thread", KV_INT("i", i));
    return NULL;
}

static void
threads_do_not_mix_their_lines(void **state)
{
    pthread_t threads[4];
    auto_free char *text = NULL;
    int fds[2], lines = 0;
    AUTO(buf) b = BUF_INIT(LOG_TEXT_MAX);
    struct err err = {0};

    (void) state;
    assert_int_equal(pipe(fds), 0);
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, LOG_TEXT_MAX) >= LOG_TEXT_MAX);
    log_set_fd(fds[1]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_a_lot, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    log_set_fd(-1);
    (void) close(fds[1]);
    assert_ok(fd_read_to_buf(fds[0], &b, &err), &err);
    (void) close(fds[0]);
    for (char *line = b.data, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
        *end = '\0';
        assert_non_null(strstr(behind_time(line), "level=info prog=prog msg=\"from a thread\" i="));
    }
    assert_int_equal(lines, 2000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(facts_are_keys_with_values),
        T(the_journal_gets_priorities_and_no_time),
        T(a_message_alone_is_a_line),
        T(outside_strings_cannot_forge_lines),
        T(levels_below_the_set_one_are_silent),
        T(level_names_are_read),
        T(areas_are_opened_by_name),
        T(long_lines_are_cut_and_still_lines),
        T(no_descriptor_means_no_log),
        T(threads_do_not_mix_their_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
