/* SPDX-License-Identifier: Apache-2.0 */
/* Capability sets of containers: docker's default and the arithmetic of --cap-add and --cap-drop. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/strv.h"

#define CAPABILITY_LAST 40 /* CAP_CHECKPOINT_RESTORE, Linux 5.9 */

/* A bit per capability number. */
typedef uint64_t capability_set;

#define CAPABILITY_ALL ((UINT64_C(1) << (CAPABILITY_LAST + 1)) - 1)

capability_set capability_default(void); /* docker's fourteen */
/* "CAP_NET_ADMIN", "net_admin"; -1 when unknown. */
int capability_find(const char *name);
const char *capability_name(int number); /* "CAP_NET_ADMIN" */
bool capability_has(capability_set set, int number);
/*
 * docker's rules: dropping ALL leaves what is added; adding ALL leaves what is not dropped; else the default without
 * the dropped ones and with the added ones. InvalidArgument names an unknown capability.
 */
int capability_tweak(const struct strv *add, const struct strv *drop, capability_set *ret,
                     struct err *err);
