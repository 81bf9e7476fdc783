/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the distribution API: URL, authorization, retries, and what a refusal means. Inside registry/ only. */
#pragma once

#include <pthread.h>

#include "ross-cli/registry/auth.h"
#include "ross-cli/registry/exchange.h"
#include "ross-cli/registry/hosts.h"
#include "ross-cli/registry/registry.h"

#define REGISTRIES_MAX 64 /* different registries talked to in one life */

struct registry {
    struct hosts_options hosts_options; /* strings owned */
    char *hosts_dirs, *docker_config, *user, *password;
    int64_t retry_wait_max_ms;

    pthread_mutex_t lock; /* guards all below */
    struct http *http;    /* NULL before the first request */
    struct auth *auth;
    bool cancelled;
    struct registry_hosts *known[REGISTRIES_MAX];
    size_t n_known;
    struct digest last_digest; /* of last_manifest, which resolving had to fetch */
    char *last_manifest;
    size_t last_bytes;
};

struct request {
    const struct registry_host *host;
    const char *registry; /* the reference's, for mirrors */
    const char *scope;
    const char *method;
    const char *path; /* below the API root: "/library/alpine/manifests/3"; or a whole URL */
    const struct strv *headers;
    const void *body;
    size_t body_bytes;
};

/* Loads libcurl, the credentials file and the hosts of a registry when that has not been done. *ret is borrowed. */
int request_hosts(struct registry *r, const char *registry, const struct registry_hosts **ret,
                  struct err *err);
/* The status of the answer, whatever it is but a 401 or a temporary one that might change; or a negative code. */
int request_send(struct registry *r, const struct request *q, struct http_call **ret,
                 struct err *err);
/*
 * Starts a request whose body of `bytes` the caller sends with http_call_write. One attempt, with the
 * authorization that an earlier request of the same scope has brought; the secrets stay home when the URL is
 * another server's.
 */
int request_upload(struct registry *r, const struct request *q, int64_t bytes,
                   struct http_call **ret, struct err *err);
/* Turns an unwanted status into its error, with what the body says. Returns the negative code. */
int request_refused(const struct request *q, struct http_call *c, int status, struct err *err);
/* The URL of a request; malloc'ed. */
char *request_url(const struct request *q);
