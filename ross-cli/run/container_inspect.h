/* SPDX-License-Identifier: Apache-2.0 */
/* Everything about a container or an image, in the shape that docker gave it. */
#pragma once

#include "image_open.h"
#include "libross/json/json.h"
#include "ross-cli/session/session.h"

/* size: also SizeRw and SizeRootFs, which take a walk through its files. */
int container_inspect(struct session *s, const struct container *c, bool size, struct json **ret,
                      struct err *err);

/* Cannot fail. `names`: every name of the same image, RepoTags and RepoDigests come from them. */
struct json *image_inspect(const struct image *image, const struct image_view *view,
                           const struct strv *names);
