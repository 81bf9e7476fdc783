/* SPDX-License-Identifier: Apache-2.0 */
/* An image of one layer out of a tar archive of a root file system. Inside pull/ only. */
#pragma once

#include "ross-cli/pull/load.h"
#include "ross-cli/pull/load_input.h"
#include "ross-cli/pull/load_store.h"

/*
 * Stores the archive as it is (plain, gzip or zstd) as a layer, and a config and a manifest for it. *ret is the
 * manifest. InvalidArgument when it is no tar archive to its end or a change makes no sense.
 */
int load_rootfs(struct load_set *s, struct load_input *in, const struct load_tree *how,
                const struct oci_platform *platform, struct oci_desc *ret, struct err *err);
