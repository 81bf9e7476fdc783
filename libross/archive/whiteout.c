/* SPDX-License-Identifier: Apache-2.0 */
#include "whiteout.h"

#include <string.h>

enum whiteout
whiteout_parse(const char *name, const char **ret_target)
{
    const char *target = name + strlen(WHITEOUT_PREFIX);

    if (strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) != 0)
        return WHITEOUT_NONE;
    if (strcmp(name, WHITEOUT_OPAQUE_NAME) == 0)
        return WHITEOUT_OPAQUE;
    if (!*target || strcmp(target, ".") == 0 || strcmp(target, "..") == 0 || strchr(target, '/'))
        return WHITEOUT_INVALID;
    *ret_target = target;
    return WHITEOUT_NAME;
}
