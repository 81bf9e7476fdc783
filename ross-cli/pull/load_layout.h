/* SPDX-License-Identifier: Apache-2.0 */
/* An OCI image layout in a directory (image-spec image-layout.md). Inside pull/ only. */
#pragma once

#include "ross-cli/pull/load_store.h"

/*
 * Reads oci-layout and index.json, and copies every blob below its manifests that is there (a layout may hold some
 * platforms only). InvalidArgument when the directory is no layout.
 */
int load_layout(struct load_set *s, int dir_fd, struct err *err);
