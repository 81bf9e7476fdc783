/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a container.
 *
 * One thread beside the caller's: it makes the namespace, runs the plugins and writes the hosts file, while the caller
 * prepares the root filesystem, writes the record and starts the shim. They meet in container_net_wait(), before the
 * runtime is asked for the container. Nothing is shared but what the thread was given at its start.
 */
#include "container_net.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "container_dir.h"
#include "container_join.h"
#include "container_status.h"
#include "user_map.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "ross-cli/net/net_files.h"

#define RESOLV_SIZE_MAX (1024 * 1024)
#define RESOLVED_FILE   "/run/systemd/resolve/resolv.conf"

struct container_net {
    struct net_places places;
    char *root, *state, *ns, *id, *hosts_path;
    struct net_request request;
    int32_t share_pid;
    char idmap_uid[USER_MAP_TEXT_MAX], idmap_gid[USER_MAP_TEXT_MAX]; /* "" = none */
    pthread_t thread;
    bool joined;
    struct net_hold *hold;
    struct err err;
    int r;
};

/* ---- what is wanted ---- */

static bool
any_network_option(const struct run_options *opt)
{
    return opt->publish.n || opt->publish_all || opt->ip || opt->ip6 || opt->mac || opt->aliases.n;
}

static int
set_container(struct session *s, const char *word, struct net_request *q, struct err *err)
{
    AUTO(container) c = {0};
    int r = container_find(s, word, &c, err);

    if (r < 0)
        return err_wrap(err, r, "--network");
    q->mode = NET_CONTAINER;
    q->container = xstrdup(c.id);
    return 0;
}

static int
set_mode(struct session *s, const char *word, struct net_request *q, struct err *err)
{
    struct net_places p = container_net_places(s);
    AUTO(network) n = {0};
    int r;

    if (strcmp(word, "none") == 0) {
        q->mode = NET_NONE;
        return 0;
    }
    if (strcmp(word, "host") == 0) {
        q->mode = NET_HOST;
        return 0;
    }
    if (container_join_word(word))
        return set_container(s, container_join_word(word), q, err);
    if (strcmp(word, "default") == 0)
        word = NETWORK_DEFAULT;
    if (strcmp(word, NETWORK_DEFAULT) != 0) {
        r = network_get(&p, word, &n, err);
        if (r < 0)
            return err_wrap(err, r, "--network");
    }
    q->mode = NET_NETWORKS;
    if (!net_request_find(q, word))
        (void) net_request_add(q, word);
    return 0;
}

/* Without a wish the bridge, unless it cannot be had: then none, said once until the machine's restart. */
static int
set_default(struct session *s, bool needed, struct net_request *q, struct err *err)
{
    auto_free char *said = path_join(s->state, "network-refused");
    const char *word = getenv(NETWORK_ENV);
    struct err why = {0};
    int fd, r;

    if (word && *word)
        return set_mode(s, word, q, err);
    r = net_check_able(&why);
    if (r == 0)
        return set_mode(s, NETWORK_DEFAULT, q, err);
    if (needed) {
        *err = why;
        return r;
    }
    q->mode = NET_NONE;
    fd = open(said, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        log_warn("containers get no network here", KV_ERR(&why));
    (void) fd_close(fd);
    return 0;
}

static int
check_combination(const struct run_options *opt, const struct net_request *q, struct err *err)
{
    bool bridged = q->n_wishes > 0;

    if (opt->networks.n > 1 && (q->mode != NET_NETWORKS || q->n_wishes != opt->networks.n))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "several --network must all be networks, each once; host, none and "
                       "container: stand alone");
    if (any_network_option(opt) && !bridged)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "-p, --ip, --mac-address and --network-alias need a network such as bridge, "
                       "not --network %s",
                       opt->networks.n ? opt->networks.items[0] : "none");
    if (q->mode == NET_CONTAINER && (opt->hostname || opt->add_hosts.n || opt->dns.n ||
                                     opt->dns_search.n || opt->dns_options.n))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "with --network container: host name, hosts and name servers are that "
                       "container's; leave --hostname, --add-host and --dns out");
    if (opt->aliases.n && net_request_find(q, NETWORK_DEFAULT))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--network-alias needs a network of your own: containers have no names in "
                       "the network %s",
                       NETWORK_DEFAULT);
    return 0;
}

static int
check_address_option(const char *name, const char *text, bool v6, struct err *err)
{
    struct cidr c;
    int r;

    if (!text)
        return 0;
    r = cidr_parse_address(text, &c, err);
    if (r == 0 && c.v6 != v6)
        r = err_set(err, CODE_INVALID_ARGUMENT, "'%.64s' is no %s address", text,
                    v6 ? "IPv6" : "IPv4");
    return r < 0 ? err_wrap(err, r, "%s", name) : 0;
}

static int
set_details(const struct run_options *opt, const struct oci_config *image, struct net_request *q,
            struct err *err)
{
    struct net_wish *first = q->wishes;
    struct cidr c;
    int r;

    r = check_address_option("--ip", opt->ip, false, err);
    if (r == 0)
        r = check_address_option("--ip6", opt->ip6, true, err);
    if (r == 0 && opt->mac)
        r = net_mac_check(opt->mac, err);
    for (size_t i = 0; r == 0 && i < opt->add_hosts.n; i++)
        r = net_add_host_check(opt->add_hosts.items[i], err);
    for (size_t i = 0; r == 0 && i < opt->dns.n; i++)
        if (cidr_parse_address(opt->dns.items[i], &c, err) < 0)
            r = err_wrap(err, -CODE_INVALID_ARGUMENT, "--dns");
    for (size_t i = 0; r == 0 && i < opt->publish.n; i++)
        r = port_map_parse(opt->publish.items[i], &q->ports, err);
    for (size_t i = 0; r == 0 && opt->publish_all && i < image->exposed_ports.n; i++)
        r = port_map_parse_exposed(image->exposed_ports.items[i], &q->ports, err);
    for (size_t i = 0; r == 0 && i < opt->expose.n; i++) {
        AUTO(port_maps) only_checked = {0};

        r = port_map_parse_exposed(opt->expose.items[i],
                                   opt->publish_all ? &q->ports : &only_checked, err);
    }
    if (r < 0)
        return r;
    strv_add_all(&q->add_hosts, &opt->add_hosts);
    if (first) {
        first->ip = opt->ip ? xstrdup(opt->ip) : NULL;
        first->ip6 = opt->ip6 ? xstrdup(opt->ip6) : NULL;
        first->mac = opt->mac ? xstrdup(opt->mac) : NULL;
    }
    for (size_t i = 0; i < q->n_wishes; i++)
        if (strcmp(q->wishes[i].network, NETWORK_DEFAULT) != 0)
            strv_add_all(&q->wishes[i].aliases, &opt->aliases);
    return 0;
}

int
container_net_request(struct session *s, const struct run_options *opt,
                      const struct oci_config *image, struct net_request *ret, struct err *err)
{
    AUTO(net_request) q = {0};
    int r = 0;

    if (!opt->networks.n)
        r = set_default(s, any_network_option(opt), &q, err);
    for (size_t i = 0; r == 0 && i < opt->networks.n; i++)
        r = set_mode(s, opt->networks.items[i], &q, err);
    if (r == 0)
        r = check_combination(opt, &q, err);
    if (r == 0)
        r = set_details(opt, image, &q, err);
    if (r == 0 && q.mode == NET_NETWORKS)
        r = net_check_able(err);
    if (r == 0)
        *ret = TAKE_STRUCT(q);
    return r;
}

/* ---- the files inside ---- */

/* The host's, or, when that names only a stub on this machine, what systemd-resolved asks itself. */
static int
host_resolv(bool keep_loopback, char **ret, struct err *err)
{
    auto_free char *text = NULL, *behind = NULL;
    int r;

    r = fd_read_file_at(AT_FDCWD, "/etc/resolv.conf", RESOLV_SIZE_MAX, &text, NULL, err);
    if (r == -CODE_NOT_FOUND) {
        *ret = xstrdup("");
        return 0;
    }
    if (r < 0)
        return r;
    if (!keep_loopback && !resolv_has_outside_server(text) &&
        fd_read_file_at(AT_FDCWD, RESOLVED_FILE, RESOLV_SIZE_MAX, &behind, NULL, NULL) == 0)
        *ret = TAKE(behind);
    else
        *ret = TAKE(text);
    return 0;
}

static int
put_file(int dir_fd, const char *name, const char *text, struct err *err)
{
    return fd_write_file_at(dir_fd, name, text, strlen(text), 0644, err);
}

static void
bind_file(struct spec_options *o, struct arena *arena, const char *dir, const char *name)
{
    const char *target = arena_printf(arena, "/etc/%s", name);

    for (size_t i = 0; i < o->n_mounts; i++)
        if (strcmp(o->mounts[i].target, target) == 0)
            return; /* the person's own mount counts */
    o->mounts = xreallocarray(o->mounts, o->n_mounts + 1, sizeof *o->mounts);
    o->mounts[o->n_mounts++] = (struct spec_mount){
        .source = arena_printf(arena, "%s/%s", dir, name),
        .target = target,
    };
}

static int
put_resolv(int dir_fd, const struct run_options *opt, const struct net_request *q, struct err *err)
{
    bool host = q->mode == NET_HOST;
    auto_free char *from = NULL, *text = NULL;
    struct resolv_options how = {
        .keep_loopback = host,
        .servers = &opt->dns,
        .search = &opt->dns_search,
        .options = &opt->dns_options,
    };
    int r = 0;

    if (q->mode == NET_NONE)
        from = xstrdup("");
    else
        r = host_resolv(host, &from, err);
    if (r < 0)
        return r;
    how.host_text = from;
    text = host && !opt->dns.n && !opt->dns_search.n && !opt->dns_options.n ? xstrdup(from)
                                                                            : resolv_text(&how);
    return put_file(dir_fd, "resolv.conf", text, err);
}

/* In the host's network the host's own file, with what --add-host adds. */
static int
put_hosts(int dir_fd, const struct net_request *q, const char *hostname, struct err *err)
{
    auto_free char *text = NULL, *from = NULL, *more = NULL;
    const char *added;

    if (q->mode != NET_HOST) {
        text = hosts_text(hostname, NULL, NULL, NULL, 0, &q->add_hosts, NULL);
        return put_file(dir_fd, "hosts", text, err);
    }
    if (fd_read_file_at(AT_FDCWD, "/etc/hosts", RESOLV_SIZE_MAX, &from, NULL, NULL) < 0)
        from = xstrdup("");
    more = hosts_text(NULL, NULL, NULL, NULL, 0, &q->add_hosts, "127.0.0.1");
    added = strstr(more, "ip6-loopback\n") + strlen("ip6-loopback\n");
    text = xasprintf("%s%s%s", from, *from && from[strlen(from) - 1] != '\n' ? "\n" : "", added);
    return put_file(dir_fd, "hosts", text, err);
}

static int
own_files(const struct session *s, const char *id, const struct run_options *opt,
          const struct net_request *q, struct spec_options *o, struct arena *arena, struct err *err)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, id), *hostname = NULL;
    bool hosts = q->mode != NET_HOST || q->add_hosts.n;
    auto_close int dir_fd = -1;
    int r;

    r = path_open_dir(dir, 0700, &dir_fd, err);
    if (r < 0)
        return r;
    hostname = xasprintf("%s\n", o->hostname);
    r = put_file(dir_fd, "hostname", hostname, err);
    if (r == 0 && hosts)
        r = put_hosts(dir_fd, q, o->hostname, err);
    if (r == 0)
        r = put_resolv(dir_fd, opt, q, err);
    if (r < 0)
        return err_wrap(err, r, "prepare the host files");
    bind_file(o, arena, dir, "hostname");
    bind_file(o, arena, dir, "resolv.conf");
    if (hosts)
        bind_file(o, arena, dir, "hosts");
    else if (access("/etc/hosts", R_OK) == 0)
        bind_file(o, arena, "/etc", "hosts");
    return 0;
}

/* Host name and files of the container whose network it shares. */
static int
shared_files(const struct session *s, const struct net_request *q, struct spec_options *o,
             struct arena *arena, struct err *err)
{
    static const char *const names[] = {"hostname", "hosts", "resolv.conf"};
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, q->container);
    AUTO(net_request) other = {0};
    int r;

    r = net_request_read(dir, &other, err);
    if (r < 0)
        return r;
    if (other.hostname)
        o->hostname = arena_strdup(arena, other.hostname);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_free char *path = path_join(dir, names[i]);

        if (access(path, F_OK) == 0)
            bind_file(o, arena, dir, names[i]);
        else if (i == 1 && other.mode == NET_HOST && access("/etc/hosts", R_OK) == 0)
            bind_file(o, arena, "/etc", names[i]);
    }
    return 0;
}

int
container_net_spec(const struct session *s, const char *id, const struct run_options *opt,
                   const struct net_request *q, struct spec_options *o, struct arena *arena,
                   struct err *err)
{
    struct net_places p = container_net_places(s);
    auto_free char *path = NULL, *owner = NULL;

    if (q->mode == NET_HOST)
        o->network.mode = SPEC_NS_HOST;
    if (net_mode_is_ours(q->mode)) {
        path = net_namespace_path(&p, id);
        o->network = (struct spec_ns){SPEC_NS_PATH, arena_strdup(arena, path)};
        if (o->n_uid_maps) {
            owner = net_owner_path(&p, id);
            o->userns = (struct spec_ns){SPEC_NS_PATH, arena_strdup(arena, owner)};
        }
    }
    if (q->mode == NET_CONTAINER)
        return shared_files(s, q, o, arena, err);
    return o->hostname ? own_files(s, id, opt, q, o, arena, err) : 0;
}

/* ---- up ---- */

static void *
bring_up(void *arg)
{
    struct container_net *n = arg;
    const struct net_target t = {
        .ns = n->ns,
        .id = n->id,
        .hosts_path = n->hosts_path,
        .share_pid = n->share_pid,
        .idmap_uid = *n->idmap_uid ? n->idmap_uid : NULL,
        .idmap_gid = *n->idmap_gid ? n->idmap_gid : NULL,
    };

    n->r = net_up(&n->places, &t, &n->request, &n->hold, &n->err);
    return NULL;
}

static int
find_pid(struct session *s, const char *id, int32_t *ret, struct err *err)
{
    AUTO(container_status) st = {0};
    AUTO(container) c = {0};
    int r;

    r = container_find(s, id, &c, err);
    if (r == 0)
        r = container_status_get(s, c.id, &st, err);
    if (r == 0 && st.kind != CONTAINER_RUNNING && st.kind != CONTAINER_PAUSED)
        r = err_set(err, CODE_FAILED_PRECONDITION,
                    "container '%s', whose network it shares, does not run; start that first",
                    container_name(&c));
    if (r == 0)
        *ret = (int32_t) st.pid;
    return r;
}

int
container_net_begin(struct session *s, const char *id, const struct net_request *q,
                    struct container_net **ret, struct err *err)
{
    AUTO_PTR(container_net) n = NULL;
    auto_free char *dir = NULL;
    AUTO_PTR(json) copy = NULL;
    struct user_map users;
    int r;

    *ret = NULL;
    if (!net_mode_is_ours(q->mode))
        return 0;
    dir = container_dir_path(s->root, s->ctx.ns, id);
    n = xcalloc(1, sizeof *n);
    n->joined = true; /* nothing to join yet */
    n->root = xstrdup(s->root);
    n->state = xstrdup(s->state);
    n->places = (struct net_places){.root = n->root, .state = n->state};
    n->ns = xstrdup(s->ctx.ns);
    n->id = xstrdup(id);
    n->hosts_path = path_join(dir, "hosts");
    copy = net_request_to_json(q);
    r = net_request_from_json(copy, &n->request, err);
    if (r == 0 && q->mode == NET_CONTAINER)
        r = find_pid(s, q->container, &n->share_pid, err);
    if (r == 0)
        r = user_map_read(dir, &users, err);
    if (r == 0 && users.any) {
        user_map_text(users.uid, users.size, n->idmap_uid);
        user_map_text(users.gid, users.size, n->idmap_gid);
    }
    if (r < 0)
        return r;
    r = pthread_create(&n->thread, NULL, bring_up, n);
    if (r != 0)
        return err_sys(err, r, "start a thread");
    n->joined = false;
    *ret = TAKE(n);
    return 0;
}

int
container_net_begin_again(struct session *s, const struct container *c, struct container_net **ret,
                          struct err *err)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, c->id);
    AUTO(net_request) q = {0};
    int r = net_request_read(dir, &q, err);

    if (r < 0)
        return r;
    free(q.name); /* it may have another name by now */
    q.name = xstrdup(container_name(c));
    return container_net_begin(s, c->id, &q, ret, err);
}

int
container_net_wait(struct container_net *n, struct err *err)
{
    if (!n)
        return 0;
    if (!n->joined)
        (void) pthread_join(n->thread, NULL);
    n->joined = true;
    if (n->r < 0 && err)
        *err = n->err;
    return n->r;
}

int
container_net_keep(struct container_net *n, struct err *err)
{
    return n ? net_hold_keep(n->hold, err) : 0;
}

void
container_net_free(struct container_net *n)
{
    if (!n)
        return;
    (void) container_net_wait(n, NULL);
    net_hold_free(n->hold);
    net_request_done(&n->request);
    free(n->root);
    free(n->state);
    free(n->ns);
    free(n->id);
    free(n->hosts_path);
    free(n);
}

int
container_net_end(const struct session *s, const char *id, struct err *err)
{
    struct net_places p = container_net_places(s);

    return net_down(&p, id, err);
}
