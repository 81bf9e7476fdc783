/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/boot_id.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/fd.h"

int
boot_id_read(char ret[static BOOT_ID_BYTES], struct err *err)
{
    auto_free char *id = NULL;
    int r;

    ret[0] = '\0';
    r = fd_read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", BOOT_ID_BYTES - 1, &id, NULL,
                        err);
    if (r < 0)
        return r;
    (void) snprintf(ret, BOOT_ID_BYTES, "%.*s", (int) strcspn(id, "\n"), id);
    return 0;
}
