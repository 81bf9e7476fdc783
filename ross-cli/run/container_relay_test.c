/* SPDX-License-Identifier: Apache-2.0 */
#include "container_relay.h"

#include <fcntl.h>
#include <string.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

static void
expect_next(int fd, enum container_relay_kind kind, const void *p, size_t n)
{
    auto_free char *buf = xmalloc(CONTAINER_RELAY_PIECE_MAX);
    enum container_relay_kind got;
    size_t got_n;

    assert_int_equal(container_relay_next(fd, &got, buf, &got_n), 1);
    assert_int_equal(got, kind);
    assert_int_equal(got_n, n);
    assert_memory_equal(buf, p, n);
}

static void
tells_all_who_attach(void **state)
{
    auto_free char *big = xcalloc(1, CONTAINER_RELAY_PIECE_MAX), *buf = xmalloc(1 << 16);
    char *root = test_tmpdir();
    /* longer than the address of a socket */
    auto_free char *name = xasprintf("%0150d", 7), *dir = path_join(root, name);
    auto_close int first = -1, second = -1, gone = -1;
    AUTO_PTR(container_relay) l = NULL;
    const uint32_t status = 42;
    enum container_relay_kind kind;
    struct err err = {0};
    size_t n;

    (void) state;
    assert_ok(path_mkdirs_at(AT_FDCWD, dir, 0700, &err), &err);
    assert_code(container_relay_connect(dir, &gone, &err), CODE_UNAVAILABLE, &err);
    err = (struct err){0};
    assert_ok(container_relay_new(dir, &l, &err), &err);
    assert_ok(container_relay_connect(dir, &first, &err), &err);
    assert_ok(container_relay_connect(dir, &gone, &err), &err);
    container_relay_accept(l);
    container_relay_accept(l);
    gone = fd_close(gone);
    container_relay_send(l, RELAY_STDOUT, "a", 1);
    container_relay_send(l, RELAY_STDERR, big, CONTAINER_RELAY_PIECE_MAX);
    expect_next(first, RELAY_HELLO, "", 0);
    expect_next(first, RELAY_STDOUT, "a", 1);
    expect_next(first, RELAY_STDERR, big, CONTAINER_RELAY_PIECE_MAX);
    /* the end is told to one that was not yet taken in */
    assert_ok(container_relay_connect(dir, &second, &err), &err);
    container_relay_end(l, status);
    expect_next(first, RELAY_END, &status, sizeof status);
    expect_next(second, RELAY_HELLO, "", 0);
    expect_next(second, RELAY_END, &status, sizeof status);
    container_relay_free(TAKE(l));
    assert_int_equal(container_relay_next(first, &kind, buf, &n), 0);
    assert_code(container_relay_connect(dir, &gone, &err), CODE_UNAVAILABLE, &err);
    test_tmpdir_remove(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_all_who_attach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
