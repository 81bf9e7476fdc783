/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as int64_t nanoseconds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define NS_PER_S      INT64_C(1000000000)
#define NS_PER_MS     INT64_C(1000000)
#define NS_PER_US     INT64_C(1000)
#define CLOCK_STR_MAX 40

/* Nanoseconds since 1970, the precise clock (never the coarse one: reference 9.6). */
int64_t clock_now_ns(void);
/* Monotonic nanoseconds, for deadlines and durations. */
int64_t clock_mono_ns(void);
/* RFC 3339 in UTC with as many fraction digits as needed (up to 9): "2026-01-02T03:04:05.000000001Z". Returns buf. */
char *clock_format(int64_t time_ns, char buf[static CLOCK_STR_MAX]);
/* RFC 3339 with optional fraction, "Z" or a numeric zone. InvalidArgument otherwise. */
int clock_parse(const char *s, int64_t *ret_time_ns, struct err *err);
