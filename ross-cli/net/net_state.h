/* SPDX-License-Identifier: Apache-2.0 */
/* What all attached containers share: the lock, the rules, the hosts files. Inside this directory only. */
#pragma once

#include "attachment.h"

#define NET_UP_FILE "up" /* below STATE/net/ID: its container has been created */

/* STATE/net and STATE/netns exist; *ret_fd is the lock, held. */
int net_state_lock(const struct net_places *p, int *ret_fd, struct err *err);
/* STATE/net/ID, malloc'ed. */
char *net_state_dir(const struct net_places *p, const char *id);

/* All below: with the lock held. */

/* exclude: the id of a container that is on its way out, or NULL */
int net_state_rules(const struct net_places *p, const char *exclude, const char *exclude_network,
                    bool again, struct err *err);
/* The ports that the others have published. */
int net_state_ports(const struct net_places *p, struct port_maps *ret, struct err *err);
/* The hosts files of those that share a network with names with `r`, and its own. */
int net_state_hosts(const struct net_places *p, const struct net_record *r, struct err *err);

/*
 * Takes away what nobody holds and no shim runs for; others' trouble is not the caller's, so nothing fails.
 *   ret_found  the sentences of net_collect() are added; NULL = nobody wants them
 */
void net_state_collect(const struct net_places *p, bool repair, struct strv *ret_found);
/* Everything of one container; its lock is the caller's affair. */
int net_state_remove(const struct net_places *p, const char *id, struct err *err);
/* The first part of it: no rule leads to it, and its record has no ports any more. */
int net_state_unpublish(const struct net_places *p, int dir_fd, struct net_record *rec,
                        struct err *err);

/* Without the lock: */

/* The second: plugins, namespace, directory. rec: empty when there was none */
int net_state_release(const struct net_places *p, const char *id, const struct net_record *rec,
                      struct err *err);
/* Is it in a network where containers have names? */
bool net_state_is_named(const struct net_record *r);
