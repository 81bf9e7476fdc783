/* SPDX-License-Identifier: Apache-2.0 */
/* Writing to a file beside other work on the same bytes: a few threads that do nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct side_write;

/* Threads start when they are needed for the first time. */
struct side_write *side_write_new(void);
void side_write_free(struct side_write *s); /* NULL is fine; nothing may be in flight */

/*
 * Gives n bytes for a position of a file to a thread that has nothing to do; they must stay until side_write_wait().
 * NULL when all are busy: write them yourself.
 */
struct side_write_job *side_write_start(struct side_write *s, int fd, const void *p, size_t n,
                                        int64_t offset);
/* Returns when all bytes are in the file, or the errno of what went wrong. The job is over. */
int side_write_wait(struct side_write *s, struct side_write_job *job);
