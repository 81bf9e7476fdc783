/* SPDX-License-Identifier: Apache-2.0 */
/* A child that moves itself to where it is, so that the kernel's lock for such moves is warm when the runtime comes. */
#include "cgroup_warm.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "libross/base/cgroup_self.h"
#include "libross/base/rawcall.h"

#define CHILD_STACK_SIZE 4096

static struct {
    __attribute__((aligned(16))) unsigned char stack[CHILD_STACK_SIZE];
    char *procs;
    pid_t child; /* the kernel clears it when the child is gone: until then the stack is in use */
} warm;

/* Shares our memory while we go on: raw system calls and its own variables only. */
IN_CHILD static int
move_nowhere(void *arg)
{
    long fd = raw_call(SYS_openat, AT_FDCWD, (long) arg, O_WRONLY | O_CLOEXEC, 0, 0);

    if (fd >= 0) {
        (void) raw_call(SYS_write, fd, (long) "0", 1, 0, 0);
        (void) raw_call(SYS_close, fd, 0, 0, 0, 0);
    }
    raw_exit(0);
}

void
cgroup_warm(void)
{
    int flags =
        CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;

    if (__atomic_load_n(&warm.child, __ATOMIC_ACQUIRE) != 0)
        return;
    free(warm.procs);
    warm.procs = cgroup_self_procs();
    if (warm.procs)
        (void) clone(move_nowhere, warm.stack + sizeof warm.stack, flags, warm.procs, &warm.child,
                     NULL, &warm.child);
}
