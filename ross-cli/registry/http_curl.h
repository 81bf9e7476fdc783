/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, loaded when it is first needed. Inside http*.c only. */
#pragma once

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "libross/base/err.h"

/* The functions that we use. */
/* clang-format never comes to rest on such a list. */
/* clang-format off */
#define CURL_FUNCTIONS(X) \
    X(global_init) X(easy_init) X(easy_cleanup) X(easy_setopt) X(easy_getinfo) X(easy_pause) \
    X(easy_strerror) X(multi_init) X(multi_cleanup) X(multi_add_handle) X(multi_remove_handle) \
    X(multi_perform) X(multi_poll) X(multi_wakeup) X(multi_info_read) X(multi_setopt) \
    X(multi_strerror) X(slist_append) X(slist_free_all) X(url) X(url_cleanup) X(url_set) \
    X(url_get) X(free)
/* clang-format on */

struct curl_table {
#define X(name) __typeof__(curl_##name) *name;
    CURL_FUNCTIONS(X)
#undef X
    char problem[256]; /* why it could not be loaded; "" = loaded */
};

/* Valid after curl_ready() returned 0. */
extern struct curl_table curl;

/* Loads it once. FailedPrecondition naming the Debian package when it is missing. */
int curl_ready(struct err *err);
