/* SPDX-License-Identifier: Apache-2.0 */
/* The unified hierarchy, as a recorded directory; version 1 is tried with real containers. */
#include "libross/base/test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "oom.h"

static void
events_write(const char *dir, unsigned kills)
{
    auto_free char *path = xasprintf("%s/memory.events", dir);
    auto_free char *text =
        xasprintf("low 0\nhigh 0\nmax 7\noom 3\noom_kill %u\noom_group_kill 0\n", kills);
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    /* in place, as the kernel changes it */
    assert_true(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
}

static void
count(void *arg)
{
    ++*(int *) arg;
}

static void
unified_counter_is_told_when_it_grows(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *path = xasprintf("%s/memory.events", dir);
    struct oom_watch *w = NULL;
    struct loop *loop;
    struct err err = {0};
    int told = 0;

    (void) state;
    assert_ok(loop_new(&loop, &err), &err);
    events_write(dir, 1);
    assert_ok(oom_watch_dir(loop, dir, true, count, &told, &w, &err), &err);
    oom_check(w);
    assert_int_equal(told, 0); /* what was before is not ours */

    events_write(dir, 1); /* something else has changed */
    loop_turn(loop, 1000);
    assert_int_equal(told, 0);

    events_write(dir, 2);
    loop_turn(loop, 1000);
    assert_int_equal(told, 1);

    events_write(dir, 4);
    oom_check(w); /* the exit comes before the notice: told once, not twice */
    loop_turn(loop, 1000);
    assert_int_equal(told, 2);

    assert_int_equal(unlink(path), 0); /* a vanished cgroup is quiet */
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    assert_int_equal(told, 2);
    oom_watch_free(w);
    loop_free(loop);
    test_tmpdir_remove(dir);
}

static void
missing_cgroup_is_an_error(void **state)
{
    struct oom_watch *w = NULL;
    struct loop *loop;
    struct err err = {0};

    (void) state;
    assert_ok(loop_new(&loop, &err), &err);
    assert_code(oom_watch_dir(loop, "/nonexistent", true, count, NULL, &w, &err), CODE_INTERNAL,
                &err);
    assert_code(oom_watch_new(loop, NULL, count, NULL, &w, &err), CODE_FAILED_PRECONDITION, &err);
    loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unified_counter_is_told_when_it_grows),
        cmocka_unit_test(missing_cgroup_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
