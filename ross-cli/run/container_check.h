/* SPDX-License-Identifier: Apache-2.0 */
/* Do the notes, names, bundles and cgroups of containers agree with the records? */
#pragma once

#include <stdbool.h>

#include "ross-cli/session/session.h"

/* One sentence about something that does not fit; mended says that it is in order now. */
typedef void (*container_check_fn)(const char *text, bool mended);

/*
 * Looks for names, notes, bundles and cgroups of containers that have no record, names that belong to nobody or are
 * second ones, records without a root filesystem, tasks whose shim is gone, and what networks left.
 *   repair     takes away what nobody refers to, and notes lost containers as ended
 *   ret_found  how many things do not fit that are not mended
 */
int container_check_all(struct session *s, bool repair, container_check_fn fn, size_t *ret_found,
                        struct err *err);
