/* SPDX-License-Identifier: Apache-2.0 */
/* Everything about a container, in the shape that docker gave it. */
#pragma once

#include "libross/contract/records.h"
#include "libross/json/json.h"
#include "ross-cli/session/session.h"

/* size: also SizeRw and SizeRootFs, which take a walk through its files. */
int container_inspect(struct session *s, const struct container *c, bool size, struct json **ret,
                      struct err *err);
