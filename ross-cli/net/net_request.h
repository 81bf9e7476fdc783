/* SPDX-License-Identifier: Apache-2.0 */
/* What a container wants of networks: from the options of `run` to a file beside its other notes. */
#pragma once

#include <stdbool.h>

#include "libross/base/strv.h"
#include "port_map.h"

#define NET_JOINED_MAX 16

enum net_mode {
    NET_NONE,      /* a namespace with nothing in it but lo */
    NET_HOST,      /* the host's */
    NET_CONTAINER, /* that of another container */
    NET_NETWORKS,  /* its own, joined to networks */
};

/* One network that it joins. */
struct net_wish {
    char *network;
    struct strv aliases;
    char *ip, *ip6, *mac; /* NULL = any */
};

struct net_request {
    enum net_mode mode;
    char *container; /* NET_CONTAINER: its id */
    struct net_wish *wishes;
    size_t n_wishes;
    struct port_maps ports; /* host 0 = any */
    struct strv add_hosts;  /* "NAME:IP" */
    char *hostname, *name;
};
void net_request_done(struct net_request *q);

struct net_wish *net_request_add(struct net_request *q, const char *network);
struct net_wish *net_request_find(const struct net_request *q, const char *network);
void net_request_remove(struct net_request *q, const char *network);

/* "NAME:IP" or "NAME:host-gateway" of --add-host; InvalidArgument. */
int net_add_host_check(const char *text, struct err *err);
/* "02:42:…"; InvalidArgument when it is none, or a multicast one. */
int net_mac_check(const char *text, struct err *err);

struct json *net_request_to_json(const struct net_request *q);
int net_request_from_json(const struct json *o, struct net_request *ret, struct err *err);

/* DIR/network.json. A container without that file has NET_NONE. durable: on stable storage when it returns */
int net_request_write(const char *dir, const struct net_request *q, bool durable, struct err *err);
int net_request_read(const char *dir, struct net_request *ret, struct err *err);
