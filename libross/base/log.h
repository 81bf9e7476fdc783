/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per event, a constant message and facts as key=value. Only the edges log (dispatcher,
 * main); library code returns struct err.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* A fact; made by the KV_ macros only. */
struct log_kv {
    const char *key;
    enum { LOG_KV_STR, LOG_KV_INT, LOG_KV_MS, LOG_KV_ERR } kind;
    const char *str;
    int64_t num;
};

#define KV_STR(k, v) ((struct log_kv){.key = (k), .kind = LOG_KV_STR, .str = (v)})
#define KV_INT(k, v) ((struct log_kv){.key = (k), .kind = LOG_KV_INT, .num = (v)})
/* A duration given in nanoseconds, shown in milliseconds. */
#define KV_MS(k, v_ns) ((struct log_kv){.key = (k), .kind = LOG_KV_MS, .num = (v_ns)})
/* error="message" code=NotFound */
#define KV_ERR(err)                                                                                \
    ((struct log_kv){.key = "error", .kind = LOG_KV_ERR, .str = (err)->msg, .num = (err)->code})

#define log_trace(area, ...) LOG_LINE_AREA_(area, __VA_ARGS__)
#define log_debug(...)       LOG_LINE_(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)        LOG_LINE_(LOG_INFO, __VA_ARGS__)
#define log_warn(...)        LOG_LINE_(LOG_WARN, __VA_ARGS__)
#define log_error(...)       LOG_LINE_(LOG_ERROR, __VA_ARGS__)

/* "trace" … "error" ("warning" too); InvalidArgument otherwise. */
int log_level_parse(const char *s, enum log_level *ret, struct err *err);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/*
 * Name in front of each line ("ross-contentd"); borrowed for ever. Also reads ROSS_TRACE (comma list of areas,
 * "all") and JOURNAL_STREAM: lines to systemd's journal have a priority and leave time and name to it.
 */
void log_init(const char *program);
/* Where lines go; stderr at first; -1 drops them. The fd is borrowed. */
void log_set_fd(int fd);
bool log_area_on(const char *area);

/* Use the macros. Thread safe: a line is one write(2). Strings are quoted and escaped. errno survives. */
void log_line(enum log_level level, const char *msg, const struct log_kv *kvs, unsigned n);

#define LOG_LINE_(level, msg, ...)                                                                 \
    do {                                                                                           \
        if ((level) >= log_get_level()) {                                                          \
            const struct log_kv kvs_[] = {{0}, ##__VA_ARGS__};                                     \
            log_line((level), (msg), kvs_ + 1, sizeof kvs_ / sizeof kvs_[0] - 1);                  \
        }                                                                                          \
    } while (0)
#define LOG_LINE_AREA_(area, msg, ...)                                                             \
    do {                                                                                           \
        if (log_area_on(area)) {                                                                   \
            const struct log_kv kvs_[] = {{0}, ##__VA_ARGS__};                                     \
            log_line(LOG_TRACE, (msg), kvs_ + 1, sizeof kvs_ / sizeof kvs_[0] - 1);                \
        }                                                                                          \
    } while (0)
