/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a database that others use, as a file of its own. */
#pragma once

#include "libross/base/err.h"

/*
 * Writes what is committed in `from` now to `to`, which must not be there yet. The owner of `from` is not disturbed;
 * what it commits later is not in it. NotFound when `from` is not there; DataLoss when it is damaged.
 */
int db_copy(const char *from, const char *to, struct err *err);
