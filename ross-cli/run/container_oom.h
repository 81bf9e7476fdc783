/* SPDX-License-Identifier: Apache-2.0 */
/* Has the kernel killed a process of a container because its memory was full? */
#pragma once

#include <stdbool.h>

/* From the cgroup of the container, which is there until its task is deleted; false when nothing can be read. */
bool container_oom_killed(const char *id);
