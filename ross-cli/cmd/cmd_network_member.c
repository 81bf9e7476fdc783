/* SPDX-License-Identifier: Apache-2.0 */
/* network connect, network disconnect, port: a container and its networks. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "ross-cli/run/container_dir.h"
#include "ross-cli/run/container_net.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/run/event_log.h"

/* ---- connect ---- */

struct connect_options {
    struct strv aliases;
    const char *ip, *ip6, *mac;
};

#define CONNECT(member) offsetof(struct connect_options, member)

static const struct option_row connect_rows[] = {
    {.name = "alias",
     .type = OPTION_STRV,
     .offset = CONNECT(aliases),
     .arg = "NAME",
     .help = "further name for others in the network"},
    {.name = "ip",
     .type = OPTION_STR,
     .offset = CONNECT(ip),
     .arg = "ADDRESS",
     .help = "IPv4 address in the network"},
    {.name = "ip6",
     .type = OPTION_STR,
     .offset = CONNECT(ip6),
     .arg = "ADDRESS",
     .help = "IPv6 address in the network"},
    {.name = "mac-address",
     .type = OPTION_STR,
     .offset = CONNECT(mac),
     .arg = "MAC",
     .help = "address of the interface"},
};

/* The container, its note, and whether it is up. */
static int
open_container(struct session *s, const char *word, struct container *c, char **ret_dir,
               struct net_request *ret, bool *ret_up, struct err *err)
{
    struct net_places p = container_net_places(s);
    AUTO(net_record) rec = {0};
    int r;

    r = container_find(s, word, c, err);
    if (r < 0)
        return r;
    *ret_dir = container_dir_path(s->root, s->ctx.ns, c->id);
    r = net_request_read(*ret_dir, ret, err);
    if (r < 0)
        return r;
    if (ret->mode != NET_NETWORKS)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "container '%s' was made with a --network that is no network: it can "
                       "neither join nor leave one",
                       container_name(c));
    *ret_up = net_record_read(&p, c->id, &rec, NULL) == 0;
    return 0;
}

static void
set_wish(struct net_wish *w, const struct connect_options *opt)
{
    strv_add_all(&w->aliases, &opt->aliases);
    w->ip = opt->ip ? xstrdup(opt->ip) : NULL;
    w->ip6 = opt->ip6 ? xstrdup(opt->ip6) : NULL;
    w->mac = opt->mac ? xstrdup(opt->mac) : NULL;
}

static int
connect_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct connect_options *opt = options;
    struct net_places p = container_net_places(s);
    const char *network = words[0];
    auto_free char *dir = NULL;
    AUTO(net_request) q = {0};
    AUTO(container) c = {0};
    AUTO(network) n = {0};
    bool up = false;
    int r;

    (void) n_words;
    r = opt->mac ? net_mac_check(opt->mac, err) : 0;
    if (r == 0)
        r = network_get(&p, network, &n, err);
    if (r == 0)
        r = open_container(s, words[1], &c, &dir, &q, &up, err);
    if (r < 0)
        return r;
    if (opt->aliases.n && strcmp(network, NETWORK_DEFAULT) == 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--alias needs a network of your own: containers have no names in the "
                       "network %s",
                       NETWORK_DEFAULT);
    if (net_request_find(&q, network))
        return err_set(err, CODE_ALREADY_EXISTS, "container '%s' is in network '%s' already",
                       container_name(&c), network);
    set_wish(net_request_add(&q, network), opt);
    if (up)
        r = net_connect(&p, c.id, net_request_find(&q, network), err);
    if (r == 0)
        r = net_request_write(dir, &q, true, err);
    if (r == 0)
        event_network(s, network, "connect", &c);
    return r;
}

const struct command_row cmd_network_connect = {
    .path = "network connect",
    .synopsis = "[OPTION…] NETWORK CONTAINER",
    .summary = "Lets a container join one network more, at once when it runs",
    .options = connect_rows,
    .n_options = ARRAY_LEN(connect_rows),
    .options_size = sizeof(struct connect_options),
    .words_min = 2,
    .words_max = 2,
    .run = connect_run,
};

/* ---- disconnect ---- */

static int
disconnect_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct net_places p = container_net_places(s);
    const char *network = words[0];
    auto_free char *dir = NULL;
    AUTO(net_request) q = {0};
    AUTO(container) c = {0};
    bool up = false;
    int r;

    (void) options;
    (void) n_words;
    r = open_container(s, words[1], &c, &dir, &q, &up, err);
    if (r < 0)
        return r;
    if (!net_request_find(&q, network))
        return err_set(err, CODE_NOT_FOUND, "container '%s' is not in network '%.64s'",
                       container_name(&c), network);
    net_request_remove(&q, network);
    if (up)
        r = net_disconnect(&p, c.id, network, err);
    if (r == 0)
        r = net_request_write(dir, &q, true, err);
    if (r == 0)
        event_network(s, network, "disconnect", &c);
    return r;
}

const struct command_row cmd_network_disconnect = {
    .path = "network disconnect",
    .synopsis = "NETWORK CONTAINER",
    .summary = "Takes a container out of a network, at once when it runs",
    .words_min = 2,
    .words_max = 2,
    .run = disconnect_run,
};

/* ---- port ---- */

static void
print_port(const struct port_map *m, bool alone)
{
    auto_free char *host = port_map_host_text(m);

    if (alone)
        printf("%s\n", host);
    else
        printf("%u/%s -> %s\n", (unsigned) m->container, port_map_protocol(m), host);
}

static int
port_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct net_places p = container_net_places(s);
    AUTO(port_maps) asked = {0};
    AUTO(net_record) rec = {0};
    AUTO(container) c = {0};
    size_t shown = 0;
    int r;

    (void) options;
    r = container_find(s, words[0], &c, err);
    if (r == 0 && n_words > 1)
        r = port_map_parse_exposed(words[1], &asked, err);
    if (r < 0)
        return r;
    /* one that does not run has no ports */
    r = net_record_read(&p, c.id, &rec, NULL);
    for (size_t i = 0; r == 0 && i < rec.ports.n; i++) {
        const struct port_map *m = &rec.ports.items[i];
        bool fits = !asked.n;

        for (size_t k = 0; k < asked.n; k++)
            fits =
                fits || (asked.items[k].container == m->container && asked.items[k].udp == m->udp);
        if (fits) {
            print_port(m, asked.n == 1);
            shown++;
        }
    }
    if (!shown && asked.n)
        return err_set(err, CODE_NOT_FOUND, "container '%s' publishes no port %.32s",
                       container_name(&c), words[1]);
    return 0;
}

const struct command_row cmd_port = {
    .path = "port",
    .aliases = "container port",
    .synopsis = "CONTAINER [PORT[/udp]]",
    .summary = "Shows where the published ports of a running container lead from",
    .words_min = 1,
    .words_max = 2,
    .run = port_run,
};
