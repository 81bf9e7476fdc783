/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle of a container: what its shim and the OCI runtime are given. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/* STATE/tasks/NS/ID with config.json and an empty rootfs, also after a stop or a restart of the machine; malloc'ed. */
int container_bundle_make(const struct session *s, const struct container *c, char **ret_bundle,
                          struct err *err);
