/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, from the JSON log that runc and crun append to (reference section 6). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RUNC_LOG_READ_MAX (64 * 1024) /* only the end of a longer log is read */

/*
 * The message of the last line with level "error" (or worse) among n bytes of log, trimmed and malloc'ed; NULL
 * when there is none. Lines that are no JSON are skipped. Pure.
 */
char *runc_log_last_error(const char *text, size_t n);
/* The same for the file's part behind `offset`; NULL when it cannot be read. */
char *runc_log_error_since(const char *path, int64_t offset);
/* Its size now; 0 when missing. */
int64_t runc_log_size(const char *path);
