/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log files that a shim, or the client of a container in the foreground, writes itself:
 * ross-log:///PATH?format=cri|json|raw&max-size=SIZE&max-file=N&full=drop|block.
 *
 *   cri    "TIME STREAM F|P TEXT"; P: the line goes on in the next record of its stream
 *   json   {"log":"TEXT\n","stream":"STREAM","time":"TIME"}; without \n the line goes on
 *   raw    the bytes as they come
 *
 * When PATH would grow beyond max-size (0 = never) it becomes PATH.1, PATH.1 becomes PATH.2 and so on; max-file
 * files are kept. A record never spans files. Bytes that a full disk refuses are dropped, counted and, once there
 * is room again, mentioned in the log; with full=block the container waits for room instead.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/logfile/log_uri.h"

#define ROSS_LOG_RECORD_MAX    (16 * 1024) /* bytes of text in one record */
#define ROSS_LOG_FILES_MAX     1000
#define ROSS_LOG_SIZE_DEFAULT  (64 * 1024 * 1024)
#define ROSS_LOG_FILES_DEFAULT 2

struct ross_log;
struct ross_log_stream;

/* InvalidArgument for options that make no sense. Parents of PATH are made (0755), the file is appended to (0640). */
int ross_log_open(const struct log_uri *uri, struct ross_log **ret, struct err *err);
/* which: 0 stdout, 1 stderr. Lives as long as the log. */
struct ross_log_stream *ross_log_stream(struct ross_log *l, int which);
/* How many of the n bytes were taken: all, unless full=block and the disk is full. */
size_t ross_log_write(struct ross_log_stream *s, const char *data, size_t n);
/* The stream has ended: its last line gets its end. */
void ross_log_stream_end(struct ross_log_stream *s);
uint64_t ross_log_dropped(const struct ross_log *l);
void ross_log_close(struct ross_log *l); /* NULL is fine */
