/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are to a registry: docker's config.json with its credential helpers (reference 13.2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

#define CREDENTIAL_SECRET_MAX (64 * 1024)

struct credentials;

struct credential {
    char *user, *password; /* for basic auth and token servers */
    char *identity_token;  /* a refresh token */
    char *registry_token;  /* a bearer token as it is */
};
void credential_done(struct credential *c); /* wipes */

/*
 * dir: where config.json is; NULL = $DOCKER_CONFIG, else ~/.docker. A missing file is an empty one; one that cannot be
 * read or parsed is an error.
 */
int credentials_new(const char *dir, struct credentials **ret, struct err *err);
void credentials_free(struct credentials *c);
DEFINE_AUTO_PTR(credentials)
/*
 * For a registry host ("docker.io", "127.0.0.1:5000"): 1 and *ret, or 0 when there is none. Runs a helper when
 * the file says so; FailedPrecondition naming the helper when it fails.
 */
int credentials_find(const struct credentials *c, const char *host, struct credential *ret,
                     struct err *err);
/* Stores a login or removes it (user NULL), in the file or through its helper. 1 when there was something to remove. */
int credentials_store(struct credentials *c, const char *host, const char *user,
                      const char *password, struct err *err);

/* "user:password" as the value of an Authorization header. */
char *credential_basic(const char *user, const char *password);
/* The host behind a key of the file: without scheme and path; docker.io for its old URL. malloc'ed. */
char *credentials_key_host(const char *key);
