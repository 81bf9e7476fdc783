/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory whose size we chose: the xmalloc family ends the process when it fails. Memory whose size someone
 * else chose goes through struct buf or malloc() with a bound and a ResourceExhausted error.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
/* n items of size bytes each, checked for overflow. */
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static inline void
auto_free_p(void *p)
{
    free(*(void **) p);
}

/* `auto_free char *s = NULL;` is freed when it goes out of scope. */
#define auto_free __attribute__((cleanup(auto_free_p)))

/* `AUTO(oci_ref) ref = {0};` calls oci_ref_done(&ref) at the end of the scope. */
#define AUTO(type) __attribute__((cleanup(type##_done))) struct type
/* `AUTO_PTR(ingest) in = NULL;` calls ingest_free(in) at the end of the scope. Needs DEFINE_AUTO_PTR. */
#define AUTO_PTR(type) __attribute__((cleanup(type##_freep))) struct type *
#define DEFINE_AUTO_PTR(type)                                                                      \
    static inline void type##_freep(struct type **p)                                               \
    {                                                                                              \
        type##_free(*p);                                                                           \
    }

/* Gives ownership away: yields the value and leaves NULL behind. */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) *take_p_ = &(p);                                                             \
        __typeof__(p) take_v_ = *take_p_;                                                          \
        *take_p_ = NULL;                                                                           \
        take_v_;                                                                                   \
    })

/* The same for a struct held by value: yields it and leaves it zeroed. */
#define TAKE_STRUCT(s)                                                                             \
    __extension__({                                                                                \
        __typeof__(s) *take_p_ = &(s);                                                             \
        __typeof__(s) take_v_ = *take_p_;                                                          \
        *take_p_ = (__typeof__(s)){0};                                                             \
        take_v_;                                                                                   \
    })

#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *) ((char *) (ptr) -offsetof(type, member)))
