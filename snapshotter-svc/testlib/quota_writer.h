/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody whom limits bind: root's CAP_SYS_RESOURCE is above them. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/test.h"

/* Writes up to 2 MiB as nobody; its errno. */
static inline int
quota_write_as_nobody(int fd)
{
    static const char block[65536];
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (setresuid(65534, 65534, 65534) < 0)
            _exit(255);
        for (int i = 0; i < 32; i++)
            if (write(fd, block, sizeof block) < 0)
                _exit(errno);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

/* xfs says ENOSPC for a project's limit. */
static inline bool
quota_is_full(int got)
{
    return got == EDQUOT || got == ENOSPC;
}
