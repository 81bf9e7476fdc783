/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4). */
#pragma once

#include <stddef.h>

/* Standard base64 of `s`, with padding required; NULL when malformed. The result is NUL-terminated, malloc'ed. */
char *base64_decode(const char *s, size_t *ret_len);
/* NUL-terminated, malloc'ed. */
char *base64_encode(const void *p, size_t n);
