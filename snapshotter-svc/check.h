/* SPDX-License-Identifier: Apache-2.0 */
/* Do database, directories and mounts agree? For `ross-snapshotter check`. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "libross/base/err.h"

/*
 * One line for each finding, then a summary. Changes nothing unless `repair`.
 *   1   there is something left that is not as it should be
 *   0   all well (with repair: now)
 * Negative when it could not be looked at, or when the database itself is damaged (DataLoss).
 * The directories of snapshots that were removed without Cleanup (reference 10.4) count as left until somebody asks for
 * that or the service starts again; `ross-cli check` asks first.
 */
int check_run(const char *root, bool repair, FILE *to, struct err *err);
/*
 * The same beside a running service, with a copy of its database that is made in the directory `scratch`. What is at
 * work just now is no finding: only what two looks find counts.
 */
int check_beside(const char *root, const char *scratch, FILE *to, struct err *err);
