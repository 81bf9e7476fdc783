/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that spec_build() puts together; not for others. */
#pragma once

#include "libross/oci/capability.h"
#include "libross/oci/spec.h"

/* What the container may have, after privileged, added and dropped. */
int spec_capabilities(const struct spec_options *o, capability_set *ret, struct err *err);
int spec_build_mounts(const struct spec_options *o, struct json **ret, struct err *err);
/* The propagation that the root needs for the mounts' own; NULL when none. */
const char *spec_propagation(const struct spec_options *o);
int spec_build_linux(const struct spec_options *o, capability_set caps, struct json **ret,
                     struct err *err);
int spec_build_resources(const struct spec_options *o, struct json **ret, struct err *err);
