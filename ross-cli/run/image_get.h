/* SPDX-License-Identifier: Apache-2.0 */
/* Getting images: from a registry or from files, with everything that pull needs of the session. */
#pragma once

#include "ross-cli/pull/load.h"
#include "ross-cli/pull/pull.h"
#include "ross-cli/registry/registry.h"
#include "ross-cli/session/session.h"

/* Content, records, snapshots and diff of the session. */
int image_services(struct session *s, struct pull_services *ret, struct err *err);

/* opt->reference and the rest as pull_image has them. SIGINT and SIGTERM cancel it cleanly. */
int image_get(struct session *s, const struct registry_options *registry,
              const struct pull_options *opt, struct pull_result *ret, struct err *err);
