/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one call: many small pieces, freed together. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

/* Zero-initialised is empty and ready; belongs to one thread at a time. */
struct arena {
    struct arena_chunk *head;
    size_t used_bytes; /* handed out since the last reset */
};

/* 16-byte aligned, not zeroed; never NULL (xmalloc rules); for sizes that we chose or have bounded. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);
/* As arena_alloc, but NULL when the memory cannot be had: for sizes that a peer chose. */
void *arena_try_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
void *arena_memdup(struct arena *a, const void *p, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets everything handed out, keeps one chunk for reuse. */
void arena_reset(struct arena *a);
/* Frees everything; the arena is empty and usable again. */
void arena_done(struct arena *a);
