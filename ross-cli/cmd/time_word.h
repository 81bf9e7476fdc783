/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as people write them: --since, --until. */
#pragma once

#include <stdint.h>

#include "libross/base/err.h"

/*
 * "2006-01-02T15:04:05.5Z", the same without zone, seconds or time of day (then in our own zone), seconds since 1970,
 * or how long ago: "10m". InvalidArgument naming the option.
 */
int time_word_parse(const char *option, const char *text, int64_t *ret_ns, struct err *err);
