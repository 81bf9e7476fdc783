/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to an image's config in the words of a Dockerfile, as `commit --change` and `import --change` take them.
 *
 *   CMD ENTRYPOINT        ["a", "b"], or words for /bin/sh -c; an ENTRYPOINT drops the image's CMD
 *   ENV LABEL             A=1 "B=two words" C=two\ words, or A the rest of the line
 *   EXPOSE                80 53/udp 8000-8010/tcp
 *   VOLUME                ["/a", "/b"], or /a /b
 *   ONBUILD STOPSIGNAL USER WORKDIR
 *
 * $A and ${A}, ${A:-other}, ${A:+other} stand for variables of the config, but in CMD, ENTRYPOINT and ONBUILD.
 */
#pragma once

#include "libross/json/json.h"

#define OCI_CHANGES_MAX 1024

/*
 * config  the object `config` of a config document; fields that are not named stay as they are
 * lines   "CMD [\"sh\"]"; the instruction in any case
 * Pure. InvalidArgument naming the line; `config` is then half changed.
 */
int oci_config_change(struct json *config, const struct strv *lines, struct err *err);
