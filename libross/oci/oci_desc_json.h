/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors in JSON documents (image-spec descriptor.md). */
#pragma once

#include "libross/json/json.h"
#include "libross/oci/oci_desc.h"

#define OCI_BLOB_SIZE_MAX (INT64_C(1) << 50) /* so that sums of sizes never overflow */

/* InvalidArgument naming `what` and the field. On error *ret holds nothing. */
int oci_desc_from_json(const struct json *v, const char *what, struct oci_desc *ret,
                       struct err *err);
struct json *oci_desc_to_json(const struct oci_desc *d);
/* "platform" of a descriptor or the like; NULL gives an empty one. */
int oci_platform_from_json(const struct json *v, const char *what, struct oci_platform *ret,
                           struct err *err);
/* NULL when it is empty. */
struct json *oci_platform_to_json(const struct oci_platform *p);
