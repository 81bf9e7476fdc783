/* SPDX-License-Identifier: Apache-2.0 */
/* Published ports as values: what -p says, and which of the host's ports are free. */
#include "port_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cidr.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/random.h"

/* The kernel's own ephemeral ports begin at 32768; from there, as others do. */
#define ANY_FIRST 32768
#define ANY_COUNT 28232

void
port_maps_done(struct port_maps *p)
{
    free(p->items);
    *p = (struct port_maps){0};
}

void
port_maps_add(struct port_maps *p, const struct port_map *m)
{
    p->items = xreallocarray(p->items, p->n + 1, sizeof *p->items);
    p->items[p->n++] = *m;
}

const char *
port_map_protocol(const struct port_map *m)
{
    return m->udp ? "udp" : "tcp";
}

char *
port_map_host_text(const struct port_map *m)
{
    return xasprintf(strchr(m->ip, ':') ? "[%s]:%u" : "%s:%u", *m->ip ? m->ip : "0.0.0.0",
                     (unsigned) m->host);
}

/* "80" or "80-90". */
static int
parse_range(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
    auto_free char *first = xstrndup(text, strcspn(text, "-"));
    const char *dash = strchr(text, '-');
    uint32_t a, b;

    if (parse_u32(first, &a, NULL) < 0)
        return -1;
    b = a;
    if (dash && parse_u32(dash + 1, &b, NULL) < 0)
        return -1;
    if (a > b || a < 1 || b > UINT16_MAX)
        return -1;
    *ret_first = (uint16_t) a;
    *ret_last = (uint16_t) b;
    return 0;
}

/* Cuts "/tcp" or "/udp" off. */
static int
take_protocol(char *text, bool *ret_udp)
{
    char *slash = strchr(text, '/');

    *ret_udp = slash && strcmp(slash, "/udp") == 0;
    if (slash && !*ret_udp && strcmp(slash, "/tcp") != 0)
        return -1;
    if (slash)
        *slash = '\0';
    return 0;
}

/* Cuts "IP:" or "[IP]:" off the front when there are two colons or brackets; *ret_rest is what follows. */
static int
take_ip(char *text, struct port_map *m, char **ret_rest)
{
    char *end, *colon = strchr(text, ':'), buf[CIDR_STR_MAX];
    struct cidr address;

    *ret_rest = text;
    if (*text == '[') {
        text++;
        end = strchr(text, ']');
        if (!end || end[1] != ':')
            return -1;
        *end++ = '\0';
    } else if (colon && strchr(colon + 1, ':'))
        end = colon;
    else
        return 0;
    *end = '\0';
    *ret_rest = end + 1;
    if (cidr_parse_address(text, &address, NULL) < 0)
        return -1;
    (void) snprintf(m->ip, sizeof m->ip, "%s", cidr_format_address(&address, buf));
    if (strcmp(m->ip, "0.0.0.0") == 0)
        m->ip[0] = '\0';
    return 0;
}

static int
add_range(struct port_maps *into, struct port_map m, uint16_t last, struct err *err)
{
    for (uint32_t i = 0, n = (uint32_t) last - m.container; i <= n; i++) {
        if (into->n == PORT_MAPS_MAX)
            return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d ports cannot be published",
                           PORT_MAPS_MAX);
        port_maps_add(into, &m);
        m.container++;
        m.host = m.host ? (uint16_t) (m.host + 1) : 0;
    }
    return 0;
}

int
port_map_parse(const char *text, struct port_maps *into, struct err *err)
{
    auto_free char *copy = xstrdup(text);
    uint16_t host_last = 0, last;
    struct port_map m = {0};
    char *rest, *colon;

    if (take_protocol(copy, &m.udp) < 0 || take_ip(copy, &m, &rest) < 0)
        goto bad;
    colon = strchr(rest, ':');
    if (colon) {
        *colon = '\0';
        if (*rest && strcmp(rest, "0") != 0 && parse_range(rest, &m.host, &host_last) < 0)
            goto bad;
        rest = colon + 1;
    }
    if (parse_range(rest, &m.container, &last) < 0)
        goto bad;
    if (m.host && host_last - m.host != last - m.container)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "-p '%.128s': the two ranges are not of the same length", text);
    return add_range(into, m, last, err);
bad:
    return err_set(
        err, CODE_INVALID_ARGUMENT,
        "-p '%.128s' is not [IP:][HOST:]CONTAINER[/tcp|/udp], with ports from 1 to 65535", text);
}

int
port_map_parse_exposed(const char *text, struct port_maps *into, struct err *err)
{
    auto_free char *copy = xstrdup(text);
    struct port_map m = {0};
    uint16_t last;

    if (take_protocol(copy, &m.udp) < 0 || parse_range(copy, &m.container, &last) < 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the exposed port '%.128s' is not PORT[/tcp|/udp]", text);
    for (uint32_t port = m.container; port <= last; port++) {
        struct port_map one = {.container = (uint16_t) port, .udp = m.udp};
        bool there = false;
        int r;

        for (size_t i = 0; i < into->n; i++)
            there = there || (into->items[i].container == port && into->items[i].udp == m.udp);
        r = there ? 0 : add_range(into, one, one.container, err);
        if (r < 0)
            return r;
    }
    return 0;
}

bool
port_map_conflicts(const struct port_map *a, const struct port_map *b)
{
    return a->host && a->host == b->host && a->udp == b->udp &&
           (!*a->ip || !*b->ip || strcmp(a->ip, b->ip) == 0);
}

bool
port_map_is_bound(const struct port_map *m)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(m->host)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(m->host)};
    struct cidr address = {0};
    auto_close int fd = -1;

    if (*m->ip && cidr_parse_address(m->ip, &address, NULL) < 0)
        return false;
    memcpy(&v4.sin_addr, address.addr, 4);
    memcpy(&v6.sin6_addr, address.addr, 16);
    fd = socket(address.v6 ? AF_INET6 : AF_INET, (m->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
                0);
    if (fd < 0)
        return false;
    if (!m->udp) /* connections that linger do not count, listeners do */
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (address.v6)
        return bind(fd, (struct sockaddr *) &v6, sizeof v6) < 0;
    return bind(fd, (struct sockaddr *) &v4, sizeof v4) < 0;
}

static const struct port_map *
find_conflict(const struct port_maps *p, size_t n, const struct port_map *m)
{
    for (size_t i = 0; i < n; i++)
        if (port_map_conflicts(&p->items[i], m))
            return &p->items[i];
    return NULL;
}

static int
pick_port(struct port_map *m, const struct port_maps *own, size_t n_own,
          const struct port_maps *taken, struct err *err)
{
    uint32_t start = random_u32() % ANY_COUNT;

    for (uint32_t i = 0; i < ANY_COUNT; i++) {
        m->host = (uint16_t) (ANY_FIRST + (start + i) % ANY_COUNT);
        if (!find_conflict(taken, taken->n, m) && !find_conflict(own, n_own, m) &&
            !port_map_is_bound(m))
            return 0;
    }
    return err_set(err, CODE_RESOURCE_EXHAUSTED, "no port of this host is free");
}

int
port_maps_resolve(struct port_maps *p, const struct port_maps *taken, struct err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        struct port_map *m = &p->items[i];
        const char *by = NULL;
        int r;

        if (!m->host) {
            r = pick_port(m, p, i, taken, err);
            if (r < 0)
                return r;
            continue;
        }
        if (find_conflict(p, i, m))
            by = "is published twice";
        else if (find_conflict(taken, taken->n, m))
            by = "is published by another container already";
        else if (port_map_is_bound(m))
            by = "is in use on this machine, or its address is not this machine's";
        if (by) {
            auto_free char *text = port_map_host_text(m);

            return err_set(err, CODE_FAILED_PRECONDITION, "port %s/%s %s", text,
                           port_map_protocol(m), by);
        }
    }
    return 0;
}

struct json *
port_maps_to_json(const struct port_maps *p)
{
    struct json *array = json_new_array(), *o;

    for (size_t i = 0; i < p->n; i++) {
        o = json_new_object();
        json_set(o, "hostPort", json_new_int(p->items[i].host));
        json_set(o, "containerPort", json_new_int(p->items[i].container));
        json_set(o, "protocol", json_new_str(port_map_protocol(&p->items[i])));
        if (*p->items[i].ip)
            json_set(o, "hostIP", json_new_str(p->items[i].ip));
        json_push(array, o);
    }
    return array;
}

int
port_maps_from_json(const struct json *array, struct port_maps *ret, struct err *err)
{
    AUTO(port_maps) p = {0};

    for (size_t i = 0; i < json_len(array); i++) {
        const struct json *o = json_at(array, i);
        const char *ip = json_str(json_find(o, "hostIP"));
        const char *protocol = json_str(json_find(o, "protocol"));
        struct port_map m = {.udp = protocol && strcmp(protocol, "udp") == 0};
        int64_t host, container;

        if (!json_int(json_find(o, "hostPort"), &host) || host < 0 || host > UINT16_MAX ||
            !json_int(json_find(o, "containerPort"), &container) || container < 1 ||
            container > UINT16_MAX || (ip && strlen(ip) >= sizeof m.ip) || i >= PORT_MAPS_MAX)
            return err_set(err, CODE_DATA_LOSS, "a record of published ports is damaged");
        m.host = (uint16_t) host;
        m.container = (uint16_t) container;
        if (ip)
            memcpy(m.ip, ip, strlen(ip));
        port_maps_add(&p, &m);
    }
    *ret = TAKE_STRUCT(p);
    return 0;
}
