/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/mem.h"
#include "shim_socket.h"

static void
address_is_the_one_that_containerd_computes(void **state)
{
    auto_free char *address = NULL;
    auto_free char *same = NULL;
    struct err err = {0};

    (void) state;
    assert_ok(shim_socket_address("/run/containerd/s", "/run/containerd/containerd.sock", "default",
                                  "one", &address, &err),
              &err);
    /* sha256 of "/run/containerd/containerd.sock/default/one" */
    assert_string_equal(address,
                        "unix:///run/containerd/s/"
                        "807c19c0f9e3589fd68d61496d6cc415b3a5bdfef35f683f88a1d6c8cd58eed9");
    assert_ok(shim_socket_address("/run/containerd/s", "/run//containerd/./containerd.sock",
                                  "default", "one", &same, &err),
              &err);
    assert_string_equal(address, same);
    free(same);
    same = NULL;
    assert_code(shim_socket_address("/a/directory/whose/name/is/longer/than/forty/two/characters",
                                    "/x", "default", "one", &same, &err),
                CODE_INVALID_ARGUMENT, &err);
}

static void
living_socket_is_found_and_stale_one_replaced(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *address = xasprintf("unix://%s/s/h", dir);
    struct err err = {0};
    struct stat st;
    int first = -1, second = -1, r;

    (void) state;
    assert_ok(r = shim_socket_listen(address, &first, &err), &err);
    assert_int_equal(r, 0);
    assert_int_equal(stat(address + 7, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(shim_socket_listen(address, &second, &err), 1);
    assert_int_equal(second, -1);
    shim_socket_remove_stale(address);
    assert_int_equal(stat(address + 7, &st), 0); /* it lives */
    close(first);
    assert_ok(r = shim_socket_listen(address, &second, &err), &err);
    assert_int_equal(r, 0);
    shim_socket_remove(second);
    assert_int_equal(stat(address + 7, &st), -1);
    close(second);
    test_tmpdir_remove(dir);
}

static void
stale_socket_is_removed(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *address = xasprintf("unix://%s/h", dir);
    struct stat st;
    int fd = -1;

    (void) state;
    assert_int_equal(shim_socket_listen(address, &fd, NULL), 0);
    close(fd);
    shim_socket_remove_stale(address);
    assert_int_equal(stat(address + 7, &st), -1);
    shim_socket_remove_stale("nonsense");
    test_tmpdir_remove(dir);
}

#define RACERS 6

/* Listens when `go` ends, says what came of it, and keeps the socket until `stay` ends. */
static pid_t
racer_new(const char *address, const int *go, const int *stay, int said_fd)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = -1;
        char c;

        (void) close(go[1]);
        (void) close(stay[1]);
        (void) !read(go[0], &c, 1);
        c = (char) shim_socket_listen(address, &fd, NULL);
        (void) !write(said_fd, &c, 1);
        (void) !read(stay[0], &c, 1);
        _exit(0);
    }
    return pid;
}

/* How many of them were told to serve. The file of the one before is stale. */
static int
race(const char *address)
{
    int go[2], stay[2], said[2], winners = 0;
    pid_t pids[RACERS];

    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(stay, O_CLOEXEC), 0);
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    for (int i = 0; i < RACERS; i++)
        pids[i] = racer_new(address, go, stay, said[1]);
    (void) close(go[1]);
    for (int i = 0; i < RACERS; i++) {
        char r = -1;

        assert_int_equal(read(said[0], &r, 1), 1);
        assert_in_range(r, 0, 1);
        winners += r == 0;
    }
    (void) close(stay[1]);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    (void) close(go[0]);
    (void) close(stay[0]);
    (void) close(said[0]);
    (void) close(said[1]);
    return winners;
}

static void
one_of_many_that_begin_at_once_serves(void **state)
{
    enum { ROUNDS = 50 };
    char *dir = test_tmpdir();
    auto_free char *address = xasprintf("unix://%s/s/h", dir);

    (void) state;
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(race(address), 1);
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_is_the_one_that_containerd_computes),
        cmocka_unit_test(living_socket_is_found_and_stale_one_replaced),
        cmocka_unit_test(stale_socket_is_removed),
        cmocka_unit_test(one_of_many_that_begin_at_once_serves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
