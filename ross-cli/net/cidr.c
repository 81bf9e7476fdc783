/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and subnets as values, and which of them this host uses. */
#include "cidr.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libross/base/fd.h"
#include "libross/base/parse.h"

#define ROUTES_SIZE_MAX (16 * 1024 * 1024)
#define POOL_FIRST      60 /* 10.60.0.0/16 to 10.99.0.0/16, a /24 each */
#define POOL_LAST       99
#define RTF_REJECT_BIT  0x0200

void
cidr_list_add(struct cidr_list *l, const struct cidr *c)
{
    l->items = xreallocarray(l->items, l->n + 1, sizeof *l->items);
    l->items[l->n++] = *c;
}

void
cidr_list_done(struct cidr_list *l)
{
    free(l->items);
    *l = (struct cidr_list){0};
}

static unsigned
bits(const struct cidr *c)
{
    return c->v6 ? 128 : 32;
}

int
cidr_parse_address(const char *text, struct cidr *ret, struct err *err)
{
    struct cidr c = {.v6 = strchr(text, ':') != NULL};

    if (inet_pton(c.v6 ? AF_INET6 : AF_INET, text, c.addr) != 1)
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.64s' is no IP address", text);
    c.prefix = bits(&c);
    *ret = c;
    return 0;
}

int
cidr_parse(const char *text, struct cidr *ret, struct err *err)
{
    const char *slash = strchr(text, '/');
    auto_free char *address = xstrndup(text, slash ? (size_t) (slash - text) : strlen(text));
    uint32_t prefix = 0;
    struct cidr c;

    if (!slash || cidr_parse_address(address, &c, NULL) < 0 ||
        parse_u32(slash + 1, &prefix, NULL) < 0 || prefix > bits(&c))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "'%.64s' is no subnet, write it like 10.1.2.0/24 or fd00:1::/64", text);
    c.prefix = prefix;
    *ret = c;
    return 0;
}

char *
cidr_format_address(const struct cidr *c, char buf[static CIDR_STR_MAX])
{
    (void) inet_ntop(c->v6 ? AF_INET6 : AF_INET, c->addr, buf, CIDR_STR_MAX);
    return buf;
}

char *
cidr_format(const struct cidr *c, char buf[static CIDR_STR_MAX])
{
    size_t n = strlen(cidr_format_address(c, buf));

    (void) snprintf(buf + n, CIDR_STR_MAX - n, "/%u", c->prefix);
    return buf;
}

struct cidr
cidr_network(const struct cidr *c)
{
    struct cidr net = *c;

    for (unsigned i = c->prefix; i < bits(c); i++)
        net.addr[i / 8] &= (uint8_t) ~(0x80U >> (i % 8));
    return net;
}

struct cidr
cidr_nth(const struct cidr *c, uint32_t n)
{
    struct cidr at = cidr_network(c);
    uint64_t carry = n;

    for (int i = (int) bits(c) / 8 - 1; i >= 0 && carry; i--) {
        carry += at.addr[i];
        at.addr[i] = (uint8_t) (carry & 0xff);
        carry >>= 8;
    }
    return at;
}

static bool
same_prefix(const struct cidr *a, const struct cidr *b, unsigned prefix)
{
    struct cidr x = *a, y = *b;

    if (a->v6 != b->v6)
        return false;
    x.prefix = y.prefix = prefix;
    x = cidr_network(&x);
    y = cidr_network(&y);
    return memcmp(x.addr, y.addr, sizeof x.addr) == 0;
}

bool
cidr_contains(const struct cidr *subnet, const struct cidr *address)
{
    return same_prefix(subnet, address, subnet->prefix);
}

bool
cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
    return same_prefix(a, b, a->prefix < b->prefix ? a->prefix : b->prefix);
}

bool
cidr_equal(const struct cidr *a, const struct cidr *b)
{
    return a->v6 == b->v6 && a->prefix == b->prefix && memcmp(a->addr, b->addr, 16) == 0;
}

/* Iface Destination Gateway Flags RefCnt Use Metric Mask …; numbers in hexadecimal as they lie in memory. */
void
cidr_routes_parse(const char *text, struct cidr_list *into)
{
    unsigned destination, flags, mask;
    struct cidr c;
    uint32_t word;

    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%*31s %8x %*8x %x %*d %*d %*d %8x", &destination, &flags, &mask) != 3 ||
            !mask)
            continue;
        word = destination;
        c = (struct cidr){.prefix = (unsigned) __builtin_popcount(mask)};
        memcpy(c.addr, &word, sizeof word);
        cidr_list_add(into, &c);
    }
}

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* destination prefix source prefix next-hop metric refcnt use flags device */
void
cidr_routes6_parse(const char *text, struct cidr_list *into)
{
    char address[33];
    unsigned prefix, flags;
    bool fine;

    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        struct cidr c = {.v6 = true};

        line += *line == '\n';
        if (sscanf(line, "%32s %2x %*s %*x %*s %*x %*x %*x %8x", address, &prefix, &flags) != 3 ||
            strlen(address) != 32 || !prefix || prefix > 128 || flags & RTF_REJECT_BIT)
            continue;
        fine = true;
        for (size_t i = 0; i < 32; i++) {
            int digit = hex_digit(address[i]);

            fine = fine && digit >= 0;
            c.addr[i / 2] = (uint8_t) (c.addr[i / 2] << 4 | (digit & 15));
        }
        c.prefix = prefix;
        if (fine && c.addr[0] != 0xff && !(c.addr[0] == 0xfe && (c.addr[1] & 0xc0) == 0x80))
            cidr_list_add(into, &c);
    }
}

int
cidr_host_routes(struct cidr_list *into, struct err *err)
{
    auto_free char *v4 = NULL, *v6 = NULL;
    int r;

    r = fd_read_file_at(AT_FDCWD, "/proc/net/route", ROUTES_SIZE_MAX, &v4, NULL, err);
    if (r < 0)
        return err_wrap(err, r, "look at the routes of this host");
    cidr_routes_parse(v4, into);
    /* a kernel without IPv6 has no such file */
    if (fd_read_file_at(AT_FDCWD, "/proc/net/ipv6_route", ROUTES_SIZE_MAX, &v6, NULL, NULL) == 0)
        cidr_routes6_parse(v6, into);
    return 0;
}

static bool
is_free(const struct cidr_list *used, const struct cidr *c)
{
    for (size_t i = 0; i < used->n; i++)
        if (cidr_overlaps(&used->items[i], c))
            return false;
    return true;
}

int
cidr_pick(const struct cidr_list *used, struct cidr *ret)
{
    for (unsigned second = POOL_FIRST; second <= POOL_LAST; second++)
        for (unsigned third = 0; third <= 255; third++) {
            struct cidr c = {.addr = {10, (uint8_t) second, (uint8_t) third}, .prefix = 24};

            if (is_free(used, &c)) {
                *ret = c;
                return 0;
            }
        }
    return -1;
}
