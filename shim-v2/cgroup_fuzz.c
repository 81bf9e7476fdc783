/* SPDX-License-Identifier: Apache-2.0 */
/* The same bytes as every file of a cgroup and as the text that names it. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgroup.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
    "pids.current",
    "cpu.stat",
    "cpu.pressure",
    "memory.stat",
    "memory.events",
    "io.stat",
    "rdma.current",
    "hugetlb.2MB.current",
    "cpuacct.usage_percpu",
    "memory.oom_control",
    "blkio.throttle.io_service_bytes_recursive",
};

/* The hierarchies of version 1, all leading back to the one directory. */
static const char *const hierarchies[] = {"pids", "cpu", "cpuacct", "memory", "blkio", "hugetlb"};

static char dir[] = "/tmp/cgroup-fuzz-XXXXXX";

static void
clean_up(void)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_free char *path = xasprintf("%s/%s", dir, names[i]);

        (void) unlink(path);
    }
    for (size_t i = 0; i < ARRAY_LEN(hierarchies); i++) {
        auto_free char *path = xasprintf("%s/%s", dir, hierarchies[i]);

        (void) unlink(path);
    }
    (void) rmdir(dir);
}

static void
make_once(void)
{
    static bool made;

    if (made)
        return;
    made = true;
    if (!mkdtemp(dir))
        _exit(1);
    for (size_t i = 0; i < ARRAY_LEN(hierarchies); i++) {
        auto_free char *path = xasprintf("%s/%s", dir, hierarchies[i]);

        if (symlink(".", path) < 0)
            _exit(1);
    }
    (void) atexit(clean_up);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = xstrndup((const char *) data, size);
    struct arena a = {0};
    void *value;
    size_t n;

    make_once();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_free char *path = xasprintf("%s/%s", dir, names[i]);
        auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (fd < 0 || fd_write_all(fd, data, size) < 0)
            return 0;
    }
    (void) cgroup_stats_v2(dir, "0::/\n", &a, &value, &n, NULL);
    arena_reset(&a);
    (void) cgroup_stats_v1(dir, "1:pids,cpu,cpuacct,memory,blkio,hugetlb:/\n", &a, &value, &n,
                           NULL);
    arena_reset(&a);
    (void) cgroup_stats_v1(dir, text, &a, &value, &n, NULL);
    arena_done(&a);
    return 0;
}
