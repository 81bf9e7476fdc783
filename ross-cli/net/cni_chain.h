/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the network plugins of a configuration list (CNI specification 1.0.0, sections 2 to 4).
 *
 * A plugin is a program named by the `type` of its configuration, found in one of the directories of CNI_PATH. It
 * reads its configuration from standard input, its orders from the environment, and answers with JSON on standard
 * output. What it answers is not trusted: bounded, parsed strictly, and late is failed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/json/json.h"

#define CNI_CONFIG_SIZE_MAX (256 * 1024)
#define CNI_OUTPUT_SIZE_MAX (1024 * 1024)
#define CNI_PLUGINS_MAX     16
#define CNI_TIMEOUT_MS      30000
#define CNI_PLUGIN_PACKAGE  "containernetworking-plugins"

struct cni_call {
    const char *container_id, *netns, *ifname;
    const char *path; /* directories with ':' between; NULL = cni_path() */
    const struct json
        *capabilities;  /* values for runtimeConfig by name of the capability, or NULL */
    int64_t timeout_ms; /* of one plugin; 0 = CNI_TIMEOUT_MS */
};

/* $CNI_PATH, or where plugins use to be. Static or borrowed from the environment. */
const char *cni_path(void);
/* Is the plugin of that type installed? */
bool cni_has_plugin(const char *path, const char *type);

/* A list that we can run: name, version 0.3.0 to 1.0.0, plugins with plain names. InvalidArgument. */
int cni_list_check(const struct json *list, struct err *err);

/*
 * ADD with each plugin in order; *ret_result is the last one's answer. When one fails, everything is taken back with
 * DEL. NotFound: a plugin is not installed. DeadlineExceeded. FailedPrecondition with the plugin's own words.
 */
int cni_chain_add(const struct json *list, const struct cni_call *call, struct json **ret_result,
                  struct err *err);
/*
 * DEL with each plugin, last first. All are run; the first failure is reported.
 *   result  what ADD answered, or NULL when that is not known
 */
int cni_chain_del(const struct json *list, const struct cni_call *call, const struct json *result,
                  struct err *err);
