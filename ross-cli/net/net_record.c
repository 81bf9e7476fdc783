/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a container in its networks. */
#include "net_record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "libross/base/fd.h"

#define RECORD_FILE     "record.json"
#define RECORD_SIZE_MAX (32 * 1024 * 1024)

void
attachment_done(struct attachment *a)
{
    free(a->network);
    free(a->ifname);
    free(a->address4);
    free(a->address6);
    free(a->mac);
    free(a->gateway4);
    strv_done(&a->aliases);
    json_free(a->plugins);
    json_free(a->capabilities);
    json_free(a->result);
    *a = (struct attachment){0};
}

void
net_record_done(struct net_record *r)
{
    for (size_t i = 0; i < r->n; i++)
        attachment_done(&r->items[i]);
    free(r->items);
    free(r->ns);
    free(r->id);
    free(r->name);
    free(r->hostname);
    free(r->hosts_path);
    port_maps_done(&r->ports);
    strv_done(&r->add_hosts);
    *r = (struct net_record){0};
}

struct attachment *
net_record_find(const struct net_record *r, const char *network)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->items[i].network, network) == 0)
            return &r->items[i];
    return NULL;
}

struct attachment *
net_record_add(struct net_record *r)
{
    r->items = xreallocarray(r->items, r->n + 1, sizeof *r->items);
    r->items[r->n] = (struct attachment){0};
    return &r->items[r->n++];
}

void
net_record_remove(struct net_record *r, struct attachment *a)
{
    size_t i = (size_t) (a - r->items);

    attachment_done(a);
    memmove(a, a + 1, (r->n - i - 1) * sizeof *a);
    r->n--;
}

static void
set_if(struct json *o, const char *key, const char *value)
{
    if (value)
        json_set(o, key, json_new_str(value));
}

static struct json *
attachment_to_json(const struct attachment *a)
{
    struct json *o = json_new_object();

    json_set(o, "network", json_new_str(a->network));
    json_set(o, "interface", json_new_str(a->ifname));
    set_if(o, "ipv4", a->address4);
    set_if(o, "ipv6", a->address6);
    set_if(o, "mac", a->mac);
    set_if(o, "gateway", a->gateway4);
    json_set(o, "aliases", json_new_strv(&a->aliases));
    json_set(o, "plugins", json_clone(a->plugins));
    if (a->capabilities)
        json_set(o, "capabilities", json_clone(a->capabilities));
    if (a->result)
        json_set(o, "result", json_clone(a->result));
    return o;
}

static int
attachment_from_json(const struct json *o, struct attachment *a, struct err *err)
{
    static const struct json_field fields[] = {
        {"network", JSON_T_STR, offsetof(struct attachment, network), true},
        {"interface", JSON_T_STR, offsetof(struct attachment, ifname), true},
        {"ipv4", JSON_T_STR, offsetof(struct attachment, address4), false},
        {"ipv6", JSON_T_STR, offsetof(struct attachment, address6), false},
        {"mac", JSON_T_STR, offsetof(struct attachment, mac), false},
        {"gateway", JSON_T_STR, offsetof(struct attachment, gateway4), false},
        {"aliases", JSON_T_STRV, offsetof(struct attachment, aliases), false},
    };
    const struct json *plugins = json_find(o, "plugins");
    int r;

    r = json_read_fields(o, fields, ARRAY_LEN(fields), a, "networks", err);
    if (r < 0)
        return r;
    if (!json_is_object(plugins))
        return err_set(err, CODE_DATA_LOSS, "it has no plugins");
    a->plugins = json_clone(plugins);
    if (json_find(o, "capabilities"))
        a->capabilities = json_clone(json_find(o, "capabilities"));
    if (json_find(o, "result"))
        a->result = json_clone(json_find(o, "result"));
    return 0;
}

int
net_record_write_at(int dir_fd, const struct net_record *r, struct err *err)
{
    AUTO_PTR(json) o = json_new_object();
    struct json *all = json_new_array();
    auto_free char *text = NULL;
    size_t len;

    json_set(o, "namespace", json_new_str(r->ns));
    json_set(o, "id", json_new_str(r->id));
    set_if(o, "name", r->name);
    set_if(o, "hostname", r->hostname);
    set_if(o, "hosts", r->hosts_path);
    json_set(o, "ports", port_maps_to_json(&r->ports));
    json_set(o, "addHosts", json_new_strv(&r->add_hosts));
    for (size_t i = 0; i < r->n; i++)
        json_push(all, attachment_to_json(&r->items[i]));
    json_set(o, "networks", all);
    text = json_dump(o, &len);
    return fd_write_file_at(dir_fd, RECORD_FILE, text, len, 0600, err);
}

static int
from_json(const struct json *o, struct net_record *ret, struct err *err)
{
    static const struct json_field fields[] = {
        {"namespace", JSON_T_STR, offsetof(struct net_record, ns), true},
        {"id", JSON_T_STR, offsetof(struct net_record, id), true},
        {"name", JSON_T_STR, offsetof(struct net_record, name), false},
        {"hostname", JSON_T_STR, offsetof(struct net_record, hostname), false},
        {"hosts", JSON_T_STR, offsetof(struct net_record, hosts_path), false},
        {"addHosts", JSON_T_STRV, offsetof(struct net_record, add_hosts), false},
    };
    const struct json *all = json_find(o, "networks");
    AUTO(net_record) rec = {0};
    int r;

    r = json_read_fields(o, fields, ARRAY_LEN(fields), &rec, "record.json", err);
    if (r == 0)
        r = port_maps_from_json(json_find(o, "ports"), &rec.ports, err);
    for (size_t i = 0; r == 0 && i < json_len(all) && i < NET_JOINED_MAX; i++)
        r = attachment_from_json(json_at(all, i), net_record_add(&rec), err);
    if (r == 0)
        *ret = TAKE_STRUCT(rec);
    return r;
}

int
net_record_read_at(int dir_fd, struct net_record *ret, struct err *err)
{
    AUTO_PTR(json) o = NULL;
    auto_free char *text = NULL;
    size_t len;
    int r;

    r = fd_read_file_at(dir_fd, RECORD_FILE, RECORD_SIZE_MAX, &text, &len, err);
    if (r == 0)
        r = json_parse(text, len, &o, err);
    if (r == 0)
        r = from_json(o, ret, err);
    return r < 0 ? err_wrap(err, r, "read the record of a container's networks") : 0;
}
