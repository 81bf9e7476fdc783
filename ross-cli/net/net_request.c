/* SPDX-License-Identifier: Apache-2.0 */
/* What a container wants of networks. */
#include "net_request.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cidr.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/tmpfile.h"

#define REQUEST_FILE     "network.json"
#define REQUEST_SIZE_MAX (1024 * 1024)

static const char *const mode_names[] = {
    [NET_NONE] = "none",
    [NET_HOST] = "host",
    [NET_CONTAINER] = "container",
    [NET_NETWORKS] = "networks",
};

static void
wish_done(struct net_wish *w)
{
    free(w->network);
    strv_done(&w->aliases);
    free(w->ip);
    free(w->ip6);
    free(w->mac);
}

void
net_request_done(struct net_request *q)
{
    for (size_t i = 0; i < q->n_wishes; i++)
        wish_done(&q->wishes[i]);
    free(q->wishes);
    free(q->container);
    port_maps_done(&q->ports);
    strv_done(&q->add_hosts);
    free(q->hostname);
    free(q->name);
    *q = (struct net_request){0};
}

struct net_wish *
net_request_add(struct net_request *q, const char *network)
{
    q->wishes = xreallocarray(q->wishes, q->n_wishes + 1, sizeof *q->wishes);
    q->wishes[q->n_wishes] = (struct net_wish){.network = xstrdup(network)};
    return &q->wishes[q->n_wishes++];
}

struct net_wish *
net_request_find(const struct net_request *q, const char *network)
{
    for (size_t i = 0; i < q->n_wishes; i++)
        if (strcmp(q->wishes[i].network, network) == 0)
            return &q->wishes[i];
    return NULL;
}

void
net_request_remove(struct net_request *q, const char *network)
{
    struct net_wish *w = net_request_find(q, network);
    size_t i;

    if (!w)
        return;
    i = (size_t) (w - q->wishes);
    wish_done(w);
    memmove(w, w + 1, (q->n_wishes - i - 1) * sizeof *w);
    q->n_wishes--;
}

int
net_add_host_check(const char *text, struct err *err)
{
    const char *colon = strchr(text, ':');
    bool fine = colon && colon > text && colon[1];
    struct cidr address;

    for (const char *p = text; fine && p < colon; p++)
        fine = isalnum((unsigned char) *p) || strchr("-._", *p);
    if (fine && strcmp(colon + 1, "host-gateway") != 0)
        fine = cidr_parse_address(colon + 1, &address, NULL) == 0;
    if (fine)
        return 0;
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "--add-host '%.128s' is not NAME:IP or NAME:host-gateway", text);
}

int
net_mac_check(const char *text, struct err *err)
{
    bool fine = strlen(text) == 17;

    for (size_t i = 0; fine && i < 17; i++)
        fine = i % 3 == 2 ? text[i] == ':' : isxdigit((unsigned char) text[i]) != 0;
    /* the lowest bit of the first byte marks groups */
    if (fine && !(strtoul(text, NULL, 16) & 1))
        return 0;
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "--mac-address '%.32s' is no address of an interface, write it like "
                   "02:42:ac:11:00:02",
                   text);
}

static void
set_if(struct json *o, const char *key, const char *value)
{
    if (value)
        json_set(o, key, json_new_str(value));
}

struct json *
net_request_to_json(const struct net_request *q)
{
    struct json *o = json_new_object(), *all = json_new_array();

    json_set(o, "mode", json_new_str(mode_names[q->mode]));
    set_if(o, "container", q->container);
    set_if(o, "hostname", q->hostname);
    set_if(o, "name", q->name);
    for (size_t i = 0; i < q->n_wishes; i++) {
        const struct net_wish *w = &q->wishes[i];
        struct json *one = json_new_object();

        json_set(one, "network", json_new_str(w->network));
        json_set(one, "aliases", json_new_strv(&w->aliases));
        set_if(one, "ip", w->ip);
        set_if(one, "ip6", w->ip6);
        set_if(one, "mac", w->mac);
        json_push(all, one);
    }
    json_set(o, "networks", all);
    json_set(o, "ports", port_maps_to_json(&q->ports));
    json_set(o, "addHosts", json_new_strv(&q->add_hosts));
    return o;
}

static int
read_wish(const struct json *o, struct net_wish *w, struct err *err)
{
    static const struct json_field fields[] = {
        {"network", JSON_T_STR, offsetof(struct net_wish, network), true},
        {"aliases", JSON_T_STRV, offsetof(struct net_wish, aliases), false},
        {"ip", JSON_T_STR, offsetof(struct net_wish, ip), false},
        {"ip6", JSON_T_STR, offsetof(struct net_wish, ip6), false},
        {"mac", JSON_T_STR, offsetof(struct net_wish, mac), false},
    };

    return json_read_fields(o, fields, ARRAY_LEN(fields), w, "networks", err);
}

int
net_request_from_json(const struct json *o, struct net_request *ret, struct err *err)
{
    static const struct json_field fields[] = {
        {"container", JSON_T_STR, offsetof(struct net_request, container), false},
        {"hostname", JSON_T_STR, offsetof(struct net_request, hostname), false},
        {"name", JSON_T_STR, offsetof(struct net_request, name), false},
        {"addHosts", JSON_T_STRV, offsetof(struct net_request, add_hosts), false},
    };
    const char *mode = json_str(json_find(o, "mode"));
    const struct json *all = json_find(o, "networks");
    AUTO(net_request) q = {0};
    size_t m = 0;
    int r;

    while (m < ARRAY_LEN(mode_names) && (!mode || strcmp(mode, mode_names[m]) != 0))
        m++;
    if (m == ARRAY_LEN(mode_names) || json_len(all) > NET_JOINED_MAX)
        return err_set(err, CODE_DATA_LOSS, "the container's note of its networks is damaged");
    q.mode = (enum net_mode) m;
    r = json_read_fields(o, fields, ARRAY_LEN(fields), &q, "network.json", err);
    for (size_t i = 0; r == 0 && i < json_len(all); i++) {
        q.wishes = xreallocarray(q.wishes, q.n_wishes + 1, sizeof *q.wishes);
        q.wishes[q.n_wishes] = (struct net_wish){0};
        r = read_wish(json_at(all, i), &q.wishes[q.n_wishes++], err);
    }
    if (r == 0)
        r = port_maps_from_json(json_find(o, "ports"), &q.ports, err);
    if (r == 0)
        *ret = TAKE_STRUCT(q);
    return r;
}

int
net_request_write(const char *dir, const struct net_request *q, bool durable, struct err *err)
{
    AUTO_PTR(json) o = net_request_to_json(q);
    auto_close int dir_fd = -1;
    auto_free char *text = NULL;
    size_t len;
    int r;

    text = json_dump(o, &len);
    r = path_open_dir(dir, 0700, &dir_fd, err);
    if (r == 0)
        r = durable ? tmpfile_write_at(dir_fd, REQUEST_FILE, text, len, 0600, err)
                    : fd_write_file_at(dir_fd, REQUEST_FILE, text, len, 0600, err);
    return r < 0 ? err_wrap(err, r, "note the container's networks") : 0;
}

int
net_request_read(const char *dir, struct net_request *ret, struct err *err)
{
    auto_free char *path = path_join(dir, REQUEST_FILE), *text = NULL;
    AUTO_PTR(json) o = NULL;
    size_t len;
    int r;

    r = fd_read_file_at(AT_FDCWD, path, REQUEST_SIZE_MAX, &text, &len, err);
    if (r == -CODE_NOT_FOUND) {
        *ret = (struct net_request){0};
        return 0;
    }
    if (r == 0)
        r = json_parse(text, len, &o, err);
    if (r == 0)
        r = net_request_from_json(o, ret, err);
    return r < 0 ? err_wrap(err, r, "read '%s'", path) : 0;
}
