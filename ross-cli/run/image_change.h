/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of an image's config in the words of a Dockerfile. Pure. */
#pragma once

#include "libross/json/json.h"

/*
 * "CMD …", "ENTRYPOINT …" (JSON array, or words for /bin/sh -c), "ENV K=V", "LABEL K=V", "WORKDIR DIR", "USER U",
 * "EXPOSE 80/tcp", "VOLUME DIR", "STOPSIGNAL S" onto the object `config` of a config document. InvalidArgument.
 */
int image_change_apply(struct json *config, const char *text, struct err *err);
