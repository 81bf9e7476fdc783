/* SPDX-License-Identifier: Apache-2.0 */
/* From an address to a connected socket. For this directory. */
#pragma once

#include "libross/base/err.h"

/*
 * "unix:///path", "/path", or an abstract name. The descriptor is non-blocking. Unavailable naming the address when
 * nobody answers or the backlog is full.
 */
int ttrpc_dial(const char *address, struct err *err);
