/* SPDX-License-Identifier: Apache-2.0 */
#include "container_oom.h"

#include <fcntl.h>

#include "container_stats.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"

#define FILE_SIZE_MAX 65536

bool
container_oom_killed(const char *id)
{
    static const struct {
        const char *hierarchy, *file;
    } places[] = {
        {"/sys/fs/cgroup/memory", "memory.oom_control"},
        {"/sys/fs/cgroup", "memory.events"},
        {"/sys/fs/cgroup/unified", "memory.events"},
    };

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        auto_free char *path = xasprintf("%s/ross/%s/%s", places[i].hierarchy, id, places[i].file);
        auto_free char *text = NULL;
        uint64_t n = 0;

        if (fd_read_file_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, NULL, NULL) == 0 &&
            container_stats_field(text, "oom_kill", &n) && n)
            return true;
    }
    return false;
}
