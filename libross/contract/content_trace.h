/* SPDX-License-Identifier: Apache-2.0 */
/* The content contract with a line for each call: ROSS_TRACE=content. */
#pragma once

#include "content.h"

/* Takes `inner`. When the area is off this is `inner` itself. */
struct content *content_trace_new(struct content *inner);
