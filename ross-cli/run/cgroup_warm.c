/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that moves this process to where it is, while the image is looked up: see libross/base/cgroup_self.h. */
#include "cgroup_warm.h"

#include <fcntl.h>
#include <pthread.h>

#include "libross/base/cgroup_self.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"

static void *
move_nowhere(void *arg)
{
    auto_free char *path = cgroup_self_procs();
    auto_close int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    (void) arg;

    if (fd >= 0)
        (void) !write(fd, "0", 1);
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
        (void) pthread_create(&thread, &attr, move_nowhere, NULL);
    (void) pthread_attr_destroy(&attr);
}
