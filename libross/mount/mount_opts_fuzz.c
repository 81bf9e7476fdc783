/* SPDX-License-Identifier: Apache-2.0 */
/* Option words from a snapshotter or a client, between newlines. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "mount_opts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct idmap_range ranges[IDMAP_RANGES_MAX];
    char *text = xstrndup((const char *) data, size), *dir, *shorter;
    AUTO(strv) words = strv_split(text, '\n');
    AUTO(mount_opts) o = {0};
    uint64_t clear;
    size_t n;

    if (mount_opts_parse(&words, &o, NULL) == 0) {
        assert(!o.uidmap == !o.gidmap);
        if (o.uidmap)
            assert(idmap_parse(o.uidmap, ranges, &n, NULL) == 0 && n > 0);
        (void) mount_opts_attrs(o.flags, &clear);
        if (mount_opts_shorten_overlay(&o.data, &dir, &shorter)) {
            assert(dir[0] == '/' && strlen(shorter) < size);
            free(dir);
            free(shorter);
        }
    }
    free(text);
    return 0;
}
