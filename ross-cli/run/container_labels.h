/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs after `run` must know of a container, as labels of its record. */
#pragma once

#include "libross/base/labels.h"
#include "libross/contract/records.h"
#include "libross/oci/oci_config.h"
#include "run_options.h"

#define LABEL_STOP_SIGNAL  "io.containerd.image.config.stop-signal" /* as other clients have it */
#define LABEL_STOP_TIMEOUT "ross/stop-timeout"                      /* seconds */
#define LABEL_LOG_URI      "ross/log-uri"                           /* the log of its output */
#define LABEL_AUTO_REMOVE  "ross/auto-remove"                       /* --rm */
#define LABEL_INTERACTIVE  "ross/interactive"                       /* -i */
#define LABEL_IMAGE_ID     "ross/image-id" /* digest of the image's config */
#define LABEL_RESTART      "ross/restart"  /* --restart: "on-failure:3" */

#define STOP_TIMEOUT_DEFAULT_S 10

/* dir: ROOT/containers/NS/ID. InvalidArgument for a wrong --stop-signal, --stop-timeout or --log-opt. */
int container_labels_set(const struct run_options *opt, const struct oci_config *config,
                         const char *dir, struct labels *l, struct err *err);

/* One of those above, or any that ross-cli sets itself: not the person's. */
bool container_label_is_ours(const char *key);

/* The file behind LABEL_LOG_URI, given the container's directory; malloc'ed. */
char *container_log_path(const char *dir);
