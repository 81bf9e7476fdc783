/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of /etc/hosts and /etc/resolv.conf inside a container. Pure. */
#pragma once

#include <stdbool.h>

#include "libross/base/strv.h"

/* A line of the hosts file: an address and the names behind it. */
struct hosts_line {
    const char *address, *names;
};

/*
 * malloc'ed.
 *   hostname  NULL or the container's own name, given 127.0.1.1 when `own_address` is NULL
 *   add       "NAME:IP"; "NAME:host-gateway" becomes `gateway` (left out when that is NULL)
 */
char *hosts_text(const char *hostname, const char *own_address, const char *own_address6,
                 const struct hosts_line *peers, size_t n_peers, const struct strv *add,
                 const char *gateway);

struct resolv_options {
    const char *host_text; /* the host's file, "" when it has none */
    bool keep_loopback;    /* 127.0.0.53 and its like mean the same inside as outside */
    const struct strv *servers, *search, *options; /* each replaces the host's when not empty */
};
/* malloc'ed */
char *resolv_text(const struct resolv_options *o);
/* Does it name a server that is not this host's own loopback? */
bool resolv_has_outside_server(const char *text);
