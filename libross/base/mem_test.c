/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of mem.c. */
#include "libross/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/test.h"

static void
nothing_is_still_something(void **state)
{
    auto_free void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xrealloc(NULL, 0);
    auto_free void *d = xreallocarray(NULL, 0, 8);

    (void) state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_non_null(d);
}

static void
strings_are_copied_and_made(void **state)
{
    auto_free char *a = xstrdup("text"), *b = xstrndup("text", 2), *c = xstrndup("ab", 9);
    auto_free char *d = xasprintf("%s-%03d", a, 7), *e = xcalloc(2, 3);

    (void) state;
    assert_string_equal(a, "text");
    assert_string_equal(b, "te");
    assert_string_equal(c, "ab");
    assert_string_equal(d, "text-007");
    assert_memory_equal(e, "\0\0\0\0\0\0", 6);
}

static void
take_leaves_nothing_behind(void **state)
{
    char *a = xstrdup("x"), *b = TAKE(a);
    struct pair {
        int x, y;
    } p = {1, 2}, q = TAKE_STRUCT(p);

    (void) state;
    assert_null(a);
    assert_string_equal(b, "x");
    free(b);
    assert_int_equal(p.x + p.y, 0);
    assert_int_equal(q.x * 10 + q.y, 12);
}

struct outer {
    int first;
    char inner;
};

static void
container_of_finds_the_outside(void **state)
{
    struct outer o = {0};

    (void) state;
    assert_ptr_equal(CONTAINER_OF(&o.inner, struct outer, inner), &o);
    assert_int_equal(ARRAY_LEN(((int[7]){0})), 7);
}

/* What the child's stderr says, and how it ended. */
static int
child_out_of_memory(void (*fn)(void), char *text, size_t size)
{
    struct rlimit no_core = {0, 0};
    int fds[2], status = 0;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    (void) fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void) signal(SIGABRT, SIG_DFL);
        (void) setrlimit(RLIMIT_CORE, &no_core);
        (void) dup2(fds[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    (void) close(fds[1]);
    n = read(fds[0], text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    (void) close(fds[0]);
    (void) waitpid(pid, &status, 0);
    return status;
}

static size_t volatile huge = SIZE_MAX / 2;

static void
overflow_product(void)
{
    free(xreallocarray(NULL, huge, 3));
}

static void
overflow_calloc(void)
{
    free(xcalloc(huge, 3));
}

static void
failing_ends_the_process(void **state)
{
    void (*const fns[])(void) = {overflow_product, overflow_calloc};
    char text[512];
    int status;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(fns); i++) {
        status = child_out_of_memory(fns[i], text, sizeof text);
        /* a sanitizer has its own words for it */
        assert_true(status != 0);
        if (WIFSIGNALED(status)) {
            assert_int_equal(WTERMSIG(status), SIGABRT);
            assert_string_equal(text, "out of memory\n");
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_still_something),
        cmocka_unit_test(strings_are_copied_and_made),
        cmocka_unit_test(take_leaves_nothing_behind),
        cmocka_unit_test(container_of_finds_the_outside),
        cmocka_unit_test(failing_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
