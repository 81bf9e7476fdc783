/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/mem.h"
#include "task_record.h"

#define WRITERS 1000

struct result {
    int calls, r;
    struct loop *loop;
};

static void
on_written(void *arg, int r, const struct err *err)
{
    struct result *res = arg;

    res->calls++;
    res->r = r;
    if (r < 0)
        (void) fprintf(stderr, "%s\n", err->msg);
}

static int
write_row(const char *dir, const char *bundle, uint32_t status)
{
    struct result res = {0};
    struct task_record *t;
    struct loop *loop;

    if (loop_new(&loop, NULL) < 0)
        return -1;
    t = task_record_new(loop, dir);
    task_record_exited(t,
                       &(struct task_exit_row){.bundle = bundle,
                                               .ns = "n",
                                               .id = "i",
                                               .pid = 7,
                                               .status = status,
                                               .exited_at_ns = 1234567890123456789},
                       on_written, &res);
    while (!res.calls)
        loop_turn(loop, -1);
    task_record_free(t);
    loop_free(loop);
    return res.r;
}

/* A machine with much else to do may not be through with all of them within the limit of one. */
static int
write_row_patiently(const char *dir, const char *bundle, uint32_t status)
{
    int r;

    do
        r = write_row(dir, bundle, status);
    while (r == -CODE_UNAVAILABLE);
    return r;
}

static void
row_is_found_replaced_and_forgotten(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *state_dir = xasprintf("%s/made", dir);
    struct task_exit_row row;
    struct err err = {0};

    (void) state;
    assert_int_equal(task_record_find(state_dir, "/b", &row, &err), 0);
    assert_int_equal(write_row(state_dir, "/b", 3), 0);
    assert_int_equal(write_row(state_dir, "/b", 4), 0);
    assert_int_equal(task_record_find(state_dir, "/b", &row, &err), 1);
    assert_int_equal(row.status, 4);
    assert_int_equal(row.pid, 7);
    assert_int_equal(row.exited_at_ns, 1234567890123456789);
    assert_ok(task_record_forget_now(state_dir, "/b", &err), &err);
    assert_int_equal(task_record_find(state_dir, "/b", &row, &err), 0);
    test_tmpdir_remove(dir);
}

/* All begin at once, when the pipe's end is closed. */
static void
thousand_processes_write_at_once(void **state)
{
    char *dir = test_tmpdir();
    int gate[2], failed = 0;
    char byte;

    (void) state;
    assert_int_equal(pipe(gate), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            auto_free char *bundle = xasprintf("/bundle/%u", i);

            close(gate[1]);
            (void) !read(gate[0], &byte, 1);
            _exit(write_row_patiently(dir, bundle, i % 256) < 0);
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (unsigned i = 0; i < WRITERS; i++) {
        int status;

        assert_true(wait(&status) > 0);
        failed += status != 0;
    }
    assert_int_equal(failed, 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        auto_free char *bundle = xasprintf("/bundle/%u", i);
        struct task_exit_row row;
        struct err err = {0};

        assert_int_equal(task_record_find(dir, bundle, &row, &err), 1);
        assert_int_equal(row.status, i % 256);
    }
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_is_found_replaced_and_forgotten),
        cmocka_unit_test(thousand_processes_write_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
