/* SPDX-License-Identifier: Apache-2.0 */
/* Strict numbers from text: the whole string, no white space, no sign unless stated, no overflow. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

/* All: InvalidArgument naming the text. */
int parse_u64(const char *s, uint64_t *ret, struct err *err);
int parse_i64(const char *s, int64_t *ret, struct err *err); /* one leading '-' */
int parse_u32(const char *s, uint32_t *ret, struct err *err);
/* Bytes: "1048576", "64k", "10M", "1.5g", "2GiB", "1GB" (k/m/g/t are powers of 1024, as docker; case ignored). */
int parse_size(const char *s, int64_t *ret_bytes, struct err *err);
/* "10s", "1m30s", "250ms", "1h", plain digits are seconds. */
int parse_duration(const char *s, int64_t *ret_ns, struct err *err);
/* true false 1 0 yes no on off */
int parse_bool(const char *s, bool *ret, struct err *err);
