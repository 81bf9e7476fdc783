/* SPDX-License-Identifier: Apache-2.0 */
/* network create, ls, inspect, rm, prune, reload, check: networks that containers can join. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "confirm.h"
#include "each.h"
#include "network_words.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "ross-cli/net/cni_chain.h"
#include "ross-cli/run/container_net.h"
#include "ross-cli/run/event_log.h"
#include "ross-cli/ui/listing.h"

/* ---- create ---- */

struct create_options {
    struct strv subnets, gateways, labels, options;
    const char *driver, *plugins;
    bool v6, internal;
};

#define CREATE(member) offsetof(struct create_options, member)

static const struct option_row create_rows[] = {
    {.name = "subnet",
     .type = OPTION_STRV,
     .offset = CREATE(subnets),
     .arg = "SUBNET",
     .help = "its addresses, like 10.1.2.0/24; one of IPv4 and one of IPv6 (default: one that is "
             "free)"},
    {.name = "gateway",
     .type = OPTION_STRV,
     .offset = CREATE(gateways),
     .arg = "ADDRESS",
     .help = "the host's own address in a subnet (default: the first)"},
    {.name = "ipv6", .type = OPTION_FLAG, .offset = CREATE(v6), .help = "addresses of IPv6, too"},
    {.name = "internal",
     .type = OPTION_FLAG,
     .offset = CREATE(internal),
     .help = "no way out of it and none in"},
    {.name = "driver",
     .letter = 'd',
     .type = OPTION_STR,
     .offset = CREATE(driver),
     .arg = "bridge",
     .help = "what kind of network (default: bridge)"},
    {.name = "opt",
     .letter = 'o',
     .type = OPTION_STRV,
     .offset = CREATE(options),
     .arg = "mtu=N",
     .help = "detail of the bridge"},
    {.name = "label",
     .type = OPTION_STRV,
     .offset = CREATE(labels),
     .arg = "K=V",
     .help = "label of the network"},
    {.name = "plugins",
     .type = OPTION_STR,
     .offset = CREATE(plugins),
     .arg = "FILE",
     .help = "run the plugins of this CNI configuration list instead of a bridge"},
};

#define PLUGINS_SIZE_MAX (256 * 1024)

/* One of each family. */
static int
pick_family(const char *option, const struct strv *given, const char **v4, const char **v6,
            struct err *err)
{
    for (size_t i = 0; i < given->n; i++) {
        const char **into = strchr(given->items[i], ':') ? v6 : v4;

        if (*into)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "%s: a network has one subnet of IPv4 and one of IPv6 at most", option);
        *into = given->items[i];
    }
    return 0;
}

static int
bridge_options(const struct create_options *opt, struct network_options *how, struct err *err)
{
    int r;

    r = pick_family("--subnet", &opt->subnets, &how->subnet, &how->subnet6, err);
    if (r == 0)
        r = pick_family("--gateway", &opt->gateways, &how->gateway, &how->gateway6, err);
    if (r < 0)
        return r;
    if ((how->gateway && !how->subnet) || (how->gateway6 && !how->subnet6))
        return err_set(err, CODE_INVALID_ARGUMENT, "--gateway needs the --subnet it lies in");
    for (size_t i = 0; i < opt->options.n; i++) {
        const char *text = opt->options.items[i];

        if (strncmp(text, "mtu=", 4) == 0)
            how->mtu = text + 4;
        else if (strncmp(text, "com.docker.network.driver.mtu=", 30) == 0)
            how->mtu = text + 30;
        else
            return err_set(err, CODE_INVALID_ARGUMENT, "--opt '%.64s' is not known, mtu=N is",
                           text);
    }
    return 0;
}

static int
read_plugins(const char *path, struct json **ret, struct err *err)
{
    auto_free char *text = NULL;
    size_t len;
    int r;

    r = fd_read_file_at(AT_FDCWD, path, PLUGINS_SIZE_MAX, &text, &len, err);
    if (r == 0)
        r = json_parse(text, len, ret, err);
    if (r == 0)
        r = cni_list_check(*ret, err);
    return r < 0 ? err_wrap(err, r, "--plugins '%.128s'", path) : 0;
}

static int
create_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct create_options *opt = options;
    struct net_places p = container_net_places(s);
    struct network_options how = {
        .name = words[0],
        .driver = opt->driver,
        .v6 = opt->v6,
        .internal = opt->internal,
    };
    AUTO_PTR(json) list = NULL;
    AUTO(labels) labels = {0};
    AUTO(network) n = {0};
    int r;

    (void) n_words;
    r = labels_from_words("--label", &opt->labels, &labels, err);
    if (r == 0)
        r = bridge_options(opt, &how, err);
    if (r == 0 && opt->plugins && (opt->subnets.n || opt->v6 || opt->internal || opt->options.n))
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "with --plugins the file says everything; leave --subnet, --ipv6, --internal "
                    "and --opt out");
    if (r == 0 && opt->plugins)
        r = read_plugins(opt->plugins, &list, err);
    if (r == 0 && !opt->plugins)
        r = net_check_able(err);
    if (r < 0)
        return r;
    how.list = list;
    how.labels = &labels;
    r = network_create(&p, &how, &n, err);
    if (r < 0)
        return r;
    event_network(s, n.name, "create", NULL);
    printf("%s\n", n.name);
    return 0;
}

const struct command_row cmd_network_create = {
    .path = "network create",
    .synopsis = "[OPTION…] NAME",
    .summary = "Makes a network that containers can join",
    .options = create_rows,
    .n_options = ARRAY_LEN(create_rows),
    .options_size = sizeof(struct create_options),
    .words_min = 1,
    .words_max = 1,
    .run = create_run,
};

/* ---- ls ---- */

struct list_options {
    const char *format;
    bool quiet;
};

static const struct option_row list_rows[] = {
    {.name = "format",
     .type = OPTION_STR,
     .offset = offsetof(struct list_options, format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = offsetof(struct list_options, quiet),
     .help = "only the names"},
};

static void
add_containers(struct json *row, const char *network, const struct net_records *all)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < all->n; i++) {
        const struct attachment *a = net_record_find(&all->items[i], network);
        struct json *one;

        if (!a)
            continue;
        one = json_new_object();
        json_set(one, "id", json_new_str(all->items[i].id));
        json_set(one, "name", json_new_str(all->items[i].name ? all->items[i].name : ""));
        json_set(one, "interface", json_new_str(a->ifname));
        if (a->mac)
            json_set(one, "mac", json_new_str(a->mac));
        if (a->address4)
            json_set(one, "ipv4", json_new_str(a->address4));
        if (a->address6)
            json_set(one, "ipv6", json_new_str(a->address6));
        json_push(list, one);
    }
    json_set(row, "containers", list);
}

/* "10.60.0.0/24, fd00::/64" */
static void
add_subnets(struct json *row, const struct network *n)
{
    char v4[CIDR_STR_MAX] = "", v6[CIDR_STR_MAX] = "";
    auto_free char *text = NULL;

    if (n->has_v4)
        (void) cidr_format(&n->subnet4, v4);
    if (n->has_v6)
        (void) cidr_format(&n->subnet6, v6);
    text = xasprintf("%s%s%s", v4, *v4 && *v6 ? ", " : "", v6);
    json_set(row, "subnets", json_new_str(text));
}

static int
all_of(struct session *s, struct networks *ret, struct net_records *ret_records, struct err *err)
{
    struct net_places p = container_net_places(s);
    int r = networks_list(&p, ret, err);

    return r < 0 ? r : net_records_list(&p, ret_records, err);
}

static int
list_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column columns[] = {
        {"NETWORK ID", "id", listing_show_short_id},
        {"NAME", "name", NULL},
        {"DRIVER", "driver", NULL},
        {"SUBNETS", "subnets", NULL},
        {"CREATED", "created", listing_show_age},
    };
    const struct list_options *opt = options;
    struct net_places p = container_net_places(s);
    AUTO_PTR(json) rows = json_new_array();
    AUTO(net_records) records = {0};
    AUTO(networks) all = {0};
    int r = all_of(s, &all, &records, err);

    (void) n_words;
    (void) words;
    if (r < 0)
        return r;
    for (size_t i = 0; i < all.n; i++) {
        struct json *row = network_to_json(&p, &all.items[i]);

        add_subnets(row, &all.items[i]);
        add_containers(row, all.items[i].name, &records);
        json_push(rows, row);
    }
    return listing_print(stdout, columns, ARRAY_LEN(columns), rows,
                         opt->quiet && !opt->format ? "{{.name}}" : opt->format, err);
}

const struct command_row cmd_network_list = {
    .path = "network list",
    .aliases = "network ls",
    .synopsis = "[OPTION…]",
    .summary = "Lists the networks that containers can join",
    .options = list_rows,
    .n_options = ARRAY_LEN(list_rows),
    .options_size = sizeof(struct list_options),
    .run = list_run,
};

/* ---- inspect ---- */

static const struct network *
find(const struct networks *all, const char *word)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->items[i].name, word) == 0)
            return &all->items[i];
    for (size_t i = 0; i < all->n; i++)
        if (strlen(word) >= 12 && strncmp(all->items[i].id, word, strlen(word)) == 0)
            return &all->items[i];
    return NULL;
}

static int
inspect_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct net_places p = container_net_places(s);
    AUTO_PTR(json) rows = json_new_array();
    AUTO(net_records) records = {0};
    AUTO(networks) all = {0};
    auto_free char *text = NULL;
    int r = all_of(s, &all, &records, err);

    (void) options;
    for (int i = 0; r == 0 && i < n_words; i++) {
        const struct network *n = find(&all, words[i]);
        struct json *row;

        if (!n)
            return err_set(err, CODE_NOT_FOUND,
                           "there is no network '%.64s'; 'ross-cli network ls' lists them",
                           words[i]);
        row = network_to_json(&p, n);
        add_containers(row, n->name, &records);
        json_push(rows, row);
    }
    if (r < 0)
        return r;
    text = json_dump_pretty(rows);
    printf("%s\n", text);
    return 0;
}

const struct command_row cmd_network_inspect = {
    .path = "network inspect",
    .synopsis = "NETWORK…",
    .summary = "Shows everything about networks, and who is in them, as JSON",
    .words_min = 1,
    .words_max = -1,
    .run = inspect_run,
};

/* ---- rm ---- */

static int
rm_one(struct session *s, const char *word, void *arg, struct err *err)
{
    struct net_places p = container_net_places(s);
    int r = net_remove_network(&p, word, err);

    (void) arg;
    if (r == 0)
        event_network(s, word, "destroy", NULL);
    return r;
}

static int
rm_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    (void) options;
    return each_word(s, n_words, words, true, rm_one, NULL, err);
}

const struct command_row cmd_network_rm = {
    .path = "network rm",
    .aliases = "network remove",
    .synopsis = "NETWORK…",
    .summary = "Removes networks in which no container is: rules, bridge and record",
    .words_min = 1,
    .words_max = -1,
    .run = rm_run,
};

/* ---- prune ---- */

struct prune_options {
    bool force;
};

static const struct option_row prune_rows[] = {
    {.name = "force",
     .letter = 'f',
     .type = OPTION_FLAG,
     .offset = offsetof(struct prune_options, force),
     .help = "do not ask"},
};

static int
prune_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct prune_options *opt = options;
    struct net_places p = container_net_places(s);
    AUTO(networks) all = {0};
    AUTO(strv) wanted = {0};
    AUTO(strv) gone = {0};
    int r;

    (void) n_words;
    (void) words;
    r = networks_list(&p, &all, err);
    if (r == 0)
        r = networks_wanted(s, &wanted, err);
    for (size_t i = 0; r == 0 && i < all.n; i++)
        if (!strv_has(&wanted, all.items[i].name))
            strv_add(&gone, all.items[i].name);
    if (r == 0 && gone.n && !opt->force) {
        auto_free char *what =
            xasprintf("%zu of %zu networks go: no container wants them.", gone.n, all.n);

        r = confirm(what, err);
    }
    for (size_t i = 0; r == 0 && i < gone.n; i++) {
        r = net_remove_network(&p, gone.items[i], err);
        if (r < 0)
            return r;
        event_network(s, gone.items[i], "destroy", NULL);
        printf("removed %s\n", gone.items[i]);
    }
    return r;
}

const struct command_row cmd_network_prune = {
    .path = "network prune",
    .synopsis = "[OPTION…]",
    .summary = "Removes the networks that no container wants, running or not",
    .options = prune_rows,
    .n_options = ARRAY_LEN(prune_rows),
    .options_size = sizeof(struct prune_options),
    .run = prune_run,
};

/* ---- reload, check ---- */

static int
reload_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct net_places p = container_net_places(s);

    (void) options;
    (void) n_words;
    (void) words;
    return net_reload(&p, err);
}

const struct command_row cmd_network_reload = {
    .path = "network reload",
    .synopsis = "",
    .summary = "Writes the rules of the packet filter again, after somebody flushed them",
    .run = reload_run,
};

struct check_options {
    bool repair;
};

static const struct option_row check_rows[] = {
    {.name = "repair",
     .type = OPTION_FLAG,
     .offset = offsetof(struct check_options, repair),
     .help = "take away what is left, and write the rules again"},
};

static int
check_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct check_options *opt = options;
    struct net_places p = container_net_places(s);
    AUTO(strv) found = {0};
    int r;

    (void) n_words;
    (void) words;
    r = net_collect(&p, opt->repair, &found, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < found.n; i++)
        printf("%s%s\n", found.items[i], opt->repair ? " (mended)" : "");
    printf("%zu left over%s\n", found.n, found.n && opt->repair ? ", taken away" : "");
    return found.n && !opt->repair ? 1 : 0;
}

const struct command_row cmd_network_check = {
    .path = "network check",
    .synopsis = "[OPTION…]",
    .summary = "Looks for namespaces and addresses that crashes left; ends with 1 when there are",
    .options = check_rows,
    .n_options = ARRAY_LEN(check_rows),
    .options_size = sizeof(struct check_options),
    .run = check_run,
};
