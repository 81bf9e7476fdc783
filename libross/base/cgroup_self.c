/* SPDX-License-Identifier: Apache-2.0 */
/* Where this process is among cgroups. */
#include "cgroup_self.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

#define CGROUP_FILE_MAX 8192

/* The path of the line "0::/path" of /proc/self/cgroup. */
static char *
own_group(void)
{
    auto_close int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    char text[CGROUP_FILE_MAX + 1];
    ssize_t n = fd < 0 ? -1 : fd_read_full(fd, text, CGROUP_FILE_MAX);
    char *line;

    if (n < 0)
        return NULL;
    text[n] = '\0';
    line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    if (!line)
        return NULL;
    line = strchr(line, '/');
    return xstrndup(line, (size_t) (strchrnul(line, '\n') - line));
}

char *
cgroup_self_procs(void)
{
    static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    auto_free char *group = own_group();

    for (size_t i = 0; group && i < ARRAY_LEN(roots); i++) {
        auto_free char *path = xasprintf("%s%s/cgroup.procs", roots[i], group);
        if (access(path, W_OK) == 0)
            return TAKE(path);
    }
    return NULL;
}
