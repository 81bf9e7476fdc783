/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that may not be there, and a way for tests to say when. */
#include "mem_try.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef ROSS_FAULTS
static void
say_told(void)
{
    static const char text[] = "an allocation fails as told\n";
    const char *path = getenv("ROSS_FAULT_ALLOC_TOLD");

    (void) !write(STDERR_FILENO, text, sizeof text - 1);
    if (path)
        (void) close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static bool
told_to_fail(void)
{
    static _Atomic long left = -1;
    const char *value;

    if (left < 0) {
        value = getenv("ROSS_FAULT_ALLOC");
        left = value ? strtol(value, NULL, 10) : 0;
    }
    if (left == 0 || --left > 0)
        return false;
    say_told();
    return true;
}
#else
#define told_to_fail() false
#endif

void *
mem_try_realloc(void *p, size_t size)
{
    return told_to_fail() ? NULL : realloc(p, size ? size : 1);
}

char *
mem_try_strndup(const char *s, size_t n)
{
    return told_to_fail() ? NULL : strndup(s, n);
}
