/* SPDX-License-Identifier: Apache-2.0 */
/* What all attached containers share: the lock, the rules, the hosts files. */
#include "net_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cni_chain.h"
#include "firewall.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "net_files.h"
#include "net_record.h"
#include "netns.h"

char *
net_state_dir(const struct net_places *p, const char *id)
{
    return xasprintf("%s/net/%s", p->state, id);
}

char *
net_namespace_path(const struct net_places *p, const char *id)
{
    return xasprintf("%s/netns/%s", p->state, id);
}

char *
net_owner_path(const struct net_places *p, const char *id)
{
    return xasprintf("%s/userns/%s", p->state, id);
}

int
net_state_lock(const struct net_places *p, int *ret_fd, struct err *err)
{
    auto_free char *path = xasprintf("%s/net/lock", p->state), *net = path_join(p->state, "net");
    auto_free char *netns = path_join(p->state, "netns");
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int r;

    if (fd < 0) {
        r = path_mkdirs_at(AT_FDCWD, net, 0700, err);
        if (r == 0)
            r = path_mkdirs_at(AT_FDCWD, netns, 0711, err);
        if (r < 0)
            return r;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    if (fd < 0)
        return err_sys(err, errno, "open '%s'", path);
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, errno, "lock '%s'", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* ---- all records ---- */

void
net_records_done(struct net_records *l)
{
    for (size_t i = 0; i < l->n; i++)
        net_record_done(&l->items[i]);
    free(l->items);
    *l = (struct net_records){0};
}

/* The directories of STATE/net that belong to containers. */
static struct strv
list_ids(const struct net_places *p)
{
    auto_free char *path = path_join(p->state, "net");
    DIR *dir = opendir(path);
    struct strv ids = {0};
    struct dirent *e;

    while (dir && (e = readdir(dir)))
        if (e->d_type == DT_DIR && e->d_name[0] != '.' && strcmp(e->d_name, "ipam") != 0)
            strv_add(&ids, e->d_name);
    if (dir)
        (void) closedir(dir);
    strv_sort(&ids);
    return ids;
}

int
net_record_read(const struct net_places *p, const char *id, struct net_record *ret, struct err *err)
{
    auto_free char *path = net_state_dir(p, id);
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, CODE_NOT_FOUND, "container %.12s is in no network now", id);
    return net_record_read_at(fd, ret, err);
}

int
net_records_list(const struct net_places *p, struct net_records *ret, struct err *err)
{
    AUTO(strv) ids = list_ids(p);
    struct net_records l = {0};

    (void) err;
    for (size_t i = 0; i < ids.n; i++) {
        struct net_record r;

        /* one without a record, or with half of one, has got nothing yet */
        if (net_record_read(p, ids.items[i], &r, NULL) < 0)
            continue;
        l.items = xreallocarray(l.items, l.n + 1, sizeof *l.items);
        l.items[l.n++] = r;
    }
    *ret = l;
    return 0;
}

int
net_state_ports(const struct net_places *p, struct port_maps *ret, struct err *err)
{
    AUTO(net_records) all = {0};
    int r = net_records_list(p, &all, err);

    for (size_t i = 0; i < all.n; i++)
        for (size_t k = 0; k < all.items[i].ports.n; k++)
            port_maps_add(ret, &all.items[i].ports.items[k]);
    return r;
}

/* ---- rules ---- */

/* The first address of the family among the bridges it is in: where its ports lead. */
static const char *
port_address(const struct net_record *r, const struct networks *networks, bool v6)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < networks->n; k++) {
            const struct network *n = &networks->items[k];
            const char *address = v6 ? r->items[i].address6 : r->items[i].address4;

            if (address && n->interface && !n->internal &&
                strcmp(n->name, r->items[i].network) == 0)
                return address;
        }
    return NULL;
}

static void
add_ports(struct firewall *f, const struct net_record *r, const struct networks *networks)
{
    for (int v6 = 0; v6 <= 1; v6++) {
        const char *address = port_address(r, networks, v6);
        struct firewall_port port;

        if (!address || cidr_parse(address, &port.address, NULL) < 0)
            continue;
        for (size_t i = 0; i < r->ports.n; i++) {
            port.map = r->ports.items[i];
            firewall_add_port(f, &port);
        }
    }
}

int
net_state_rules(const struct net_places *p, const char *exclude, const char *exclude_network,
                bool again, struct err *err)
{
    AUTO(firewall) f = {.state = p->state};
    AUTO(networks) networks = {0};
    AUTO(net_records) all = {0};
    int r;

    r = networks_list(p, &networks, err);
    if (r == 0)
        r = net_records_list(p, &all, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < networks.n; i++) {
        const struct network *n = &networks.items[i];
        const struct firewall_network one = {
            .interface = n->interface,
            .internal = n->internal,
            .has_v4 = n->has_v4,
            .has_v6 = n->has_v6,
            .subnet4 = n->subnet4,
            .subnet6 = n->subnet6,
        };

        if (n->interface && (!exclude_network || strcmp(n->name, exclude_network) != 0))
            firewall_add_network(&f, &one);
    }
    for (size_t i = 0; i < all.n; i++)
        if (!exclude || strcmp(all.items[i].id, exclude) != 0)
            add_ports(&f, &all.items[i], &networks);
    return firewall_apply(&f, again, err);
}

/* ---- hosts files ---- */

static bool
has_names(const char *network)
{
    return strcmp(network, NETWORK_DEFAULT) != 0;
}

/* "10.0.0.2" of "10.0.0.2/24"; malloc'ed, NULL for NULL */
static char *
bare(const char *address)
{
    return address ? xstrndup(address, strcspn(address, "/")) : NULL;
}

struct peer_lines {
    struct hosts_line *items;
    size_t n;
    struct strv texts; /* that the lines borrow */
};

static void
add_peer(struct peer_lines *l, const char *address, const char *name, const struct strv *aliases)
{
    AUTO(strv) names = {0};

    if (!address)
        return;
    if (name)
        strv_add(&names, name);
    strv_add_all(&names, aliases);
    strv_take(&l->texts, bare(address));
    strv_take(&l->texts, strv_join(&names, " "));
    l->items = xreallocarray(l->items, l->n + 1, sizeof *l->items);
    l->items[l->n++] = (struct hosts_line){
        .address = l->texts.items[l->texts.n - 2],
        .names = l->texts.items[l->texts.n - 1],
    };
}

static void
peer_lines_done(struct peer_lines *l)
{
    free(l->items);
    strv_done(&l->texts);
}

/* In place: the file is mounted inside, so its inode must stay. */
static int
write_hosts(const char *path, const char *text, struct err *err)
{
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0 || fd_pwrite_all(fd, text, strlen(text), 0) < 0 ||
        ftruncate(fd, (off_t) strlen(text)) < 0)
        return err_sys(err, errno, "write '%s'", path);
    return 0;
}

static int
refresh_one(const struct net_record *r, const struct net_records *all, struct err *err)
{
    auto_free char *own4 = NULL, *own6 = NULL, *text = NULL, *names = NULL;
    AUTO(peer_lines) peers = {0};
    const char *gateway = NULL;

    if (!r->hosts_path)
        return 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct attachment *mine = &r->items[i];

        own4 = own4 ? own4 : bare(mine->address4);
        own6 = own6 ? own6 : bare(mine->address6);
        gateway = gateway ? gateway : mine->gateway4;
        if (!has_names(mine->network))
            continue;
        for (size_t k = 0; k < all->n; k++) {
            const struct attachment *other = net_record_find(&all->items[k], mine->network);

            if (!other)
                continue;
            add_peer(&peers, other->address4, all->items[k].name, &other->aliases);
            add_peer(&peers, other->address6, all->items[k].name, &other->aliases);
        }
    }
    text = hosts_text(r->hostname, own4, own6, peers.items, peers.n, &r->add_hosts, gateway);
    return write_hosts(r->hosts_path, text, err);
}

bool
net_state_is_named(const struct net_record *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (has_names(r->items[i].network))
            return true;
    return false;
}

static bool
share_names(const struct net_record *a, const struct net_record *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (has_names(a->items[i].network) && net_record_find(b, a->items[i].network))
            return true;
    return false;
}

int
net_state_hosts(const struct net_places *p, const struct net_record *r, struct err *err)
{
    AUTO(net_records) all = {0};
    int res;

    if (!net_state_is_named(r))
        return refresh_one(r, &all, err);
    res = net_records_list(p, &all, err);
    for (size_t i = 0; res == 0 && i < all.n; i++)
        /* another container may be on its way out with its files */
        if (strcmp(all.items[i].id, r->id) == 0)
            res = refresh_one(&all.items[i], &all, err);
        else if (share_names(r, &all.items[i]))
            (void) refresh_one(&all.items[i], &all, NULL);
    return res;
}

/* ---- the end of one, and leftovers ---- */

/* Only our own kind of network: its plugins do without the namespace, which takes the interface with it. */
static bool
is_plain(const struct net_record *rec)
{
    bool plain = true;

    for (size_t i = 0; i < rec->n; i++) {
        const struct json *plugins = json_find(rec->items[i].plugins, "plugins");
        const char *type = json_str(json_find(json_at(plugins, 0), "type"));

        plain = plain && json_len(plugins) == 1 && type && strcmp(type, "bridge") == 0;
    }
    return plain;
}

/* Is the namespace mounted for another container, too? */
static bool
is_shared(const struct net_places *p, const char *netns, const char *id)
{
    auto_free char *path = path_join(p->state, "netns");
    DIR *dir = opendir(path);
    struct stat own, other;
    bool shared = false;
    struct dirent *e;

    if (stat(netns, &own) < 0)
        own = (struct stat){0};
    while (dir && !shared && (e = readdir(dir)))
        shared = e->d_name[0] != '.' && strcmp(e->d_name, id) != 0 &&
                 fstatat(dirfd(dir), e->d_name, &other, 0) == 0 && other.st_ino == own.st_ino &&
                 other.st_dev == own.st_dev;
    if (dir)
        (void) closedir(dir);
    return shared;
}

static int
del_all(const struct net_record *rec, const char *netns, struct err *err)
{
    int r = 0;

    for (size_t i = rec->n; r == 0 && i-- > 0;) {
        const struct attachment *a = &rec->items[i];
        const struct cni_call call = {
            .container_id = rec->id,
            .netns = netns,
            .ifname = a->ifname,
            .capabilities = a->capabilities,
        };

        r = cni_chain_del(a->plugins, &call, a->result, err);
    }
    return r;
}

int
net_state_unpublish(const struct net_places *p, int dir_fd, struct net_record *rec, struct err *err)
{
    int r;

    if (!rec->ports.n)
        return 0;
    r = net_state_rules(p, rec->id, NULL, false, err);
    if (r < 0)
        return r;
    port_maps_done(&rec->ports);
    return net_record_write_at(dir_fd, rec, err);
}

int
net_state_release(const struct net_places *p, const char *id, const struct net_record *rec,
                  struct err *err)
{
    auto_free char *dir = net_state_dir(p, id), *netns = net_namespace_path(p, id);
    auto_free char *owner = net_owner_path(p, id);
    bool first = rec->id && is_plain(rec) && !is_shared(p, netns, id);
    int r = first ? netns_remove(netns, err) : 0;

    if (r == 0 && rec->id) /* without a whole record no plugin has run */
        r = del_all(rec, first ? "" : netns, err);
    if (r == 0)
        r = netns_remove(netns, err);
    if (r == 0)
        r = netns_remove(owner, err);
    return r < 0 ? r : rmtree_at(AT_FDCWD, dir, err);
}

int
net_state_remove(const struct net_places *p, const char *id, struct err *err)
{
    auto_free char *dir = net_state_dir(p, id);
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(net_record) rec = {0};
    int r = 0;

    if (fd >= 0 && net_record_read_at(fd, &rec, NULL) == 0)
        r = net_state_unpublish(p, fd, &rec, err);
    if (r == 0)
        r = net_state_release(p, id, &rec, err);
    if (r == 0 && rec.id)
        (void) net_state_hosts(p, &rec, NULL);
    return r < 0 ? err_wrap(err, r, "take container %.12s out of its networks", id) : 0;
}

/* Not yet up, and nobody is bringing it up. */
static bool
is_left_over(const char *dir)
{
    auto_free char *mark = path_join(dir, NET_UP_FILE);
    auto_close int fd = -1;

    if (access(mark, F_OK) == 0)
        return false;
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && access(mark, F_OK) < 0;
}

void
net_state_collect(const struct net_places *p, bool repair, struct strv *ret_found)
{
    AUTO(strv) ids = list_ids(p);

    for (size_t i = 0; i < ids.n; i++) {
        auto_free char *dir = net_state_dir(p, ids.items[i]);

        if (!is_left_over(dir))
            continue;
        if (ret_found)
            strv_printf(ret_found, "what was begun of the network of container %.12s",
                        ids.items[i]);
        if (repair)
            (void) net_state_remove(p, ids.items[i], NULL);
    }
}
