/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that containers can join, as records on disk. */
#include "network.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cni_chain.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/random.h"
#include "libross/base/rmtree.h"
#include "libross/base/tmpfile.h"
#include "libross/config/places.h"

#define NAME_LEN_MAX    64
#define ID_LEN          64
#define RECORD_SIZE_MAX (512 * 1024)
#define NETWORKS_MAX    4096
#define INTERFACE_MAIN  "ross0"
#define SUFFIX          ".json"

void
network_done(struct network *n)
{
    free(n->name);
    free(n->id);
    free(n->driver);
    free(n->interface);
    labels_done(&n->labels);
    labels_done(&n->options);
    json_free(n->foreign_list);
    *n = (struct network){0};
}

void
networks_done(struct networks *l)
{
    for (size_t i = 0; i < l->n; i++)
        network_done(&l->items[i]);
    free(l->items);
    *l = (struct networks){0};
}

int
network_name_check(const char *name, struct err *err)
{
    static const char *const words[] = {"host", "none", "container", "default"};
    size_t len = strlen(name);
    bool fine = len && len <= NAME_LEN_MAX && isalnum((unsigned char) name[0]);

    for (size_t i = 1; fine && i < len; i++)
        fine = isalnum((unsigned char) name[i]) || strchr("_.-", name[i]);
    for (size_t i = 0; fine && i < ARRAY_LEN(words); i++)
        fine = strcmp(name, words[i]) != 0;
    if (fine)
        return 0;
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "'%.64s' is no name for a network: 1 to %d letters, digits, '_', '.', '-', "
                   "beginning with a letter or digit, and not host, none, container or default",
                   name, NAME_LEN_MAX);
}

char *
network_addresses_dir(const struct net_places *p, const char *name)
{
    return xasprintf("%s/net/ipam%s%s", p->state, *name ? "/" : "", name);
}

static int
open_store(const struct net_places *p, int *ret_fd, struct err *err)
{
    auto_free char *path = path_join(p->root, "networks");

    return path_open_dir(path, 0711, ret_fd, err);
}

static int
lock_store(int dir_fd, int *ret_fd, struct err *err)
{
    auto_close int fd = openat(dir_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_sys(err, errno, "open the lock of the networks");
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, errno, "lock the networks");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* ---- record <-> value ---- */

static struct json *
pool_to_json(const struct cidr *subnet, const struct cidr *gateway)
{
    char text[CIDR_STR_MAX];
    struct json *o = json_new_object();

    json_set(o, "subnet", json_new_str(cidr_format(subnet, text)));
    json_set(o, "gateway", json_new_str(cidr_format_address(gateway, text)));
    return o;
}

static struct json *
record_to_json(const struct network *n)
{
    char time[CLOCK_STR_MAX];
    struct json *o = json_new_object();

    json_set(o, "name", json_new_str(n->name));
    json_set(o, "id", json_new_str(n->id));
    json_set(o, "driver", json_new_str(n->driver));
    json_set(o, "created", json_new_str(clock_format(n->created_ns, time)));
    if (n->interface)
        json_set(o, "interface", json_new_str(n->interface));
    json_set(o, "internal", json_new_bool(n->internal));
    if (n->has_v4)
        json_set(o, "ipv4", pool_to_json(&n->subnet4, &n->gateway4));
    if (n->has_v6)
        json_set(o, "ipv6", pool_to_json(&n->subnet6, &n->gateway6));
    json_set(o, "labels", json_new_labels(&n->labels));
    json_set(o, "options", json_new_labels(&n->options));
    if (n->foreign_list)
        json_set(o, "plugins", json_clone(n->foreign_list));
    return o;
}

/* 1 when there is one. */
static int
pool_from_json(const struct json *o, struct cidr *subnet, struct cidr *gateway)
{
    const char *s = json_str(json_find(o, "subnet")), *g = json_str(json_find(o, "gateway"));

    if (!o)
        return 0;
    if (!s || !g || cidr_parse(s, subnet, NULL) < 0 || cidr_parse_address(g, gateway, NULL) < 0)
        return -1;
    return 1;
}

static int
record_from_json(const struct json *o, struct network *ret, struct err *err)
{
    static const struct json_field fields[] = {
        {"name", JSON_T_STR, offsetof(struct network, name), true},
        {"id", JSON_T_STR, offsetof(struct network, id), true},
        {"driver", JSON_T_STR, offsetof(struct network, driver), true},
        {"interface", JSON_T_STR, offsetof(struct network, interface), false},
        {"internal", JSON_T_BOOL, offsetof(struct network, internal), false},
        {"labels", JSON_T_LABELS, offsetof(struct network, labels), false},
        {"options", JSON_T_LABELS, offsetof(struct network, options), false},
    };
    const char *created = json_str(json_find(o, "created"));
    AUTO(network) n = {0};
    int r, v4, v6;

    r = json_read_fields(o, fields, ARRAY_LEN(fields), &n, "network", err);
    if (r < 0)
        return r;
    v4 = pool_from_json(json_find(o, "ipv4"), &n.subnet4, &n.gateway4);
    v6 = pool_from_json(json_find(o, "ipv6"), &n.subnet6, &n.gateway6);
    if (v4 < 0 || v6 < 0 || (created && clock_parse(created, &n.created_ns, NULL) < 0))
        return err_set(err, CODE_DATA_LOSS, "the record of network '%.64s' is damaged", n.name);
    n.has_v4 = v4;
    n.has_v6 = v6;
    if (json_find(o, "plugins")) {
        n.foreign_list = json_clone(json_find(o, "plugins"));
        r = cni_list_check(n.foreign_list, err);
    } else if (!n.interface || strlen(n.interface) >= IFNAMSIZ || !n.has_v4)
        r = err_set(err, CODE_DATA_LOSS, "the record of network '%.64s' is damaged", n.name);
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(n);
    return 0;
}

static int
load(int dir_fd, const char *name, struct network *ret, struct err *err)
{
    auto_free char *file = xasprintf("%s" SUFFIX, name), *text = NULL;
    AUTO_PTR(json) o = NULL;
    size_t len;
    int r;

    r = fd_read_file_at(dir_fd, file, RECORD_SIZE_MAX, &text, &len, err);
    if (r == -CODE_NOT_FOUND)
        return err_set(err, CODE_NOT_FOUND,
                       "there is no network '%.64s'; 'ross-cli network ls' lists them, 'ross-cli "
                       "network create %.64s' makes it",
                       name, name);
    if (r == 0)
        r = json_parse(text, len, &o, err);
    if (r == 0)
        r = record_from_json(o, ret, err);
    return r < 0 ? err_wrap(err, r, "read network '%.64s'", name) : 0;
}

static int
list_fd(int dir_fd, struct networks *ret, struct err *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    AUTO(strv) names = {0};
    struct dirent *e;
    struct networks l = {0};

    if (!dir) {
        (void) fd_close(fd);
        return err_sys(err, errno, "list the networks");
    }
    while ((e = readdir(dir)) && names.n < NETWORKS_MAX) {
        size_t len = strlen(e->d_name);

        if (e->d_name[0] != '.' && len > strlen(SUFFIX) &&
            strcmp(e->d_name + len - strlen(SUFFIX), SUFFIX) == 0)
            strv_add_n(&names, e->d_name, len - strlen(SUFFIX));
    }
    (void) closedir(dir);
    strv_sort(&names);
    for (size_t i = 0; i < names.n; i++) {
        struct network n;

        if (load(dir_fd, names.items[i], &n, NULL) < 0)
            continue;
        l.items = xreallocarray(l.items, l.n + 1, sizeof *l.items);
        l.items[l.n++] = n;
    }
    *ret = l;
    return 0;
}

int
networks_list(const struct net_places *p, struct networks *ret, struct err *err)
{
    auto_close int dir_fd = -1;
    int r = open_store(p, &dir_fd, err);

    return r < 0 ? r : list_fd(dir_fd, ret, err);
}

/* ---- making one ---- */

/* ross0 belongs to the main instance's default network; others are named after their id. */
static char *
interface_name(const struct net_places *p, const struct network *n)
{
    if (strcmp(n->name, NETWORK_DEFAULT) == 0 && strcmp(p->root, PLACES_ROOT_DEFAULT) == 0)
        return xstrdup(INTERFACE_MAIN);
    return xasprintf("ross-%.8s", n->id);
}

static int
set_gateway(const char *text, const struct cidr *subnet, struct cidr *gateway, struct err *err)
{
    char shown[CIDR_STR_MAX];
    int r;

    if (!text) {
        *gateway = cidr_nth(subnet, 1);
        gateway->prefix = subnet->v6 ? 128 : 32;
        return 0;
    }
    r = cidr_parse_address(text, gateway, err);
    if (r < 0)
        return err_wrap(err, r, "--gateway");
    if (!cidr_contains(subnet, gateway))
        return err_set(err, CODE_INVALID_ARGUMENT, "--gateway '%s' is not in the subnet %s", text,
                       cidr_format(subnet, shown));
    return 0;
}

static int
parse_subnet(const char *text, bool v6, struct cidr *ret, struct err *err)
{
    char shown[CIDR_STR_MAX];
    struct cidr c, net;
    int r;

    r = cidr_parse(text, &c, err);
    if (r < 0)
        return err_wrap(err, r, "--subnet");
    net = cidr_network(&c);
    if (c.v6 != v6)
        return err_set(err, CODE_INVALID_ARGUMENT, "--subnet '%s' is not of %s", text,
                       v6 ? "IPv6" : "IPv4");
    if (!cidr_equal(&c, &net))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--subnet '%s' is the address of a host; the "
                       "subnet around it is %s",
                       text, cidr_format(&net, shown));
    if (c.prefix > (v6 ? 124U : 29U) || c.prefix < (v6 ? 16U : 8U))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--subnet '%s' has no sensible size, use prefixes /%d to /%d", text,
                       v6 ? 16 : 8, v6 ? 124 : 29);
    *ret = c;
    return 0;
}

static int
check_free(const struct networks *others, const struct cidr_list *routes, const struct cidr *c,
           struct err *err)
{
    char text[CIDR_STR_MAX], other[CIDR_STR_MAX];

    for (size_t i = 0; i < others->n; i++) {
        const struct network *o = &others->items[i];

        if ((o->has_v4 && cidr_overlaps(&o->subnet4, c)) ||
            (o->has_v6 && cidr_overlaps(&o->subnet6, c)))
            return err_set(err, CODE_FAILED_PRECONDITION, "subnet %s overlaps that of network '%s'",
                           cidr_format(c, text), o->name);
    }
    for (size_t i = 0; i < routes->n; i++)
        if (cidr_overlaps(&routes->items[i], c))
            return err_set(err, CODE_FAILED_PRECONDITION,
                           "subnet %s overlaps %s, to which this host has a route",
                           cidr_format(c, text), cidr_format(&routes->items[i], other));
    return 0;
}

/* fdXX:XXXX:XXXX::/64 from the network's id. */
static void
private_v6(const struct network *n, struct cidr *ret)
{
    *ret = (struct cidr){.v6 = true, .prefix = 64};
    ret->addr[0] = 0xfd;
    for (size_t i = 0; i < 5; i++) {
        char hex[3] = {n->id[8 + 2 * i], n->id[9 + 2 * i]};

        ret->addr[1 + i] = (uint8_t) strtoul(hex, NULL, 16);
    }
}

static int
set_pools(const struct network_options *opt, const struct networks *others, struct network *n,
          struct err *err)
{
    AUTO(cidr_list) routes = {0};
    AUTO(cidr_list) used = {0};
    int r = cidr_host_routes(&routes, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < routes.n; i++)
        cidr_list_add(&used, &routes.items[i]);
    for (size_t i = 0; i < others->n; i++)
        if (others->items[i].has_v4)
            cidr_list_add(&used, &others->items[i].subnet4);
    if (opt->subnet) {
        r = parse_subnet(opt->subnet, false, &n->subnet4, err);
        if (r == 0)
            r = check_free(others, &routes, &n->subnet4, err);
    } else if (cidr_pick(&used, &n->subnet4) < 0)
        r = err_set(err, CODE_RESOURCE_EXHAUSTED,
                    "no subnet of 10.60.0.0 to 10.99.255.0 is free; give one with --subnet");
    if (r == 0)
        r = set_gateway(opt->gateway, &n->subnet4, &n->gateway4, err);
    n->has_v4 = true;
    if (r < 0 || (!opt->v6 && !opt->subnet6))
        return r;
    if (opt->subnet6) {
        r = parse_subnet(opt->subnet6, true, &n->subnet6, err);
        if (r == 0)
            r = check_free(others, &routes, &n->subnet6, err);
    } else
        private_v6(n, &n->subnet6);
    if (r == 0)
        r = set_gateway(opt->gateway6, &n->subnet6, &n->gateway6, err);
    n->has_v6 = true;
    return r;
}

static int
fill(const struct net_places *p, const struct network_options *opt, const struct networks *others,
     struct network *n, struct err *err)
{
    uint32_t mtu;
    int r;

    n->internal = opt->internal;
    if (opt->list) {
        n->driver = xstrdup("cni");
        n->foreign_list = json_clone(opt->list);
        return cni_list_check(n->foreign_list, err);
    }
    if (opt->driver && strcmp(opt->driver, "bridge") != 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--driver '%.32s' is not known: bridge is, and --plugins FILE takes any "
                       "list of CNI plugins",
                       opt->driver);
    n->driver = xstrdup("bridge");
    n->interface = interface_name(p, n);
    if (opt->mtu) {
        r = parse_u32(opt->mtu, &mtu, err);
        if (r < 0 || mtu < NETWORK_MTU_MIN || mtu > NETWORK_MTU_MAX)
            return err_set(err, CODE_INVALID_ARGUMENT, "--opt mtu=%.32s is not from %d to %d",
                           opt->mtu, NETWORK_MTU_MIN, NETWORK_MTU_MAX);
        labels_set(&n->options, "mtu", opt->mtu);
    }
    return set_pools(opt, others, n, err);
}

static int
create_locked(const struct net_places *p, int dir_fd, const struct network_options *opt,
              struct network *ret, struct err *err)
{
    auto_free char *file = xasprintf("%s" SUFFIX, opt->name), *text = NULL;
    AUTO(networks) others = {0};
    AUTO_PTR(json) o = NULL;
    AUTO(network) n = {0};
    char id[ID_LEN + 1];
    int r;

    r = list_fd(dir_fd, &others, err);
    if (r < 0)
        return r;
    if (faccessat(dir_fd, file, F_OK, 0) == 0)
        return err_set(err, CODE_ALREADY_EXISTS, "there is a network '%s' already", opt->name);
    n.name = xstrdup(opt->name);
    n.id = xstrdup(random_hex(id, ID_LEN / 2));
    n.created_ns = clock_now_ns();
    if (opt->labels)
        n.labels = labels_clone(opt->labels);
    r = fill(p, opt, &others, &n, err);
    if (r < 0)
        return r;
    o = record_to_json(&n);
    text = json_dump_pretty(o);
    r = tmpfile_write_at(dir_fd, file, text, strlen(text), 0644, err);
    if (r < 0)
        return err_wrap(err, r, "write the record of network '%s'", opt->name);
    *ret = TAKE_STRUCT(n);
    return 0;
}

int
network_create(const struct net_places *p, const struct network_options *opt, struct network *ret,
               struct err *err)
{
    auto_close int dir_fd = -1, lock_fd = -1;
    int r;

    r = network_name_check(opt->name, err);
    if (r == 0)
        r = open_store(p, &dir_fd, err);
    if (r == 0)
        r = lock_store(dir_fd, &lock_fd, err);
    return r < 0 ? r : create_locked(p, dir_fd, opt, ret, err);
}

int
network_get(const struct net_places *p, const char *name, struct network *ret, struct err *err)
{
    const struct network_options plain = {.name = NETWORK_DEFAULT};
    auto_close int dir_fd = -1, lock_fd = -1;
    struct err ignored = {0};
    int r;

    r = network_name_check(name, err);
    if (r == 0)
        r = open_store(p, &dir_fd, err);
    if (r < 0)
        return r;
    if (strcmp(name, NETWORK_DEFAULT) != 0)
        return load(dir_fd, name, ret, err);
    r = load(dir_fd, name, ret, &ignored);
    if (r == -CODE_NOT_FOUND)
        r = lock_store(dir_fd, &lock_fd, err);
    else if (r < 0)
        *err = ignored;
    if (r < 0 || lock_fd < 0)
        return r;
    r = load(dir_fd, name, ret, &ignored); /* somebody else made it meanwhile */
    return r == -CODE_NOT_FOUND ? create_locked(p, dir_fd, &plain, ret, err) : r;
}

/* ---- and taking it away ---- */

void
network_interface_remove(const struct network *n)
{
    auto_close int fd = -1;
    struct ifreq ifr = {0};

    if (!n->interface || strlen(n->interface) >= sizeof ifr.ifr_name)
        return;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(ifr.ifr_name, n->interface, strlen(n->interface));
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
        return; /* there is none */
    (void) ioctl(fd, SIOCBRDELBR, n->interface);
}

int
network_forget(const struct net_places *p, const char *name, struct err *err)
{
    auto_free char *file = xasprintf("%s" SUFFIX, name), *ipam = network_addresses_dir(p, name);
    auto_close int dir_fd = -1, lock_fd = -1;
    int r;

    r = network_name_check(name, err);
    if (r == 0)
        r = open_store(p, &dir_fd, err);
    if (r == 0)
        r = lock_store(dir_fd, &lock_fd, err);
    if (r < 0)
        return r;
    if (unlinkat(dir_fd, file, 0) < 0)
        return errno == ENOENT ? err_set(err, CODE_NOT_FOUND, "there is no network '%s'", name)
                               : err_sys(err, errno, "remove the record of network '%s'", name);
    (void) rmtree_at(AT_FDCWD, ipam, NULL);
    return path_sync_dir(dir_fd, err);
}

/* ---- what plugins and people see ---- */

static void
add_range(struct json *ranges, struct json *routes, const struct network *n, bool v6)
{
    const struct cidr *gateway = v6 ? &n->gateway6 : &n->gateway4;
    struct json *set = json_new_array(), *route;

    json_push(set, pool_to_json(v6 ? &n->subnet6 : &n->subnet4, gateway));
    json_push(ranges, set);
    if (n->internal)
        return;
    route = json_new_object();
    json_set(route, "dst", json_new_str(v6 ? "::/0" : "0.0.0.0/0"));
    json_push(routes, route);
}

struct json *
network_plugins(const struct net_places *p, const struct network *n)
{
    struct json *list, *plugins, *bridge, *ipam, *ranges, *routes, *caps;
    auto_free char *ipam_dir = network_addresses_dir(p, "");
    const char *mtu = labels_find(&n->options, "mtu");
    int64_t number;

    if (n->foreign_list)
        return json_clone(n->foreign_list);
    list = json_new_object();
    plugins = json_new_array();
    bridge = json_new_object();
    ipam = json_new_object();
    ranges = json_new_array();
    routes = json_new_array();
    caps = json_new_object();
    json_set(caps, "ips", json_new_bool(true));
    json_set(caps, "mac", json_new_bool(true));
    add_range(ranges, routes, n, false);
    if (n->has_v6)
        add_range(ranges, routes, n, true);
    json_set(ipam, "type", json_new_str("host-local"));
    json_set(ipam, "dataDir", json_new_str(ipam_dir));
    json_set(ipam, "ranges", ranges);
    json_set(ipam, "routes", routes);
    json_set(bridge, "type", json_new_str("bridge"));
    json_set(bridge, "bridge", json_new_str(n->interface));
    json_set(bridge, "isGateway", json_new_bool(true));
    /* the bridge is this network's alone: an address of an earlier one, whose record is gone, gives way */
    json_set(bridge, "forceAddress", json_new_bool(true));
    json_set(bridge, "hairpinMode", json_new_bool(true));
    if (mtu && parse_i64(mtu, &number, NULL) == 0)
        json_set(bridge, "mtu", json_new_int(number));
    json_set(bridge, "capabilities", caps);
    json_set(bridge, "ipam", ipam);
    json_push(plugins, bridge);
    json_set(list, "cniVersion", json_new_str("1.0.0"));
    json_set(list, "name", json_new_str(n->name));
    json_set(list, "plugins", plugins);
    return list;
}

struct json *
network_to_json(const struct net_places *p, const struct network *n)
{
    struct json *o = record_to_json(n);

    json_set(o, "plugins", network_plugins(p, n));
    return o;
}
