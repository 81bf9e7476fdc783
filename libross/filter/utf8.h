/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, as much of it as filters need. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_BYTES_MAX 4

/* No overlong forms, surrogates, or values above 0x10ffff. */
bool utf8_is_valid(const char *s);
bool utf8_is_scalar(uint32_t c);
/* c must be a scalar. The number of bytes written. */
size_t utf8_encode(uint32_t c, char out[static UTF8_BYTES_MAX]);
