/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the host's packet filter for our bridges. */
#include "firewall.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cni_result.h"
#include "libross/base/boot_id.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"

#define RULES_SIZE_MAX   (64 * 1024 * 1024) /* 1,024 ports of 400 containers and more */
#define LINE_SIZE_MAX    512
#define STDERR_SIZE_MAX  (16 * 1024)
#define TOOL_TIMEOUT_MS  30000
#define SYSCTL_LOCAL_NET "/proc/sys/net/ipv4/conf/%s/route_localnet"

/* Where the host's own chains lead into ours. */
static const struct jump {
    const char *table, *chain, *match, *to;
    bool first; /* before what is there */
    bool only_v4;
} jumps[] = {
    {"nat", "PREROUTING", "-m addrtype --dst-type LOCAL", "ROSS-DNAT", false, false},
    {"nat", "OUTPUT", "-m addrtype --dst-type LOCAL", "ROSS-DNAT", false, false},
    {"nat", "POSTROUTING", "", "ROSS-MASQ", false, false},
    {"filter", "FORWARD", "", "ROSS-FWD", true, false},
    {"filter", "INPUT", "", "ROSS-IN", true, true},
};

void
firewall_done(struct firewall *f)
{
    free(f->networks);
    free(f->ports);
    *f = (struct firewall){0};
}

void
firewall_add_network(struct firewall *f, const struct firewall_network *n)
{
    f->networks = xreallocarray(f->networks, f->n_networks + 1, sizeof *f->networks);
    f->networks[f->n_networks++] = *n;
}

void
firewall_add_port(struct firewall *f, const struct firewall_port *p)
{
    f->ports = xreallocarray(f->ports, f->n_ports + 1, sizeof *f->ports);
    f->ports[f->n_ports++] = *p;
}

/* Several instances share one packet filter: their chains are told apart by their places (FNV-1a). */
static uint32_t
instance(const char *state)
{
    uint32_t h = 2166136261U;

    for (const unsigned char *p = (const unsigned char *) state; *p; p++)
        h = (h ^ *p) * 16777619U;
    return h;
}

static bool
has_family(const struct firewall_network *n, bool v6)
{
    return v6 ? n->has_v6 : n->has_v4;
}

static void
nat_rules(const struct firewall *f, bool v6, uint32_t tag, struct buf *b)
{
    char subnet[CIDR_STR_MAX], address[CIDR_STR_MAX];

    for (size_t i = 0; i < f->n_networks; i++) {
        const struct firewall_network *n = &f->networks[i];

        if (!has_family(n, v6) || n->internal)
            continue;
        (void) cidr_format(v6 ? &n->subnet6 : &n->subnet4, subnet);
        (void) buf_printf(b, NULL, "-A ROSS-MASQ-%08x -s %s ! -o %s -j MASQUERADE\n", tag, subnet,
                          n->interface);
        /* a neighbour, or the container itself, that comes by way of the host's port */
        (void) buf_printf(
            b, NULL, "-A ROSS-MASQ-%08x -s %s -o %s -m conntrack --ctstate DNAT -j MASQUERADE\n",
            tag, subnet, n->interface);
        if (!v6)
            (void) buf_printf(b, NULL, "-A ROSS-MASQ-%08x -s 127.0.0.0/8 -o %s -j MASQUERADE\n",
                              tag, n->interface);
    }
    for (size_t i = 0; i < f->n_ports; i++) {
        const struct firewall_port *p = &f->ports[i];

        if (p->address.v6 != v6 || (*p->map.ip && (strchr(p->map.ip, ':') != NULL) != v6))
            continue;
        (void) cidr_format_address(&p->address, address);
        (void) buf_printf(b, NULL, "-A ROSS-DNAT-%08x %s%s%s-p %s -m %s --dport %u -j DNAT ", tag,
                          *p->map.ip ? "-d " : "", p->map.ip, *p->map.ip ? " " : "",
                          port_map_protocol(&p->map), port_map_protocol(&p->map),
                          (unsigned) p->map.host);
        (void) buf_printf(b, NULL, v6 ? "--to-destination [%s]:%u\n" : "--to-destination %s:%u\n",
                          address, (unsigned) p->map.container);
    }
}

static void
filter_rules(const struct firewall *f, bool v6, uint32_t tag, struct buf *b)
{
    for (size_t i = 0; i < f->n_networks; i++) {
        const struct firewall_network *n = &f->networks[i];

        if (!has_family(n, v6))
            continue;
        (void) buf_printf(
            b, NULL,
            "-A ROSS-FWD-%08x -o %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", tag,
            n->interface);
        (void) buf_printf(b, NULL, "-A ROSS-FWD-%08x -i %s -o %s -j ACCEPT\n", tag, n->interface,
                          n->interface);
        if (!n->internal)
            (void) buf_printf(b, NULL,
                              "-A ROSS-FWD-%08x -o %s -m conntrack --ctstate DNAT -j ACCEPT\n", tag,
                              n->interface);
        (void) buf_printf(b, NULL, "-A ROSS-FWD-%08x -o %s -j DROP\n", tag, n->interface);
    }
    for (size_t i = 0; i < f->n_networks; i++) {
        const struct firewall_network *n = &f->networks[i];

        if (!has_family(n, v6))
            continue;
        (void) buf_printf(b, NULL, "-A ROSS-FWD-%08x -i %s -j %s\n", tag, n->interface,
                          n->internal ? "DROP" : "ACCEPT");
        /* route_localnet, which ports on 127.0.0.1 need, must not open the host's own services to containers */
        if (!v6)
            (void) buf_printf(b, NULL,
                              "-A ROSS-IN-%08x -i %s -d 127.0.0.0/8 -m conntrack ! --ctstate "
                              "RELATED,ESTABLISHED,DNAT -j DROP\n",
                              tag, n->interface);
    }
}

static bool
any_of_family(const struct firewall *f, bool v6)
{
    for (size_t i = 0; i < f->n_networks; i++)
        if (has_family(&f->networks[i], v6))
            return true;
    return false;
}

/* The text without the jumps; a chain named with ':' is made, or emptied. */
char *
firewall_rules(const struct firewall *f, bool v6)
{
    AUTO(buf) b = BUF_INIT(RULES_SIZE_MAX);
    uint32_t tag = instance(f->state);

    if (!any_of_family(f, v6))
        return NULL;
    (void) buf_printf(&b, NULL, "*nat\n:ROSS-DNAT-%08x - [0:0]\n:ROSS-MASQ-%08x - [0:0]\n", tag,
                      tag);
    nat_rules(f, v6, tag, &b);
    (void) buf_printf(&b, NULL, "COMMIT\n*filter\n:ROSS-FWD-%08x - [0:0]\n", tag);
    if (!v6)
        (void) buf_printf(&b, NULL, ":ROSS-IN-%08x - [0:0]\n", tag);
    filter_rules(f, v6, tag, &b);
    (void) buf_append_str(&b, "COMMIT\n", NULL);
    assert(b.len < RULES_SIZE_MAX - LINE_SIZE_MAX); /* nothing was left out: see RULES_SIZE_MAX */
    return buf_take(&b);
}

/* ---- applying ---- */

static int
run_tool(const char *const *argv, const char *input, struct err *err)
{
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(buf) errout = BUF_INIT(STDERR_SIZE_MAX);
    AUTO(buf) in = BUF_INIT(RULES_SIZE_MAX);
    auto_free char *said = NULL;
    int status = -1, r;

    spawn.argv = argv;
    r = input ? buf_append_str(&in, input, err) : 0;
    if (r == 0)
        r = proc_run(&spawn, input ? &in : NULL, NULL, &errout, TOOL_TIMEOUT_MS, &status, err);
    if (r == -CODE_NOT_FOUND)
        return err_set(err, CODE_NOT_FOUND,
                       "'%s', which networks of containers need, is not installed; on Debian it is "
                       "in the package iptables",
                       argv[0]);
    if (r < 0 || status == 0)
        return r;
    said = xstrdup(errout.data ? errout.data : "");
    cni_text_clean(said);
    return err_set(err, CODE_INTERNAL, "%s ended with %d: %.300s", argv[0], status, said);
}

static bool
jump_is_there(const struct jump *j, bool v6, uint32_t tag)
{
    AUTO(strv) argv = {0};
    AUTO(strv) match = strv_split(j->match, ' ');
    const char *const head[] = {
        v6 ? "ip6tables" : "iptables", "-w", "-t", j->table, "-C", j->chain};

    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        strv_add(&argv, head[i]);
    if (*j->match)
        strv_add_all(&argv, &match);
    strv_add(&argv, "-j");
    strv_printf(&argv, "%s-%08x", j->to, tag);
    return run_tool((const char *const *) argv.items, NULL, NULL) == 0;
}

/* The jumps of one table, put before its COMMIT. */
static void
add_jumps(const char *table, bool v6, bool remove, uint32_t tag, struct buf *b)
{
    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        const struct jump *j = &jumps[i];

        if (strcmp(j->table, table) != 0 || (v6 && j->only_v4) ||
            jump_is_there(j, v6, tag) != remove)
            continue;
        (void) buf_printf(b, NULL, "%s %s%s %s%s-j %s-%08x\n",
                          remove     ? "-D"
                          : j->first ? "-I"
                                     : "-A",
                          j->chain, j->first && !remove ? " 1" : "", j->match, *j->match ? " " : "",
                          j->to, tag);
    }
}

/* `rules` with the jumps that are missing. */
static char *
with_jumps(const char *rules, bool v6, uint32_t tag)
{
    AUTO(buf) b = BUF_INIT(RULES_SIZE_MAX);
    const char *end = strstr(rules, "COMMIT\n");

    (void) buf_append(&b, rules, (size_t) (end - rules), NULL);
    add_jumps("nat", v6, false, tag, &b);
    rules = end;
    end = strstr(rules + 1, "COMMIT\n");
    (void) buf_append(&b, rules, (size_t) (end - rules), NULL);
    add_jumps("filter", v6, false, tag, &b);
    (void) buf_append_str(&b, end, NULL);
    return buf_take(&b);
}

static char *
removal(bool v6, uint32_t tag)
{
    AUTO(buf) b = BUF_INIT(RULES_SIZE_MAX);

    (void) buf_append_str(&b, "*nat\n", NULL);
    add_jumps("nat", v6, true, tag, &b);
    (void) buf_printf(&b, NULL,
                      ":ROSS-DNAT-%08x - [0:0]\n:ROSS-MASQ-%08x - [0:0]\n-X ROSS-DNAT-%08x\n-X "
                      "ROSS-MASQ-%08x\nCOMMIT\n*filter\n",
                      tag, tag, tag, tag);
    add_jumps("filter", v6, true, tag, &b);
    (void) buf_printf(&b, NULL, ":ROSS-FWD-%08x - [0:0]\n", tag);
    if (!v6)
        (void) buf_printf(&b, NULL, ":ROSS-IN-%08x - [0:0]\n", tag);
    (void) buf_printf(&b, NULL, "-X ROSS-FWD-%08x\n", tag);
    if (!v6)
        (void) buf_printf(&b, NULL, "-X ROSS-IN-%08x\n", tag);
    (void) buf_append_str(&b, "COMMIT\n", NULL);
    return buf_take(&b);
}

static char *
note_path(const char *state, bool v6)
{
    return xasprintf("%s/net/rules.%s", state, v6 ? "v6" : "v4");
}

/* What was applied since the machine's start, malloc'ed; NULL when nothing was. */
static char *
read_note(const char *state, bool v6)
{
    auto_free char *path = note_path(state, v6), *text = NULL;
    char boot[BOOT_ID_BYTES];
    size_t n;

    if (fd_read_file_at(AT_FDCWD, path, RULES_SIZE_MAX, &text, NULL, NULL) < 0 ||
        boot_id_read(boot, NULL) < 0)
        return NULL;
    n = strlen(boot);
    return strncmp(text, boot, n) == 0 && text[n] == '\n' ? xstrdup(text + n + 1) : NULL;
}

static int
write_note(const char *state, bool v6, const char *rules, struct err *err)
{
    auto_free char *path = note_path(state, v6), *text = NULL;
    char boot[BOOT_ID_BYTES];
    int r;

    r = boot_id_read(boot, err);
    if (r < 0)
        return r;
    text = xasprintf("%s\n%s", boot, rules);
    return fd_write_file_at(AT_FDCWD, path, text, strlen(text), 0600, err);
}

bool
firewall_knows(const char *state, const char *interface)
{
    auto_free char *note = read_note(state, false), *word = xasprintf(" %s ", interface);

    return note && strstr(note, word);
}

/* Ports on 127.0.0.1 lead into a bridge only when the bridge's side of the kernel allows it. */
static void
allow_loopback(const struct firewall *f)
{
    for (size_t i = 0; i < f->n_networks; i++) {
        auto_free char *path = xasprintf(SYSCTL_LOCAL_NET, f->networks[i].interface);
        auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
            (void) fd_write_all(fd, "1", 1);
    }
}

static int
apply_family(const struct firewall *f, bool v6, bool again, struct err *err)
{
    const char *const argv[] = {v6 ? "ip6tables-restore" : "iptables-restore", "-w", "--noflush",
                                NULL};
    auto_free char *want = firewall_rules(f, v6), *have = read_note(f->state, v6);
    auto_free char *path = note_path(f->state, v6), *text = NULL;
    int r;

    if (!want && !have)
        return 0;
    if (!want) {
        text = removal(v6, instance(f->state));
        r = run_tool(argv, text, err);
        if (r == 0)
            (void) unlink(path);
        return r;
    }
    if (have && !again && strcmp(have, want) == 0)
        return 0;
    text = have && !again ? xstrdup(want) : with_jumps(want, v6, instance(f->state));
    r = run_tool(argv, text, err);
    return r < 0 ? r : write_note(f->state, v6, want, err);
}

int
firewall_apply(const struct firewall *f, bool again, struct err *err)
{
    int r;

    if (f->n_ports)
        allow_loopback(f);
    r = apply_family(f, false, again, err);
    if (r == 0)
        r = apply_family(f, true, again, err);
    return r < 0 ? err_wrap(err, r, "set the rules of the packet filter") : 0;
}
