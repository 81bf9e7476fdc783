/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of mountinfo, as a container or a FUSE filesystem could shape them. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = xstrndup((const char *) data, size);
    struct mountinfo m;

    if (mountinfo_parse_line(line, &m, NULL) == 0) {
        /* every string ends inside the line */
        assert(m.root + strlen(m.root) <= line + size);
        assert(m.super_options + strlen(m.super_options) <= line + size);
        assert(*m.root && *m.target && *m.type && m.source && m.options);
    }
    free(line);
    return 0;
}
