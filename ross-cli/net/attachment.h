/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers in their networks: namespace, addresses, ports, hosts files; and their end, also after a crash.
 *
 *   STATE/netns/ID            the container's network namespace, mounted here
 *   STATE/net/ID/record.json  what was begun for it: written before the first plugin runs, and after the last
 *   STATE/net/lock            held while ports are given out, rules and hosts files written, leftovers collected
 *   STATE/net/ipam/NETWORK    addresses, kept by host-local
 *
 *   STATE/net/ID/up           its container has been created
 *
 * Who brings a container up holds a lock on STATE/net/ID. A record without that lock and without the mark that it is up
 * is what a crash left: the next one that comes takes it away.
 */
#pragma once

#include "net_request.h"
#include "network.h"

/* One network of a container that is up. */
struct attachment {
    char *network, *ifname;
    char *address4, *address6, *mac; /* with prefix length; NULL when it has none */
    char *gateway4;
    struct strv aliases;
    struct json *plugins, *capabilities, *result; /* as they were when it was added */
};

struct net_record {
    char *ns, *id, *name, *hostname;
    char *hosts_path; /* of its hosts file */
    struct port_maps ports;
    struct strv add_hosts;
    struct attachment *items;
    size_t n;
};
void net_record_done(struct net_record *r);
struct attachment *net_record_find(const struct net_record *r, const char *network);

/* Whom it is about; borrowed. */
struct net_target {
    const char *ns, *id, *hosts_path;
    int32_t share_pid; /* NET_CONTAINER: a process in the namespace */
    const char *idmap_uid,
        *idmap_gid; /* "C:H:S": a user namespace shall own it; NULL = the host's */
};

/* A container that is on its way up. */
struct net_hold;
/* Its container has been created: it is a leftover no more. NULL is fine. */
int net_hold_keep(struct net_hold *h, struct err *err);
/* Lets go of the lock: it is kept, or net_down() follows. NULL is fine. */
void net_hold_free(struct net_hold *h);
DEFINE_AUTO_PTR(net_hold)

char *net_namespace_path(const struct net_places *p, const char *id); /* malloc'ed */
/* Of the user namespace that owns it, with net_target.idmap_uid. */
char *net_owner_path(const struct net_places *p, const char *id); /* malloc'ed */

/* Does the container have a namespace of ours? */
static inline bool
net_mode_is_ours(enum net_mode mode)
{
    return mode == NET_CONTAINER || mode == NET_NETWORKS;
}

/* NotFound with the package's name when the plugins of the default network are missing; PermissionDenied. */
int net_check_able(struct err *err);

/*
 * Namespace, networks, ports, hosts file. On failure nothing of it stays. For modes that are not ours it does nothing.
 * FailedPrecondition: a port or an address is taken.
 */
int net_up(const struct net_places *p, const struct net_target *t, const struct net_request *q,
           struct net_hold **ret, struct err *err);
/* Takes it all away; idempotent, and free of cost for a container that has nothing. */
int net_down(const struct net_places *p, const char *id, struct err *err);

/* NotFound when it is not up. */
int net_record_read(const struct net_places *p, const char *id, struct net_record *ret,
                    struct err *err);
struct net_records {
    struct net_record *items;
    size_t n;
};
void net_records_done(struct net_records *l);
int net_records_list(const struct net_places *p, struct net_records *ret, struct err *err);

/* For one that is up: one network more, one less. */
int net_connect(const struct net_places *p, const char *id, const struct net_wish *wish,
                struct err *err);
int net_disconnect(const struct net_places *p, const char *id, const char *network,
                   struct err *err);

/* Removes a network in which nobody is: rules, bridge, record. FailedPrecondition names who is in it. */
int net_remove_network(const struct net_places *p, const char *name, struct err *err);
/* Writes the rules again, whatever they are now. */
int net_reload(const struct net_places *p, struct err *err);
/*
 * What crashes left: containers on their way up, namespaces and addresses without a record.
 *   repair     takes it away; else it is only told
 *   ret_found  a sentence for each is added
 */
int net_collect(const struct net_places *p, bool repair, struct strv *ret_found, struct err *err);
