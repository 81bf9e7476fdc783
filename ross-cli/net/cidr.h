/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and subnets as values, and which of them this host uses. Pure but for cidr_host_routes(). */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"

#define CIDR_STR_MAX (INET6_ADDRSTRLEN + 4)

/* The host part of `addr` counts: "10.1.2.3/24" is an address with its subnet. */
struct cidr {
    uint8_t addr[16]; /* network order, 4 or 16 bytes used */
    bool v6;
    unsigned prefix;
};

/* A growing list. Zero-initialised is empty. */
struct cidr_list {
    struct cidr *items;
    size_t n;
};
void cidr_list_add(struct cidr_list *l, const struct cidr *c);
void cidr_list_done(struct cidr_list *l);

/* "10.1.2.0/24", "fd00::/64". InvalidArgument. */
int cidr_parse(const char *text, struct cidr *ret, struct err *err);
/* An address without a prefix: its prefix is 32 or 128. InvalidArgument. */
int cidr_parse_address(const char *text, struct cidr *ret, struct err *err);
/* With the prefix, and the address alone; both return buf. */
char *cidr_format(const struct cidr *c, char buf[static CIDR_STR_MAX]);
char *cidr_format_address(const struct cidr *c, char buf[static CIDR_STR_MAX]);

/* The host part zeroed, and the n-th address of the subnet (n far below its size). */
struct cidr cidr_network(const struct cidr *c);
struct cidr cidr_nth(const struct cidr *c, uint32_t n);
bool cidr_contains(const struct cidr *subnet, const struct cidr *address);
bool cidr_overlaps(const struct cidr *a, const struct cidr *b);
bool cidr_equal(const struct cidr *a, const struct cidr *b);

/* The subnets of a text like /proc/net/route; default routes are left out. Lines that are none are passed over. */
void cidr_routes_parse(const char *text, struct cidr_list *into);
/* The same for /proc/net/ipv6_route; link-local and multicast are left out, too. */
void cidr_routes6_parse(const char *text, struct cidr_list *into);
/* What this host has routes to, its own addresses included. */
int cidr_host_routes(struct cidr_list *into, struct err *err);

/* The first of the subnets that a new network may have which `used` does not touch; -1 when all are taken. */
int cidr_pick(const struct cidr_list *used, struct cidr *ret);
