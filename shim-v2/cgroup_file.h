/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of a cgroup: one number, "key value" lines, tables. Missing files read as nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/arena.h"
#include "libross/base/err.h"

#define CGROUP_FILE_MAX (1024 * 1024)

/* Between these two a file that is too large or that there is no memory for is told from one that is not there. */
void cgroup_files_begin(void);
int cgroup_files_end(struct err *err); /* 0, or -ResourceExhausted when there was such a file */
/* The content of DIR/NAME in the arena, NULL when it cannot be read. */
char *cgroup_file_read(struct arena *a, const char *dir, const char *name);
/* One number; "max" is 2^64-1; 0 when missing or malformed. */
uint64_t cgroup_file_u64(struct arena *a, const char *dir, const char *name);
/* A number as the kernel writes it; "max" as above; false when it is none. *end is behind it. */
bool cgroup_u64_parse(const char *s, const char **ret_end, uint64_t *ret);

/* Fields of a message by the key of a "key value" line. */
struct cgroup_key {
    const char *key;
    size_t offset; /* of a uint64_t */
};
/* True when at least one line was understood. */
bool cgroup_keys_read(const char *text, const struct cgroup_key *keys, size_t n, void *into);

/* Splits in place at white space: the next word, or NULL at the end of the line. */
char *cgroup_word(char **at);
/* Splits in place at newlines: the next line, or NULL at the end. */
char *cgroup_line(char **at);
