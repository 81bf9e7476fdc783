/* SPDX-License-Identifier: Apache-2.0 */
/* Published ports as values: what -p says, and which of the host's ports are free. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"
#include "libross/json/json.h"

#define PORT_MAPS_MAX 1024 /* of one container */

struct port_map {
    char ip[INET6_ADDRSTRLEN]; /* of the host; "" = all of them */
    uint16_t host;             /* 0 = any that is free */
    uint16_t container;
    bool udp;
};

/* Zero-initialised is empty. */
struct port_maps {
    struct port_map *items;
    size_t n;
};
void port_maps_done(struct port_maps *p);
void port_maps_add(struct port_maps *p, const struct port_map *m);

/*
 * "[IP:][HOST:]CONTAINER[/tcp|/udp]", IP in brackets when it is IPv6; HOST and CONTAINER may be ranges "8000-8010"
 * of the same length. Adds to *into. InvalidArgument; ResourceExhausted beyond PORT_MAPS_MAX.
 */
int port_map_parse(const char *text, struct port_maps *into, struct err *err);
/* "80", "80/udp", "8000-8010/tcp" of EXPOSE and --expose: added with any host port, unless it is there already. */
int port_map_parse_exposed(const char *text, struct port_maps *into, struct err *err);

/* Can both be had at the same time? */
bool port_map_conflicts(const struct port_map *a, const struct port_map *b);
/* Does anybody listen there on the host? Asked by binding it for a moment. */
bool port_map_is_bound(const struct port_map *m);
/*
 * Gives every map with host 0 a port, and checks the others, against `taken` and the host. FailedPrecondition
 * names the port that cannot be had.
 */
int port_maps_resolve(struct port_maps *p, const struct port_maps *taken, struct err *err);

/* "0.0.0.0:8080", "[::1]:8080"; malloc'ed. */
char *port_map_host_text(const struct port_map *m);
const char *port_map_protocol(const struct port_map *m); /* "tcp", "udp" */

/* As the portMappings of CNI: hostPort, containerPort, protocol, hostIP. */
struct json *port_maps_to_json(const struct port_maps *p);
int port_maps_from_json(const struct json *array, struct port_maps *ret, struct err *err);
