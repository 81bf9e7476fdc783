/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one call: many small pieces, freed together. */
#include "arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "mem_try.h"

#define CHUNK_SIZE_MIN  4080
#define CHUNK_SIZE_KEEP (64 * 1024) /* a chunk larger than this is not kept by arena_reset */
#define ALIGN_TO        16

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    _Alignas(ALIGN_TO) unsigned char bytes[];
};

static void *
chunk_take(struct arena *a, size_t size, bool must)
{
    struct arena_chunk *c = a->head;
    size_t room, rounded = (size + ALIGN_TO - 1) & ~(size_t) (ALIGN_TO - 1);
    void *p;

    if (rounded < size)
        return NULL;
    if (!c || c->size - c->used < rounded) {
        room = rounded > CHUNK_SIZE_MIN ? rounded : CHUNK_SIZE_MIN;
        if (room > SIZE_MAX - sizeof *c)
            return NULL;
        c = must ? xmalloc(sizeof *c + room) : mem_try_realloc(NULL, sizeof *c + room);
        if (!c)
            return NULL;
        c->size = room;
        c->used = 0;
        c->next = a->head;
        a->head = c;
    }
    p = c->bytes + c->used;
    c->used += rounded;
    a->used_bytes += rounded;
    return p;
}

void *
arena_alloc(struct arena *a, size_t size)
{
    void *p = chunk_take(a, size, true);

    if (!p)
        abort();
    return p;
}

void *
arena_try_alloc(struct arena *a, size_t size)
{
    return chunk_take(a, size, false);
}

void *
arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

void *
arena_memdup(struct arena *a, const void *p, size_t n)
{
    void *to = arena_alloc(a, n);

    if (n)
        memcpy(to, p, n);
    return to;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *to = arena_alloc(a, len + 1);

    memcpy(to, s, len);
    to[len] = '\0';
    return to;
}

char *
arena_strdup(struct arena *a, const char *s)
{
    return arena_memdup(a, s, strlen(s) + 1);
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *to;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    to = arena_alloc(a, (size_t) n + 1);
    (void) vsnprintf(to, (size_t) n + 1, fmt, again);
    va_end(again);
    return to;
}

void
arena_reset(struct arena *a)
{
    struct arena_chunk *c = a->head, *next;

    a->used_bytes = 0;
    while (c && (c->next || c->size > CHUNK_SIZE_KEEP)) {
        next = c->next;
        free(c);
        c = next;
    }
    if (c)
        c->used = 0;
    a->head = c;
}

void
arena_done(struct arena *a)
{
    struct arena_chunk *c = a->head, *next;

    for (; c; c = next) {
        next = c->next;
        free(c);
    }
    *a = (struct arena){0};
}
