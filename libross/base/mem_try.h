/* SPDX-License-Identifier: Apache-2.0 */
/* Memory whose size someone else chose: NULL when there is none. */
#pragma once

#include <stddef.h>

/*
 * In builds with fault points, ROSS_FAULT_ALLOC=N makes the N-th of these calls fail, once. The file that
 * ROSS_FAULT_ALLOC_TOLD names is there when that has happened.
 */
void *mem_try_realloc(void *p, size_t size);
char *mem_try_strndup(const char *s, size_t n);
