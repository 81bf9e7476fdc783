/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which servers stand for a registry host, in order: hosts.toml and docker's certificate directories (reference
 * 13.1).
 */
#pragma once

#include <stdatomic.h>

#include "ross-cli/registry/http.h"

#define HOSTS_MAX         32 /* servers for one registry */
#define HOSTS_DIRS        "/etc/ross/certs.d:/etc/containerd/certs.d:/etc/docker/certs.d"
#define HOSTS_PAIRS_MAX   16                /* certificates of ours for one server */
#define HOSTS_CA_SIZE_MAX (8 * 1024 * 1024) /* all certificates of one server together */

enum {
    HOST_PULL = 1,
    HOST_RESOLVE = 2,
    HOST_PUSH = 4,
    HOST_REFERRERS = 8,
    HOST_ALL = 15,
};

/* A certificate of ours and its key, PEM; both may be one file. */
struct registry_pair {
    char *cert_file, *key_file;
};

struct registry_host {
    char *base;    /* API root without slash at its end: "https://registry-1.docker.io/v2" */
    char *name;    /* whose credentials: "docker.io", "127.0.0.1:5000" */
    unsigned able; /* HOST_ bits */
    bool mirror;   /* asked with ?ns=REGISTRY; failing, the next one is asked */
    atomic_bool
        speaks_plain; /* a guess_plain one that was found to be http, although `base` says https */
    bool
        guess_plain; /* a local server of which nothing is known: http when it does not speak TLS */
    struct strv headers; /* for this server only */
    struct http_tls tls; /* all but the certificate of ours; points to ca_pem */
    char *ca_pem;
    struct registry_pair
        *pairs; /* n_pairs that the server may be shown, one after the other until it takes one */
    size_t n_pairs;
    atomic_size_t pair; /* the one to show now */
};
/* How to speak TLS to it now; *ret_pair (may be NULL) tells which certificate that shows. Borrowed from `h`. */
struct http_tls registry_host_tls(const struct registry_host *h, size_t *ret_pair);
/* The server did not take that certificate: true when there is another one to show. */
bool registry_host_next_pair(const struct registry_host *h, size_t refused);

/* The servers of one registry; the last is the registry itself. */
struct registry_hosts {
    char *host; /* of the reference: "docker.io" */
    struct registry_host *items;
    size_t n;
};
void registry_hosts_done(struct registry_hosts *h);

struct hosts_options {
    const char *dirs; /* colon separated; NULL = HOSTS_DIRS */
    bool plain_http, skip_verify;
};

/*
 * InvalidArgument naming file and key for a hosts.toml that cannot be understood: a mirror that is silently not
 * used would be worse than a stop. NotFound for a certificate that it names and that is not there.
 */
int hosts_load(const struct hosts_options *opt, const char *host, struct registry_hosts *ret,
               struct err *err);
/* "localhost", "127.0.0.1", "[::1]" with or without port. */
bool hosts_is_local(const char *host);
