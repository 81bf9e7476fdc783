/* SPDX-License-Identifier: Apache-2.0 */
/* Where this process is among cgroups. */
#include "cgroup_self.h"

#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

#define CGROUP_FILE_MAX 16384

/* The path of the line "0::/path" of /proc/self/cgroup. */
static char *
own_group(void)
{
    auto_free char *text = NULL;
    size_t len;
    char *line;

    if (fd_read_file_at(-1, "/proc/self/cgroup", CGROUP_FILE_MAX, &text, &len, NULL) < 0)
        return NULL;
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
