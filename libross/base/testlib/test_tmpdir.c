/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch directories of unit tests. */
#include <fcntl.h>
#include <stdio.h>

#include "libross/base/mem.h"
#include "libross/base/rmtree.h"
#include "libross/base/test.h"

char *
test_tmpdir(void)
{
    const char *base = getenv("TMPDIR");
    char *path = xasprintf("%s/ross-test-XXXXXX", base && *base ? base : "/tmp");

    if (!mkdtemp(path))
        fail_msg("mkdtemp %s failed", path);
    return path;
}

void
test_tmpdir_remove(char *path)
{
    struct err err = {0};

    if (rmtree_at(AT_FDCWD, path, &err) < 0)
        fail_msg("remove %s: %s", path, err.msg);
    free(path);
}
