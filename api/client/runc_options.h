/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.runc.v1.Options as an Any, for whoever creates tasks (reference 7.1). */
#pragma once

#include "libross/contract/records.h"

/* Each may be NULL. The shim takes them: which runtime binary, and where it keeps its state. */
struct any_value runc_options_make(const char *binary_name, const char *root);
/* The binary that options made so name; NULL when they are others, malformed, or name none. malloc'ed. */
char *runc_options_binary(const struct any_value *options);
