/* SPDX-License-Identifier: Apache-2.0 */
/* Where things live: --root and --state, their environment and defaults, and the names below them. */
#include "libross/config/places.h"

#include <stdlib.h>

#include "libross/base/mem.h"
#include "libross/base/path.h"

static const char *
first_of(const char *flag, const char *variable, const char *fallback)
{
    const char *env = secure_getenv(variable);

    if (flag && *flag)
        return flag;
    return env && *env ? env : fallback;
}

const char *
places_root(const char *flag)
{
    return first_of(flag, "ROSS_ROOT", PLACES_ROOT_DEFAULT);
}

const char *
places_state(const char *flag)
{
    return first_of(flag, "ROSS_STATE", PLACES_STATE_DEFAULT);
}

char *
places_contentd_address(const char *flag, const char *state)
{
    return flag && *flag ? xstrdup(flag) : path_join(state, "contentd.sock");
}

char *
places_snapshotter_address(const char *flag, const char *state)
{
    return flag && *flag ? xstrdup(flag) : path_join(state, "snapshotter.sock");
}
