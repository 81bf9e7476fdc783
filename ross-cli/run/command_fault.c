/* SPDX-License-Identifier: Apache-2.0 */
/* Whose fault it is that a process could not be started. */
#include "command_fault.h"

#include <stddef.h>
#include <string.h>

#include "libross/base/mem.h"

#define STATUS_CANNOT_EXECUTE 126
#define STATUS_NOT_FOUND      127

int
command_fault(const char *text)
{
    static const struct {
        const char *words;
        int status;
    } rows[] = {
        {"executable file not found", STATUS_NOT_FOUND},
        {"executable file `", STATUS_NOT_FOUND}, /* crun: "executable file `x` not found" */
        {"no such file or directory", STATUS_NOT_FOUND},
        {"permission denied", STATUS_CANNOT_EXECUTE},
        {"is a directory", STATUS_CANNOT_EXECUTE},
        {"open executable", STATUS_CANNOT_EXECUTE},       /* crun 1.8, of a directory */
        {"is not a regular file", STATUS_CANNOT_EXECUTE}, /* crun 1.21, of a directory */
        {"but it is not executable", STATUS_CANNOT_EXECUTE},
        {"exec format error", STATUS_CANNOT_EXECUTE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcasestr(text, rows[i].words))
            return rows[i].status;
    return 0;
}
