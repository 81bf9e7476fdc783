/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an entry's name: split, cleaned and asked what it means. What comes out must be safe to use. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tar_name.h"
#include "whiteout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_component(const char *p, size_t n)
{
    if (!n || n > NAME_MAX || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
        abort();
}

static void
check_path(const char *p)
{
    size_t n;

    if (!*p)
        return;
    for (;; p += n + 1) {
        n = strcspn(p, "/");
        check_component(p, n);
        if (!p[n])
            return;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *name = xstrndup((const char *) data, size);
    char shown[TAR_NAME_SHOWN_MAX];
    AUTO(tar_name) split = {0};
    const char *target = NULL;

    if (strlen(tar_name_show(name, shown)) >= TAR_NAME_SHOWN_MAX)
        abort();
    if (tar_name_split(name, &tar_limits_default, &split, NULL) < 0)
        return 0;
    check_path(split.parent);
    if (!*split.base) {
        if (*split.parent)
            abort();
        return 0;
    }
    if (strchr(split.base, '/'))
        abort();
    check_component(split.base, strlen(split.base));
    if (whiteout_parse(split.base, &target) == WHITEOUT_NAME) {
        if (strchr(target, '/'))
            abort();
        check_component(target, strlen(target));
    }
    return 0;
}
