/* SPDX-License-Identifier: Apache-2.0 */
/* Asking before something is removed. */
#pragma once

#include "libross/base/err.h"

/*
 * Shows `what` (a whole sentence) on stderr and reads an answer from stdin: 0 for "y" and "yes"; Canceled for all
 * else, the end of input included, with the hint to --force.
 */
int confirm(const char *what, struct err *err);
