/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of seccomp_bpf.c: the kernel is asked what a compiled filter does. */
#include "seccomp_bpf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/base64.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/test.h"
#include "libross/json/json.h"
#include "libross/oci/seccomp.h"

static struct json *
parsed(const char *text)
{
    struct json *j = NULL;
    struct err err = {0};

    assert_ok(json_parse(text, strlen(text), &j, &err), &err);
    return j;
}

/* What the call `nr` says in a child that installed the filter: 0, or its errno. */
static int
call_under(const char *base64, long nr, long a, long b)
{
    size_t len = 0;
    auto_free char *program = base64_decode(base64, &len);
    int status;
    pid_t pid;

    assert_non_null(program);
    struct sock_fprog prog = {
        .len = (unsigned short) (len / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *) (void *) program,
    };
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
            _exit(255);
        long r = syscall(nr, a, b, 0, 0, 0);
        _exit(r < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 255);
    return WEXITSTATUS(status);
}

static void
the_default_profile_holds(void **state)
{
    auto_free char *program = NULL, *again = NULL;
    char *dir = test_tmpdir();
    AUTO_PTR(json) seccomp = seccomp_default(&(struct seccomp_host){0});
    struct err err = {0};
    (void) state;

    assert_ok(seccomp_bpf(dir, seccomp, &program, &err), &err);
    assert_int_equal(call_under(program, SYS_getpid, 0, 0), 0);
    assert_int_equal(call_under(program, SYS_unshare, CLONE_NEWUSER, 0), EPERM);
    assert_int_equal(call_under(program, SYS_keyctl, 0, 0), EPERM);
    assert_int_equal(call_under(program, SYS_personality, 0xffffffff, 0), 0);
    assert_int_equal(call_under(program, SYS_personality, 0x1234, 0), EPERM);
    assert_ok(seccomp_bpf(dir, seccomp, &again, &err), &err);
    assert_string_equal(program, again);
    test_tmpdir_remove(dir);
}

static void
rows_with_conditions(void **state)
{
    auto_free char *program = NULL;
    char *dir = test_tmpdir();
    AUTO_PTR(json)
    seccomp = parsed(
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\"],"
        "\"syscalls\":["
        "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38,\"args\":["
        "{\"index\":0,\"value\":7,\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":9,\"op\":\"SCMP_"
        "CMP_EQ\"}]},"
        "{\"names\":[\"no_such_call\",\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"},"
        "{\"names\":[\"getpriority\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
        "{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,\"value\":0,\"op\":\"SCMP_"
        "CMP_EQ\"}]}]}");
    struct err err = {0};
    (void) state;

    assert_ok(seccomp_bpf(dir, seccomp, &program, &err), &err);
    assert_int_equal(call_under(program, SYS_personality, 7, 0), ENOSYS);
    assert_int_equal(call_under(program, SYS_personality, 9, 0), ENOSYS);
    assert_int_equal(call_under(program, SYS_personality, 0xffffffff, 0), 0);
    assert_int_equal(call_under(program, SYS_getppid, 0, 0), EPERM);
    assert_int_equal(call_under(program, SYS_getpriority, 0, 0), EPERM);
    assert_int_equal(call_under(program, SYS_getpriority, 0, getppid()), 0);
    test_tmpdir_remove(dir);
}

static void
what_a_program_cannot_say_is_left_to_the_runtime(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/run/x\"}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"X\"]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
        "\"SCMP_ACT_NOTIFY\"}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
        "\"SCMP_ACT_ERRNO\","
        "\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
    };
    char *dir = test_tmpdir();
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PTR(json) seccomp = parsed(rows[i]);
        auto_free char *program = NULL;
        struct err err = {0};
        assert_int_equal(seccomp_bpf(dir, seccomp, &program, &err), -CODE_UNIMPLEMENTED);
        assert_null(program);
    }
    test_tmpdir_remove(dir);
}

static void
truncate_files(const char *path, off_t size)
{
    DIR *dir = opendir(path);
    size_t n = 0;

    assert_non_null(dir);
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        auto_free char *file = path_join(path, e->d_name);
        if (e->d_name[0] == '.')
            continue;
        assert_int_equal(truncate(file, size), 0);
        n++;
    }
    closedir(dir);
    assert_int_equal(n, 1);
}

static void
a_damaged_cache_is_compiled_again(void **state)
{
    auto_free char *first = NULL, *second = NULL;
    char *dir = test_tmpdir();
    AUTO_PTR(json) seccomp = parsed("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
    struct err err = {0};
    (void) state;

    assert_ok(seccomp_bpf(dir, seccomp, &first, &err), &err);
    truncate_files(dir, 3);
    assert_ok(seccomp_bpf(dir, seccomp, &second, &err), &err);
    assert_string_equal(first, second);
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_profile_holds),
        cmocka_unit_test(rows_with_conditions),
        cmocka_unit_test(what_a_program_cannot_say_is_left_to_the_runtime),
        cmocka_unit_test(a_damaged_cache_is_compiled_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
