/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to an image's config in the words of a Dockerfile: CMD ENTRYPOINT ENV EXPOSE LABEL ONBUILD STOPSIGNAL USER
 * VOLUME WORKDIR.
 */
#pragma once

#include "libross/oci/oci_config.h"

/*
 * line   "CMD [\"sh\"]", "ENV A=1 B=2", "EXPOSE 80 53/udp"; the instruction in any case
 * Pure. InvalidArgument naming the line, `c` is then unchanged.
 */
int config_change(struct oci_config *c, const char *line, struct err *err);
