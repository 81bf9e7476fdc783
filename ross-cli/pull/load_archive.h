/* SPDX-License-Identifier: Apache-2.0 */
/* A tar of an OCI layout or of `docker save`, as a stream: blobs go to the store as they come. Inside pull/ only. */
#pragma once

#include "ross-cli/pull/load_input.h"
#include "ross-cli/pull/load_store.h"

/* An archive, also gzip or zstd. InvalidArgument when it is no tar archive. */
int load_archive(struct load_set *s, struct load_input *in, struct err *err);
