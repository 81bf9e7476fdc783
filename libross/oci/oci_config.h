/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image configs (image-spec config.md, and docker's): how a container of the image runs, and of which layers it is
 * made.
 */
#pragma once

#include <stdbool.h>

#include "libross/base/strv.h"
#include "libross/oci/oci_desc.h"

#define OCI_CONFIG_SIZE_MAX (4 * 1024 * 1024)
#define HISTORY_MAX         4096

struct oci_healthcheck {
    bool present;
    struct strv test; /* {"CMD", …}, {"CMD-SHELL", text}, {"NONE"}; empty = inherit */
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns, retries; /* 0 = default */
};

struct oci_history {
    char *created, *created_by, *author, *comment; /* NULL when absent */
    bool empty_layer;
};

/* Strings are NULL when absent. */
struct oci_config {
    char *created, *author; /* created: RFC 3339 */
    struct oci_platform platform;
    char *user, *working_dir, *stop_signal;
    struct strv env, entrypoint, cmd, shell, on_build;
    struct strv exposed_ports, volumes; /* "80/tcp"; "/data" */
    struct labels labels;
    struct oci_healthcheck healthcheck;
    struct digest *diff_ids; /* uncompressed layers, base first */
    size_t n_diff_ids;
    struct oci_history *history;
    size_t n_history;
};

/* InvalidArgument naming the field. At most OCI_CONFIG_SIZE_MAX bytes, LAYERS_MAX layers. */
int oci_config_parse(const void *p, size_t n, struct oci_config *ret, struct err *err);
/* Compact JSON, malloc'ed; the bytes that are to be stored and hashed. Empty fields are left out. */
char *oci_config_format(const struct oci_config *c, size_t *ret_len);
/* Both take ownership of nothing; d and h are copied. */
void oci_config_add_layer(struct oci_config *c, const struct digest *diff_id);
void oci_config_add_history(struct oci_config *c, const struct oci_history *h);
void oci_config_done(struct oci_config *c);
