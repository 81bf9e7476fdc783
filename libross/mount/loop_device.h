/* SPDX-License-Identifier: Apache-2.0 */
/* Image files as block devices. */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"

#define LOOP_DEVICE_PATH_MAX 32

/*
 * Attaches the file to a free loop device that goes away with its last user. *ret_fd keeps it until it is mounted; the
 * caller closes it. `path` becomes the device's name.
 */
int loop_device_open(const char *file, bool read_only, char path[static LOOP_DEVICE_PATH_MAX],
                     int *ret_fd, struct err *err);
