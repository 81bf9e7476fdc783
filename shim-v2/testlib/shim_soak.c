/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_soak SHIM RUNTIME DIR EXECS ATTACHES: one container of the fake runtime, EXECS execs one after the other,
 * ATTACHES readers that come and go at its output; the shim's private memory, descriptors and threads must be the same
 * after as before.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/client/task_client.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "types/runc/options/oci.pb-c.h"

#define WARM_UP          (MEMORY_TELLS ? 500 : 20) /* execs, until memory has its shape */
#define SETTLE_MS        (20 * 1000)
#define PRIVATE_KB_MAX   400
#define PRIVATE_KB_DRIFT 32

/* A sanitizer keeps freed memory and shadows the rest: only descriptors and threads tell something then. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_TELLS false
#else
#define MEMORY_TELLS true
#endif

struct usage {
    long private_kb;
    int fds, threads;
};

static struct err err;

static void
check(int r, const char *what)
{
    if (r >= 0)
        return;
    (void) fprintf(stderr, "%s: %s: %s\n", what, code_name(-r), err.msg);
    exit(1);
}

static int
entries(uint32_t pid, const char *name)
{
    auto_free char *path = xasprintf("/proc/%u/%s", pid, name);
    DIR *d = opendir(path);
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        (void) closedir(d);
    return n - 2;
}

static struct usage
usage_of(uint32_t pid)
{
    auto_free char *path = xasprintf("/proc/%u/smaps_rollup", pid);
    struct usage u = {.fds = entries(pid, "fd"), .threads = entries(pid, "task")};
    FILE *f = fopen(path, "r");
    char line[256];
    long kb;

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Private_Dirty: %ld", &kb) == 1) /* clean pages are the program file's */
            u.private_kb += kb;
    if (f)
        (void) fclose(f);
    (void) printf("private %ld KiB, %d descriptors, %d threads\n", u.private_kb, u.fds, u.threads);
    (void) fflush(stdout);
    return u;
}

/* Connections that the readers have closed are still to be noticed, on a busy machine. */
static struct usage
usage_settled(uint32_t pid, int fds_max)
{
    int64_t until = clock_mono_ns() + SETTLE_MS * NS_PER_MS;

    while (entries(pid, "fd") > fds_max && clock_mono_ns() < until)
        (void) poll(NULL, 0, 1);
    return usage_of(pid);
}

static void
exec_once(struct rpc_channel *ch, unsigned i)
{
    char id[32];
    struct task_exit ended;
    struct task_io io = {0};
    uint32_t pid;

    (void) snprintf(id, sizeof id, "e%u", i);
    check(task_client_exec(ch, NULL, "one", id, "{\"args\":[\"true\"]}", &io, &err), "exec");
    check(task_client_start(ch, NULL, "one", id, &pid, &err), "start of an exec");
    check(task_client_wait(ch, NULL, "one", id, &ended, &err), "wait");
    if (ended.status != 5) {
        (void) fprintf(stderr, "exec %u ended with %u\n", i, ended.status);
        exit(1);
    }
    check(task_client_delete(ch, NULL, "one", id, NULL, &err), "delete of an exec");
}

static void
attach_once(const char *out, const char *address)
{
    auto_close int fd = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct task_state state;
    AUTO_PTR(rpc_channel) ch = NULL;

    check(task_client_open(address, &ch, &err), "connect");
    check(task_client_state(ch, NULL, "one", NULL, &state, &err), "state");
    task_state_done(&state);
    if (fd < 0)
        check(-1, "attach");
}

static char *
bundle_make(const char *dir)
{
    static const char spec[] =
        "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"linux\":{"
        "\"namespaces\":[{\"type\":\"pid\"}]}}";
    char *bundle = path_join(dir, "one");
    auto_free char *config = path_join(bundle, "config.json");

    check(path_mkdirs_at(AT_FDCWD, bundle, 0700, &err), "make the bundle");
    check(fd_write_file_at(AT_FDCWD, config, spec, strlen(spec), 0600, &err), "write config.json");
    return bundle;
}

static struct any_value
options_make(const char *runtime, const char *root)
{
    Containerd__Runc__V1__Options m = CONTAINERD__RUNC__V1__OPTIONS__INIT;
    uint8_t packed[8192];

    m.binary_name = (char *) (uintptr_t) runtime;
    m.root = (char *) (uintptr_t) root;
    return any_value_make("containerd.runc.v1.Options", packed,
                          containerd__runc__v1__options__pack(&m, packed));
}

int
main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    auto_free char *bundle = bundle_make(argv[3]);
    auto_free char *root = path_join(argv[3], "runtime");
    auto_free char *out = path_join(argv[3], "out");
    auto_free char *address = NULL;
    unsigned execs = (unsigned) atoi(argv[4]), attaches = (unsigned) atoi(argv[5]);
    struct any_value options = options_make(argv[2], root);
    struct shim_launch launch = {
        .binary = argv[1], .ns = "soak", .id = "one", .bundle = bundle, .state = argv[3]};
    struct task_create create = {.id = "one",
                                 .bundle = bundle,
                                 .io = {.stdout_path = out, .stderr_path = out},
                                 .options = &options};
    struct rpc_channel *ch = NULL;
    struct task_exit ended;
    struct usage before, after;
    uint32_t shim_pid, pid;
    int64_t started;

    (void) setenv("FAKE_EXEC_CODE", "5", 1);
    check(path_mkdirs_at(AT_FDCWD, root, 0700, &err), "make the runtime's directory");
    if (mkfifo(out, 0600) < 0)
        return 1;
    check(shim_launch_start(&launch, &address, &err), "start the shim");
    check(task_client_open(address, &ch, &err), "connect");
    check(task_client_create(ch, NULL, &create, &pid, &err), "create");
    check(task_client_start(ch, NULL, "one", NULL, &pid, &err), "start");
    check(task_client_connect(ch, NULL, "one", &shim_pid, &pid, &err), "connect to the task");
    for (unsigned i = 0; i < WARM_UP; i++)
        exec_once(ch, i);
    attach_once(out, address);
    before = usage_of(shim_pid);
    started = clock_mono_ns();
    for (unsigned i = 0; i < execs; i++)
        exec_once(ch, WARM_UP + i);
    (void) printf("%u execs, %.3f ms each\n", execs,
                  execs ? (double) (clock_mono_ns() - started) / 1e6 / execs : 0.0);
    for (unsigned i = 0; i < attaches; i++)
        attach_once(out, address);
    attach_once(out, address);
    after = usage_settled(shim_pid, before.fds + 1);
    check(task_client_kill(ch, NULL, "one", NULL, 9, false, &err), "kill");
    check(task_client_wait(ch, NULL, "one", NULL, &ended, &err), "wait for the container");
    check(task_client_delete(ch, NULL, "one", NULL, NULL, &err), "delete");
    check(task_client_shutdown(ch, NULL, "one", &err), "shutdown");
    rpc_channel_free(ch);
    any_value_done(&options);
    if (MEMORY_TELLS && (after.private_kb > before.private_kb + PRIVATE_KB_DRIFT ||
                         after.private_kb > PRIVATE_KB_MAX)) {
        (void) fprintf(stderr, "the shim's memory has grown\n");
        return 1;
    }
    if (ended.status != 137 || after.fds > before.fds + 1 || after.threads != before.threads) {
        (void) fprintf(stderr, "the shim has grown\n");
        return 1;
    }
    return 0;
}
