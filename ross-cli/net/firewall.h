/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the host's packet filter for our bridges: the way out, the published ports, the walls between networks.
 *
 * All rules are in chains of this instance and are always written as a whole, in one transaction a table, from the
 * list of networks and published ports. So what a crash left is mended by whoever writes next, and a container without
 * published ports needs no change at all.
 */
#pragma once

#include "cidr.h"
#include "port_map.h"

struct firewall_network {
    const char *interface;
    bool internal;
    bool has_v4, has_v6;
    struct cidr subnet4, subnet6;
};

struct firewall_port {
    struct port_map map;
    struct cidr address; /* of the container */
};

struct firewall {
    const char *
        state; /* ROSS_STATE: where the note of what is applied lies, and the name of the instance */
    struct firewall_network *networks;
    size_t n_networks;
    struct firewall_port *ports;
    size_t n_ports;
};
void firewall_done(struct firewall *f);
void firewall_add_network(struct firewall *f, const struct firewall_network *n);
void firewall_add_port(struct firewall *f, const struct firewall_port *p);

/* The input of iptables-restore; pure; malloc'ed. NULL when no network is of that family. */
char *firewall_rules(const struct firewall *f, bool v6);

/* Has the network been applied since the machine's start? */
bool firewall_knows(const char *state, const char *interface);

/*
 * Makes the host's rules be these; does nothing when they are. NotFound names the package of iptables when that is
 * missing. The caller holds the lock of the attachments.
 *   again  even when they are thought to be there (somebody may have flushed them)
 */
int firewall_apply(const struct firewall *f, bool again, struct err *err);
