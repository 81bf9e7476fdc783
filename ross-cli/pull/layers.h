/* SPDX-License-Identifier: Apache-2.0 */
/* All layers of one manifest at once: fetched, unpacked, committed base first. */
#pragma once

#include "libross/oci/oci_config.h"
#include "libross/oci/oci_manifest.h"
#include "ross-cli/pull/job.h"

/*
 * Leaves a committed snapshot for every layer, under its chain id. Layers below the topmost one that is there
 * already are neither fetched nor unpacked. On failure no active snapshot stays.
 *   chain  n_layers chain ids of the config's diff ids
 */
int layers_unpack(struct job *j, const struct oci_manifest *m, const struct oci_config *config,
                  const struct digest *chain, struct err *err);
/* Only into the content store. */
int layers_fetch(struct job *j, const struct oci_manifest *m, struct err *err);
