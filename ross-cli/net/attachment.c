/* SPDX-License-Identifier: Apache-2.0 */
/* Containers in their networks: the way in and the way out. */
#include "attachment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cni_chain.h"
#include "cni_result.h"
#include "firewall.h"
#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/base/rmtree.h"
#include "net_record.h"
#include "net_state.h"
#include "netns.h"

#define STATUS_SIZE_MAX  (64 * 1024)
#define ADDRESS_FILE_MAX 4096

struct net_hold {
    int dir_fd; /* of STATE/net/ID, locked */
};

void
net_hold_free(struct net_hold *h)
{
    if (!h)
        return;
    (void) fd_close(h->dir_fd);
    free(h);
}

int
net_hold_keep(struct net_hold *h, struct err *err)
{
    auto_close int fd = -1;

    if (!h)
        return 0;
    fd = openat(h->dir_fd, NET_UP_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? err_sys(err, errno, "note that the container is in its networks") : 0;
}

/* ---- can it be done here? ---- */

static bool
may_administer(void)
{
    auto_free char *status = NULL;
    const char *line;

    if (fd_read_file_at(AT_FDCWD, "/proc/self/status", STATUS_SIZE_MAX, &status, NULL, NULL) < 0)
        return false;
    line = strstr(status, "\nCapEff:");
    return line && strtoull(line + strlen("\nCapEff:"), NULL, 16) & (UINT64_C(1) << CAP_NET_ADMIN);
}

int
net_check_able(struct err *err)
{
    static const char *const plugins[] = {"bridge", "host-local"};

    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        if (!cni_has_plugin(NULL, plugins[i]))
            return err_set(err, CODE_NOT_FOUND,
                           "the network plugin '%s' is not installed; on Debian it is in the "
                           "package %s",
                           plugins[i], CNI_PLUGIN_PACKAGE);
    if (!may_administer())
        return err_set(err, CODE_PERMISSION_DENIED,
                       "networks of containers need the capability CAP_NET_ADMIN, which root has "
                       "outside of containers");
    return 0;
}

/* ---- one attachment ---- */

static struct json *
capabilities_of(const struct net_wish *w, const struct port_maps *ports)
{
    struct json *o = json_new_object(), *ips;

    if (w->ip || w->ip6) {
        ips = json_new_array();
        if (w->ip)
            json_push(ips, json_new_str(w->ip));
        if (w->ip6)
            json_push(ips, json_new_str(w->ip6));
        json_set(o, "ips", ips);
    }
    if (w->mac)
        json_set(o, "mac", json_new_str(w->mac));
    if (ports && ports->n)
        json_set(o, "portMappings", port_maps_to_json(ports));
    return o;
}

static int
check_address(const struct network *n, const char *text, bool v6, struct err *err)
{
    const struct cidr *subnet = v6 ? &n->subnet6 : &n->subnet4;
    char shown[CIDR_STR_MAX];
    struct cidr c;
    int r;

    if (!text || n->foreign_list)
        return 0;
    if (!(v6 ? n->has_v6 : n->has_v4))
        return err_set(err, CODE_INVALID_ARGUMENT, "network '%s' has no %s addresses", n->name,
                       v6 ? "IPv6" : "IPv4");
    r = cidr_parse_address(text, &c, err);
    if (r == 0 && !cidr_contains(subnet, &c))
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "address %.64s is not in the subnet %s of network '%s'", text,
                    cidr_format(subnet, shown), n->name);
    return r;
}

/* Everything about it but the plugins' answer. ports: those that its plugins shall publish, or NULL */
static int
plan(const struct net_places *p, const struct net_wish *w, unsigned index,
     const struct port_maps *ports, struct attachment *a, struct err *err)
{
    AUTO(network) n = {0};
    char text[CIDR_STR_MAX];
    int r;

    r = network_get(p, w->network, &n, err);
    if (r == 0)
        r = check_address(&n, w->ip, false, err);
    if (r == 0)
        r = check_address(&n, w->ip6, true, err);
    if (r < 0)
        return r;
    a->network = xstrdup(w->network);
    a->ifname = xasprintf("eth%u", index);
    a->aliases = strv_clone(&w->aliases);
    a->plugins = network_plugins(p, &n);
    /* of our own bridges the ports are rules of ours */
    a->capabilities = capabilities_of(w, n.foreign_list ? ports : NULL);
    if (n.has_v4)
        a->gateway4 = xstrdup(cidr_format_address(&n.gateway4, text));
    return 0;
}

static int
add(const struct net_places *p, const char *id, struct attachment *a, struct err *err)
{
    auto_free char *netns = net_namespace_path(p, id);
    const struct cni_call call = {
        .container_id = id,
        .netns = netns,
        .ifname = a->ifname,
        .capabilities = a->capabilities,
    };
    AUTO(cni_result) res = {0};
    char text[CIDR_STR_MAX];
    int r;

    r = cni_chain_add(a->plugins, &call, &a->result, err);
    if (r == 0)
        r = cni_result_parse(a->result, a->ifname, &res, err);
    if (r < 0)
        return err_wrap(err, r, "join network '%s'", a->network);
    if (res.has_v4)
        a->address4 = xstrdup(cidr_format(&res.v4, text));
    if (res.has_v6)
        a->address6 = xstrdup(cidr_format(&res.v6, text));
    a->mac = TAKE(res.mac);
    return 0;
}

/* ---- up ---- */

static int
plan_record(const struct net_places *p, const struct net_target *t, const struct net_request *q,
            struct net_record *rec, struct err *err)
{
    AUTO(port_maps) taken = {0};
    int r = 0;

    rec->ns = xstrdup(t->ns);
    rec->id = xstrdup(t->id);
    rec->name = q->name ? xstrdup(q->name) : NULL;
    rec->hostname = q->hostname ? xstrdup(q->hostname) : NULL;
    rec->hosts_path = t->hosts_path && q->mode == NET_NETWORKS ? xstrdup(t->hosts_path) : NULL;
    rec->add_hosts = strv_clone(&q->add_hosts);
    for (size_t i = 0; i < q->ports.n; i++)
        port_maps_add(&rec->ports, &q->ports.items[i]);
    if (rec->ports.n) {
        r = net_state_ports(p, &taken, err);
        if (r == 0)
            r = port_maps_resolve(&rec->ports, &taken, err);
    }
    for (size_t i = 0; r == 0 && i < q->n_wishes; i++)
        r = plan(p, &q->wishes[i], (unsigned) i, &rec->ports, net_record_add(rec), err);
    return r;
}

/* STATE/net/ID, locked; under the common lock, so nobody takes it for a leftover. */
static int
make_dir(const struct net_places *p, const struct net_target *t, int *ret_fd, struct err *err)
{
    auto_free char *dir = net_state_dir(p, t->id);
    auto_close int fd = -1;

    if (mkdir(dir, 0700) < 0)
        return err_sys(err, errno, "make '%s'", dir);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_sys(err, errno, "set '%s' up", dir);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int
begin(const struct net_places *p, const struct net_target *t, const struct net_request *q,
      struct net_record *rec, int *ret_fd, struct err *err)
{
    auto_close int lock_fd = -1;
    int r;

    r = net_state_lock(p, &lock_fd, err);
    if (r < 0)
        return r;
    net_state_collect(p, true, NULL);
    r = net_state_remove(p, t->id, err);
    if (r == 0)
        r = plan_record(p, t, q, rec, err);
    if (r == 0)
        r = make_dir(p, t, ret_fd, err);
    return r < 0 ? r : net_record_write_at(*ret_fd, rec, err);
}

/* Rules and hosts files, once the addresses are known. */
static int
publish(const struct net_places *p, const struct net_record *rec, struct err *err)
{
    bool rules = rec->ports.n > 0;
    auto_close int lock_fd = -1;
    int r;

    for (size_t i = 0; !rules && i < rec->n; i++) {
        AUTO(network) n = {0};

        r = network_get(p, rec->items[i].network, &n, err);
        if (r < 0)
            return r;
        rules = n.interface && !firewall_knows(p->state, n.interface);
    }
    r = net_state_lock(p, &lock_fd, err);
    if (r == 0 && rules)
        r = net_state_rules(p, NULL, NULL, false, err);
    return r < 0 ? r : net_state_hosts(p, rec, err);
}

static int
make_owned(const struct net_places *p, const struct net_target *t, const char *path,
           struct err *err)
{
    auto_free char *dir = path_join(p->state, "userns"), *owner = net_owner_path(p, t->id);
    int r = path_mkdirs_at(AT_FDCWD, dir, 0711, err);

    return r < 0 ? r : netns_make_owned(path, true, owner, t->idmap_uid, t->idmap_gid, err);
}

static int
make_namespace(const struct net_places *p, const struct net_target *t, const struct net_request *q,
               struct err *err)
{
    auto_free char *path = net_namespace_path(p, t->id);

    if (q->mode == NET_CONTAINER)
        return netns_share(path, t->share_pid, err);
    return t->idmap_uid ? make_owned(p, t, path, err) : netns_make(path, true, err);
}

/* A place where tests stop the process, or let the step fail. */
static int
pass(const char *point, struct err *err)
{
    int e = FAULT(point);

    (void) point;
    return e ? err_sys(err, e, "join networks") : 0;
}

static int
bring_up(const struct net_places *p, const struct net_target *t, const struct net_request *q,
         struct net_record *rec, int dir_fd, struct err *err)
{
    int r = pass("network begun", err);

    if (r == 0)
        r = make_namespace(p, t, q, err);
    for (size_t i = 0; r == 0 && i < rec->n; i++)
        r = add(p, t->id, &rec->items[i], err);
    if (r == 0)
        r = pass("network added", err);
    if (r == 0)
        r = net_record_write_at(dir_fd, rec, err);
    if (r == 0)
        r = pass("network recorded", err);
    if (r == 0 && q->mode == NET_NETWORKS)
        r = publish(p, rec, err);
    return r < 0 ? r : pass("network published", err);
}

int
net_up(const struct net_places *p, const struct net_target *t, const struct net_request *q,
       struct net_hold **ret, struct err *err)
{
    AUTO(net_record) rec = {0};
    struct net_hold *h;
    int dir_fd = -1, r;

    *ret = NULL;
    if (!net_mode_is_ours(q->mode))
        return 0;
    r = q->mode == NET_NETWORKS ? net_check_able(err) : 0;
    if (r == 0)
        r = begin(p, t, q, &rec, &dir_fd, err);
    if (r == 0)
        r = bring_up(p, t, q, &rec, dir_fd, err);
    if (r < 0) {
        (void) fd_close(dir_fd);
        (void) net_down(p, t->id, NULL);
        return r;
    }
    h = xcalloc(1, sizeof *h);
    h->dir_fd = dir_fd;
    *ret = h;
    return 0;
}

/* The plugins run without the common lock: others come and go meanwhile, and the lock of the directory tells them. */
int
net_down(const struct net_places *p, const char *id, struct err *err)
{
    auto_free char *dir = net_state_dir(p, id);
    auto_close int lock_fd = -1, dir_fd = -1;
    AUTO(net_record) rec = {0};
    int r;

    if (access(dir, F_OK) < 0)
        return 0;
    r = net_state_lock(p, &lock_fd, err);
    if (r < 0)
        return r;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return 0;
    (void) flock(dir_fd, LOCK_EX | LOCK_NB); /* our own net_hold may have it */
    if (net_record_read_at(dir_fd, &rec, NULL) == 0)
        r = net_state_unpublish(p, dir_fd, &rec, err);
    lock_fd = fd_close(lock_fd);
    if (r == 0)
        r = net_state_release(p, id, &rec, err);
    if (r == 0 && net_state_is_named(&rec) && net_state_lock(p, &lock_fd, NULL) == 0)
        (void) net_state_hosts(p, &rec, NULL);
    return r < 0 ? err_wrap(err, r, "take container %.12s out of its networks", id) : 0;
}

/* ---- while it runs ---- */

static int
open_record(const struct net_places *p, const char *id, int *ret_fd, struct net_record *ret,
            struct err *err)
{
    auto_free char *dir = net_state_dir(p, id);

    *ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0)
        return err_set(err, CODE_NOT_FOUND, "container %.12s is in no network now", id);
    return net_record_read_at(*ret_fd, ret, err);
}

static unsigned
next_index(const struct net_record *rec)
{
    unsigned index = 0, used;

    for (size_t i = 0; i < rec->n; i++)
        if (sscanf(rec->items[i].ifname, "eth%u", &used) == 1 && used >= index)
            index = used + 1;
    return index;
}

int
net_connect(const struct net_places *p, const char *id, const struct net_wish *wish,
            struct err *err)
{
    auto_close int lock_fd = -1, dir_fd = -1;
    AUTO(net_record) rec = {0};
    unsigned index;
    int r;

    r = net_state_lock(p, &lock_fd, err);
    if (r == 0)
        r = open_record(p, id, &dir_fd, &rec, err);
    if (r < 0)
        return r;
    if (net_record_find(&rec, wish->network))
        return err_set(err, CODE_ALREADY_EXISTS, "the container is in network '%s' already",
                       wish->network);
    if (rec.n == NET_JOINED_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "a container can be in %d networks at most",
                       NET_JOINED_MAX);
    index = next_index(&rec);
    r = plan(p, wish, index, NULL, net_record_add(&rec), err);
    if (r == 0)
        r = net_record_write_at(dir_fd, &rec, err); /* before the plugins run: see the header */
    if (r < 0)
        return r;
    r = add(p, id, &rec.items[rec.n - 1], err);
    if (r < 0) {
        net_record_remove(&rec, &rec.items[rec.n - 1]);
        (void) net_record_write_at(dir_fd, &rec, NULL);
        return r;
    }
    r = net_record_write_at(dir_fd, &rec, err);
    if (r == 0)
        r = net_state_rules(p, NULL, NULL, false, err);
    return r < 0 ? r : net_state_hosts(p, &rec, err);
}

int
net_disconnect(const struct net_places *p, const char *id, const char *network, struct err *err)
{
    auto_free char *netns = net_namespace_path(p, id);
    auto_close int lock_fd = -1, dir_fd = -1;
    AUTO(net_record) rec = {0};
    AUTO(net_record) before = {0};
    struct attachment *a;
    int r;

    r = net_state_lock(p, &lock_fd, err);
    if (r == 0)
        r = open_record(p, id, &dir_fd, &rec, err);
    if (r == 0)
        r = net_record_read_at(dir_fd, &before, err);
    if (r < 0)
        return r;
    a = net_record_find(&rec, network);
    if (!a)
        return err_set(err, CODE_NOT_FOUND, "the container is not in network '%.64s'", network);
    const struct cni_call call = {
        .container_id = id,
        .netns = netns,
        .ifname = a->ifname,
        .capabilities = a->capabilities,
    };
    r = cni_chain_del(a->plugins, &call, a->result, err);
    if (r < 0)
        return r;
    net_record_remove(&rec, a);
    r = net_record_write_at(dir_fd, &rec, err);
    if (r == 0)
        r = net_state_rules(p, NULL, NULL, false, err);
    if (r == 0)
        r = net_state_hosts(p, &rec, err);
    (void) net_state_hosts(p, &before, NULL); /* for those that it left */
    return r;
}

/* ---- networks ---- */

int
net_remove_network(const struct net_places *p, const char *name, struct err *err)
{
    auto_close int lock_fd = -1;
    AUTO(net_records) all = {0};
    AUTO(network) n = {0};
    AUTO(networks) known = {0};
    bool there = false;
    int r;

    r = net_state_lock(p, &lock_fd, err);
    if (r < 0)
        return r;
    net_state_collect(p, true, NULL);
    r = networks_list(p, &known, err);
    for (size_t i = 0; i < known.n; i++)
        there = there || strcmp(known.items[i].name, name) == 0;
    if (r == 0 && !there)
        r = err_set(err, CODE_NOT_FOUND,
                    "there is no network '%.64s'; 'ross-cli network ls' lists them", name);
    if (r == 0)
        r = network_get(p, name, &n, err);
    if (r == 0)
        r = net_records_list(p, &all, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < all.n; i++)
        if (net_record_find(&all.items[i], name))
            return err_set(err, CODE_FAILED_PRECONDITION,
                           "network '%s' is in use by container '%s'; stop or disconnect it first",
                           name, all.items[i].name ? all.items[i].name : all.items[i].id);
    r = net_state_rules(p, NULL, name, false, err);
    if (r < 0)
        return r;
    network_interface_remove(&n);
    return network_forget(p, name, err);
}

int
net_reload(const struct net_places *p, struct err *err)
{
    auto_close int lock_fd = -1;
    int r = net_state_lock(p, &lock_fd, err);

    return r < 0 ? r : net_state_rules(p, NULL, NULL, true, err);
}

/* ---- leftovers ---- */

static bool
is_known(const struct net_places *p, const char *id)
{
    auto_free char *dir = net_state_dir(p, id);

    return path_is_name(id) && access(dir, F_OK) == 0;
}

/* in: the directory of STATE where they are mounted */
static void
collect_namespaces(const struct net_places *p, const char *in, bool repair, struct strv *ret_found)
{
    auto_free char *path = path_join(p->state, in);
    DIR *dir = opendir(path);
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        auto_free char *file = NULL;

        if (e->d_name[0] == '.' || is_known(p, e->d_name))
            continue;
        strv_printf(ret_found, "the %s namespace of container %.12s, which has none any more",
                    strcmp(in, "netns") == 0 ? "network" : "user", e->d_name);
        file = path_join(path, e->d_name);
        if (repair)
            (void) netns_remove(file, NULL);
    }
    if (dir)
        (void) closedir(dir);
}

/* host-local: a file for each address, whose first line is the container's id. */
static void
collect_addresses(const struct net_places *p, const char *network, bool repair,
                  struct strv *ret_found)
{
    auto_free char *path = network_addresses_dir(p, network);
    DIR *dir = opendir(path);
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        auto_free char *text = NULL;
        struct cidr c;

        if (cidr_parse_address(e->d_name, &c, NULL) < 0 ||
            fd_read_file_at(dirfd(dir), e->d_name, ADDRESS_FILE_MAX, &text, NULL, NULL) < 0)
            continue;
        text[strcspn(text, "\r\n")] = '\0';
        if (is_known(p, text))
            continue;
        strv_printf(ret_found,
                    "address %s of network %s, held for container %.12s, which is not in it",
                    e->d_name, network, text);
        if (repair)
            (void) unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir)
        (void) closedir(dir);
}

int
net_collect(const struct net_places *p, bool repair, struct strv *ret_found, struct err *err)
{
    auto_free char *net = path_join(p->state, "net");
    auto_close int lock_fd = -1;
    AUTO(networks) networks = {0};
    size_t before = ret_found->n;
    int r;

    if (access(net, F_OK) < 0)
        return 0;
    r = net_state_lock(p, &lock_fd, err);
    if (r == 0)
        r = networks_list(p, &networks, err);
    if (r < 0)
        return r;
    net_state_collect(p, repair, ret_found);
    collect_namespaces(p, "netns", repair, ret_found);
    collect_namespaces(p, "userns", repair, ret_found);
    for (size_t i = 0; i < networks.n; i++)
        collect_addresses(p, networks.items[i].name, repair, ret_found);
    return ret_found->n > before && repair ? net_state_rules(p, NULL, NULL, true, err) : 0;
}
