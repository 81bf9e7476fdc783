/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that fit the filters of ps. */
#pragma once

#include "ps_filter.h"
#include "ross-cli/session/session.h"

/*
 * fn for each, in no order; a negative code from it ends the listing.
 *   filters  those of ps_filter.h, and expressions of containerd
 * InvalidArgument for a filter that makes no sense; NotFound for a container that one of them names.
 */
typedef int (*ps_select_fn)(const struct ps_item *item, void *arg, struct err *err);
int ps_select(struct session *s, const struct strv *filters, ps_select_fn fn, void *arg,
              struct err *err);
