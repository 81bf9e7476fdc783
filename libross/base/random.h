/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t random_u32(void);
/* 2*n hex digits and a NUL into out (room for 2*n + 1). Returns out. */
char *random_hex(char *out, size_t n);
