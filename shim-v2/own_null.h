/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A null device that only one process has. Runtimes give the standard streams of a process to its user; in a user
 * namespace that would make its root the owner of the host's /dev/null, who may take it away from everybody else.
 */
#pragma once

#include "libross/base/err.h"

/* A descriptor for reading and writing, or a negative code. The device is gone with its last descriptor. */
int own_null_open(struct err *err);
