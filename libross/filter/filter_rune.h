/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of filter expressions: UTF-8 and the few classes that the scanner asks for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNE_MAX         0x10ffff
#define RUNE_BYTES_MAX   4
#define RUNE_REPLACEMENT 0xfffd

/* The character at p; its length, 0 at `end` and when the bytes are no UTF-8. */
size_t rune_decode(const char *p, const char *end, uint32_t *ret);
/* UTF-8 of c (RUNE_REPLACEMENT for a surrogate); its length. */
size_t rune_encode(uint32_t c, char to[static RUNE_BYTES_MAX]);
bool rune_is_space(uint32_t c);
/* Visible: no space, control, invisible formatting or private character. */
bool rune_is_graphic(uint32_t c);
