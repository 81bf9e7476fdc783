/* SPDX-License-Identifier: Apache-2.0 */
#include "api/service/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "api/grpc/grpc_channel.h"
#include "api/service/version_service.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"

struct own {
    struct daemon_options daemon;
    const char *word;
};

static const struct option_row word_row = {.name = "word",
                                           .type = OPTION_STR,
                                           .offset = offsetof(struct own, word),
                                           .arg = "WORD",
                                           .help = "A word."};

static int
read_options(char **argv, struct own *ret, struct err *e)
{
    static struct option_row rows[32];
    size_t n = 0;
    int argc = 0, words;

    *ret = (struct own){.daemon.program = "ross-tested"};
    while (argv[argc])
        argc++;
    for (; n < daemon_option_rows_n; n++)
        rows[n] = daemon_option_rows[n];
    rows[n++] = word_row;
    return daemon_options_read(rows, n, ret, sizeof *ret, "Tested.", argc, argv, &words, e);
}

static void
the_command_line_wins_over_the_file(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *file = xasprintf("%s/c.toml", dir);
    auto_free char *config = xasprintf("--config=%s", file);
    char *from_file[] = {(char *) "x", config, (char *) "--state=/s", NULL};
    char *from_both[] = {(char *) "x", config, (char *) "--word", (char *) "line", NULL};
    char *missing[] = {(char *) "x", (char *) "--config=/nowhere/c.toml", NULL};
    struct own o;
    struct err e = {0};

    (void) state;
    assert_ok(fd_write_file_at(AT_FDCWD, file, "word = \"file\"\nroot = \"/r\"\n", 25, 0600, &e),
              &e);
    assert_ok(read_options(from_file, &o, &e), &e);
    assert_string_equal(o.word, "file");
    assert_string_equal(o.daemon.root, "/r");
    assert_string_equal(o.daemon.address, "/s/tested.sock");
    assert_ok(read_options(from_both, &o, &e), &e);
    assert_string_equal(o.word, "line");
    assert_code(read_options(missing, &o, &e), CODE_NOT_FOUND, &e);
    test_tmpdir_remove(dir);
}

static void
one_process_a_root(void **state)
{
    char *dir = test_tmpdir();
    const struct daemon_options opt = {.program = "ross-tested", .root = dir};
    auto_free char *mine = xasprintf("(pid %d)", (int) getpid());
    int first, second;
    struct err e = {0};

    (void) state;
    assert_ok(daemon_lock(&opt, &first, &e), &e);
    assert_code(daemon_lock(&opt, &second, &e), CODE_FAILED_PRECONDITION, &e);
    assert_non_null(strstr(e.msg, mine));
    (void) fd_close(first);
    assert_ok(daemon_lock(&opt, &second, &e), &e);
    (void) fd_close(second);
    test_tmpdir_remove(dir);
}

/* ---- whole processes ---- */

struct child {
    char *dir, *address, *address2;
    pid_t pid;
    int notify_fd;
};

static void
serve(const struct child *c, int64_t idle_ns)
{
    const struct rpc_service service = version_service();
    const struct daemon_options opt = {.program = "ross-tested",
                                       .root = c->dir,
                                       .state = c->dir,
                                       .address = c->address,
                                       .idle_exit_ns = idle_ns};
    const struct daemon_endpoint endpoints[] = {
        {.name = "one", .services = &service, .n = 1},
        {.name = "two", .address = c->address2, .services = &service, .n = 1},
    };
    struct err e = {0};
    int r = daemon_serve_endpoints(&opt, endpoints, 2, &e);

    if (r < 0)
        (void) fprintf(stderr, "%s\n", e.msg);
    _exit(r < 0);
}

static struct child
start(int64_t idle_ns)
{
    struct child c = {.dir = test_tmpdir()};
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    c.address = xasprintf("%s/one.sock", c.dir);
    c.address2 = xasprintf("%s/two.sock", c.dir);
    (void) snprintf(sa.sun_path, sizeof sa.sun_path, "%s/notify", c.dir);
    c.notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(c.notify_fd, (struct sockaddr *) &sa, sizeof sa), 0);
    c.pid = fork();
    assert_true(c.pid >= 0);
    if (c.pid == 0) {
        (void) setenv("NOTIFY_SOCKET", sa.sun_path, 1);
        serve(&c, idle_ns);
    }
    return c;
}

static void
expect_notice(const struct child *c, const char *want)
{
    char got[64] = {0};

    assert_true(recv(c->notify_fd, got, sizeof got - 1, 0) > 0);
    assert_string_equal(got, want);
}

static void
end(struct child *c)
{
    int status;

    expect_notice(c, "STOPPING=1");
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_int_equal(status, 0);
    assert_int_equal(access(c->address, F_OK), -1);
    (void) fd_close(c->notify_fd);
    free(c->address);
    free(c->address2);
    test_tmpdir_remove(c->dir);
}

/* In a process of its own: a process that has used gRPC must not fork(). */
static int
ask_in_child(const char *address)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        AUTO_PTR(rpc_channel) ch = NULL;
        auto_free char *version = NULL;
        auto_free char *revision = NULL;

        _exit(grpc_channel_open(address, &ch, NULL) < 0 ||
              version_client_get(ch, NULL, &version, &revision, NULL) < 0);
    }
    (void) waitpid(pid, &status, 0);
    return status;
}

static void
serves_says_so_and_ends_on_sigterm(void **state)
{
    struct child c = start(0);
    struct stat st;

    (void) state;
    expect_notice(&c, "READY=1");
    assert_int_equal(stat(c.address, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(ask_in_child(c.address), 0);
    assert_int_equal(ask_in_child(c.address2), 0);
    assert_int_equal(kill(c.pid, SIGTERM), 0);
    end(&c);
}

/* On a busy machine it may have left before it was asked: then one that is more patient. */
static void
leaves_when_idle(void **state)
{
    int64_t idle_ns = 300 * NS_PER_MS, started;
    int unanswered = 1;

    (void) state;
    for (int i = 0; unanswered && i < 6; i++, idle_ns *= 2) {
        started = clock_mono_ns();
        struct child c = start(idle_ns);

        expect_notice(&c, "READY=1");
        unanswered = ask_in_child(c.address2);
        end(&c);
        assert_true(clock_mono_ns() - started >= idle_ns);
    }
    assert_int_equal(unanswered, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_line_wins_over_the_file),
        cmocka_unit_test(one_process_a_root),
        cmocka_unit_test(serves_says_so_and_ends_on_sigterm),
        cmocka_unit_test(leaves_when_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
