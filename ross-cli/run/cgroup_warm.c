/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel guards moves of whole processes between cgroups with a lock whose writer, after a pause, waits for a grace
 * period of RCU: 12 to 15 ms where it was measured, in the middle of every `runc create`. While that lock is still
 * warm from another move the wait is gone. So a thread of ours moves this process to where it is, while the image is
 * looked up.
 */
#include "cgroup_warm.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"

#define CGROUP_FILE_MAX 16384

/* Where this process is in the unified hierarchy: the line "0::/path" of /proc/self/cgroup. NULL when there is none. */
static char *
own_group(void)
{
    auto_free char *text = NULL;
    size_t len;
    char *line, *end;

    if (fd_read_file_at(-1, "/proc/self/cgroup", CGROUP_FILE_MAX, &text, &len, NULL) < 0)
        return NULL;
    line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (!line)
        return NULL;
    line = strchr(line, '/');
    end = line ? strchrnul(line, '\n') : NULL;
    return line ? xstrndup(line, (size_t) (end - line)) : NULL;
}

static void *
move_to_own_group(void *arg)
{
    static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    auto_free char *group = own_group();
    (void) arg;

    for (size_t i = 0; group && i < ARRAY_LEN(roots); i++) {
        auto_free char *path = xasprintf("%s%s/cgroup.procs", roots[i], group);
        auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, "0", 1) == 1)
            break;
    }
    return NULL;
}

void
cgroup_warm(void)
{
    pthread_attr_t attr;
    pthread_t thread;

    if (pthread_attr_init(&attr) != 0)
        return;
    if (pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0)
        (void) pthread_create(&thread, &attr, move_to_own_group, NULL);
    (void) pthread_attr_destroy(&attr);
}
