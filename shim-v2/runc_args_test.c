/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "runc_args.h"

#define HEAD "runc --root /run/containerd/runc/n --log /b/log.json --log-format json "

static const struct runc_options none;
static const struct runc_target target = {.options = &none, .ns = "n", .bundle = "/b", .id = "one"};

static void
assert_line(struct strv v, const char *want)
{
    auto_free char *got = strv_join(&v, " ");

    assert_string_equal(got, want);
    strv_done(&v);
}

static void
command_lines_are_those_of_the_reference(void **state)
{
    static const char *const empty_ns[] = {"network"};
    static const struct runc_checkpoint criu = {
        .image_path = "/i",
        .work_path = "/w",
        .leave_running = true,
        .open_tcp = true,
        .external_unix_sockets = true,
        .terminal = true,
        .file_locks = true,
        .empty_namespaces = empty_ns,
        .n_empty_namespaces = 1,
    };
    static const struct runc_checkpoint restore = {.image_path = "/i", .work_path = "/w"};

    (void) state;
    assert_line(runc_args_create(&target, NULL),
                HEAD "create --bundle /b --pid-file /b/init.pid one");
    assert_line(runc_args_create(&target, "/tmp/pty.sock"), HEAD
                "create --bundle /b --pid-file /b/init.pid --console-socket /tmp/pty.sock one");
    assert_line(runc_args_start(&target), HEAD "start one");
    assert_line(runc_args_exec(&target, "/tmp/p", "e1.pid", NULL),
                HEAD "exec --process /tmp/p --detach --pid-file /b/e1.pid one");
    assert_line(runc_args_exec(&target, "/tmp/p", "e1.pid", "/s"),
                HEAD "exec --process /tmp/p --detach --pid-file /b/e1.pid --console-socket /s one");
    assert_line(runc_args_kill(&target, 15, false), HEAD "kill one 15");
    assert_line(runc_args_kill(&target, 9, true), HEAD "kill --all one 9");
    assert_line(runc_args_delete(&target, false), HEAD "delete one");
    assert_line(runc_args_delete(&target, true), HEAD "delete --force one");
    assert_line(runc_args_pause(&target), HEAD "pause one");
    assert_line(runc_args_resume(&target), HEAD "resume one");
    assert_line(runc_args_ps(&target), HEAD "ps --format json one");
    assert_line(runc_args_update(&target), HEAD "update --resources=- one");
    assert_line(runc_args_checkpoint(&target, &criu),
                HEAD "checkpoint --image-path /i --work-path /w --tcp-established --ext-unix-sk "
                     "--shell-job --file-locks --empty-ns network --leave-running one");
    assert_line(runc_args_restore(&target, &restore, NULL),
                HEAD "restore --image-path /i --work-path /w --detach --pid-file /b/init.pid "
                     "--no-subreaper --bundle /b one");
}

static void
options_show_in_the_command_line(void **state)
{
    AUTO(runc_options)
    o = {.binary_name = xstrdup("/usr/bin/crun"),
         .root = xstrdup("/r/"),
         .no_pivot_root = true,
         .no_new_keyring = true};
    struct runc_target t = {.options = &o, .ns = "n", .bundle = "/b", .id = "one", .systemd = true};

    (void) state;
    assert_line(runc_args_create(&t, NULL),
                "/usr/bin/crun --root /r/n --log /b/log.json --log-format json --systemd-cgroup "
                "create --bundle /b --pid-file /b/init.pid --no-pivot --no-new-keyring one");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_lines_are_those_of_the_reference),
        cmocka_unit_test(options_show_in_the_command_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
