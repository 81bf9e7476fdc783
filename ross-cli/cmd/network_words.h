/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about networks and volumes share. */
#pragma once

#include "libross/base/labels.h"
#include "libross/base/strv.h"
#include "ross-cli/session/session.h"

/* "K=V" or "K" of --label; an empty value is kept. InvalidArgument. */
int labels_from_words(const char *option, const struct strv *words, struct labels *ret,
                      struct err *err);
/* The names of all networks that a container, running or not, wants to join. */
int networks_wanted(struct session *s, struct strv *ret, struct err *err);
