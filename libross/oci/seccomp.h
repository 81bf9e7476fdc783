/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call filters of containers, as the `linux.seccomp` object of the runtime spec: our default, which allows
 * what docker's allows, and profile files in docker's format or the runtime spec's. Pure.
 */
#pragma once

#include "libross/json/json.h"
#include "libross/oci/capability.h"

/* What the conditional rows of a profile depend on. */
struct seccomp_host {
    const char *
        architecture; /* as in image platforms: "amd64"; NULL = the one this program was built for */
    capability_set caps;            /* what the container may have */
    int kernel_major, kernel_minor; /* 0 = newer than anything asked for */
};

/* The architecture of `host`, with this program's own for NULL. */
const char *seccomp_architecture(const struct seccomp_host *host);
/* Never NULL; the caller frees or gives it away. */
struct json *seccomp_default(const struct seccomp_host *host);
/*
 * A profile as people write it (docker's: archMap, includes, excludes; or the runtime spec's own). *ret NULL when
 * it allows everything and lists nothing. InvalidArgument.
 */
int seccomp_from_profile(const struct json *profile, const struct seccomp_host *host,
                         struct json **ret, struct err *err);
