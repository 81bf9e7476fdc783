/* SPDX-License-Identifier: Apache-2.0 */
/* What the stdout string of a task may say: a path or a URI (reference 5.4). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/labels.h"
#include "libross/base/strv.h"

enum log_scheme {
    LOG_NULL,     /* the empty string */
    LOG_PATH,     /* a plain path or fifo://: a fifo or an existing file */
    LOG_FILE,     /* file:// */
    LOG_BINARY,   /* binary:// */
    LOG_BINARY_2, /* binary-v2:// */
    LOG_ROSS,     /* ross-log:// */
};

struct log_uri {
    enum log_scheme scheme;
    char *path;        /* absolute for every scheme but LOG_PATH */
    struct strv query; /* key, value, key, value … in order of appearance, decoded */
};

#define LOG_URI_MAX 8192

/* Unknown: a scheme that nobody knows. InvalidArgument: malformed. */
int log_uri_parse(const char *s, struct log_uri *ret, struct err *err);
/* The first value of a key, or NULL. Borrowed. */
const char *log_uri_find(const struct log_uri *u, const char *key);
void log_uri_done(struct log_uri *u);
