/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks that containers can join, as records on disk.
 *
 *   ROOT/networks/NAME.json   one network; appears and goes as a whole
 *   ROOT/networks/.lock       held while networks are made and removed
 *
 * The network `bridge` is made when it is first asked for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cidr.h"
#include "libross/base/labels.h"
#include "libross/base/mem.h"
#include "libross/json/json.h"

#define NETWORK_DEFAULT "bridge"
#define NETWORK_MTU_MIN 1280
#define NETWORK_MTU_MAX 65535

/* Where things are; borrowed everywhere. */
struct net_places {
    const char *root, *state;
};

struct network {
    char *name, *id; /* id: 64 hexadecimal digits */
    char *driver;    /* "bridge", or "cni" for a list of plugins that somebody else wrote */
    char *interface; /* of the bridge; NULL for "cni" */
    int64_t created_ns;
    struct labels labels, options; /* options: "mtu" */
    bool internal;                 /* no way out of it */
    bool has_v4, has_v6;
    struct cidr subnet4, gateway4, subnet6, gateway6;
    struct json *foreign_list; /* "cni": as it was given */
};
void network_done(struct network *n);

struct networks {
    struct network *items;
    size_t n;
};
void networks_done(struct networks *l);

/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 64, none of the words that --network knows; InvalidArgument. */
int network_name_check(const char *name, struct err *err);

/* NotFound with a hint; NETWORK_DEFAULT is made when missing. */
int network_get(const struct net_places *p, const char *name, struct network *ret, struct err *err);
/* All, sorted by name; those whose record is damaged are left out. */
int networks_list(const struct net_places *p, struct networks *ret, struct err *err);

struct network_options {
    const char *name;
    const char *driver;           /* NULL = "bridge" */
    const char *subnet, *gateway; /* NULL = one that is free */
    const char *subnet6, *gateway6;
    bool v6; /* a subnet of fd00::/8 when none is given */
    bool internal;
    const char *mtu;
    const struct labels *labels;
    const struct json *list; /* a list of plugins: all but name and labels are its own affair */
};
/*
 * AlreadyExists; InvalidArgument; FailedPrecondition: the subnet is in use on this host or by another network;
 * ResourceExhausted: no subnet is free.
 */
int network_create(const struct net_places *p, const struct network_options *opt,
                   struct network *ret, struct err *err);
/* The record; NotFound. Whoever calls it has seen that nobody is in it. */
int network_forget(const struct net_places *p, const char *name, struct err *err);

/* The list of plugins for it. */
struct json *network_plugins(const struct net_places *p, const struct network *n);
/* As `network inspect` shows it. */
struct json *network_to_json(const struct net_places *p, const struct network *n);
/* Takes the bridge away when there is one; it comes back with the next container. */
void network_interface_remove(const struct network *n);
/* STATE/net/ipam/NAME, where host-local keeps its addresses; malloc'ed. */
char *network_addresses_dir(const struct net_places *p, const char *name);
