/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorization for requests: learns from a server's challenges what it wants, fetches and keeps bearer tokens by scope
 * (reference 13.2). Thread safe; one token is fetched at a time.
 */
#pragma once

#include "ross-cli/registry/hosts.h"
#include "ross-cli/registry/http.h"

#define TOKEN_ANSWER_MAX (1024 * 1024)

struct auth;

struct auth_options {
    const char *user, *password; /* for every registry but mirrors; NULL = docker's file */
    const char *docker_config;   /* directory, NULL = default */
    int64_t retry_wait_max_ms;   /* for the token server */
};

int auth_new(const struct auth_options *opt, struct auth **ret, struct err *err);
void auth_free(struct auth *a);
DEFINE_AUTO_PTR(auth)

/*
 * The value of the Authorization header for a request, malloc'ed; NULL when none is known to be wanted. May ask the
 * token server.
 *   scope  "repository:NAME:pull", several separated by spaces; NULL = what the server asked for
 */
int auth_header(struct auth *a, struct http *h, const struct registry_host *host, const char *scope,
                char **ret, struct err *err);
/*
 * A 401 has come for a request with the header `sent` (NULL = none). 0: ask again with a new auth_header.
 * Unauthenticated when that would not help, naming what would.
 */
int auth_challenged(struct auth *a, const struct registry_host *host, const char *sent,
                    const struct http_call *answer, struct err *err);

/* A token server's answer. InvalidArgument when it holds no usable token. */
int auth_token_parse(const char *body, size_t n, char **ret_token, int64_t *ret_lifetime_s,
                     struct err *err);
